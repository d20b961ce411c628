// SPDX-License-Identifier: Apache-2.0
#include "kernel/setup.hpp"

#include "kernel/io_wq.hpp"
#include "kernel/sched.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

constexpr std::int32_t k_first_tid = 4700;
constexpr std::uint8_t k_init = 0;      // index of init's process
constexpr std::uint8_t k_child = 1;     // index of the child's process
constexpr std::uint8_t k_server = 2;    // the FUSE server's, or the injected task's
constexpr std::uint8_t k_outsider = 3;  // the task outside

void push(Task& task, Routine routine, std::uint8_t step) {
  task.stack[task.depth++] = {routine, step};
}

/// Asleep in a system call; a signal takes it out of there.
void sleep_in_syscall(Task& task) {
  push(task, Routine::syscall_sleep, 0);
  task.run_state = RunState::interruptible;
}

/// `items`: requests of the bounded account for which no worker has been woken yet.
void start_worker(Task& task, WorkerStart start, std::uint8_t& items) {
  task.flags |= k_pf_io_worker;
  task.worker_ref = 1;
  push(task, Routine::ret_from_fork, k_tail);
  bool runnable = start == WorkerStart::created || start == WorkerStart::about_to_read;
  if (start == WorkerStart::idle || start == WorkerStart::created) {
    push(task, Routine::io_worker, start == WorkerStart::idle ? k_worker_woken : k_worker_test_exit);
    if (start == WorkerStart::idle && items > 0) {  // io_wqe_activate_free_worker() has woken it
      --items;
      runnable = true;
    }
  } else {
    // As if it had taken the read from its queue in the loop.
    push(task, Routine::io_worker, k_worker_look_for_work);
    push(task, Routine::io_worker_handle_work, 0);
    push(task, Routine::io_wq_do_work, start == WorkerStart::reading ? 3 : 0);
    task.item = k_item_unbounded;
    task.local = 1;
  }
  if (runnable) {
    task.flags |= k_on_rq;
    if (task.rq != k_any_cpu) task.rq = k_no_cpu;
  } else {
    task.run_state = RunState::interruptible;
  }
}

/// Stopped by the freezer on its way to user mode.
void start_frozen(Task& task, Freezer freezer) {
  push(task, Routine::exit_to_user_mode, 0);
  push(task, Routine::get_signal, 1);
  push(task, freezer == Freezer::v1 ? Routine::refrigerator : Routine::do_freezer_trap, 0);
  task.run_state = freezer == Freezer::v1 ? RunState::uninterruptible : RunState::interruptible;
  task.flags2 |= k_frozen;
}

void start_child(const Config& c, Task& task) {
  if (c.scenario.child_frozen == Freezer::none)
    sleep_in_syscall(task);
  else
    start_frozen(task, c.scenario.child_frozen);
  if (c.scenario.child_traced) task.flags2 |= k_traced;
}

/// A member whose parent lies outside: alive, a zombie already, or still to be forked.
void start_injected(const Config& c, State& s) {
  Task& task = s.tasks[c.injected];
  task.parent = k_outside;
  if (c.scenario.injected == Injected::zombie) {
    task.exit_state = ExitState::zombie;
    task.run_state = RunState::dead;
    task.flags |= k_pf_exiting;
    s.processes[c.tasks[c.injected].process].notified_outside = 1;
    return;
  }
  sleep_in_syscall(task);
  if (c.scenario.outside_act != OutsideAct::fork) return;
  task.exit_state = ExitState::released;
  task.run_state = RunState::dead;
  --s.pid_allocated;
}

void start_sqpoll_thread(Task& task) {
  task.flags |= k_pf_io_worker;
  push(task, Routine::ret_from_fork, k_tail);
  push(task, Routine::io_sq_thread, 0);
  task.run_state = RunState::interruptible;
}

void start_asleep(Task& task, Routine routine, RunState state) {
  push(task, routine, 0);
  task.run_state = state;
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
         (scenario.child && scenario.child_sqpoll ? 1U : 0U) + (scenario.fuse_server ? 1U : 0U) +
         (scenario.injected != Injected::none ? 1U : 0U) +
         (scenario.outside_act != OutsideAct::nothing ? 1U : 0U) + 1U;
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
                       .leader = leader,
                       .in_namespaces = true});
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
    TaskInfo& worker = c.tasks[add(comm, k_init, false)];
    worker.worker_of = 0;
    worker.unbounded =
        scenario.workers[i] == WorkerStart::reading || scenario.workers[i] == WorkerStart::about_to_read;
  }
  if (scenario.child) {
    c.child = add(scenario.child_comm, k_child, true);
    if (scenario.child_sqpoll) add("iou-sqp-" + std::to_string(c.tasks[c.child].tid), k_child, false);
  }
  if (scenario.fuse_server) c.fuse_server = add("fuse-server", k_server, true);
  if (scenario.injected != Injected::none) {
    c.injected = add(scenario.injected_comm, k_server, true);
    c.tasks[c.injected].in_namespaces = false;
  }
  if (scenario.outside_act != OutsideAct::nothing) {
    c.outside = static_cast<TaskNo>(c.tasks.size());
    c.tasks.push_back(
        {.comm = scenario.outside_comm, .tid = k_first_tid - 90, .process = k_outsider, .leader = true});
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
  s.livepatches = c.scenario.livepatches;
  s.fuse_dev_refs =
      static_cast<std::uint8_t>((c.scenario.fuse_server ? 1 : 0) + (c.scenario.child_fuse ? 1 : 0));
  s.processes[k_init].armed = c.scenario.armed_request ? 1 : 0;
  Wq& wq = s.wqs[0];
  wq.worker_refs = static_cast<std::uint8_t>(1 + c.scenario.workers.size());
  wq.queued = {c.scenario.bounded, c.scenario.unbounded};
  for (const TaskInfo& info : c.tasks)
    if (info.worker_of == 0) ++wq.nr_workers[info.unbounded ? 1 : 0];
  std::uint8_t items = c.scenario.bounded;

  std::size_t worker = 0;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    const TaskInfo& info = c.tasks[no];
    Task& task = s.tasks[no];
    task.allowed = c.all_cpus();
    if (info.ns_tid != 0) {
      ++s.pid_allocated;
      if (info.in_namespaces) ++s.nsproxy_refs;
      ++s.processes[info.process].quick_threads;
      ++s.processes[info.process].files_users;
      task.parent = info.process == k_init ? k_outside : c.leader;
    }
    if (no == c.leader)
      start_leader(c, s);
    else if (info.worker_of != 0xff)
      start_worker(task, c.scenario.workers[worker++], items);
    else if (no == c.kworker)
      start_asleep(task, Routine::kthread, RunState::idle);
    else if (no == c.outside)
      start_asleep(task, Routine::outside_sleep, RunState::interruptible);
    else if (no == c.injected)
      start_injected(c, s);
    else if (info.process == k_child && !info.leader)
      start_sqpoll_thread(task);
    else if (no == c.child)
      start_child(c, task);
    else
      sleep_in_syscall(task);
  }
  return s;
}

}  // namespace unzap::kernel
