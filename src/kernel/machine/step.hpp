// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/machine/program.hpp"
#include "kernel/machine/state.hpp"
#include "kernel/story/scenario.hpp"
#include "kernel/story/variant.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {

/// What does not change about a task.
struct TaskInfo {
  std::string comm;
  std::int32_t tid = 0;
  std::int32_t ns_tid = 0;        ///< its number in its container's pid namespace; 0: not a member
  std::uint8_t process = 0xff;    ///< index of its process; 0xff for a kernel thread
  std::uint8_t container = 0xff;  ///< index of its container; 0xff for a task outside
  std::uint8_t pid_ns = 0xff;     ///< index of its pid namespace
  bool leader = false;
  bool in_namespaces = false;     ///< holds a reference to the container's nsproxy
  bool io_thread = false;         ///< made by create_io_thread(): an io-wq worker or an SQPOLL thread
  bool sqpoll = false;            ///< the latter
  std::uint8_t worker_of = 0xff;  ///< index of the io_wq it works for
  bool unbounded = false;         ///< a worker of the unbounded account
  bool spare = false;             ///< a worker that does not exist until another one asks for it
  WorkerStart begins = WorkerStart::idle;  ///< of a worker
  Ending ending = Ending::none;            ///< of a thread that is not made by create_io_thread()
  std::uint8_t owns_wq = 0xff;             ///< index of the io_wq it owns
  bool operator==(const TaskInfo&) const = default;
};

/// What does not change about a process.
struct ProcessInfo {
  TaskNo leader = k_no_task;
  TaskNo parent = k_outside;      ///< real_parent when the story begins: a leader, or k_outside
  std::uint8_t container = 0xff;  ///< index of its container; 0xff for a process outside
  ProcessStart start = ProcessStart::alive;
  bool unkillable = false;         ///< SIGNAL_UNKILLABLE: it is the init of its pid namespace
  bool forked_outside = false;     ///< a member by setns(2) or unshare(2) and fork(2) of a task outside
  bool subreaper = false;          ///< signal->is_child_subreaper
  bool traced = false;             ///< a task outside traces its leader when the story begins
  Freezer frozen = Freezer::none;  ///< which freezer has stopped it
  bool has_fuse_file = false;      ///< has a file of a FUSE mount open
  bool has_fuse_dev = false;       ///< holds /dev/fuse of that connection open, as its server does
  TaskNo submitter = k_no_task;    ///< the thread that submitted the requests of its ring
  bool has_armed_request = false;  ///< the ring holds an armed poll or timeout request when the story begins
  bool ring_is_shared = false;     ///< a process outside has the file of the ring open too
  bool operator==(const ProcessInfo&) const = default;
};

/// What does not change about an io_wq.
struct WqInfo {
  TaskNo owner = k_no_task;  ///< io_wq->task
  RingSpec ring;             ///< what lies in it when the story begins
  bool contends = false;     ///< RingSpec::contends_for_hash()
  bool operator==(const WqInfo&) const = default;
};

/// What does not change about a container. Those with the same `alike` are made alike; all but the first,
/// whose init is on a CPU when the story begins, are in the same state then, and nothing tells them apart.
struct Container {
  std::uint8_t alike = 0;
  std::uint8_t pid_ns = 0;
  std::uint8_t inside = 0xff;        ///< index of the container in whose pid namespace this one's was made
  std::uint8_t outside_holders = 0;  ///< references to its mount namespace from outside, forever
  TaskNo leader = 0;                 ///< of its init
  bool operator==(const Container&) const = default;
};

/// Everything that stays the same while a scenario runs.
struct Config {
  Scenario scenario;
  Variant variant;
  Programs programs;  ///< what the routines do in this variant
  Preempt preempt = Preempt::none;
  std::vector<TaskInfo> tasks;        ///< in creation order, which is the order of for_each_thread()
  std::vector<Container> containers;  ///< the scenario's first
  std::vector<ProcessInfo> processes;
  std::vector<WqInfo> wqs;
  TaskNo outside = k_no_task;  ///< the task outside, if it does something
  TaskNo forked = k_no_task;  ///< the process that it forks into the first container, if that is what it does
  TaskNo kworker = k_no_task;  ///< runs wait_rcu_exp_gp

  bool has(Switch one) const { return variant.has(one); }
  /// The process of a task that has one.
  const ProcessInfo& process_of(TaskNo task) const { return processes[tasks[task].process]; }
  /// Whether the task has a number in that pid namespace: it is a member of it, or of one below it.
  bool has_number(const TaskInfo& task, std::uint8_t pid_ns) const;
  std::uint8_t all_cpus() const { return static_cast<std::uint8_t>((1U << scenario.cpus) - 1); }
};

/// One step of one task: the state that it changes, and what happened in words. A step is what no other CPU
/// can see half-done: one critical section, one atomic operation, or actions that only the task itself sees.
class Step {
 public:
  /// `text` takes the words and `taken` the rows that belong to the step; nullptr when nobody asks (the
  /// search).
  Step(const Config& config, State& state, TaskNo runs, std::uint8_t on_cpu, std::string* text,
       std::vector<CallFrame>* taken = nullptr)
      : c(config),
        s(state),
        self(runs),
        cpu(on_cpu),
        where(state.tasks[runs].stack[state.tasks[runs].depth - 1U].routine),
        text_(text),
        taken_(taken) {}

  const Config& c;
  State& s;
  const TaskNo self;
  const std::uint8_t cpu;
  bool gave_way = false;  ///< the task called schedule(), or died
  Routine where;          ///< the routine that the step is attributed to

  Task& me() const { return s.tasks[self]; }
  const TaskInfo& my() const { return c.tasks[self]; }
  Process& process() const { return s.processes[my().process]; }
  const ProcessInfo& my_process() const { return c.processes[my().process]; }
  PidNamespace& pid_ns() const { return s.pid_ns[my().pid_ns]; }
  MountNamespace& mnt_ns() const { return s.mnt_ns[my().container]; }

  /// Does what the program of the running routine says.
  void take();

  // Where the task goes on. Without one of these, and if it has not gone to sleep, it is the next row.

  /// At that step of the routine that runs.
  template <StepName Name>
  void goes_to(Name name) {
    const CallFrame target = frame_of(name);
    UNZAP_ASSERT(frame().routine == target.routine, "{} goes to a step of another routine", my().comm);
    frame() = target;
    then_ = Then::stops;
  }
  /// At this step once more.
  void again() { then_ = Then::stops; }
  /// At the first step of `routine`, and when that returns at the next row.
  void call(Routine routine);
  /// The same, and then at `name`.
  template <StepName Name>
  void call_then(Routine routine, Name name) {
    goes_to(name);
    push(routine);
  }
  /// The same, and then at this step once more.
  void call_then_again(Routine routine) { push(routine); }
  /// The same, and then returns itself.
  void tail_call(Routine routine);
  /// In the caller, or the first one that does not only wait to return.
  void ret(std::uint8_t value = 0);
  /// The routine that runs turns into another one, at its first step.
  void become(Routine routine);
  /// Where it goes on belongs to this very step: after one of the calls above.
  void at_once() { then_ = Then::goes_on; }

  /// Adds to what the step says. A sentence without a final full stop.
  template <class... Args>
  void say(fmt::format_string<Args...> format, Args&&... args) const {
    if (!text_) return;
    if (!text_->empty()) *text_ += "; ";
    *text_ += fmt::format(format, std::forward<Args>(args)...);
  }
  /// The name of a task for `say`.
  const std::string& comm(TaskNo task) const { return c.tasks[task].comm; }

 private:
  enum class Then : std::uint8_t { next_row, stops, goes_on };

  CallFrame& frame() const { return me().stack[me().depth - 1U]; }
  void push(Routine routine);
  void fall_through(const Programs::Loaded& row);

  std::string* text_;
  std::vector<CallFrame>* taken_;
  Then then_ = Then::next_row;
};

}  // namespace unzap::kernel
