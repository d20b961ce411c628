// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <functional>
#include <string_view>

#include "explorer/graph.hpp"
#include "explorer/model.hpp"
#include "explorer/search.hpp"
#include "explorer/store.hpp"

namespace unzap::explorer {

/// Where a search stops unfinished. 0 means no limit.
struct Limits {
  std::size_t max_states = 0;
  std::size_t max_bytes = 0;
  double max_seconds = 0;
  bool invariants = false;  ///< ask every state, and stop after a round in which one broke an invariant
};

/// Why a search ended.
enum class Stop : std::uint8_t { complete, max_states, max_memory, timeout, interrupted, broken };

constexpr std::string_view name(Stop stop) {
  switch (stop) {
    case Stop::complete: return "complete";
    case Stop::max_states: return "the limit of states was hit";
    case Stop::max_memory: return "the limit of memory was hit";
    case Stop::timeout: return "time ran out";
    case Stop::interrupted: return "interrupted";
    case Stop::broken: return "an invariant of the model is broken";
  }
  return "?";
}

/// Figures of a search, while it runs and when it is over.
struct Progress {
  std::size_t states = 0;
  std::size_t expanded = 0;
  std::size_t transitions = 0;
  std::size_t depth = 0;
  std::size_t bytes = 0;       ///< held in all
  std::size_t edge_bytes = 0;  ///< of those, for edges
  double seconds = 0;
};

/// Called now and then (every 8,192 to 16,384 states); answering false interrupts the search.
using Watch = std::function<bool(const Progress&)>;

/// All reachable states, numbered by distance, and their graph.
template <Model M>
struct Exploration {
  StoreOf<M> store;
  Graph graph;
  Progress progress;
  Stop stop = Stop::complete;
  std::array<std::size_t, 32> witness_counts{};  ///< states that show each witness bit
  StateId broken = k_no_state;                   ///< with Stop::broken: the nearest state that breaks one
};

/// What a search keeps. Without edges there are reachability, counts and shortest paths, but no analysis.
struct Memory {
  Keep keep = Keep::states;
  bool edges = true;
};

/// Breadth-first search from the initial state. Numbers, parents and edges come out the same whatever the
/// number of workers, and so does the state that is called broken.
template <Model M>
Exploration<M> explore(const M& model, const Limits& limits = {}, const Watch& watch = {},
                       unsigned workers = 1, Memory memory = {}) {
  using Clock = std::chrono::steady_clock;
  constexpr std::size_t k_look_every = 8192;
  constexpr std::size_t k_max_round = 8192;
  const auto start = Clock::now();
  Exploration<M> out{StoreOf<M>(memory.keep, workers), {}, {}, Stop::complete, {}, k_no_state};
  Graph& graph = out.graph;
  Search<M> search(model, out.store, graph, workers, memory.edges, limits.invariants);

  const auto take_figures = [&] {
    out.progress.states = graph.size();
    out.progress.expanded = graph.expanded;
    out.progress.transitions = search.transitions();
    out.progress.edge_bytes = graph.edges.bytes();
    out.progress.bytes =
        out.store.bytes() + graph.edges.bytes() + graph.parent.bytes() + graph.goal.size() / 8;
    out.progress.seconds = std::chrono::duration<double>(Clock::now() - start).count();
  };

  std::size_t layer_end = 1, look_at = 0;
  while (graph.expanded < graph.size()) {
    if (graph.expanded == layer_end) {
      ++out.progress.depth;
      layer_end = graph.size();
    }
    if (limits.max_states != 0 && graph.size() > limits.max_states) out.stop = Stop::max_states;
    if (graph.expanded >= look_at) {
      look_at = graph.expanded + k_look_every;
      take_figures();
      if (limits.max_bytes != 0 && out.progress.bytes > limits.max_bytes) out.stop = Stop::max_memory;
      if (limits.max_seconds != 0 && out.progress.seconds > limits.max_seconds) out.stop = Stop::timeout;
      if (watch && !watch(out.progress)) out.stop = Stop::interrupted;
    }
    const std::size_t round_end = std::min(layer_end, graph.expanded + k_max_round);
    const std::size_t growth = out.store.growth_bytes(search.expected(round_end - graph.expanded));
    if (limits.max_bytes != 0 && growth != 0) {
      take_figures();
      if (out.progress.bytes + growth > limits.max_bytes) out.stop = Stop::max_memory;
    }
    if (search.broken() != k_no_state) out.stop = Stop::broken;
    if (out.stop != Stop::complete) break;
    search.round(graph.expanded, round_end, limits.max_states);
  }
  out.witness_counts = search.witness_counts();
  out.broken = search.broken();
  take_figures();
  return out;
}

}  // namespace unzap::explorer
