// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/reapers.hpp"

#include <algorithm>

namespace unzap {
namespace {

/// Number 1 of a pid namespace below the host's.
bool namespace_init(const Task& task) {
  return task.ns_pids && task.ns_pids->size() >= 2 && task.ns_pids->back() == 1;
}

bool in_a_loop(ZapPlace place) {
  return place == ZapPlace::first_loop || place == ZapPlace::second_loop;
}

/// The dump of a task that runs elsewhere has guessed frames only: they make a candidate, not a proof.
bool guesses_zap(const KernelEvent& event) {
  if (event.kind == EventKind::soft_lockup || !event.stack) return false;
  return std::any_of(event.stack->frames.begin(), event.stack->frames.end(), [](const Frame& frame) {
    return frame.guess && frame.function == "zap_pid_ns_processes";
  });
}

}  // namespace

Reapers::Reapers(const Scene& scene) : scene_(scene) {
  find();
  find_hidden();
  attach_reports();
  find_members();
}

Reaper& Reapers::reaper_of(const Task& task) {
  const auto [at, fresh] = numbers_.try_emplace(&task, all_.size());
  if (!fresh) return all_[at->second];
  all_.push_back({});
  Reaper& added = all_.back();
  added.task = &task;
  if (task.pid_ns) added.pid_ns = *task.pid_ns;
  if (task.tgid) by_process_.try_emplace(*task.tgid, at->second);
  return added;
}

void Reapers::find() {
  for (const Task* task : scene_.tasks()) {
    const Stack* stack = scene_.stack_of(*task);
    const ZapPlace place = stack != nullptr ? zap_place(*stack) : ZapPlace::none;
    if (place == ZapPlace::first_loop || place == ZapPlace::second_loop) {
      Reaper& found = reaper_of(*task);
      found.place = place;
      found.stack = stack;
      found.running = (taken_while_running(*stack) && stack->origin != StackOrigin::oops) || spins(*task) ||
                      (stack->origin != StackOrigin::proc_stack && task->state.is('R'));
      found.proofs.push_back(proof(*stack, *task));
    } else if (task->wchan.is("zap_pid_ns_processes")) {
      Reaper& found = reaper_of(*task);
      found.place = ZapPlace::second_loop;
      found.proofs.push_back({place_of(*task), task->label() + ": wchan zap_pid_ns_processes"});
    }
  }
}

/// Exiting threads of a namespace's init whose stack cannot be seen.
void Reapers::find_hidden() {
  for (const Task* leader : scene_.tasks()) {
    if (!namespace_init(*leader) || !leader->is_leader()) continue;
    for (const Task* task : scene_.index().of_process(process_of(*leader))) {
      if (zombie(*task) || exiting(*task) != true || scene_.stack_of(*task) != nullptr) continue;
      if (task->wchan.is("zap_pid_ns_processes")) continue;
      Reaper& found = reaper_of(*task);
      found.running = spins(*task);
      const bool asleep = task->wchan && (*task->wchan == "do_wait" || *task->wchan == "kernel_wait4");
      if (asleep) found.place = ZapPlace::first_loop;
      const bool no_frames =
          task->stack ? task->stack->frames.empty() : *task->stack.absence() == Absence::task_running;
      const bool on_cpu = task->state.is('R') || task->syscall.is("running") || no_frames;
      found.candidate = !asleep && (found.running || on_cpu);
      found.proofs.push_back({place_of(*task), task->label() + ": exiting thread of init " + leader->label() +
                                                   " of a pid namespace" + (asleep ? ", in do_wait" : "")});
    }
  }
}

/// A report that names a task is about that task; one that names CPUs only, about who keeps them.
std::vector<Reaper*> Reapers::reported_by(const KernelEvent& event) {
  std::vector<Reaper*> out;
  const auto add = [&](const auto& index, std::int32_t number, bool only_running) {
    const auto [first, last] = index.equal_range(number);
    for (auto at = first; at != last; ++at) {
      Reaper& known = all_[at->second];
      if ((!only_running || known.running || known.candidate) &&
          std::find(out.begin(), out.end(), &known) == out.end())
        out.push_back(&known);
    }
  };
  if (event.tid) {
    add(by_tid_, *event.tid, false);
  } else {
    for (const std::int32_t cpu : event.cpus) add(by_cpu_, cpu, true);
  }
  return out;
}

void Reapers::attach(const KernelEvent& event) {
  const Stack* stack = event.stack.get();
  const Task* named = scene_.task_of(event);
  const ZapPlace place = stack != nullptr ? zap_place(*stack) : ZapPlace::none;
  if (named != nullptr && in_a_loop(place)) {
    Reaper& found = reaper_of(*named);
    found.running = true;
    found.stack = stack;
    found.place = place;
    found.lockups.push_back(&event);
    return;
  }
  if (named != nullptr && guesses_zap(event)) reaper_of(*named).candidate = true;
  for (Reaper* known : reported_by(event)) known->lockups.push_back(&event);
}

void Reapers::attach_reports() {
  for (std::size_t number = 0; number < all_.size(); ++number) {
    const Task& task = *all_[number].task;
    if (task.tid) by_tid_.emplace(*task.tid, number);
    if (task.processor) by_cpu_.emplace(*task.processor, number);
  }
  for (const KernelEvent* event : scene_.events())
    if (shows_running(event->kind)) attach(*event);
  // The second loop calls schedule(): a soft lockup in zap, with do_wait not on the stack, fell between two
  // calls of kernel_wait4().
  for (Reaper& known : all_)
    for (const KernelEvent* event : known.lockups)
      if (event->kind == EventKind::soft_lockup && known.place == ZapPlace::second_loop)
        known.place = ZapPlace::first_loop;
}

void Reapers::find_descendants(Reaper& reaper, std::set<const Task*>& seen) const {
  const std::int32_t init = process_of(*reaper.task);
  std::set<std::int32_t> asked = {init};
  std::vector<std::int32_t> open = {init};
  for (const Task* member : reaper.members)
    if (const std::int32_t process = process_of(*member); process > 0 && asked.insert(process).second)
      open.push_back(process);
  const auto take = [&](const Task& task) {
    if (process_of(task) == init || belongs(reaper, task) == Belongs::no || !seen.insert(&task).second)
      return;
    reaper.members.push_back(&task);
    if (asked.insert(process_of(task)).second) open.push_back(process_of(task));
  };
  while (!open.empty()) {
    const std::int32_t process = open.back();
    open.pop_back();
    if (process <= 0) continue;
    for (const Task* child : scene_.index().children_of(process)) take(*child);
    if (process == init) continue;
    for (const Task* thread : scene_.index().of_process(process)) take(*thread);
  }
}

/// Who has the inode of a dying namespace in its chain belongs there; so do the descendants of the init.
void Reapers::find_members() {
  std::multimap<std::uint64_t, std::size_t> by_namespace;
  for (std::size_t number = 0; number < all_.size(); ++number)
    if (all_[number].pid_ns) by_namespace.emplace(*all_[number].pid_ns, number);
  std::vector<std::set<const Task*>> seen(all_.size());
  const auto add_to = [&](std::uint64_t inode, const Task& task) {
    const auto [first, last] = by_namespace.equal_range(inode);
    for (auto at = first; at != last; ++at) {
      Reaper& reaper = all_[at->second];
      if (process_of(task) == process_of(*reaper.task) || !seen[at->second].insert(&task).second) continue;
      reaper.members.push_back(&task);
      of_member_.emplace(&task, at->second);  // the first is the innermost
    }
  };
  for (const Task* task : scene_.tasks()) {
    if (by_namespace.empty()) break;
    if (task->pid_ns_chain)
      for (const std::uint64_t inode : *task->pid_ns_chain) add_to(inode, *task);
    else if (task->pid_ns)
      add_to(*task->pid_ns, *task);
  }
  for (std::size_t number = 0; number < all_.size() && !scene_.out_of_time(); ++number) {
    find_descendants(all_[number], seen[number]);
    for (const Task* member : all_[number].members) of_member_.emplace(member, number);
  }
}

bool Reapers::rests(const Reaper& reaper) const {
  if (reaper.running || reaper.candidate) return false;
  if (scene_.snapshot().origin == Origin::text) return true;
  const auto found = rate(*reaper.task);
  return found && found->seconds >= k_lasting_seconds && found->switches.is(0);
}

const Reaper* Reapers::at(const Task& task) const {
  const auto at = numbers_.find(&task);
  return at == numbers_.end() ? nullptr : &all_[at->second];
}

const Reaper* Reapers::over(const Task& task) const {
  if (const Reaper* own = at(task)) return own;
  if (task.tgid)
    if (const auto at = by_process_.find(*task.tgid); at != by_process_.end()) return &all_[at->second];
  const auto at = of_member_.find(&task);
  return at == of_member_.end() ? nullptr : &all_[at->second];
}

Belongs Reapers::belongs(const Reaper& reaper, const Task& task) const {
  if (reaper.pid_ns && task.pid_ns_chain)
    return std::find(task.pid_ns_chain->begin(), task.pid_ns_chain->end(), *reaper.pid_ns) !=
                   task.pid_ns_chain->end()
               ? Belongs::proved
               : Belongs::no;
  if (reaper.pid_ns && task.pid_ns && *task.pid_ns == *reaper.pid_ns) return Belongs::proved;
  if (over(task) == &reaper) return Belongs::proved;
  // Of one in another namespace only its own is known: that may lie below this one.
  return Belongs::unknown;
}

}  // namespace unzap
