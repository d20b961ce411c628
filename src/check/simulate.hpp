// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <functional>

#include "check/check.hpp"

namespace unzap {

/// Which schedules are drawn.
struct SimulateRequest {
  CheckRequest model;  ///< of its limits only `invariants` counts; `compact` does not
  std::size_t runs = 1000;
  std::uint64_t seed = 1;
  std::size_t max_steps = 10'000;    ///< of one run
  std::size_t look_states = 50'000;  ///< behind a state, to say whether anything can still end
};

/// A share of the runs, with the interval that holds the true share with 95 % confidence (Wilson).
struct Share {
  std::size_t count = 0;
  double share = 0, low = 0, high = 1;
};
Share share_of(std::size_t count, std::size_t runs);

/// What the runs came to. Each counts once: a lockup; else a busy wait, if one task went round without
/// sleeping on its way; else ended, if everything was gone; else undecided, when its steps were used up.
struct SimulateReport {
  std::size_t runs = 0, asked = 0;  ///< done, asked for
  std::uint64_t seed = 0;
  std::size_t max_steps = 0;
  std::size_t steps = 0;  ///< of all runs together
  double seconds = 0;
  Share lockup, busy, ended, undecided;
  std::size_t broken = 0;  ///< runs that came to a state which breaks an invariant of the model
  std::size_t shortest_run = 0, shortest_steps = 0;  ///< the shortest run into a lockup, before it was cut
  /// What was asked; when there is a lockup that run, cut to what is needed; when an invariant is broken the
  /// shortest run that breaks it, uncut.
  CheckReport hit;
};

/// 70: an invariant of the model was broken. 13: a lockup was hit. 14: none, but a busy wait. 5: none of
/// these, which proves nothing.
int exit_code(const SimulateReport& report);

/// Draws schedules at random. The same seed gives the same answer whatever the number of workers, unless
/// `watch`, called with the number of runs done, answers false.
SimulateReport simulate(const SimulateRequest& request, const std::function<bool(std::size_t)>& watch = {});

}  // namespace unzap
