// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstddef>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "snapshot/reading.hpp"
#include "sources/procfs/helper.hpp"
#include "sources/procfs/lane.hpp"
#include "util/clock.hpp"

namespace unzap {

/// What an errno of a file below /proc means.
Absence absence_of(int error);

/// What one read gave, and when its answer came.
struct ReadResult {
  Reading<std::string> text = Absence::not_asked;
  int error = 0;          ///< the errno behind an absence, or 0
  double at_seconds = 0;  ///< monotonic time of the answer
  /// Within ReadKind::threads, when it did not come in time: the thread whose stat blocked, or 0.
  std::int32_t blocked_thread = 0;
  /// When it was not read because a file of the same task blocks, itself or another: the name of that file.
  std::string blocked_file = {};
};

/// When to stop waiting.
struct ReadLimits {
  double read_seconds = 1.0;    ///< for the first item that blocks; see Reader
  double total_seconds = 10.0;  ///< for the life of the Reader
  int max_abandoned = 1024;     ///< helpers left behind; then all that is left is timed_out
  int max_cgroup = 3;           ///< once this many cgroup files blocked, no more are asked for
  int lanes = 1;                ///< helpers that read at the same time
};

/// Where something blocked: a task's folder, or a folder and item.
struct BlockedPlace {
  std::string file;         ///< the name of what blocks
  std::int32_t thread = 0;  ///< within ReadKind::threads
};

/// Reads files that may block forever, without ever blocking: helper processes read, this side waits with a
/// deadline. A helper that does not answer is killed and left behind (in an uninterruptible sleep it stays
/// until the kernel lets go, without our descriptors), its item is timed_out, and a new helper goes on behind
/// it. Each item that blocks halves the time that the next one gets, down to a hundredth of a second, so that
/// any number of them costs about one second; a helper that only waits for a CPU is given more. Of a task
/// with a file that blocks no other file is asked for: who can hold one can hold all. cgroup alone stands for
/// all tasks, since its lock is one of the whole machine (cgroup_mutex, proc_cgroup_show(),
/// kernel/cgroup/cgroup.c). What blocks is remembered for the life of this program: as long as the helper
/// that hangs there hangs, it is not asked again, so that whoever looks often does not leave a process behind
/// each time.
class Reader {
 public:
  Reader(std::string root, ReadLimits limits, std::function<void(const std::string&)> progress);
  ~Reader();
  Reader(const Reader&) = delete;
  Reader& operator=(const Reader&) = delete;

  /// The answers, group by group, item by item. `what` is for the progress line.
  std::vector<std::vector<ReadResult>> run(const std::vector<ReadGroup>& groups, const std::string& what);

  /// The same, but each answer goes to `use` as it comes, and is not kept. Answers come in any order.
  using Use = std::function<void(std::size_t group, std::size_t item, ReadResult result)>;
  void run(const std::vector<ReadGroup>& groups, const std::string& what, const Use& use);

  /// Until the total limit; not below 0.
  double seconds_left() const;
  /// Waits `seconds`, or until the total limit, and shows that it does.
  void wait(double seconds, const std::string& what);
  /// The helpers that had to be left behind.
  int abandoned() const { return static_cast<int>(abandoned_.size()); }
  /// What this machine denied the reading itself (processes, descriptors, memory), with the errno's name;
  /// empty: nothing. What it left unread may be anything.
  std::string trouble() const;
  static constexpr const char* k_remedy =
      "raise the limits of this process (ulimit -n, -u, -v; pids.max and memory.max of its cgroup) or free "
      "some of the machine";
  /// The items that were not read in time, by file name.
  const std::map<std::string, int>& timed_out() const { return timed_out_; }

 private:
  struct Batch;
  bool start(Lane& lane);
  bool feed(Lane& lane, Batch& batch);
  bool serve(Lane& lane, Batch& batch, short events);
  void take_replies(Lane& lane, Batch& batch);
  void give_up_item(Lane& lane, Batch& batch);
  void give_up_rest(Batch& batch);
  bool is_late(Lane& lane);
  double patience() const;
  const BlockedPlace* known_to_block(const ReadGroup& group, const ReadItem& item, bool read_before);
  void remember(const ReadGroup& group, const Blocked& blocked);
  bool is_hopeless(Batch& batch, std::size_t group, std::size_t item);
  void report(const std::string& what, std::size_t done, std::size_t all);

  std::string root_;
  ReadLimits limits_;
  std::function<void(const std::string&)> progress_;
  double end_seconds_;
  double last_report_seconds_;
  std::vector<std::unique_ptr<Lane>> lanes_;
  std::vector<pid_t> helpers_;    ///< all that were started
  std::vector<pid_t> abandoned_;  ///< those of them that were killed and are not known to be gone
  std::map<std::string, int> timed_out_;
  std::map<std::string, BlockedPlace> blocked_;  ///< for the life of this reader
  int start_error_ = 0;                          ///< why no helper could be started; 0: it could
  int open_error_ = 0;                           ///< EMFILE, ENFILE or ENOMEM of a helper
  int late_ = 0;                                 ///< items that did block
};

}  // namespace unzap
