// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "kernel/linux/coredump.hpp"
#include "kernel/linux/exit.hpp"
#include "kernel/linux/fuse.hpp"
#include "kernel/linux/io_uring.hpp"
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/mount_namespace.hpp"
#include "kernel/linux/pid_namespace.hpp"
#include "kernel/linux/rcu.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/linux/wait.hpp"
#include "kernel/machine/machine.hpp"
#include "kernel/story/outside.hpp"
#include "kernel/story/test_cast.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {

/// Walks a machine to a place by hand, for tests. Only actions that the machine offers are taken; a wish it
/// does not offer is a failure of the test, and changes nothing. `s` is open to tests that need a state which
/// no walk leads to.
class Driver {
 public:
  using Holds = std::function<bool(const State&, const Task&)>;

  Driver(const Scenario& scenario, std::string_view kernel, Preempt preempt = Preempt::none)
      : Driver(scenario, find_kernel(kernel)->variant, preempt) {}
  Driver(const Scenario& scenario, const Variant& variant, Preempt preempt = Preempt::none)
      : machine(scenario, variant, preempt), s(machine.initial()) {}

  const Machine machine;
  State s;

  const Config& config() const { return machine.config(); }
  /// The task of that name; k_no_task, and a failure, if there is none.
  TaskNo find(std::string_view comm) const;
  Task& operator[](TaskNo no) {
    UNZAP_ASSERT(no < k_max_tasks, "no task {}", no);
    return s.tasks[no];
  }
  TaskNo leader() const { return config().containers.front().leader; }
  TaskNo worker(std::size_t number = 0) const;
  /// The first child of the first container's init.
  TaskNo child() const;
  TaskNo kworker() const { return config().kworker; }

  bool offers(const Action& action) const;
  /// True when some action of that event is offered for the task (k_no_task: for anyone).
  bool offers(Event event, TaskNo task = k_no_task) const;
  bool offers(Environment what, TaskNo task = k_no_task) const;
  /// Takes the action; what it says.
  std::string act(const Action& action);
  /// Takes the first offered action of that event (for the task, if one is named).
  std::string fire(Event event, TaskNo task = k_no_task);
  std::string fire(Environment what, TaskNo task = k_no_task);

  /// One step of the task. If it is on no CPU it is put on `cpu` first (k_no_cpu: on the first free one).
  std::string step(TaskNo task, std::uint8_t cpu = k_no_cpu);
  /// Steps until `holds`. Fails after 300 steps or when the task cannot run.
  void until(TaskNo task, const Holds& holds, std::uint8_t cpu = k_no_cpu);
  /// Steps until it has taken that step, and those that belong to it.
  template <StepName Name>
  void until_takes(TaskNo task, Name name, std::uint8_t cpu = k_no_cpu) {
    until_takes(task, frame_of(name), cpu);
  }
  /// Steps until it is about to take that step.
  template <StepName Name>
  void until_at(TaskNo task, Name name, std::uint8_t cpu = k_no_cpu) {
    until(
        task, [name](const State&, const Task& t) { return is_at(t, name); }, cpu);
  }
  /// Steps, at least once, until something has returned `value` to the task.
  void until_returned(TaskNo task, std::uint8_t value, std::uint8_t cpu = k_no_cpu);
  /// Steps until `target` has TIF_NOTIFY_SIGNAL.
  void until_notified(TaskNo task, TaskNo target, std::uint8_t cpu = k_no_cpu);
  /// Steps until the task is off its CPU: it sleeps, gave way or died.
  void until_off(TaskNo task, std::uint8_t cpu = k_no_cpu);
  /// Steps until `routine` is the innermost one.
  void until_in(TaskNo task, Routine routine, std::uint8_t cpu = k_no_cpu);

  /// Makes the task runnable at the beginning of `routine`, called from wherever it was; it is on no CPU.
  void enter(TaskNo task, Routine routine) {
    enter(task, CallFrame{routine, config().programs.first(routine)});
  }
  /// The same, at that step.
  template <StepName Name>
  void enter(TaskNo task, Name name) {
    enter(task, frame_of(name));
  }
  /// A Step of a task that is on a CPU, to call a function of the model by itself.
  Step step_of(TaskNo task) { return {config(), s, task, s.tasks[task].cpu, nullptr}; }

  Routine top(TaskNo no) const { return kernel::top(s.tasks[no]).routine; }
  bool asleep(TaskNo no) const { return (s.tasks[no].flags & k_on_rq) == 0; }
  bool notified(TaskNo no) const { return (s.tasks[no].tif & k_tif_notify_signal) != 0; }
  bool sigpending(TaskNo no) const { return (s.tasks[no].tif & k_tif_sigpending) != 0; }
  bool exiting(TaskNo no) const { return (s.tasks[no].flags & k_pf_exiting) != 0; }

 private:
  void enter(TaskNo task, CallFrame frame);
  void until_takes(TaskNo task, CallFrame wanted, std::uint8_t cpu);

  static constexpr int k_patience = 300;
  std::vector<CallFrame> taken_;  ///< the steps of the last action
};

inline TaskNo Driver::find(std::string_view comm) const {
  for (TaskNo no = 0; no < config().tasks.size(); ++no)
    if (config().tasks[no].comm == comm) return no;
  ADD_FAILURE() << "no task " << comm;
  return k_no_task;
}

inline TaskNo Driver::child() const {
  for (const ProcessInfo& process : config().processes)
    if (process.parent == leader()) return process.leader;
  ADD_FAILURE() << "init has no child";
  return k_no_task;
}

inline TaskNo Driver::worker(std::size_t number) const {
  for (TaskNo no = 0; no < config().tasks.size(); ++no)
    if (config().tasks[no].worker_of != 0xff && number-- == 0) return no;
  ADD_FAILURE() << "no such worker";
  return k_no_task;
}

inline bool Driver::offers(const Action& action) const {
  bool found = false;
  machine.for_each_successor(
      s, [&](const Action& one, const State&, explorer::Label) { found = found || one == action; });
  return found;
}

inline bool Driver::offers(Event event, TaskNo task) const {
  bool found = false;
  machine.for_each_successor(s, [&](const Action& one, const State&, explorer::Label) {
    found = found || (one.event == event && (task == k_no_task || one.task == task));
  });
  return found;
}

inline bool Driver::offers(Environment what, TaskNo task) const {
  bool found = false;
  machine.for_each_successor(s, [&](const Action& one, const State&, explorer::Label) {
    found = found ||
            (one.event == Event::environment && one.what == what && (task == k_no_task || one.task == task));
  });
  return found;
}

inline std::string Driver::act(const Action& action) {
  bool found = false;
  State reached = s;
  machine.for_each_successor(s, [&](const Action& one, const State& next, explorer::Label) {
    if (found || !(one == action)) return;
    found = true;
    reached = next;
  });
  if (!found) {
    ADD_FAILURE() << "event " << static_cast<int>(action.event) << " of task "
                  << static_cast<int>(action.task) << " is not offered";
    return "";
  }
  Description words = machine.describe(s, action);
  taken_ = std::move(words.steps);
  s = reached;
  return words.text;
}

inline std::string Driver::fire(Event event, TaskNo task) {
  Action wanted{event, k_no_cpu, k_no_task};
  bool found = false;
  machine.for_each_successor(s, [&](const Action& one, const State&, explorer::Label) {
    if (found || one.event != event || (task != k_no_task && one.task != task)) return;
    found = true;
    wanted = one;
  });
  return act(wanted);
}

inline std::string Driver::fire(Environment what, TaskNo task) {
  Action wanted{Event::environment, k_no_cpu, task, what};
  machine.for_each_successor(s, [&](const Action& one, const State&, explorer::Label) {
    if (one.event == Event::environment && one.what == what && task == k_no_task) wanted = one;
  });
  return act(wanted);
}

inline std::string Driver::step(TaskNo task, std::uint8_t cpu) {
  if (s.tasks[task].cpu == k_no_cpu) {
    for (std::uint8_t free = 0; cpu == k_no_cpu && free < config().scenario.cpus; ++free)
      if (offers({Event::pick, free, task})) cpu = free;
    act({Event::pick, cpu, task});
    if (s.tasks[task].cpu == k_no_cpu) return "";
  }
  return act({Event::run, s.tasks[task].cpu, task});
}

inline void Driver::until(TaskNo task, const Holds& holds, std::uint8_t cpu) {
  for (int i = 0; i < k_patience; ++i) {
    if (holds(s, s.tasks[task])) return;
    if (asleep(task)) break;
    step(task, cpu);
  }
  if (!holds(s, s.tasks[task]))
    ADD_FAILURE() << config().tasks[task].comm << " does not get there; it is in "
                  << program(top(task)).function;
}

inline void Driver::until_takes(TaskNo task, CallFrame wanted, std::uint8_t cpu) {
  for (int i = 0; i < k_patience && !asleep(task); ++i) {
    step(task, cpu);
    if (std::find(taken_.begin(), taken_.end(), wanted) != taken_.end()) return;
  }
  ADD_FAILURE() << config().tasks[task].comm << " never takes step " << int{wanted.step} << " of "
                << program(wanted.routine).function << "; it is in " << program(top(task)).function;
}

inline void Driver::until_returned(TaskNo task, std::uint8_t value, std::uint8_t cpu) {
  step(task, cpu);
  until(
      task, [value](const State&, const Task& t) { return t.ret == value; }, cpu);
}

inline void Driver::until_notified(TaskNo task, TaskNo target, std::uint8_t cpu) {
  until(
      task, [&](const State&, const Task&) { return notified(target); }, cpu);
}

inline void Driver::until_off(TaskNo task, std::uint8_t cpu) {
  step(task, cpu);
  until(
      task, [](const State&, const Task& t) { return t.cpu == k_no_cpu; }, cpu);
}

inline void Driver::until_in(TaskNo task, Routine routine, std::uint8_t cpu) {
  until(
      task, [&](const State&, const Task&) { return top(task) == routine; }, cpu);
}

inline void Driver::enter(TaskNo task, CallFrame frame) {
  Task& t = (*this)[task];
  t.stack[t.depth++] = frame;
  t.run_state = RunState::running;
  t.flags |= k_on_rq;
}

/// An init with a ring and those workers, and a child, on two CPUs; nobody's five seconds run out.
inline Scenario with_workers(std::vector<WorkerStart> workers) {
  Scenario s = init_and_child("init", "child");
  ring_of(s).workers = std::move(workers);
  s.environment.idle_timeouts = false;
  return s;
}

/// An init without io_uring, and a child.
inline Scenario plain() {
  Scenario s = with_workers({});
  s.processes[0].ring.reset();
  return s;
}

}  // namespace unzap::kernel
