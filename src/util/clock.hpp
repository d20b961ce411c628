// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <algorithm>
#include <chrono>
#include <cmath>

namespace unzap {

/// Seconds of the monotonic clock, which all processes share; only differences mean anything.
inline double monotonic_seconds() {
  return std::chrono::duration<double>(std::chrono::steady_clock::now().time_since_epoch()).count();
}

/// The end of a wait.
class TimeLimit {
 public:
  explicit TimeLimit(double seconds) : end_seconds_(monotonic_seconds() + seconds) {}

  double seconds_left() const { return std::max(0.0, end_seconds_ - monotonic_seconds()); }
  /// For poll(): 0 only when the time is over.
  int milliseconds_left() const { return static_cast<int>(std::ceil(seconds_left() * 1000)); }

 private:
  double end_seconds_;
};

}  // namespace unzap
