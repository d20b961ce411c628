// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/cast.hpp"

#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

constexpr std::int32_t k_first_tid = 4700;
constexpr std::int32_t k_tids_each = 100;  // numbers between the inits of two containers

template <class List>
std::uint8_t size8(const List& list) {
  return static_cast<std::uint8_t>(list.size());
}

class Cast {
 public:
  explicit Cast(Config& config) : c_(config), s_(config.scenario) {}

  void add_all() {
    for (std::size_t no = 0; no < s_.containers.size(); ++no)
      for (std::uint8_t copy = 0; copy < s_.containers[no].count; ++copy) add_container(no, copy);
    for (Made& made : made_) join(made);
    if (s_.outside.act != OutsideAct::nothing) add_outside();
    c_.kworker = size8(c_.tasks);
    c_.tasks.push_back({.comm = "kworker/rcu_gp", .tid = 12});
    UNZAP_ASSERT(c_.tasks.size() <= k_max_tasks, "{} tasks are more than the model holds", c_.tasks.size());
    UNZAP_ASSERT(c_.processes.size() <= k_max_processes, "{} processes are more than the model holds",
                 c_.processes.size());
    UNZAP_ASSERT(c_.wqs.size() <= k_max_wqs, "{} io_wqs are more than the model holds", c_.wqs.size());
    UNZAP_ASSERT(c_.containers.size() <= k_max_containers, "{} containers are more than the model holds",
                 c_.containers.size());
  }

 private:
  /// A process of the model, and the one of the scenario that it is made from.
  struct Made {
    std::size_t spec;
    std::uint8_t copy;
    std::uint8_t process;
  };

  /// On a host those that are made alike have the same names; here the names tell them apart.
  static std::string mark(std::uint8_t copy) { return copy == 0 ? "" : "#" + std::to_string(copy + 1); }

  void add_container(std::size_t spec, std::uint8_t copy) {
    const auto no = size8(c_.containers);
    ns_tid_ = 0;
    c_.containers.push_back({.alike = static_cast<std::uint8_t>(spec),
                             .pid_ns = no,
                             .outside_holders = s_.containers[spec].outside_holders,
                             .leader = size8(c_.tasks)});
    for (std::size_t process = 0; process < s_.processes.size(); ++process)
      if (s_.processes[process].container == spec) add_process(process, copy);
    UNZAP_ASSERT(ns_tid_ > 0, "container {} has no process", no);
    c_.processes[c_.tasks[c_.containers[no].leader].process].unkillable = true;
  }

  void add_process(std::size_t no, std::uint8_t copy) {
    const ProcessSpec& spec = s_.processes[no];
    const TaskNo leader = add_task(spec.name + mark(copy));
    c_.tasks[leader].leader = true;
    c_.tasks[leader].ending = spec.ends;
    made_.push_back({no, copy, size8(c_.processes)});
    c_.processes.push_back({.leader = leader,
                            .container = c_.tasks[leader].container,
                            .start = spec.starts,
                            .subreaper = spec.subreaper,
                            .traced = spec.traced,
                            .frozen = spec.frozen,
                            .has_fuse_file = spec.fuse_file,
                            .has_fuse_dev = spec.fuse_dev,
                            .submitter = leader});
    if (spec.starts == ProcessStart::unborn) c_.forked = leader;
    for (const ThreadSpec& thread : spec.threads) {
      const TaskNo added = add_thread(leader, thread.name + mark(copy));
      c_.tasks[added].ending = thread.ends;
      if (spec.ring && spec.ring->thread == thread.name) c_.processes.back().submitter = added;
    }
    if (spec.ring) add_ring(*spec.ring, leader);
  }

  void add_ring(const RingSpec& ring, TaskNo leader) {
    ProcessInfo& process = c_.processes.back();
    if (ring.sqpoll) {
      process.submitter = add_thread(leader, "iou-sqp-" + std::to_string(c_.tasks[leader].tid));
      c_.tasks[process.submitter].io_thread = c_.tasks[process.submitter].sqpoll = true;
    }
    process.has_armed_request = ring.armed;
    process.ring_is_shared = ring.shared_outside;
    if (!ring.io_wq) return;
    const TaskNo owner = process.submitter;
    c_.tasks[owner].owns_wq = size8(c_.wqs);
    c_.wqs.push_back({.owner = owner, .ring = ring, .contends = ring.contends_for_hash()});
    const std::size_t all = ring.workers.size() + ring.may_create;
    for (std::size_t i = 0; i < all; ++i) {
      // The kernel gives all workers of a task the same name.
      const std::string comm = "iou-wrk-" + std::to_string(c_.tasks[owner].tid);
      add_worker(owner, all > 1 ? comm + "#" + std::to_string(i + 1) : comm, i);
    }
  }

  /// Those made on demand are like the first.
  void add_worker(TaskNo owner, std::string comm, std::size_t number) {
    TaskInfo& worker = c_.tasks[add_thread(owner, std::move(comm))];
    worker.worker_of = c_.tasks[owner].owns_wq;
    const std::vector<WorkerStart>& begin = c_.wqs[worker.worker_of].ring.workers;
    worker.io_thread = true;
    worker.spare = number >= begin.size();
    worker.begins = begin[worker.spare ? 0 : number];
    worker.unbounded = worker.begins == WorkerStart::reading || worker.begins == WorkerStart::about_to_read;
  }

  /// A task of the process, and of the container, that were begun last.
  TaskNo add_task(std::string comm) {
    const auto container = static_cast<std::uint8_t>(c_.containers.size() - 1);
    ++ns_tid_;
    c_.tasks.push_back({.comm = std::move(comm),
                        .tid = k_first_tid + container * k_tids_each + ns_tid_,
                        .ns_tid = ns_tid_,
                        .process = size8(c_.processes),
                        .container = container,
                        .pid_ns = c_.containers[container].pid_ns});
    return static_cast<TaskNo>(c_.tasks.size() - 1);
  }
  TaskNo add_thread(TaskNo of, std::string comm) {
    const TaskNo thread = add_task(std::move(comm));
    c_.tasks[thread].process = c_.tasks[of].process;
    return thread;
  }

  /// The first process made from that one, or from the init of that container.
  const Made& made_from(std::size_t spec, std::uint8_t copy) const {
    for (const Made& made : made_)
      if (made.spec == spec && (made.copy == copy || s_.containers[s_.processes[spec].container].count == 1))
        return made;
    UNZAP_ASSERT(false, "process {} was not made", spec);
  }

  /// Gives a process its parent, and a container that lies in another one its place there.
  void join(const Made& made) {
    ProcessInfo& process = c_.processes[made.process];
    const ProcessSpec& spec = s_.processes[made.spec];
    const std::size_t inside = s_.containers[spec.container].inside;
    if (process.unkillable && inside != k_by_default)
      c_.containers[process.container].inside =
          c_.processes[made_from(s_.init_of(inside), 0).process].container;
    std::size_t parent = spec.parent;
    if (parent == k_by_default && !process.unkillable) parent = s_.init_of(spec.container);
    if (parent == k_by_default && inside != k_by_default) parent = s_.init_of(inside);
    bool in_namespaces = process.unkillable;
    if (parent < s_.processes.size()) {
      const ProcessInfo& found = c_.processes[made_from(parent, made.copy).process];
      process.parent = found.leader;
      if (found.container == process.container) in_namespaces = c_.tasks[found.leader].in_namespaces;
    }
    process.forked_outside = process.parent == k_outside && !process.unkillable;
    if (spec.starts == ProcessStart::zombie)
      in_namespaces = false;  // they are gone since exit_task_namespaces()
    for (TaskInfo& task : c_.tasks)
      if (task.process == made.process) task.in_namespaces = in_namespaces;
  }

  void add_outside() {
    c_.outside = size8(c_.tasks);
    c_.tasks.push_back(
        {.comm = s_.outside.name, .tid = k_first_tid - 90, .process = size8(c_.processes), .leader = true});
    c_.processes.push_back({.leader = c_.outside});
  }

  Config& c_;
  const Scenario& s_;
  std::vector<Made> made_;
  std::int32_t ns_tid_ = 0;
};

}  // namespace

Config make_config(const Scenario& scenario, const Variant& variant, Preempt preempt) {
  UNZAP_ASSERT(scenario.cpus >= 1 && scenario.cpus <= k_max_cpus, "{} CPUs", scenario.cpus);
  Config c;
  c.scenario = scenario;
  c.variant = variant;
  c.programs = Programs(variant);
  c.preempt = preempt;
  Cast(c).add_all();
  return c;
}

}  // namespace unzap::kernel
