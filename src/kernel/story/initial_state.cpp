// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/initial_state.hpp"

#include "kernel/linux/io_uring.hpp"
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {
namespace {

/// A frame of a routine with one step, or none.
void push(Task& task, Routine routine, std::uint8_t step = 0) {
  task.stack[task.depth++] = {routine, step};
}

template <StepName Name>
void push(Task& task, Name name) {
  task.stack[task.depth++] = frame_of(name);
}

void start_asleep(Task& task, Routine routine, RunState state) {
  push(task, routine);
  task.run_state = state;
}

/// Asleep in a system call; a signal takes it out of there.
void sleep_in_syscall(Task& task) {
  start_asleep(task, Routine::syscall_sleep, RunState::interruptible);
}

/// Stands where an idle worker stands, or a new one. `items`: requests of the bounded account for which no
/// worker has been woken yet. True: it can run.
bool start_without_work(Task& task, WorkerStart start, std::uint8_t& items) {
  push(task, start == WorkerStart::idle ? IoWorker::woken : IoWorker::test_exit);
  if (start == WorkerStart::created) return true;
  if (items == 0) return false;
  --items;  // io_wqe_activate_free_worker() has woken it
  return true;
}

/// As if it had taken the request from its queue in the loop. True: it can run.
bool start_with_work(Task& task, WorkerStart start, const RingSpec& ring, Wq& wq) {
  const bool writes = start == WorkerStart::writing;
  const bool sleeps = start == WorkerStart::reading || (writes && ring.bounded_blocks);
  push(task, IoWorker::look_for_work);
  push(task, IoWorkerHandleWork::next);
  push(task, sleeps ? IoWqDoWork::woken : IoWqDoWork::io_issue_sqe);
  task.item = writes ? k_item_bounded : k_item_unbounded;
  task.local = k_entered;
  if (writes) {
    task.local |= k_holds_hash;
    wq.chain = ring.chain & 0xfU;
  }
  if (!ring.links.empty() && wq.links_left == 0) {  // the first worker that executes something
    task.local |= k_has_link;
    wq.links_left = ring.links.size() & 3U;
  }
  return !sleeps;
}

bool start_dumping(Task& task) {
  push(task, IoWorker::after_get_signal);
  push(task, GetSignal::do_coredump);
  return true;
}

void start_worker(const WqInfo& info, Task& task, WorkerStart start, Wq& wq, std::uint8_t& items) {
  task.flags |= k_pf_io_worker;
  task.worker_ref = 1;
  push(task, Routine::ret_from_fork, k_tail);
  const bool idles = start == WorkerStart::idle || start == WorkerStart::created;
  const bool runs = start == WorkerStart::dumping ? start_dumping(task)
                    : idles                       ? start_without_work(task, start, items)
                                                  : start_with_work(task, start, info.ring, wq);
  if (runs)
    task.flags |= k_on_rq;
  else
    task.run_state = RunState::interruptible;
}

/// Stopped by the freezer on its way to user mode.
void start_frozen(Task& task, Freezer freezer) {
  push(task, Routine::exit_to_user_mode);
  push(task, GetSignal::dequeue_signal);
  push(task, freezer == Freezer::v1 ? Routine::refrigerator : Routine::do_freezer_trap);
  task.run_state = freezer == Freezer::v1 ? RunState::uninterruptible : RunState::interruptible;
  task.flags2 |= k_frozen;
}

/// A process without a thread: none is before do_exit(), none uses its files.
void count_no_thread(Process& process) {
  process.quick_threads = process.files_users = 0;
}

void start_zombie(const ProcessInfo& info, Process& process, Task& task) {
  task.exit_state = ExitState::zombie;
  task.run_state = RunState::dead;
  task.flags |= k_pf_exiting;
  process.notified_outside = info.parent == k_outside ? 1 : 0;
  count_no_thread(process);
}

/// Still to be forked by the task outside.
void start_unborn(PidNamespace& ns, Process& process, Task& task) {
  sleep_in_syscall(task);
  task.exit_state = ExitState::released;
  task.run_state = RunState::dead;
  --ns.pid_allocated;
  count_no_thread(process);
}

void start_sqpoll_thread(Task& task) {
  task.flags |= k_pf_io_worker;
  push(task, Routine::ret_from_fork, k_tail);
  push(task, IoSqThread::sleep);
  task.run_state = RunState::interruptible;
}

/// About to end by itself; it can run.
void start_ending(Task& task, Ending ending) {
  task.flags |= k_on_rq;
  if (ending != Ending::core_dump)
    return push(task, ending == Ending::exit ? Routine::syscall_exit : Routine::syscall_exit_group);
  push(task, Routine::exit_to_user_mode);
  push(task, GetSignal::do_coredump);
}

void start_thread(const Config& c, State& s, TaskNo no) {
  Task& task = s.tasks[no];
  const TaskInfo& info = c.tasks[no];
  const ProcessInfo& process = c.process_of(no);
  if (process.traced && info.leader) task.flags2 |= k_traced;
  if (process.start == ProcessStart::zombie) return start_zombie(process, s.processes[info.process], task);
  if (process.start == ProcessStart::unborn)
    return start_unborn(s.pid_ns[info.pid_ns], s.processes[info.process], task);
  if (process.frozen != Freezer::none) return start_frozen(task, process.frozen);
  if (info.ending == Ending::sigkill || info.ending == Ending::none) return sleep_in_syscall(task);
  start_ending(task, info.ending);
}

void start_namespaces(const Config& c, State& s) {
  for (std::size_t no = 0; no < c.containers.size(); ++no) {
    const Container& container = c.containers[no];
    s.pid_ns[container.pid_ns] = {.child_reaper = container.leader, .pid_allocated = 0, .adding = 1};
    s.mnt_ns[no].refs = static_cast<std::uint8_t>(1 + container.outside_holders);
  }
}

void start_processes(const Config& c, State& s) {
  for (std::size_t no = 0; no < c.processes.size(); ++no) {
    s.processes[no].armed = c.processes[no].has_armed_request ? 1 : 0;
    if (c.processes[no].has_fuse_dev) ++s.fuse_dev_refs;
  }
}

void start_wqs(const Config& c, State& s) {
  for (std::size_t no = 0; no < c.wqs.size(); ++no) {
    const RingSpec& ring = c.wqs[no].ring;
    Wq& wq = s.wqs[no];
    wq.worker_refs = static_cast<std::uint8_t>(1 + ring.workers.size());
    wq.queued = {ring.bounded, ring.unbounded};
    wq.hashed = ring.hashed;
    wq.held_outside = ring.hash_held_outside ? 1 : 0;
  }
  for (const TaskInfo& info : c.tasks)
    if (info.worker_of != 0xff && !info.spare) ++s.wqs[info.worker_of].nr_workers[info.unbounded ? 1 : 0];
}

State nobody(const Config& c) {
  State s{};
  s.current.fill(k_no_task);
  for (Task& task : s.tasks) {
    task.cpu = k_no_cpu;
    task.parent = k_no_task;
    task.rq = c.scenario.balance ? k_any_cpu : k_no_cpu;
  }
  s.rcu.exp_mutex = k_no_task;
  const EnvironmentSpec& environment = c.scenario.environment;
  s.migrations = environment.cgroup_migrations;
  s.livepatches = environment.livepatches;
  s.fake_signals = environment.fake_signals;
  s.operator_kills = environment.operator_kills & 0xfU;
  s.operator_terms = environment.operator_terms & 0xfU;
  return s;
}

void put_on_cpu_0(const Config& c, State& s, TaskNo leader) {
  if ((s.tasks[leader].flags & k_on_rq) == 0) return;
  if (!c.scenario.balance) s.tasks[leader].rq = 0;
  pick(s, leader, 0);
}

}  // namespace

void count_member(const Config& c, State& s, TaskNo no) {
  const TaskInfo& info = c.tasks[no];
  for (std::uint8_t level = info.container; level != 0xff; level = c.containers[level].inside)
    ++s.pid_ns[c.containers[level].pid_ns].pid_allocated;
  if (info.in_namespaces) ++s.mnt_ns[info.container].nsproxy_refs;
  ++s.processes[info.process].quick_threads;
  ++s.processes[info.process].files_users;
  s.tasks[no].parent = c.process_of(no).parent;
}

State initial_state(const Config& c) {
  State s = nobody(c);
  start_namespaces(c, s);
  start_processes(c, s);
  start_wqs(c, s);
  std::array<std::uint8_t, k_max_wqs> items{};  // bounded requests for which no worker was woken
  for (std::size_t no = 0; no < c.wqs.size(); ++no)
    items[no] = static_cast<std::uint8_t>(c.wqs[no].ring.bounded + c.wqs[no].ring.hashed);
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    const TaskInfo& info = c.tasks[no];
    Task& task = s.tasks[no];
    task.allowed = c.all_cpus();
    if (info.spare) {
      task.exit_state = ExitState::released;
      task.run_state = RunState::dead;
      continue;
    }
    if (info.ns_tid != 0) count_member(c, s, no);
    if (no == c.kworker)
      start_asleep(task, Routine::kthread, RunState::idle);
    else if (no == c.outside)
      start_asleep(task, Routine::outside_sleep, RunState::interruptible);
    else if (info.worker_of != 0xff)
      start_worker(c.wqs[info.worker_of], task, info.begins, s.wqs[info.worker_of], items[info.worker_of]);
    else if (info.sqpoll)
      start_sqpoll_thread(task);
    else
      start_thread(c, s, no);
  }
  put_on_cpu_0(c, s, c.containers.front().leader);
  return s;
}

}  // namespace unzap::kernel
