// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/setup.hpp"

#include "kernel/linux/io_uring.hpp"
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

constexpr std::int32_t k_first_tid = 4700;
constexpr std::int32_t k_tids_each = 100;  // numbers between the inits of two containers

/// A frame of a routine with one step, or none.
void push(Task& task, Routine routine, std::uint8_t step = 0) {
  task.stack[task.depth++] = {routine, step};
}

template <StepName Name>
void push(Task& task, Name name) {
  task.stack[task.depth++] = frame_of(name);
}

/// Asleep in a system call; a signal takes it out of there.
void sleep_in_syscall(Task& task) {
  push(task, Routine::syscall_sleep);
  task.run_state = RunState::interruptible;
}

/// `items`: requests of the bounded account for which no worker has been woken yet.
void start_worker(const Scenario& scenario, Task& task, WorkerStart start, Wq& wq, std::uint8_t& items) {
  task.flags |= k_pf_io_worker;
  task.worker_ref = 1;
  push(task, Routine::ret_from_fork, k_tail);
  const bool writes = start == WorkerStart::writing;
  const bool sleeps = start == WorkerStart::reading || (writes && scenario.bounded_blocks);
  bool runnable = start != WorkerStart::idle && !sleeps;
  if (start == WorkerStart::dumping) {
    push(task, IoWorker::after_get_signal);
    push(task, GetSignal::do_coredump);
  } else if (start == WorkerStart::idle || start == WorkerStart::created) {
    push(task, start == WorkerStart::idle ? IoWorker::woken : IoWorker::test_exit);
    if (start == WorkerStart::idle && items > 0) {  // io_wqe_activate_free_worker() has woken it
      --items;
      runnable = true;
    }
  } else {
    // As if it had taken the request from its queue in the loop.
    push(task, IoWorker::look_for_work);
    push(task, IoWorkerHandleWork::next);
    push(task, sleeps ? IoWqDoWork::woken : IoWqDoWork::io_issue_sqe);
    task.item = writes ? k_item_bounded : k_item_unbounded;
    task.local = k_entered;
    if (writes) {
      task.local |= k_holds_hash;
      wq.chain = scenario.chain & 0xfU;
    }
    if (!scenario.links.empty() && wq.links_left == 0) {  // the first worker that executes something
      task.local |= k_has_link;
      wq.links_left = scenario.links.size() & 3U;
    }
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

/// A zombie of which its parent outside has been told.
void start_zombie(Process& process, Task& task) {
  task.exit_state = ExitState::zombie;
  task.run_state = RunState::dead;
  task.flags |= k_pf_exiting;
  process.notified_outside = 1;
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

void start_asleep(Task& task, Routine routine, RunState state) {
  push(task, routine);
  task.run_state = state;
}

void start_leader(const Config& c, State& s, TaskNo no) {
  Task& leader = s.tasks[no];
  const ProcessInfo& process = c.process_of(no);
  const Ending ending = process.ending;
  if (process.traced) leader.flags2 |= k_traced;
  if (process.frozen != Freezer::none) return start_frozen(leader, process.frozen);
  if (ending == Ending::sigkill || ending == Ending::none) return sleep_in_syscall(leader);
  if (ending == Ending::core_dump) {
    push(leader, Routine::exit_to_user_mode);
    push(leader, GetSignal::do_coredump);
  } else {
    push(leader, ending == Ending::exit ? Routine::syscall_exit : Routine::syscall_exit_group);
  }
  leader.flags |= k_on_rq;
  if (no != c.containers.front().leader) return;
  if (!c.scenario.balance) leader.rq = 0;
  pick(s, no, 0);
}

/// Adds the tasks of a scenario to a Config, one after another.
class Cast {
 public:
  explicit Cast(Config& config) : c_(config), s_(config.scenario) {}

  void add_all() {
    for (std::uint8_t i = 0; i < s_.containers; ++i) add_container(i);
    if (s_.fuse_server) process_of(add_process("fuse-server", init())).has_fuse_dev = true;
    if (s_.injected != Injected::none) add_injected();
    for (std::uint8_t i = 0; i < s_.bystanders; ++i) add_bystander(i);
    if (s_.nested) nest();
    if (s_.outside_act != OutsideAct::nothing) {
      c_.outside = static_cast<TaskNo>(c_.tasks.size());
      c_.tasks.push_back({.comm = s_.outside_comm,
                          .tid = k_first_tid - 90,
                          .process = static_cast<std::uint8_t>(c_.processes.size()),
                          .leader = true});
      c_.processes.push_back({.leader = c_.outside});
    }
    c_.kworker = static_cast<TaskNo>(c_.tasks.size());
    c_.tasks.push_back({.comm = "kworker/rcu_gp", .tid = 12});
    UNZAP_ASSERT(c_.tasks.size() <= k_max_tasks, "{} tasks are more than the model holds", c_.tasks.size());
    UNZAP_ASSERT(c_.processes.size() <= k_max_processes, "{} processes are more than the model holds",
                 c_.processes.size());
  }

 private:
  TaskNo init() const { return c_.containers.back().leader; }
  ProcessInfo& process_of(TaskNo no) { return c_.processes[c_.tasks[no].process]; }
  /// What follows the names of all tasks of the `i`th container of a kind; on a host they are named alike.
  static std::string mark(std::uint8_t i) { return i == 0 ? "" : "#" + std::to_string(i + 1); }

  /// A member of the container that was begun last (the FUSE server and the injected task: of the first,
  /// which stands alone then).
  TaskNo add_thread(std::string comm, std::uint8_t process) {
    const auto container = static_cast<std::uint8_t>(c_.containers.size() - 1);
    ++ns_tid_;
    c_.tasks.push_back({.comm = std::move(comm),
                        .tid = k_first_tid + container * k_tids_each + ns_tid_,
                        .ns_tid = ns_tid_,
                        .process = process,
                        .container = container,
                        .pid_ns = c_.containers[container].pid_ns,
                        .in_namespaces = true});
    return static_cast<TaskNo>(c_.tasks.size() - 1);
  }

  TaskNo add_process(std::string comm, TaskNo parent) {
    const auto process = static_cast<std::uint8_t>(c_.processes.size());
    const TaskNo leader = add_thread(std::move(comm), process);
    c_.tasks[leader].leader = true;
    c_.processes.push_back({.leader = leader, .parent = parent, .container = c_.tasks[leader].container});
    return leader;
  }

  TaskNo add_sqpoll(TaskNo leader) {
    const TaskNo no = add_thread("iou-sqp-" + std::to_string(c_.tasks[leader].tid), c_.tasks[leader].process);
    c_.tasks[no].io_thread = c_.tasks[no].sqpoll = true;
    return no;
  }

  void begin(std::uint8_t alike, const std::string& comm, Ending ending) {
    ns_tid_ = 0;
    c_.containers.push_back({.alike = alike, .pid_ns = static_cast<std::uint8_t>(c_.containers.size())});
    const TaskNo init = add_process(comm, k_outside);
    c_.containers.back().leader = init;
    process_of(init).ending = ending;
    process_of(init).unkillable = true;
  }

  void add_container(std::uint8_t i) {
    begin(0, s_.init_comm + mark(i), s_.ending);
    c_.containers.back().outside_holders = s_.outside_holders;
    add_ring(i);
    if (!s_.child) return;
    const TaskNo child = add_process(s_.child_comm + mark(i), init());
    if (s_.child_sqpoll) add_sqpoll(child);
    ProcessInfo& info = process_of(child);
    info.subreaper = s_.child_subreaper;
    info.traced = s_.child_traced;
    info.frozen = s_.child_frozen;
    info.has_fuse_file = info.has_fuse_dev = s_.child_fuse;
    if (s_.grandchild_comm.empty()) return;
    const TaskNo grandchild = add_process(s_.grandchild_comm + mark(i), child);
    process_of(grandchild).ending = Ending::exit_group;
    if (!s_.orphan_comm.empty()) add_process(s_.orphan_comm + mark(i), grandchild);
  }

  void add_ring(std::uint8_t i) {
    const std::uint8_t process = c_.tasks[init()].process;
    TaskNo owner = init();
    if (s_.in_thread) owner = add_thread(s_.init_comm + "/2" + mark(i), process);
    if (s_.sqpoll) owner = add_sqpoll(init());
    c_.processes[process].submitter = owner;
    c_.processes[process].ring_is_shared = s_.shared_outside;
    if (s_.ring) {
      c_.tasks[owner].owns_wq = static_cast<std::uint8_t>(c_.wqs.size());
      c_.wqs.push_back({owner, s_.links, s_.contends_for_hash(), s_.bounded_blocks});
    }
    add_workers(owner);
  }

  void add_workers(TaskNo owner) {
    const std::size_t all = s_.workers.size() + s_.may_create;
    for (std::size_t i = 0; i < all; ++i) {
      std::string comm = "iou-wrk-" + std::to_string(c_.tasks[owner].tid);
      if (all > 1) comm += "#" + std::to_string(i + 1);  // the kernel gives all the same name
      TaskInfo& worker = c_.tasks[add_thread(comm, c_.tasks[owner].process)];
      worker.io_thread = true;
      worker.worker_of = c_.tasks[owner].owns_wq;
      worker.spare = i >= s_.workers.size();
      const WorkerStart like = s_.workers[worker.spare ? 0 : i];  // those made on demand are like the first
      worker.unbounded = like == WorkerStart::reading || like == WorkerStart::about_to_read;
    }
  }

  /// The injected task and its child; in the pid namespace only.
  void add_injected() {
    const TaskNo injected = add_process(s_.injected_comm, k_outside);
    c_.tasks[injected].in_namespaces = false;
    process_of(injected).forked_outside = true;
    if (s_.outside_act == OutsideAct::fork) c_.forked = injected;
    if (!s_.injected_child.empty()) c_.tasks[add_process(s_.injected_child, injected)].in_namespaces = false;
  }

  /// Nested ones lie on a level each, and are not alike.
  void add_bystander(std::uint8_t i) {
    begin(static_cast<std::uint8_t>(s_.nested ? 1 + i : 1), s_.bystander_comm + mark(i), s_.bystander_ending);
    if (!s_.bystander_child.empty()) add_process(s_.bystander_child + mark(i), init());
  }

  /// The scenario's containers lie in the first bystander, and each bystander lies in the next one.
  void nest() {
    for (std::uint8_t i = 0; i < s_.containers; ++i) c_.containers[i].inside = s_.containers;
    for (std::size_t i = s_.containers; i + 1 < c_.containers.size(); ++i)
      c_.containers[i].inside = static_cast<std::uint8_t>(i + 1);
    for (const Container& container : c_.containers)
      if (container.inside != 0xff)
        process_of(container.leader).parent = c_.containers[container.inside].leader;
  }

  Config& c_;
  const Scenario& s_;
  std::int32_t ns_tid_ = 0;
};

void start_namespaces(const Config& c, State& s) {
  for (std::size_t no = 0; no < c.containers.size(); ++no) {
    const Container& container = c.containers[no];
    s.pid_ns[container.pid_ns] = {.child_reaper = container.leader, .pid_allocated = 0, .adding = 1};
    s.mnt_ns[no].refs = static_cast<std::uint8_t>(1 + container.outside_holders);
  }
}

void start_wqs(const Config& c, State& s) {
  for (const ProcessInfo& process : c.processes)
    if (process.submitter != k_no_task)
      s.processes[c.tasks[process.submitter].process].armed = c.scenario.armed_request ? 1 : 0;
  for (std::size_t no = 0; no < c.wqs.size(); ++no) {
    Wq& wq = s.wqs[no];
    wq.worker_refs = static_cast<std::uint8_t>(1 + c.scenario.workers.size());
    wq.queued = {c.scenario.bounded, c.scenario.unbounded};
    wq.hashed = c.scenario.hashed;
    wq.held_outside = c.scenario.hash_held_outside ? 1 : 0;
  }
  for (const TaskInfo& info : c.tasks)
    if (info.worker_of != 0xff && !info.spare) ++s.wqs[info.worker_of].nr_workers[info.unbounded ? 1 : 0];
}

}  // namespace

void count_member(const Config& c, State& s, TaskNo no) {
  const TaskInfo& info = c.tasks[no];
  for (std::uint8_t level = info.container; level != 0xff; level = c.containers[level].inside)
    ++s.pid_ns[c.containers[level].pid_ns].pid_allocated;
  if (info.in_namespaces) ++s.mnt_ns[info.container].nsproxy_refs;
  ++s.processes[info.process].quick_threads;
  ++s.processes[info.process].files_users;
  s.tasks[no].parent = c.processes[info.process].parent;
}

std::size_t count_tasks(const Scenario& s) {
  const std::size_t each = 1U + (s.in_thread ? 1U : 0U) + (s.sqpoll ? 1U : 0U) + s.workers.size() +
                           s.may_create + (s.child ? 1U : 0U) + (s.child && s.child_sqpoll ? 1U : 0U) +
                           (s.grandchild_comm.empty() ? 0U : 1U) + (s.orphan_comm.empty() ? 0U : 1U);
  return s.containers * each + s.bystanders * (s.bystander_child.empty() ? 1U : 2U) +
         (s.fuse_server ? 1U : 0U) +
         (s.injected != Injected::none ? s.injected_child.empty() ? 1U : 2U : 0U) +
         (s.outside_act != OutsideAct::nothing ? 1U : 0U) + 1U;
}

Config make_config(const Scenario& scenario, const Variant& variant, Preempt preempt) {
  UNZAP_ASSERT(scenario.cpus >= 1 && scenario.cpus <= k_max_cpus, "{} CPUs", scenario.cpus);
  UNZAP_ASSERT(scenario.containers >= 1 && scenario.containers + scenario.bystanders <= k_max_containers,
               "{} containers and {} bystanders", scenario.containers, scenario.bystanders);
  Config c;
  c.scenario = scenario;
  c.variant = variant;
  c.programs = Programs(variant);
  c.preempt = preempt;
  Cast(c).add_all();
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
  s.migrations = c.scenario.cgroup_migrations;
  s.livepatches = c.scenario.livepatches;
  s.fake_signals = c.scenario.fake_signals;
  s.operator_kills = c.scenario.operator_kills & 0xfU;
  s.operator_terms = c.scenario.operator_terms & 0xfU;
  s.fuse_dev_refs =
      static_cast<std::uint8_t>((c.scenario.fuse_server ? 1 : 0) + (c.scenario.child_fuse ? 1 : 0));
  start_namespaces(c, s);
  start_wqs(c, s);

  std::array<std::uint8_t, k_max_containers> items{};  // bounded requests without a worker that was woken
  std::array<std::size_t, k_max_containers> workers{};
  items.fill(static_cast<std::uint8_t>(c.scenario.bounded + c.scenario.hashed));
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
      start_worker(c.scenario, task, c.scenario.workers[workers[info.container]++], s.wqs[info.worker_of],
                   items[info.container]);
    else if (info.sqpoll)
      start_sqpoll_thread(task);
    else if (no == c.forked)
      start_unborn(s.pid_ns[info.pid_ns], s.processes[info.process], task);
    else if (c.processes[info.process].forked_outside && c.scenario.injected == Injected::zombie)
      start_zombie(s.processes[info.process], task);
    else if (info.leader)
      start_leader(c, s, no);
    else
      sleep_in_syscall(task);
  }
  return s;
}

}  // namespace unzap::kernel
