// SPDX-License-Identifier: Apache-2.0
#include "kernel/setup.hpp"

#include "kernel/io_wq.hpp"
#include "kernel/sched.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

constexpr std::int32_t k_first_tid = 4700;
constexpr std::uint8_t k_init = 0;   // index of init's process
constexpr std::uint8_t k_child = 1;  // index of the child's process

void push(Task& task, Routine routine, std::uint8_t step) {
  task.stack[task.depth++] = {routine, step};
}

/// Asleep in a system call; a signal takes it out of there.
void sleep_in_syscall(Task& task) {
  push(task, Routine::syscall_sleep, 0);
  task.run_state = RunState::interruptible;
}

void start_worker(Task& task, WorkerStart start) {
  task.flags |= k_pf_io_worker;
  task.worker_ref = 1;
  push(task, Routine::ret_from_fork, k_tail);
  if (start == WorkerStart::idle) {
    push(task, Routine::io_worker, 0);
    task.run_state = RunState::interruptible;
    return;
  }
  // As if it had taken the read from its queue in the loop; see look_for_work().
  push(task, Routine::io_worker, 4);
  push(task, Routine::io_worker_handle_work, 0);
  push(task, Routine::io_wq_do_work, start == WorkerStart::reading ? 3 : 0);
  task.item = k_item_unbounded;
  if (start == WorkerStart::reading)
    task.run_state = RunState::interruptible;
  else
    task.flags |= k_on_rq;
}

void start_leader(const Config& c, State& s) {
  Task& leader = s.tasks[c.leader];
  leader.parent = k_outside;
  if (c.scenario.ending == Ending::sigkill) return sleep_in_syscall(leader);
  push(leader, c.scenario.ending == Ending::exit ? Routine::syscall_exit : Routine::syscall_exit_group, 0);
  leader.flags |= k_on_rq;
  if (!c.scenario.balance) leader.rq = 0;
  pick(s, c.leader, 0);
}

}  // namespace

std::size_t count_tasks(const Scenario& scenario) {
  return 1U + (scenario.in_thread ? 1U : 0U) + scenario.workers.size() + (scenario.child ? 1U : 0U) +
         (scenario.child && scenario.child_sqpoll ? 1U : 0U) + 1U;
}

Config make_config(const Scenario& scenario, const Variant& variant, Preempt preempt) {
  UNZAP_ASSERT(count_tasks(scenario) <= k_max_tasks, "{} tasks are more than the model holds",
               count_tasks(scenario));
  UNZAP_ASSERT(scenario.cpus >= 1 && scenario.cpus <= k_max_cpus, "{} CPUs", scenario.cpus);
  Config c;
  c.scenario = scenario;
  c.variant = variant;
  c.preempt = preempt;
  std::int32_t ns_tid = 0;
  const auto add = [&](std::string comm, std::uint8_t process, bool leader) {
    ++ns_tid;
    c.tasks.push_back({.comm = std::move(comm),
                       .tid = k_first_tid + ns_tid,
                       .ns_tid = ns_tid,
                       .process = process,
                       .leader = leader});
    return static_cast<TaskNo>(c.tasks.size() - 1);
  };
  c.leader = add(scenario.init_comm, k_init, true);
  c.ring_owner = c.leader;
  if (scenario.in_thread) c.ring_owner = add(scenario.init_comm + "/2", k_init, false);
  if (scenario.ring) c.tasks[c.ring_owner].owns_wq = 0;
  const std::string owner_tid = std::to_string(c.tasks[c.ring_owner].tid);
  for (std::size_t i = 0; i < scenario.workers.size(); ++i) {
    std::string comm = "iou-wrk-" + owner_tid;
    if (scenario.workers.size() > 1)
      comm += "#" + std::to_string(i + 1);  // the kernel gives all the same name
    c.tasks[add(comm, k_init, false)].worker_of = 0;
  }
  if (scenario.child) {
    c.child = add(scenario.child_comm, k_child, true);
    if (scenario.child_sqpoll) add("iou-sqp-" + std::to_string(c.tasks[c.child].tid), k_child, false);
  }
  c.kworker = static_cast<TaskNo>(c.tasks.size());
  c.tasks.push_back({.comm = "kworker/rcu_gp", .tid = 12});
  return c;
}

State initial_state(const Config& c) {
  State s{};
  s.current.fill(k_no_task);
  for (Task& task : s.tasks) {
    task.cpu = k_no_cpu;
    task.parent = k_no_task;
    task.rq = c.scenario.balance ? k_any_cpu : k_no_cpu;
  }
  s.rcu.exp_mutex = k_no_task;
  s.child_reaper = c.leader;
  s.pidns_adding = 1;
  s.mnt_ns_refs = static_cast<std::uint8_t>(1 + c.scenario.outside_holders);
  s.migrations = c.scenario.cgroup_migrations;
  s.processes[k_init].armed = c.scenario.armed_request ? 1 : 0;
  Wq& wq = s.wqs[0];
  wq.worker_refs = static_cast<std::uint8_t>(1 + c.scenario.workers.size());
  wq.nr_workers = static_cast<std::uint8_t>(c.scenario.workers.size());
  wq.bounded = c.scenario.bounded;
  wq.unbounded = c.scenario.unbounded;

  std::size_t worker = 0;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    const TaskInfo& info = c.tasks[no];
    Task& task = s.tasks[no];
    task.allowed = c.all_cpus();
    if (info.ns_tid != 0) {
      ++s.pid_allocated;
      ++s.nsproxy_refs;
      ++s.processes[info.process].quick_threads;
      ++s.processes[info.process].files_users;
      task.parent = info.process == k_init ? k_outside : c.leader;
    }
    if (no == c.leader)
      start_leader(c, s);
    else if (info.worker_of != 0xff)
      start_worker(task, c.scenario.workers[worker++]);
    else if (no == c.kworker) {
      push(task, Routine::kthread, 0);
      task.run_state = RunState::idle;
    } else if (info.process == k_child && !info.leader) {
      task.flags |= k_pf_io_worker;
      push(task, Routine::ret_from_fork, k_tail);
      push(task, Routine::io_sq_thread, 0);
      task.run_state = RunState::interruptible;
    } else {
      sleep_in_syscall(task);
    }
  }
  return s;
}

}  // namespace unzap::kernel
