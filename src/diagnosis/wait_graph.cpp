// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/wait_graph.hpp"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace unzap {
namespace {

bool lockup_or_stall(const KernelEvent& event) {
  return event.kind == EventKind::soft_lockup || event.kind == EventKind::hard_lockup ||
         event.kind == EventKind::rcu_stall || event.kind == EventKind::rcu_expedited_stall;
}

/// More of them say nothing new of one edge.
constexpr std::size_t k_most_proofs = 16;

/// The folder of a cgroup in its file system, by the file that was looked at there.
std::string_view folder_of(const CgroupState& state) {
  return std::string_view(state.where).substr(0, state.where.rfind('/'));
}

}  // namespace

WaitGraph::WaitGraph(const Snapshot& snapshot, const Deadline& deadline)
    : snapshot_(snapshot), deadline_(deadline), index_(snapshot) {
  collect_tasks();
  index_cgroups();
  for (const Task* task : tasks_) {
    const bool wchan_only =
        task->state.is('D') && task->wchan && task->wchan->size() > 1 && stack_of(*task) == nullptr;
    if (wchan_only) {
      Stack& known = wchan_stacks_[task];
      known.frames.push_back({.function = std::string(plain_symbol(*task->wchan))});
      known.where = task->where;
    }
    const Stack* stack = stack_of(*task);
    if (stack == nullptr || hold_of(*task) == Hold::none) continue;
    const WaitSite* site = wait_site(*stack);
    // A weak site says something only about a task that is known to be uninterruptible.
    if (site != nullptr && site->weak && !task->state.is('D') && hold_of(*task) != Hold::lasting &&
        (task->state || !site->never_idle))
      site = nullptr;
    // The main function of a kernel thread, and nothing above it: it has nothing to do.
    if (site != nullptr && !task->state.is('D') && hold_of(*task) != Hold::lasting && stack->has("kthread") &&
        only_by_prefix(*stack, *site))
      site = nullptr;
    if (site != nullptr) sites_[task] = site;
    if (rcu_wait(*stack)) rcu_waiters_.push_back(task);
  }
  find_reapers();
  attach_reports();
  find_members();
  using Pass = void (WaitGraph::*)();
  for (const Pass pass :
       {&WaitGraph::add_reaper_edges, &WaitGraph::add_site_edges, &WaitGraph::add_freezer_edges,
        &WaitGraph::add_rcu_holders, &WaitGraph::add_process_edges, &WaitGraph::add_io_worker_edges})
    if (!out_of_time()) (this->*pass)();
}

bool WaitGraph::stands(const KernelEvent& event) const {
  const bool now = snapshot_.origin != Origin::text;
  if (!now || !snapshot_.all_tasks || !event.tid) return true;
  const Task* task = index_.by_tid(*event.tid);
  if (task == nullptr || (event.comm && task->comm && *event.comm != *task->comm)) return false;
  if (event.kind == EventKind::hung_task) return task->state.is('D');
  const auto found = rate(*task);
  return !lockup_or_stall(event) || !found || found->switches.value_or(0) == 0;
}

void WaitGraph::collect_tasks() {
  for (const Task& task : snapshot_.tasks)
    if (!index_.is_copy(task)) tasks_.push_back(&task);
  for (const KernelEvent& event : snapshot_.events) {
    if (!stands(event)) continue;
    events_.push_back(&event);
    if (!event.tid) continue;
    if (event.kind == EventKind::hung_task) hung_tids_.insert(*event.tid);
    if (event.stack && !event.stack->frames.empty() && event.kind != EventKind::oom_kill)
      report_stacks_.emplace(*event.tid, &event);
    const bool about_a_task =
        event.kind == EventKind::hung_task || event.kind == EventKind::task_state || lockup_or_stall(event);
    if (!about_a_task || index_.by_tid(*event.tid) != nullptr || reported_by_tid_.count(*event.tid) > 0)
      continue;
    Task task;
    task.tid = event.tid;
    task.comm = event.comm;
    task.where = event.where;
    if (event.kind == EventKind::hung_task) {
      task.state = 'D';
      task.blocked_seconds = event.duration_seconds;
    }
    if (lockup_or_stall(event)) task.state = 'R';
    if (lockup_or_stall(event) && event.cpus.size() == 1) task.processor = event.cpus.front();
    task.stack = event.stack;
    reported_.push_back(std::move(task));
    reported_by_tid_[*event.tid] = &reported_.back();
    tasks_.push_back(&reported_.back());
  }
}

const Stack* WaitGraph::stack_of(const Task& task) const {
  if (task.stack && !task.stack->frames.empty()) return task.stack.get();
  if (task.tid)
    if (const auto at = report_stacks_.find(*task.tid); at != report_stacks_.end())
      return at->second->stack.get();
  const auto at = wchan_stacks_.find(&task);
  return at == wchan_stacks_.end() ? nullptr : &at->second;
}

Hold WaitGraph::hold_of(const Task& task) const {
  if (reported_hung(task)) return Hold::lasting;
  return hold(task, snapshot_.origin);
}

const Task* WaitGraph::task_numbered(std::int32_t tid) const {
  if (const Task* known = index_.by_tid(tid)) return known;
  const auto at = reported_by_tid_.find(tid);
  return at == reported_by_tid_.end() ? nullptr : at->second;
}

const Task* WaitGraph::task_of(const KernelEvent& event) const {
  return event.tid ? task_numbered(*event.tid) : nullptr;
}

const Task* WaitGraph::task_of(const Party& party) const {
  const Task* task = party.tid ? task_numbered(*party.tid) : nullptr;
  const bool other = task != nullptr && party.start_ticks && !task->start_ticks.is(*party.start_ticks);
  return other ? nullptr : task;
}

std::size_t WaitGraph::add(NodeRef ref, const Task* task) {
  nodes_.push_back({std::move(ref), task});
  out_.emplace_back();
  in_.emplace_back();
  return nodes_.size() - 1;
}

std::size_t WaitGraph::task_node(const Task& task) {
  const auto [at, fresh] = task_nodes_.try_emplace(&task, nodes_.size());
  if (fresh) add(NodeRef::of(task), &task);
  return at->second;
}

std::size_t WaitGraph::cpu_node(std::int32_t cpu) {
  const auto [at, fresh] = cpu_nodes_.try_emplace(cpu, nodes_.size());
  if (fresh) add(NodeRef::cpu(cpu));
  return at->second;
}

std::size_t WaitGraph::rcu_node() {
  if (!rcu_node_) rcu_node_ = add(NodeKind::rcu_grace_period);
  return *rcu_node_;
}

std::size_t WaitGraph::thing_node(const NodeRef& ref) {
  const auto [at, fresh] = thing_nodes_.try_emplace(ref, nodes_.size());
  if (fresh) add(ref);
  return at->second;
}

void WaitGraph::connect(std::size_t from, std::size_t to, Reason reason, std::vector<Proof> proofs,
                        bool inferred) {
  if (from == to) return;
  const auto [at, fresh] = edge_between_.try_emplace({from, to}, edges_.size());
  if (!fresh) {
    Edge& known = edges_[at->second];
    known.inferred = known.inferred && inferred;
    if (known.proofs.size() < k_most_proofs)
      known.proofs.insert(known.proofs.end(), proofs.begin(), proofs.end());
    return;
  }
  out_[from].push_back(edges_.size());
  in_[to].push_back(edges_.size());
  edges_.push_back({from, to, std::move(reason), inferred, std::move(proofs)});
}

std::optional<std::size_t> WaitGraph::node_of(const Task& task) const {
  const auto at = task_nodes_.find(&task);
  return at == task_nodes_.end() ? std::nullopt : std::optional<std::size_t>(at->second);
}

std::vector<const Edge*> WaitGraph::out(std::size_t node) const {
  std::vector<const Edge*> found;
  for (const std::size_t number : out_[node]) found.push_back(&edges_[number]);
  return found;
}

std::vector<const Edge*> WaitGraph::into(std::size_t node) const {
  std::vector<const Edge*> found;
  for (const std::size_t number : in_[node]) found.push_back(&edges_[number]);
  return found;
}

std::vector<const Edge*> WaitGraph::path(std::size_t from, std::size_t to) const {
  // Only what is reached is touched: there are as many questions as jams.
  std::unordered_map<std::size_t, const Edge*> came;
  std::queue<std::size_t> next;
  next.push(from);
  while (!next.empty()) {
    const std::size_t node = next.front();
    next.pop();
    for (const std::size_t number : out_[node]) {
      const Edge& edge = edges_[number];
      // The start may be entered once more: that is how a cycle is found.
      if (!came.emplace(edge.to, &edge).second) continue;
      if (edge.to != to) {
        if (edge.to != from) next.push(edge.to);
        continue;
      }
      std::vector<const Edge*> steps = {&edge};
      while (steps.back()->from != from) steps.push_back(came[steps.back()->from]);
      std::reverse(steps.begin(), steps.end());
      return steps;
    }
  }
  return {};
}

std::vector<const Edge*> WaitGraph::cycle_through(std::size_t node) const {
  return path(node, node);
}

std::vector<const Edge*> WaitGraph::way(const Task& from, const Task& to) const {
  const auto start = node_of(from);
  const auto end = node_of(to);
  if (!start || !end || *start == *end) return {};
  return path(*start, *end);
}

const WaitSite* WaitGraph::site_of(const Task& task) const {
  const auto at = sites_.find(&task);
  return at == sites_.end() ? nullptr : at->second;
}

void WaitGraph::index_cgroups() {
  for (const CgroupState& state : snapshot_.cgroups) cgroups_.emplace(state.path, &state);
}

const CgroupState* WaitGraph::freezer_of(const Task& task) const {
  if (!task.cgroup || !alive(task) || task.state.is('R')) return nullptr;
  // What is frozen above freezes what is below: kernel/cgroup/freezer.c, kernel/cgroup/legacy_freezer.c.
  for (std::string_view path = *task.cgroup; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const auto [first, last] = cgroups_.equal_range(path);
    for (auto at = first; at != last; ++at) {
      const CgroupState& state = *at->second;
      if (state.frozen.is(true) && (state.version == 2 || task.state.is('D'))) return &state;
    }
    if (path.rfind('/') == std::string_view::npos) break;
  }
  return nullptr;
}

const CgroupState& WaitGraph::asked_to_freeze(const CgroupState& state) const {
  const CgroupState* best = &state;
  for (std::string_view path = state.path; !path.empty(); path = path.substr(0, path.rfind('/'))) {
    const auto [first, last] = cgroups_.equal_range(path);
    for (auto at = first; at != last; ++at) {
      const CgroupState& above = *at->second;
      const bool same_hierarchy = above.version == state.version &&
                                  (&above == &state || folder_of(state).starts_with(folder_of(above)));
      if (same_hierarchy && above.self_freezing.is(true)) best = &above;
    }
    if (path.rfind('/') == std::string_view::npos) break;
  }
  return *best;
}

bool WaitGraph::rests(const Reaper& reaper) const {
  if (reaper.running || reaper.candidate) return false;
  if (snapshot_.origin == Origin::text) return true;
  const auto found = rate(*reaper.task);
  return found && found->seconds >= k_lasting_seconds && found->switches.is(0);
}

const Reaper* WaitGraph::reaper_at(const Task& task) const {
  const auto at = reaper_numbers_.find(&task);
  return at == reaper_numbers_.end() ? nullptr : &reapers_[at->second];
}

const Reaper* WaitGraph::reaper_over(const Task& task) const {
  if (const Reaper* own = reaper_at(task)) return own;
  if (task.tgid)
    if (const auto at = reaping_process_.find(*task.tgid); at != reaping_process_.end())
      return &reapers_[at->second];
  const auto at = reaper_of_member_.find(&task);
  return at == reaper_of_member_.end() ? nullptr : &reapers_[at->second];
}

Belongs WaitGraph::belongs(const Reaper& reaper, const Task& task) const {
  if (reaper.pid_ns && task.pid_ns_chain)
    return std::find(task.pid_ns_chain->begin(), task.pid_ns_chain->end(), *reaper.pid_ns) !=
                   task.pid_ns_chain->end()
               ? Belongs::proved
               : Belongs::no;
  if (reaper.pid_ns && task.pid_ns && *task.pid_ns == *reaper.pid_ns) return Belongs::proved;
  const Reaper* over = reaper_over(task);
  if (over == &reaper) return Belongs::proved;
  // Of one in another namespace only its own is known: that may lie below this one.
  return Belongs::unknown;
}

}  // namespace unzap
