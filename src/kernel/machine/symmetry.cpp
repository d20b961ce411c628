// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/symmetry.hpp"

#include <algorithm>
#include <cstring>
#include <random>
#include <span>

namespace unzap::kernel {
namespace {

std::uint8_t bit(unsigned n) {
  return static_cast<std::uint8_t>(1U << n);
}

/// What the machine knows of one CPU besides who runs there.
std::uint8_t bits_of_cpu(const State& s, std::uint8_t cpu) {
  const auto has = [&](std::uint8_t mask) { return (mask & bit(cpu)) != 0; };
  return static_cast<std::uint8_t>((has(s.need_resched) ? 1U : 0U) | (has(s.rcu.mask) ? 2U : 0U) |
                                   (has(s.rcu.ipi) ? 4U : 0U) | (has(s.rcu.asked) ? 8U : 0U));
}

/// The tasks that may run there, by their new numbers.
unsigned allowed_on(const Config& c, const State& s, std::uint8_t cpu, const Renaming& to) {
  unsigned tasks = 0;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if ((s.tasks[no].allowed & bit(cpu)) != 0) tasks |= 1U << to(no);
  return tasks;
}

std::uint8_t renamed_mask(std::uint8_t mask, const Renaming& to) {
  std::uint8_t out = 0;
  for (unsigned cpu = 0; cpu < k_max_cpus; ++cpu)
    if ((mask & bit(cpu)) != 0) out = static_cast<std::uint8_t>(out | bit(to.cpu[cpu]));
  return out;
}

std::uint8_t renamed_cpu(std::uint8_t cpu, const Renaming& to) {
  return cpu < k_max_cpus ? to.cpu[cpu] : cpu;
}

/// Whether Task::local is the number of a task, or one past it: the walk of io_wq_exit_workers().
bool walks_workers(const Task& task) {
  return task.local != 0 && is_in(task, Routine::io_wq_put_and_exit);
}

/// What is to be known of a task without the numbers that change places with it: its CPU is what that CPU is
/// doing, and the tasks from `base` to `end` are meant relative to `base`.
Task as_seen_from(const State& s, TaskNo no, TaskNo base, TaskNo end) {
  Task task = s.tasks[no];
  if (walks_workers(task)) task.local = static_cast<std::uint8_t>(task.local - base);
  if (task.parent >= base && task.parent < end) task.parent = static_cast<TaskNo>(0x80 + task.parent - base);
  task.cpu = task.cpu < k_max_cpus ? static_cast<std::uint8_t>(0x80U | bits_of_cpu(s, task.cpu)) : 0;
  if (task.rq < k_max_cpus) task.rq = 0;
  task.allowed = s.rcu.exp_mutex == no ? 1 : 0;
  return task;
}

template <class T>
int compare(const T& a, const T& b) {
  return std::memcmp(&a, &b, sizeof(T));
}

std::uint16_t children_of(const Config& c, const State& s, TaskNo no) {
  std::uint16_t children = 0;
  for (TaskNo child = 0; child < c.tasks.size(); ++child)
    if (s.tasks[child].parent == no) children = static_cast<std::uint16_t>(children | 1U << child);
  return children;
}

int compare_workers(const Config& c, const State& s, TaskNo a, TaskNo b) {
  if (const int order = compare(as_seen_from(s, a, a, a), as_seen_from(s, b, b, b))) return order;
  const auto reaps = [&](TaskNo no) { return s.pid_ns[c.tasks[no].pid_ns].child_reaper == no; };
  if (reaps(a) != reaps(b)) return reaps(a) ? 1 : -1;
  return static_cast<int>(children_of(c, s, a)) - static_cast<int>(children_of(c, s, b));
}

PidNamespace as_seen_from(PidNamespace ns, TaskNo base) {
  ns.child_reaper = static_cast<TaskNo>(ns.child_reaper - base);
  return ns;
}

/// Compares the containers with the tasks `a` and `b`, made alike.
int compare_containers(const Config& c, const State& s, std::span<const TaskNo> a,
                       std::span<const TaskNo> b) {
  const TaskNo base_a = a.front(), end_a = static_cast<TaskNo>(a.back() + 1);
  const TaskNo base_b = b.front(), end_b = static_cast<TaskNo>(b.back() + 1);
  for (std::size_t i = 0; i < a.size(); ++i)
    if (const int order = compare(as_seen_from(s, a[i], base_a, end_a), as_seen_from(s, b[i], base_b, end_b)))
      return order;
  for (std::size_t i = 0; i < a.size(); ++i) {
    const TaskInfo &one = c.tasks[a[i]], &other = c.tasks[b[i]];
    if (const int order = compare(s.processes[one.process], s.processes[other.process])) return order;
    if (one.owns_wq != 0xff)
      if (const int order = compare(s.wqs[one.owns_wq], s.wqs[other.owns_wq])) return order;
    if (const int order =
            compare(as_seen_from(s.pid_ns[one.pid_ns], base_a), as_seen_from(s.pid_ns[other.pid_ns], base_b)))
      return order;
  }
  return compare(s.mnt_ns[c.tasks[a.front()].container], s.mnt_ns[c.tasks[b.front()].container]);
}

/// `things` in ascending order.
template <class Compare>
std::array<std::uint8_t, k_max_tasks> sorted(std::span<const std::uint8_t> things,
                                             const Compare& compare_two) {
  std::array<std::uint8_t, k_max_tasks> out{};
  for (std::size_t i = 0; i < things.size(); ++i) {
    std::size_t at = i;
    for (; at > 0 && compare_two(things[i], out[at - 1]) < 0; --at) out[at] = out[at - 1];
    out[at] = things[i];
  }
  return out;
}

bool exiting(const State& s, TaskNo no) {
  return (s.tasks[no].flags & k_pf_exiting) != 0;
}

/// Those of `group` that may change places now.
std::vector<TaskNo> interchangeable(const Config& c, const State& s, const std::vector<TaskNo>& group) {
  std::vector<TaskNo> out;
  if (!exiting(s, c.wqs[c.tasks[group.front()].worker_of].owner)) return out;
  for (const TaskNo no : group)
    if (exiting(s, no)) out.push_back(no);
  return out;
}

/// First who, then where: `a`, then `b`.
Renaming then(const Renaming& a, const Renaming& b) {
  Renaming out{};
  for (std::size_t i = 0; i < out.task.size(); ++i) out.task[i] = b.task[a.task[i]];
  for (std::size_t i = 0; i < out.cpu.size(); ++i) out.cpu[i] = b.cpu[a.cpu[i]];
  for (std::size_t i = 0; i < out.container.size(); ++i) out.container[i] = b.container[a.container[i]];
  return out;
}

/// Container `from` gets the place of container `to`.
void exchange(const std::vector<std::vector<TaskNo>>& members, std::uint8_t from, std::uint8_t to,
              Renaming& out) {
  out.container[from] = to;
  for (std::size_t i = 0; i < members[to].size(); ++i) out.task[members[from][i]] = members[to][i];
}

Task renamed_task(Task task, TaskNo no, const Renaming& to) {
  auto& [stack, depth, run_state, cpu, rq, allowed, tif, flags, flags2, exit_state, parent, works, local, ret,
         snap, worker_ref, item, creating] = task;
  // The whole container moves by as much.
  if (walks_workers(task)) local = static_cast<std::uint8_t>(local - no + to(no));
  parent = to(parent);
  cpu = renamed_cpu(cpu, to);
  rq = renamed_cpu(rq, to);
  allowed = renamed_mask(allowed, to);
  return task;
}

PidNamespace renamed_namespace(PidNamespace ns, const Renaming& to) {
  auto& [child_reaper, pid_allocated, adding] = ns;
  child_reaper = to(child_reaper);
  return ns;
}

Rcu renamed_rcu(Rcu rcu, const Renaming& to) {
  auto& [done, running, requested, exp_mutex, work_queued, mask, ipi, asked] = rcu;
  exp_mutex = to(exp_mutex);
  mask = renamed_mask(mask, to);
  ipi = renamed_mask(ipi, to);
  asked = renamed_mask(asked, to);
  return rcu;
}

bool changes(const Renaming& r) {
  static const Renaming none = identity();
  return r.task != none.task || r.cpu != none.cpu || r.container != none.container;
}

}  // namespace

Renaming identity() {
  Renaming out{};
  for (std::size_t i = 0; i < out.task.size(); ++i) out.task[i] = static_cast<TaskNo>(i);
  for (std::size_t i = 0; i < out.cpu.size(); ++i) out.cpu[i] = static_cast<std::uint8_t>(i);
  for (std::size_t i = 0; i < out.container.size(); ++i) out.container[i] = static_cast<std::uint8_t>(i);
  return out;
}

State renamed(const Config& c, const State& s, const Renaming& to) {
  State out = s;
  // What has no name in it stays as it is. All fields stand here, so that a new one cannot be forgotten.
  auto& [tasks, processes, wqs, rcu, current, need_resched, pid_ns, mnt_ns, namespace_sem, threadgroup_rwsem,
         migrations, fake_signals, operator_kills, operator_terms, livepatches, outside_acted, outside_free,
         fuse_dev_refs, fuse_aborted] = out;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    const TaskInfo& old_info = c.tasks[no];
    const TaskInfo& new_info = c.tasks[to(no)];
    tasks[to(no)] = renamed_task(s.tasks[no], no, to);
    if (old_info.process != 0xff) processes[new_info.process] = s.processes[old_info.process];
    if (old_info.owns_wq != 0xff) wqs[new_info.owns_wq] = s.wqs[old_info.owns_wq];
  }
  for (std::size_t no = 0; no < c.containers.size(); ++no) {
    const std::uint8_t place = to.container[no];
    pid_ns[c.containers[place].pid_ns] = renamed_namespace(s.pid_ns[c.containers[no].pid_ns], to);
    mnt_ns[place] = s.mnt_ns[no];
  }
  for (std::size_t cpu = 0; cpu < k_max_cpus; ++cpu) current[to.cpu[cpu]] = to(s.current[cpu]);
  need_resched = renamed_mask(need_resched, to);
  rcu = renamed_rcu(rcu, to);
  return out;
}

Symmetry::Symmetry(const Config& config) : members_(config.containers.size()) {
  std::vector<std::vector<TaskNo>> accounts(2 * config.wqs.size());
  for (TaskNo no = 0; no < config.tasks.size(); ++no) {
    const TaskInfo& info = config.tasks[no];
    if (info.container != 0xff) members_[info.container].push_back(no);
    if (info.worker_of != 0xff) accounts[2U * info.worker_of + (info.unbounded ? 1U : 0U)].push_back(no);
  }
  sizes_ = {config.scenario.cpus, 1, 1};
  for (std::vector<TaskNo>& account : accounts) {
    sizes_[2] = std::max(sizes_[2], account.size());
    if (account.size() > 1) workers_.push_back(std::move(account));
  }
  for (std::uint8_t kind = 0; kind < config.containers.size(); ++kind) {
    std::vector<std::uint8_t> like;
    for (std::uint8_t i = 0; i < config.containers.size(); ++i)
      // Those inside another one are children of its init, which reaps the first that it finds.
      if (config.containers[i].alike == kind && config.containers[i].inside == 0xff) like.push_back(i);
    sizes_[1] = std::max(sizes_[1], like.size());
    if (like.size() > 1) containers_.push_back(std::move(like));
  }
}

Renaming Symmetry::canonicalise(const Config& c, State& s) const {
  Renaming all = identity();
  for (const std::vector<TaskNo>& group : workers_) {
    const std::vector<TaskNo> like = interchangeable(c, s, group);
    if (like.size() < 2) continue;
    const auto order = sorted(like, [&](TaskNo a, TaskNo b) { return compare_workers(c, s, a, b); });
    Renaming one = identity();
    for (std::size_t i = 0; i < like.size(); ++i) one.task[order[i]] = like[i];
    if (!changes(one)) continue;
    s = renamed(c, s, one);
    all = then(all, one);
  }
  // Containers are compared with their workers in order; CPUs by the numbers that the tasks get.
  Renaming rest = identity();
  for (const std::vector<std::uint8_t>& like : containers_) {
    const auto order = sorted(like, [&](std::uint8_t a, std::uint8_t b) {
      return compare_containers(c, s, members_[a], members_[b]);
    });
    for (std::size_t i = 0; i < like.size(); ++i) exchange(members_, order[i], like[i], rest);
  }
  std::array<std::uint64_t, k_max_cpus> keys{};
  std::array<std::uint8_t, k_max_cpus> cpus{};
  for (std::uint8_t cpu = 0; cpu < c.scenario.cpus; ++cpu) {
    cpus[cpu] = cpu;
    keys[cpu] = std::uint64_t{allowed_on(c, s, cpu, rest)} << 16U |
                std::uint64_t{rest(s.current[cpu])} << 8U | bits_of_cpu(s, cpu);
  }
  const auto order = sorted({cpus.data(), c.scenario.cpus}, [&](std::uint8_t a, std::uint8_t b) {
    return keys[a] < keys[b] ? -1 : keys[a] > keys[b] ? 1 : 0;
  });
  for (std::uint8_t i = 0; i < c.scenario.cpus; ++i) rest.cpu[order[i]] = i;
  if (!changes(rest)) return all;
  s = renamed(c, s, rest);
  return then(all, rest);
}

Renaming Symmetry::any(const Config& c, const State& s, std::uint32_t seed) const {
  std::minstd_rand random(seed);
  Renaming all = identity();
  for (const std::vector<TaskNo>& group : workers_) {
    const std::vector<TaskNo> like = interchangeable(c, s, group);
    std::vector<TaskNo> drawn = like;
    std::shuffle(drawn.begin(), drawn.end(), random);
    for (std::size_t i = 0; i < like.size(); ++i) all.task[like[i]] = drawn[i];
  }
  for (const std::vector<std::uint8_t>& like : containers_) {
    std::vector<std::uint8_t> drawn = like;
    std::shuffle(drawn.begin(), drawn.end(), random);
    Renaming one = identity();
    for (std::size_t i = 0; i < like.size(); ++i) exchange(members_, like[i], drawn[i], one);
    all = then(all, one);
  }
  std::shuffle(all.cpu.begin(), all.cpu.begin() + static_cast<std::ptrdiff_t>(c.scenario.cpus), random);
  return all;
}

}  // namespace unzap::kernel
