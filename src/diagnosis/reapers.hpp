// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <vector>

#include "diagnosis/scene.hpp"

namespace unzap {

/// A dying init of a pid namespace: the thread that runs zap_pid_ns_processes(), as far as it is shown.
struct Reaper {
  const Task* task = nullptr;               ///< the thread in zap, or the best candidate; never null
  std::vector<const KernelEvent*> lockups;  ///< soft lockup and stall reports about this thread, or its CPU
  const Stack* stack = nullptr;             ///< the stack that shows zap, if any does
  ZapPlace place = ZapPlace::none;          ///< none: zap itself was not seen, only an exiting init
  bool running = false;                     ///< shown on a CPU inside the loop (report, or two looks)
  bool candidate = false;                   ///< an exiting thread of an init that sits on a CPU, no stack
  /// The inode of its pid namespace; nothing: not known.
  std::optional<std::uint64_t> pid_ns;
  /// The tasks of its pid namespace and of those below it that are known, the init's own threads left out:
  /// whoever has its inode in pid_ns_chain, and the children of members (a child is never further out than
  /// its parent: pidns_install() refuses to leave, kernel/pid_namespace.c). One whose chain says otherwise is
  /// none.
  std::vector<const Task*> members;
  std::vector<Proof> proofs;
};

/// Whether a task belongs to a pid namespace, and how that is known.
enum class Belongs : std::uint8_t {
  no,       ///< its chain of namespaces is known, and this one is not in it
  unknown,  ///< nothing tells
  proved,   ///< by inode, or as a descendant of a member
};

/// The dying inits of a scene, with whom each waits for. Must not outlive the scene.
class Reapers {
 public:
  explicit Reapers(const Scene& scene);
  Reapers(const Reapers&) = delete;
  Reapers& operator=(const Reapers&) = delete;

  const std::vector<Reaper>& all() const { return all_; }
  /// The reaper whose namespace this task belongs to (the innermost), or whose thread it is; null when none
  /// is known.
  const Reaper* over(const Task& task) const;
  /// The reaper that this very thread is, or null.
  const Reaper* at(const Task& task) const;
  Belongs belongs(const Reaper& reaper, const Task& task) const;
  /// True when the reaper is shown waiting, not just passing: pasted, or unmoved for k_lasting_seconds.
  bool rests(const Reaper& reaper) const;

 private:
  void find();
  void find_hidden();
  void attach_reports();
  void attach(const KernelEvent& event);
  std::vector<Reaper*> reported_by(const KernelEvent& event);
  void find_members();
  void find_descendants(Reaper& reaper, std::set<const Task*>& seen) const;
  Reaper& reaper_of(const Task& task);

  const Scene& scene_;
  std::vector<Reaper> all_;
  std::map<const Task*, std::size_t> numbers_;      ///< by the thread that reaps
  std::map<std::int32_t, std::size_t> by_process_;  ///< the first such thread of a process
  std::map<const Task*, std::size_t> of_member_;
  std::multimap<std::int32_t, std::size_t> by_tid_;  ///< for reports that name a task
  std::multimap<std::int32_t, std::size_t> by_cpu_;  ///< for those that name CPUs only
};

}  // namespace unzap
