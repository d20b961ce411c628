// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <functional>
#include <map>
#include <string>
#include <vector>

#include "snapshot/reading.hpp"
#include "sources/procfs/helper.hpp"

namespace unzap {

/// Seconds of the monotonic clock; only differences mean anything.
double monotonic_seconds();

/// What one read gave, and when its answer came.
struct ReadResult {
  Reading<std::string> text = Absence::not_asked;
  int error = 0;          ///< the errno behind an absence, or 0
  double at_seconds = 0;  ///< monotonic time of the answer
};

/// When to stop waiting.
struct ReadLimits {
  double read_seconds = 1.0;    ///< for one item
  double total_seconds = 10.0;  ///< for the life of the Reader
  int max_abandoned = 16;       ///< helpers left behind; then all that is left is timed_out
  int max_same_name = 3;        ///< an item of this file name that blocked so often is not asked again
};

/// Reads files that may block for ever, without ever blocking: a helper process reads, this side waits with a
/// deadline. A helper that does not answer is killed and left behind (in an uninterruptible sleep it stays
/// until the kernel lets go, without our descriptors), its item is timed_out, and a new helper goes on behind
/// it.
class Reader {
 public:
  Reader(std::string root, ReadLimits limits, std::function<void(const std::string&)> progress);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The answers, group by group, item by item. `what` is for the progress line.
  std::vector<std::vector<ReadResult>> run(const std::vector<ReadGroup>& groups, const std::string& what);

  /// Until the total limit; not below 0.
  double seconds_left() const;
  /// The process id of the first helper: it stands in the process list that it reads.
  pid_t first_helper() const { return first_helper_; }
  /// The helpers that had to be left behind.
  int abandoned() const { return static_cast<int>(abandoned_.size()); }
  /// The items that were not read in time, by file name.
  const std::map<std::string, int>& timed_out() const { return timed_out_; }

 private:
  struct Batch;
  bool start_helper();
  void abandon_helper();
  bool exchange(Batch& batch);
  void take_replies(Batch& batch);
  void give_up_item(Batch& batch);
  void give_up_rest(Batch& batch);
  std::vector<bool> skipped(const ReadGroup& group) const;
  void report(const Batch& batch);

  std::string root_;
  ReadLimits limits_;
  std::function<void(const std::string&)> progress_;
  double end_seconds_;
  double last_report_seconds_;
  int socket_ = -1;
  pid_t helper_ = -1;
  pid_t first_helper_ = -1;
  std::vector<pid_t> abandoned_;
  std::map<std::string, int> timed_out_;
};

}  // namespace unzap
