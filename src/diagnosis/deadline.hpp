// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <chrono>

namespace unzap {

/// When a diagnosis has to come to its end. What was not looked at by then is said, never taken for healthy.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  static Deadline after(double seconds) {
    return Deadline(Clock::now() +
                    std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(seconds)));
  }
  static Deadline never() { return Deadline(Clock::time_point::max()); }

  bool passed() const { return end_ != Clock::time_point::max() && Clock::now() >= end_; }

 private:
  explicit Deadline(Clock::time_point end) : end_(end) {}
  Clock::time_point end_;
};

}  // namespace unzap
