// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "explorer/graph.hpp"
#include "explorer/model.hpp"
#include "explorer/store.hpp"

namespace unzap::explorer {

/// Where a search stops unfinished. 0 means no limit.
struct Limits {
  std::size_t max_states = 0;
  std::size_t max_bytes = 0;
  double max_seconds = 0;
};

/// Why a search ended.
enum class Stop : std::uint8_t { complete, max_states, max_memory, timeout, interrupted };

constexpr std::string_view name(Stop stop) {
  switch (stop) {
    case Stop::complete: return "complete";
    case Stop::max_states: return "the limit of states was hit";
    case Stop::max_memory: return "the limit of memory was hit";
    case Stop::timeout: return "time ran out";
    case Stop::interrupted: return "interrupted";
  }
  return "?";
}

/// Figures of a search, while it runs and when it is over.
struct Progress {
  std::size_t states = 0;
  std::size_t expanded = 0;
  std::size_t transitions = 0;
  std::size_t depth = 0;
  std::size_t bytes = 0;
  double seconds = 0;
};

/// Called now and then (about every 16,384 states); answering false interrupts the search.
using Watch = std::function<bool(const Progress&)>;

/// All reachable states, numbered by distance, and their graph.
template <Model M>
struct Exploration {
  Store<typename M::State> store;
  Graph graph;
  Progress progress;
  Stop stop = Stop::complete;
  std::array<std::size_t, 32> witness_counts{};  ///< states that show each witness bit
};

/// Breadth-first search from the initial state over exact states.
template <Model M>
Exploration<M> explore(const M& model, const Limits& limits = {}, const Watch& watch = {}) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t k_look_every = 16384;
  const auto start = Clock::now();
  Exploration<M> out;
  Graph& graph = out.graph;

  const auto discover = [&](const typename M::State& state, StateId parent) {
    const auto [id, is_new] = out.store.insert(state);
    if (is_new) {
      graph.parent.push_back(parent);
      graph.goal.push_back(model.is_goal(state));
      std::uint32_t bits = model.witnesses(state);
      for (std::size_t bit = 0; bits != 0; ++bit, bits >>= 1) out.witness_counts[bit] += bits & 1U;
    }
    return id;
  };
  const auto take_figures = [&] {
    out.progress.states = graph.size();
    out.progress.expanded = graph.expanded;
    out.progress.transitions = graph.edges.size();
    out.progress.bytes = out.store.bytes() + graph.edges.capacity() * sizeof(Edge) +
                         graph.first_edge.capacity() * sizeof(std::uint64_t) +
                         graph.parent.capacity() * sizeof(StateId);
    out.progress.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  };

  discover(model.initial(), k_no_state);
  std::size_t layer_end = 1;
  for (StateId at = 0; at < graph.size(); ++at) {
    if (at == layer_end) {
      ++out.progress.depth;
      layer_end = graph.size();
    }
    if (limits.max_states != 0 && graph.size() > limits.max_states) out.stop = Stop::max_states;
    if (at % k_look_every == 0) {
      take_figures();
      if (limits.max_bytes != 0 && out.progress.bytes > limits.max_bytes) out.stop = Stop::max_memory;
      if (limits.max_seconds != 0 && out.progress.seconds > limits.max_seconds) out.stop = Stop::timeout;
      if (watch && !watch(out.progress)) out.stop = Stop::interrupted;
    }
    if (out.stop != Stop::complete) break;
    graph.first_edge.push_back(graph.edges.size());
    model.for_each_successor(out.store[at],
                             [&](const typename M::Action&, const typename M::State& next, Label label) {
                               graph.edges.push_back({discover(next, at), label});
                             });
    ++graph.expanded;
  }
  graph.first_edge.push_back(graph.edges.size());
  take_figures();
  return out;
}

}  // namespace unzap::explorer
