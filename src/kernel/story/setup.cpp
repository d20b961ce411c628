// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/setup.hpp"

#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

constexpr std::int32_t k_first_tid = 4700;
constexpr std::int32_t k_tids_each = 100;  // numbers between the inits of two containers

void push(Task& task, Routine routine, std::uint8_t step) {
  task.stack[task.depth++] = {routine, step};
}

/// Asleep in a system call; a signal takes it out of there.
void sleep_in_syscall(Task& task) {
  push(task, Routine::syscall_sleep, 0);
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
    push(task, Routine::io_worker, k_worker_after_get_signal);
    push(task, Routine::get_signal, k_get_signal_dump);
  } else if (start == WorkerStart::idle || start == WorkerStart::created) {
    push(task, Routine::io_worker, start == WorkerStart::idle ? k_worker_woken : k_worker_test_exit);
    if (start == WorkerStart::idle && items > 0) {  // io_wqe_activate_free_worker() has woken it
      --items;
      runnable = true;
    }
  } else {
    // As if it had taken the request from its queue in the loop.
    push(task, Routine::io_worker, k_worker_look_for_work);
    push(task, Routine::io_worker_handle_work, 0);
    push(task, Routine::io_wq_do_work, sleeps ? 3 : 0);
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
  push(task, Routine::exit_to_user_mode, 0);
  push(task, Routine::get_signal, 1);
  push(task, freezer == Freezer::v1 ? Routine::refrigerator : Routine::do_freezer_trap, 0);
  task.run_state = freezer == Freezer::v1 ? RunState::uninterruptible : RunState::interruptible;
  task.flags2 |= k_frozen;
}

void start_child(const Config& c, TaskNo no, Task& task) {
  if (c.containers[c.tasks[no].container].kind == Container::Kind::bystander) return sleep_in_syscall(task);
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
  --s.pid_ns[c.tasks[c.injected].pid_ns].pid_allocated;
}

void start_sqpoll_thread(Task& task) {
  task.flags |= k_pf_io_worker;
  push(task, Routine::ret_from_fork, k_tail);
  push(task, Routine::io_sq_thread, 0);
  task.run_state = RunState::interruptible;
}

/// About to call exit_group(2).
void start_exit(Task& task) {
  push(task, Routine::syscall_exit_group, 0);
  task.flags |= k_on_rq;
}

void start_asleep(Task& task, Routine routine, RunState state) {
  push(task, routine, 0);
  task.run_state = state;
}

void start_leader(const Config& c, State& s, TaskNo no) {
  Task& leader = s.tasks[no];
  const Ending ending = c.containers[c.tasks[no].container].ending;
  if (ending == Ending::sigkill) return sleep_in_syscall(leader);
  if (ending == Ending::core_dump) {
    push(leader, Routine::exit_to_user_mode, 0);
    push(leader, Routine::get_signal, k_get_signal_dump);
  } else {
    push(leader, ending == Ending::exit ? Routine::syscall_exit : Routine::syscall_exit_group, 0);
  }
  leader.flags |= k_on_rq;
  if (no != c.first().leader) return;
  if (!c.scenario.balance) leader.rq = 0;
  pick(s, no, 0);
}

/// Adds the tasks of a scenario to a Config, one after another.
class Cast {
 public:
  explicit Cast(Config& config) : c_(config), s_(config.scenario) {}

  void add_all() {
    for (std::uint8_t i = 0; i < s_.containers; ++i) add_container(i);
    if (s_.fuse_server) c_.fuse_server = add("fuse-server", Role::fuse_server, new_process());
    if (s_.injected != Injected::none) {
      c_.injected = add(s_.injected_comm, Role::injected, new_process());
      c_.tasks[c_.injected].in_namespaces = false;
      if (!s_.injected_child.empty()) {
        c_.injected_child = add(s_.injected_child, Role::injected_child, new_process());
        c_.tasks[c_.injected_child].in_namespaces = false;
      }
    }
    for (std::uint8_t i = 0; i < s_.bystanders; ++i) add_bystander(i);
    if (s_.nested) nest();
    if (s_.outside_act != OutsideAct::nothing) {
      c_.outside = static_cast<TaskNo>(c_.tasks.size());
      c_.tasks.push_back({.comm = s_.outside_comm,
                          .role = Role::outside,
                          .tid = k_first_tid - 90,
                          .process = new_process(),
                          .leader = true});
    }
    c_.kworker = static_cast<TaskNo>(c_.tasks.size());
    c_.tasks.push_back({.comm = "kworker/rcu_gp", .role = Role::kworker, .tid = 12});
    UNZAP_ASSERT(c_.tasks.size() <= k_max_tasks, "{} tasks are more than the model holds", c_.tasks.size());
    UNZAP_ASSERT(processes_ <= k_max_processes, "{} processes are more than the model holds", processes_);
  }

 private:
  std::uint8_t new_process() { return processes_++; }
  /// What follows the names of all tasks of the `i`th container of a kind; on a host they are named alike.
  static std::string mark(std::uint8_t i) { return i == 0 ? "" : "#" + std::to_string(i + 1); }

  /// A member of the container that was begun last (the FUSE server and the injected task: of the first,
  /// which stands alone then).
  TaskNo add(std::string comm, Role role, std::uint8_t process) {
    const auto container = static_cast<std::uint8_t>(c_.containers.size() - 1);
    if (role == Role::init) ns_tid_ = 0;
    ++ns_tid_;
    const bool leader = role != Role::ring_thread && role != Role::worker && role != Role::sqpoll;
    c_.tasks.push_back({.comm = std::move(comm),
                        .role = role,
                        .tid = k_first_tid + container * k_tids_each + ns_tid_,
                        .ns_tid = ns_tid_,
                        .process = process,
                        .container = container,
                        .pid_ns = c_.containers[container].pid_ns,
                        .leader = leader,
                        .in_namespaces = true});
    return static_cast<TaskNo>(c_.tasks.size() - 1);
  }

  Container& begin(Container::Kind kind, Ending ending) {
    const auto pid_ns = static_cast<std::uint8_t>(c_.containers.size());
    c_.containers.push_back({.kind = kind, .ending = ending, .pid_ns = pid_ns});
    return c_.containers.back();
  }

  void add_container(std::uint8_t i) {
    Container& container = begin(Container::Kind::scenario, s_.ending);
    const std::uint8_t init = new_process();
    container.leader = container.ring_owner = add(s_.init_comm + mark(i), Role::init, init);
    if (s_.in_thread) container.ring_owner = add(s_.init_comm + "/2" + mark(i), Role::ring_thread, init);
    if (s_.sqpoll)
      container.ring_owner =
          add("iou-sqp-" + std::to_string(c_.tasks[container.leader].tid), Role::sqpoll, init);
    if (s_.ring) {
      c_.tasks[container.ring_owner].owns_wq = static_cast<std::uint8_t>(c_.wq_owner.size());
      c_.wq_owner.push_back(container.ring_owner);
    }
    add_workers(container, init);
    if (!s_.child) return;
    const std::uint8_t child = new_process();
    container.child = add(s_.child_comm + mark(i), Role::child, child);
    if (s_.child_sqpoll) add("iou-sqp-" + std::to_string(c_.tasks[container.child].tid), Role::sqpoll, child);
    c_.tasks[container.child].subreaper = s_.child_subreaper;
    if (s_.grandchild_comm.empty()) return;
    container.grandchild = add(s_.grandchild_comm + mark(i), Role::grandchild, new_process());
    if (!s_.orphan_comm.empty()) add(s_.orphan_comm + mark(i), Role::orphan, new_process());
  }

  void add_workers(const Container& container, std::uint8_t init) {
    const std::size_t all = s_.workers.size() + s_.may_create;
    for (std::size_t i = 0; i < all; ++i) {
      std::string comm = "iou-wrk-" + std::to_string(c_.tasks[container.ring_owner].tid);
      if (all > 1) comm += "#" + std::to_string(i + 1);  // the kernel gives all the same name
      TaskInfo& worker = c_.tasks[add(comm, Role::worker, init)];
      worker.worker_of = c_.tasks[container.ring_owner].owns_wq;
      worker.spare = i >= s_.workers.size();
      const WorkerStart like = s_.workers[worker.spare ? 0 : i];  // those made on demand are like the first
      worker.unbounded = like == WorkerStart::reading || like == WorkerStart::about_to_read;
    }
  }

  void add_bystander(std::uint8_t i) {
    Container& container = begin(Container::Kind::bystander, s_.bystander_ending);
    container.leader = add(s_.bystander_comm + mark(i), Role::init, new_process());
    if (!s_.bystander_child.empty())
      container.child = add(s_.bystander_child + mark(i), Role::child, new_process());
  }

  /// The scenario's containers lie in the first bystander, and each bystander lies in the next one.
  void nest() {
    for (std::uint8_t i = 0; i < s_.containers; ++i) c_.containers[i].inside = s_.containers;
    for (std::size_t i = s_.containers; i + 1 < c_.containers.size(); ++i)
      c_.containers[i].inside = static_cast<std::uint8_t>(i + 1);
  }

  Config& c_;
  const Scenario& s_;
  std::uint8_t processes_ = 0;
  std::int32_t ns_tid_ = 0;
};

void start_namespaces(const Config& c, State& s) {
  for (std::size_t no = 0; no < c.containers.size(); ++no) {
    const Container& container = c.containers[no];
    const bool held = container.kind == Container::Kind::scenario;
    s.pid_ns[container.pid_ns] = {.child_reaper = container.leader, .pid_allocated = 0, .adding = 1};
    s.mnt_ns[no].refs = static_cast<std::uint8_t>(1 + (held ? c.scenario.outside_holders : 0));
    if (held) s.processes[c.tasks[container.leader].process].armed = c.scenario.armed_request ? 1 : 0;
  }
}

void start_wqs(const Config& c, State& s) {
  for (std::size_t no = 0; no < c.wq_owner.size(); ++no) {
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
  const TaskNo leader = c.containers[info.container].leader;
  const std::uint8_t outer = c.containers[info.container].inside;
  s.tasks[no].parent = info.process != c.tasks[leader].process ? leader
                       : outer == 0xff                         ? k_outside
                                                               : c.containers[outer].leader;
  if (info.role == Role::injected_child) s.tasks[no].parent = c.injected;
  if (info.role == Role::grandchild) s.tasks[no].parent = c.containers[info.container].child;
  if (info.role == Role::orphan) s.tasks[no].parent = c.containers[info.container].grandchild;
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
    switch (info.role) {
      case Role::init: start_leader(c, s, no); break;
      case Role::worker:
        start_worker(c.scenario, task, c.scenario.workers[workers[info.container]++], s.wqs[info.worker_of],
                     items[info.container]);
        break;
      case Role::kworker: start_asleep(task, Routine::kthread, RunState::idle); break;
      case Role::outside: start_asleep(task, Routine::outside_sleep, RunState::interruptible); break;
      case Role::injected: start_injected(c, s); break;
      case Role::sqpoll: start_sqpoll_thread(task); break;
      case Role::child: start_child(c, no, task); break;
      case Role::grandchild: start_exit(task); break;
      case Role::orphan:
      case Role::ring_thread:
      case Role::injected_child:
      case Role::fuse_server: sleep_in_syscall(task); break;
    }
  }
  return s;
}

}  // namespace unzap::kernel
