// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "explorer/edges.hpp"
#include "explorer/model.hpp"

namespace unzap::explorer {

/// The shape of what was explored, without the states themselves: all analyses work on this.
/// State 0 is the initial one; ids grow with the distance from it.
struct Graph {
  EdgeList edges;  ///< empty when none were to be kept
  Parents parent;  ///< on a shortest path from state 0; k_no_state for state 0
  std::vector<bool> goal;
  /// States [0, expanded) have all their edges; later ones were found but not looked at (a limit was hit).
  std::size_t expanded = 0;

  std::size_t size() const { return parent.size(); }
  bool complete() const { return expanded == size(); }
};

/// A set of states from which no schedule leads to a goal: a terminal strongly connected component.
struct Trap {
  std::vector<StateId> states;  ///< ascending: the first is the nearest to the start
  bool deadlock = false;        ///< one state without a successor; otherwise a livelock
};

/// A cycle in which one actor moves without sleeping. Where actors are renamed (Symmetric), it comes round
/// under another name perhaps, and back to its own after some rounds.
struct BusyWait {
  std::uint8_t actor = k_no_actor;  ///< in a state of the cycle
  std::vector<StateId> cycle;       ///< in order; the last leads to the first
};

/// What the graph says about ending.
struct Analysis {
  std::vector<bool> doomed;  ///< per state: no goal (and no unexplored state) can be reached from it
  std::size_t doomed_count = 0;
  std::vector<Trap> traps;           ///< nearest first
  std::vector<BusyWait> busy_waits;  ///< at most one per actor, the nearest to the start
};

/// Finds traps and busy waits. States that were not expanded count as if a goal might lie behind them, so
/// every trap named is one, also when a limit was hit. Needs the edges. The answer is the same for any number
/// of workers, of which two are enough.
Analysis analyse(const Graph& graph, unsigned workers = 1);

/// Of each actor at most one busy wait, the nearest to the start. Needs the edges.
std::vector<BusyWait> busy_waits(const Graph& graph);

/// True when `actor` can go round within `within` (ascending) by busy moves alone.
bool waits_busily(const Graph& graph, std::uint8_t actor, const std::vector<StateId>& within);

/// The states of a shortest path from state 0 to `target`, both included.
std::vector<StateId> path_to(const Graph& graph, StateId target);

/// A shortest cycle through `through` that stays within `within` (ascending), starting with `through`; empty
/// when there is none.
std::vector<StateId> cycle_through(const Graph& graph, StateId through, const std::vector<StateId>& within);

}  // namespace unzap::explorer
