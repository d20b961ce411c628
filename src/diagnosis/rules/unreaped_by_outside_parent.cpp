// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/unreaped_by_outside_parent.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <utility>

#include "diagnosis/rules/held_up.hpp"
#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

/// Among more dying namespaces than this nobody guesses.
constexpr std::size_t k_most_guessed = 64;

/// A dead process, ready to be reaped by its parent: no live thread of it is known or hinted at.
bool ready_to_reap(const Picture& picture, const Task& task) {
  if (task.tracer_pid.value_or(0) > 0) return false;  // its tracer comes first
  if (!task.state.is('Z') || task.multi_threaded.is(true) || task.threads.value_or(1) > 1) return false;
  if (task.tid && task.tgid && *task.tid != *task.tgid) return false;
  if (!task.tgid) return true;
  const auto threads = picture.scene.index().of_process(*task.tgid);
  return std::all_of(threads.begin(), threads.end(), [](const Task* thread) { return zombie(*thread); });
}

bool inside(const Picture& picture, const Reaper& reaper, const Task& task) {
  if (task.tgid && reaper.task->tgid && *task.tgid == *reaper.task->tgid) return true;
  return picture.reapers.belongs(reaper, task) == Belongs::proved;
}

/// Whether the zombie may pin the reaper's namespace, when no namespace of the zombie is known: by what a
/// listing shows next to it. A container chooses some of that, so it proves nothing.
bool may_pin(const Picture& picture, const Reaper& reaper, const Task& task) {
  const Task& init = *reaper.task;
  if (task.ppid && init.tgid && *task.ppid == *init.tgid) return false;
  if (task.container && init.container) return *task.container == *init.container;
  if (task.ns_pids && init.ns_pids) return task.ns_pids->size() >= init.ns_pids->size();
  // A listing without namespaces: the shim is the parent of both.
  if (task.ppid && init.ppid) return *task.ppid == *init.ppid;
  return picture.scene.snapshot().origin == Origin::text && !task.ppid;
}

/// A zombie of a dying namespace whose parent stands outside of it.
struct Injected {
  const Task* zombie = nullptr;
  const Reaper* reaper = nullptr;
  bool proved = false;
};

/// The namespace that this zombie pins from outside; nothing when it pins none, or which one is not clear.
std::optional<Injected> injected(const Picture& picture, const std::vector<const Reaper*>& reapers,
                                 const Task& task) {
  if (!ready_to_reap(picture, task)) return std::nullopt;
  if (const Reaper* over = picture.reapers.over(task)) {
    const Task* parent = task.ppid ? picture.scene.index().by_tid(*task.ppid) : nullptr;
    if (parent == nullptr || inside(picture, *over, task) == inside(picture, *over, *parent))
      return std::nullopt;
    const bool eligible = std::binary_search(reapers.begin(), reapers.end(), over);
    return eligible ? std::optional(Injected{&task, over, true}) : std::nullopt;
  }
  // One whose namespace is known belongs elsewhere, and where the proof was refused nobody guesses.
  const auto open = [](const auto& reading) {
    return reading.absence() && *reading.absence() == Absence::not_asked;
  };
  if (!open(task.pid_ns) || !open(task.pid_ns_chain) || reapers.size() > k_most_guessed) return std::nullopt;
  Injected found;
  for (const Reaper* reaper : reapers) {
    if (!may_pin(picture, *reaper, task)) continue;
    if (found.reaper != nullptr) return std::nullopt;  // of two, either might be it
    found = {&task, reaper, false};
  }
  return found.reaper != nullptr ? std::optional(found) : std::nullopt;
}

/// A zombie whose parent is the one that ought to reap and is blocked.
bool left_to(const Task& blocked, const Picture& picture, const Task& task) {
  return blocked.tid && task.ppid && *task.ppid == *blocked.tid && ready_to_reap(picture, task);
}

struct Outside {
  const Reaper* reaper = nullptr;
  std::vector<const Task*> zombies;
  const Task* parent = nullptr;   ///< of the zombies
  bool proved = true;             ///< that the zombies are of the namespace
  const Task* blocked = nullptr;  ///< a task that ought to reap and waits for the dying instead
};

std::optional<Confidence> judge(const Picture& picture, const Outside& seen) {
  if (seen.blocked != nullptr) {
    const auto found = weight(picture, *seen.blocked);
    // That the zombie is of the namespace must be seen, too: its numbers say so.
    const bool inside =
        !seen.zombies.empty() && seen.zombies.front()->ns_pids && seen.zombies.front()->ns_pids->size() >= 2;
    const bool circle = seen.reaper != nullptr && inside && seen.parent == seen.blocked &&
                        picture.scene.reported_hung(*seen.blocked);
    if (circle) return Confidence::certain;
    // The parent's wait is killable neither nor short; on a live host it still needs a report or a second
    // look.
    if (found) return Confidence::likely;
    return std::nullopt;
  }
  if (seen.reaper == nullptr || seen.reaper->place != ZapPlace::second_loop) return std::nullopt;
  if (seen.zombies.empty()) {
    // Something outside holds a number of the namespace; a parent outside is one of two ways, not the only
    // one.
    return was_chosen(picture) ? std::optional(Confidence::possible) : std::nullopt;
  }
  if (was_chosen(picture)) return Confidence::likely;
  if (!picture.reapers.rests(*seen.reaper)) return std::nullopt;
  return seen.proved ? Confidence::likely : Confidence::possible;
}

void tell(Finding& finding, const Picture& picture, const Outside& seen) {
  const Task* culprit = seen.blocked != nullptr ? seen.blocked : seen.parent;
  const WaitSite* site = seen.blocked != nullptr ? picture.scene.site_of(*seen.blocked) : nullptr;
  if (seen.reaper != nullptr) {
    finding.summary = fmt::format(
        "the dying init {} waits in zap_pid_ns_processes() until all pid numbers of its "
        "namespace are free",
        seen.reaper->task->label());
    cite(finding, picture, *seen.reaper->task);
  }
  if (!seen.zombies.empty()) {
    finding.summary += fmt::format("{}{} hold{} one, and the parent is outside the namespace",
                                   finding.summary.empty() ? "" : "; ", some_of(seen.zombies),
                                   seen.zombies.size() == 1 ? "s" : "");
    if (seen.parent != nullptr)
      finding.summary += fmt::format(" ({}) and does not reap", seen.parent->label());
    const HeldUp why = seen.parent != nullptr ? held_up(picture, *seen.parent) : HeldUp{};
    if (why.kind != HeldUp::nothing) finding.summary += ": " + why.text();
  } else if (seen.blocked == nullptr) {
    finding.summary +=
        "; none of its own children is left, so a zombie with its parent outside (exec, shim) is the usual "
        "reason, but none is shown";
  }
  if (site != nullptr)
    finding.summary +=
        fmt::format("{}{} waits for {} instead of reaping", finding.summary.empty() ? "" : "; ",
                    seen.blocked->label(), site->object.text());
  if (culprit != nullptr) {
    finding.culprit = party(*culprit, site != nullptr ? Role::waits_for_dying : Role::does_not_reap);
    cite(finding, picture, *culprit);
  }
  for (const Task* zombie : seen.zombies) {
    if (finding.victims.size() < 8) cite(finding, picture, *zombie);
    add_victim(finding, *zombie, Role::zombie_unreaped);
  }
  if (seen.reaper != nullptr) add_victim(finding, *seen.reaper->task, Role::init_in_zap);
}

void link(Finding& finding, const Picture& picture, const Outside& seen) {
  const auto first = [&]() -> std::vector<std::string> {
    return finding.evidence.empty() ? std::vector<std::string>{}
                                    : std::vector<std::string>{finding.evidence[0].id};
  };
  if (seen.reaper != nullptr)
    finding.chain.push_back({NodeRef::of(*seen.reaper->task), NodeKind::pid_numbers, {}, false, first()});
  if (!seen.zombies.empty()) {
    const NodeRef parent = seen.parent != nullptr ? NodeRef::of(*seen.parent) : NodeKind::parent;
    finding.chain.push_back({NodeRef::of(*seen.zombies.front()), parent, Reason::to_reap, false, first()});
  }
  if (seen.blocked != nullptr)
    if (const auto node = picture.graph.node_of(*seen.blocked))
      add_links(finding, picture, picture.graph.out(*node));
}

void add_advice(Finding& finding, const Outside& seen) {
  if (seen.parent != nullptr && seen.parent->state.is('T')) {
    advise(finding, "The parent is stopped");
    fill_in(finding, "<stopped parent>", std::to_string(seen.parent->tid.value_or(0)));
  }
  advise(finding);
}

Finding make(const Picture& picture, const Outside& seen, Confidence confidence) {
  Finding finding;
  finding.cause = CauseId::unreaped_by_outside_parent;
  finding.confidence = confidence;
  tell(finding, picture, seen);
  link(finding, picture, seen);
  add_advice(finding, seen);
  name_jam(finding, picture, seen.reaper);
  if (!seen.proved)
    finding.unproved.push_back({Unproved::membership, seen.zombies.front()->label(), seen.zombies.size() - 1,
                                seen.reaper->task->label()});
  return finding;
}

/// The dying inits that wait for numbers that somebody outside may hold, in the order of their places.
std::vector<const Reaper*> waiting(const Picture& picture, bool any_blocked) {
  std::vector<const Reaper*> out;
  for (const Reaper& reaper : picture.reapers.all())
    if (!reaper.running && (reaper.place == ZapPlace::second_loop || any_blocked)) out.push_back(&reaper);
  return out;
}

/// The zombies by namespace and parent.
std::vector<Outside> jams(const Picture& picture, const std::vector<const Reaper*>& reapers) {
  std::vector<Outside> out;
  std::map<std::pair<const Reaper*, std::int32_t>, std::size_t> numbers;
  for (const Task* task : picture.scene.tasks()) {
    if (picture.scene.enough(out.size())) break;
    const auto found = injected(picture, reapers, *task);
    if (!found) continue;
    const std::int32_t parent = task->ppid.value_or(0);
    const auto [at, fresh] = numbers.try_emplace({found->reaper, parent}, out.size());
    if (fresh) out.push_back({found->reaper, {}, picture.scene.index().by_tid(parent), true, nullptr});
    out[at->second].zombies.push_back(task);
    out[at->second].proved &= found->proved;
  }
  return out;
}

/// Whom a blocked parent leaves waiting: its zombies, and the dying init, when there is one only.
Outside left_behind(const Picture& picture, const std::vector<const Reaper*>& reapers, const Task& blocked) {
  Outside seen{nullptr, {}, nullptr, true, &blocked};
  if (blocked.tid)
    for (const Task* child : picture.scene.index().children_of(*blocked.tid))
      if (left_to(blocked, picture, *child)) seen.zombies.push_back(child);
  if (!seen.zombies.empty()) seen.parent = &blocked;
  if (reapers.size() == 1) seen.reaper = reapers.front();
  return seen;
}

}  // namespace

Findings unreaped_by_outside_parent(const Picture& picture) {
  const auto blocked = one_jam(picture, site_hits(picture, CauseId::unreaped_by_outside_parent));
  const std::vector<const Reaper*> reapers = waiting(picture, blocked.has_value());
  std::vector<Outside> all = jams(picture, reapers);
  std::set<const void*> explained;  // reapers and parents
  for (Outside& seen : all) {
    const bool waits =
        blocked && seen.parent != nullptr &&
        std::find(blocked->tasks.begin(), blocked->tasks.end(), seen.parent) != blocked->tasks.end();
    if (waits) seen.blocked = seen.parent;
    explained.insert({seen.reaper, seen.parent});
  }
  if (blocked)
    for (const Task* task : blocked->tasks) {
      const Outside seen = left_behind(picture, reapers, *task);
      if (explained.contains(task) || (seen.zombies.empty() && task != blocked->tasks.front())) continue;
      explained.insert(seen.reaper);
      all.push_back(seen);
    }
  for (const Reaper* reaper : reapers)
    if (!explained.contains(reaper)) all.push_back({reaper, {}, nullptr, true, nullptr});
  Findings out;
  for (const Outside& seen : all) {
    if (picture.scene.enough(out.size())) break;
    if (const auto confidence = judge(picture, seen)) out.push_back(make(picture, seen, *confidence));
  }
  return out;
}

}  // namespace unzap
