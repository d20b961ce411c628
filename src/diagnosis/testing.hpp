// SPDX-License-Identifier: Apache-2.0
// Helpers for tests: snapshots and their parts, written in few words. For tests only.
#pragma once

#include <string>
#include <utility>
#include <vector>

#include "diagnosis/diagnose.hpp"

namespace unzap::testing {

/// "do_wait kernel_wait4" as a stack, innermost first; "?f" is a guess, "nfs:nfs_file_flush" has a module.
Stack stack_of(const std::string& functions, StackOrigin origin = StackOrigin::proc_stack);

/// A task, built by what the snapshot shows of it.
struct TaskBuilder {
  Task task;

  TaskBuilder(std::int32_t tid, std::string comm, char state);
  TaskBuilder& of(std::int32_t tgid);
  TaskBuilder& child_of(std::int32_t ppid);
  TaskBuilder& in(const std::string& functions, StackOrigin origin = StackOrigin::proc_stack);
  TaskBuilder& numbers(std::vector<std::int32_t> ns_pids);
  TaskBuilder& exiting();                 ///< PF_EXITING, no mm
  TaskBuilder& in_zap();                  ///< SIGCHLD ignored: zap_pid_ns_processes() has begun
  TaskBuilder& on_cpu(std::int32_t cpu);  ///< no stack, because it runs
  TaskBuilder& blocked(double seconds);
  /// Two looks: `seconds` apart, with this much system time and this many context switches between them.
  TaskBuilder& looks(double seconds, double system_percent, std::uint64_t switches);
  operator Task() const { return task; }
};

KernelEvent event(EventKind kind, const std::string& text, std::vector<std::int32_t> cpus = {});
/// A soft lockup report about a task, with its stack.
KernelEvent soft_lockup(std::int32_t tid, const std::string& comm, std::int32_t cpu,
                        const std::string& functions);
KernelEvent hung_task(std::int32_t tid, const std::string& comm, const std::string& functions);

Snapshot live(std::vector<Task> tasks, std::vector<KernelEvent> events = {});
Snapshot pasted(std::vector<Task> tasks, std::vector<KernelEvent> events = {});

/// "cause confidence" of each finding in order, and the verdict: "stuck: reaper-busy-loop certain, oom-kill
/// likely".
std::string gist(const Diagnosis& diagnosis);
/// A node in short: "npm[900]", "pid namespace of npm[900]", "CPU 3"; of others what they are, by kind alone.
std::string gist(const NodeRef& node);
/// The finding of this cause, or an empty one.
Finding finding_of(const Diagnosis& diagnosis, CauseId cause);

}  // namespace unzap::testing
