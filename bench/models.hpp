// SPDX-License-Identifier: Apache-2.0
// The models of promela/ for our engine, step by step the same: a state there is a state here.
#pragma once

#include <array>
#include <cstdint>

#include "explorer/model.hpp"

namespace unzap::bench {

using explorer::Label;

/// Which process moved.
struct Move {
  std::uint8_t process = 0;
  bool operator==(const Move&) const = default;
};

/// promela/peterson.pml
struct Peterson {
  static constexpr std::uint8_t k_n = 4;
  enum Pc : std::uint8_t { enter, come_last, begin, wait, late, leave };
  struct Process {
    Pc pc;
    std::uint8_t room, k;
  };
  struct State {
    std::array<Process, k_n> p;
    std::array<std::uint8_t, k_n> level, last;
  };
  using Action = Move;

  State initial() const {
    State s{};
    for (Process& p : s.p) p.room = 1;
    return s;
  }
  bool is_goal(const State&) const { return false; }
  std::uint32_t witnesses(const State&) const { return 0; }

  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint8_t me = 0; me < k_n; ++me) {
      State next = s;
      step(next, next.p[me], me);
      emit(Move{me}, next, Label{me, true});
    }
  }

 private:
  static void step(State& s, Process& p, std::uint8_t me) {
    switch (p.pc) {
      case enter: s.level[me] = p.room, p.pc = come_last; break;
      case come_last: s.last[p.room] = me, p.pc = begin; break;
      case begin: p.k = 0, p.pc = wait; break;
      case wait:
        if (p.k == k_n) {
          p.pc = p.room < k_n - 1 ? enter : leave;
          p.room = p.room < k_n - 1 ? static_cast<std::uint8_t>(p.room + 1) : std::uint8_t{1};
        } else if (p.k == me || s.level[p.k] < p.room) {
          ++p.k;
        } else {
          p.pc = late;
        }
        break;
      case late:
        if (s.last[p.room] != me) ++p.k;
        p.pc = wait;
        break;
      case leave: s.level[me] = 0, p.pc = enter; break;
    }
  }
};

/// promela/leader.pml
struct Leader {
  static constexpr std::uint8_t k_n = 10, k_room = 4;
  enum Pc : std::uint8_t { start, wait, decide, pass, leader };
  struct Process {
    Pc pc;
    std::uint8_t m;
  };
  struct Queue {
    std::uint8_t length;
    std::array<std::uint8_t, k_room> items;
  };
  struct State {
    std::array<Process, k_n> p;
    std::array<Queue, k_n> q;
  };
  using Action = Move;

  State initial() const { return {}; }
  bool is_goal(const State&) const { return false; }
  std::uint32_t witnesses(const State&) const { return 0; }

  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint8_t me = 0; me < k_n; ++me) {
      const Process& p = s.p[me];
      const std::size_t to = (me + 1U) % k_n;
      const bool sends = p.pc == start || p.pc == pass;
      if (sends && s.q[to].length == k_room) continue;
      if ((p.pc == wait || p.pc == leader) && s.q[me].length == 0) continue;
      State next = s;
      step(next, next.p[me], me, next.q[to]);
      emit(Move{me}, next, Label{me, true});
    }
  }

 private:
  static void step(State& s, Process& p, std::uint8_t me, Queue& to) {
    const auto number = static_cast<std::uint8_t>(me * 7 % k_n + 1);
    switch (p.pc) {
      case start: to.items[to.length++] = number, p.pc = wait; break;
      case wait: receive(s.q[me], p), p.pc = decide; break;
      case decide: p.pc = p.m < number ? wait : p.m > number ? pass : leader; break;
      case pass: to.items[to.length++] = p.m, p.pc = wait; break;
      case leader: receive(s.q[me], p); break;
    }
  }
  static void receive(Queue& q, Process& p) {
    p.m = q.items[0];
    for (std::size_t i = 0; i + 1 < k_room; ++i) q.items[i] = q.items[i + 1];
    q.items[k_room - 1] = 0;
    --q.length;
  }
};

/// promela/buffer.pml
struct Buffer {
  static constexpr std::uint8_t k_producers = 3, k_consumers = 2, k_size = 5, k_items = 3;
  struct Process {
    std::uint8_t pc, item;
  };
  struct State {
    std::array<Process, k_producers> producer;
    std::array<Process, k_consumers> consumer;
    std::array<std::uint8_t, k_size> items;
    std::uint8_t head, count, locked;
  };
  using Action = Move;

  State initial() const { return {}; }
  bool is_goal(const State&) const { return false; }
  std::uint32_t witnesses(const State&) const { return 0; }

  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    for (std::uint8_t i = 0; i < k_producers; ++i) {
      if (s.producer[i].pc == 1 && (s.locked != 0 || s.count == k_size)) continue;
      State next = s;
      produce(next, next.producer[i]);
      emit(Move{i}, next, Label{i, true});
    }
    for (std::uint8_t i = 0; i < k_consumers; ++i) {
      if (s.consumer[i].pc == 0 && (s.locked != 0 || s.count == 0)) continue;
      State next = s;
      consume(next, next.consumer[i]);
      const auto actor = static_cast<std::uint8_t>(k_producers + i);
      emit(Move{actor}, next, Label{actor, true});
    }
  }

 private:
  static void produce(State& s, Process& p) {
    switch (p.pc) {
      case 0: p.item = static_cast<std::uint8_t>((p.item + 1) % k_items); break;
      case 1: s.locked = 1; break;
      case 2: s.items[static_cast<std::size_t>(s.head + s.count++) % k_size] = p.item; break;
      default: s.locked = 0; break;
    }
    p.pc = static_cast<std::uint8_t>((p.pc + 1) % 4);
  }
  static void consume(State& s, Process& p) {
    switch (p.pc) {
      case 0: s.locked = 1; break;
      case 1:
        p.item = s.items[s.head];
        s.items[s.head] = 0;
        s.head = static_cast<std::uint8_t>((s.head + 1) % k_size);
        --s.count;
        break;
      default: s.locked = 0; break;
    }
    p.pc = static_cast<std::uint8_t>((p.pc + 1) % 3);
  }
};

}  // namespace unzap::bench
