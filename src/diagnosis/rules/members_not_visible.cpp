// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/members_not_visible.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {
namespace {

/// A zombie leader that is said to have live threads, none of which is known.
bool threads_missing(const Picture& picture, const Task& task) {
  if (!task.state.is('Z') || !(task.multi_threaded.is(true) || task.threads.value_or(1) > 1)) return false;
  if (!task.tgid) return true;
  const auto threads = picture.scene.index().of_process(*task.tgid);
  return std::none_of(threads.begin(), threads.end(), [](const Task* thread) { return alive(*thread); });
}

/// A listed process without an address space that is neither a zombie nor a kernel thread: it is in exit, and
/// listed because it stays there.
bool stays_in_exit(const Picture& picture, const Task& task) {
  return task.has_mm.is(false) && !zombie(task) && !kernel_thread(task) && !task.state.is('D') &&
         picture.scene.stack_of(task) == nullptr;
}

bool shim(const Task& task) {
  for (const char* name : {"containerd-shim", "docker-containerd", "conmon", "dockerd-current"})
    if (task.comm && task.comm->rfind(name, 0) == 0) return true;
  return false;
}

/// A bare process tree (pstree): no state, no stack, no report in the whole text. The init below the shim is
/// all there is to name.
const Task* init_of_bare_tree(const Picture& picture) {
  if (!picture.scene.events().empty()) return nullptr;
  const Task* init = nullptr;
  for (const Task* task : picture.scene.tasks()) {
    if (task->state || task->wchan || picture.scene.stack_of(*task) != nullptr) return nullptr;
    const Task* parent = task->ppid ? picture.scene.index().by_tid(*task->ppid) : nullptr;
    if (init == nullptr && parent != nullptr && shim(*parent) && !shim(*task)) init = task;
  }
  return init;
}

Finding about_reaper(const Picture& picture, const Reaper& reaper) {
  Finding finding;
  finding.cause = CauseId::members_not_visible;
  const bool first = reaper.place == ZapPlace::first_loop;
  const Task& init = *reaper.task;
  finding.confidence = picture.reapers.rests(reaper) ? Confidence::likely : Confidence::possible;
  finding.culprit = party(init, Role::init_in_zap);
  finding.summary = fmt::format(
      "the dying init {} waits in the {} loop of zap_pid_ns_processes(): {}; who that is, or what it waits "
      "for, is not shown",
      init.label(), first ? "first" : "second",
      first ? "a child of its own is not ready to be reaped (alive, a zombie leader with live threads, or "
              "traced)"
            : "its own children are gone, but someone still holds a pid number of its namespace");
  const auto ids = cite(finding, picture, init);
  finding.chain.push_back({NodeRef::of(init), NodeKind::hidden_members, {}, false, ids});
  for (const Task* member : reaper.members) {
    if (finding.victims.size() < 8) cite(finding, picture, *member);
    add_victim(finding, *member, zombie(*member) ? Role::zombie_held : Role::member);
  }
  advise(finding);
  if (init.tgid) fill_in(finding, "<init>", std::to_string(*init.tgid));
  name_jam(finding, picture, &reaper);
  return finding;
}

Finding about_bare_tree(const Picture& picture, const Task& init) {
  Finding finding;
  finding.cause = CauseId::members_not_visible;
  finding.culprit = party(init, Role::first_process);
  const auto inside = picture.scene.index().children_of(*init.tid);
  finding.summary = fmt::format(
      "the tree below {} shows who is left in the container ({}), but no state and no stack, so "
      "nothing tells what keeps it",
      init.label(), some_of(inside));
  finding.chain.push_back({NodeRef::of(init), NodeKind::hidden, {}, false, cite(finding, picture, init)});
  for (const Task* child : inside) add_victim(finding, *child, Role::child_of_first_process);
  advise(finding);
  fill_in(finding, "<init>", std::to_string(*init.tid));
  return finding;
}

}  // namespace

Findings members_not_visible(const Picture& picture) {
  Findings out;
  const bool chosen = was_chosen(picture);
  for (const Reaper& reaper : picture.reapers.all()) {
    const bool waits = reaper.place == ZapPlace::first_loop || reaper.place == ZapPlace::second_loop;
    if (!waits || reaper.running || !picture.reapers.rests(reaper)) continue;
    // Runnable and off its CPU: a member has woken it, and all that it waits for is a processor.
    if (!chosen && reaper.task->state.is('R')) continue;
    if (picture.scene.enough(out.size())) break;
    out.push_back(about_reaper(picture, reaper));
  }
  if (!out.empty() || !chosen) return out;
  // No init in zap: a pasted listing with a zombie leader whose threads live on. A program whose main thread
  // has ended on purpose looks the same.
  std::vector<const Task*> leaders;
  for (const Task* task : picture.scene.tasks())
    if (threads_missing(picture, *task)) leaders.push_back(task);
  const bool exits = leaders.empty();
  if (exits)
    for (const Task* task : picture.scene.tasks())
      if (stays_in_exit(picture, *task)) leaders.push_back(task);
  if (leaders.empty())
    if (const Task* init = init_of_bare_tree(picture)) return {about_bare_tree(picture, *init)};
  if (leaders.empty()) return out;
  Finding finding;
  finding.cause = CauseId::members_not_visible;
  finding.confidence = Confidence::possible;
  const Role role = exits ? Role::in_exit : Role::zombie_with_live_threads;
  finding.culprit = party(*leaders.front(), role);
  const char* const verb = leaders.size() == 1 ? "is" : "are";
  finding.summary =
      exits ? fmt::format("{} {} exiting (no address space is left) and stay{} there; what for is not shown",
                          some_of(leaders), verb, leaders.size() == 1 ? "s" : "")
            : fmt::format("{} {} dead, but other threads of the process live on, and they are not shown",
                          some_of(leaders), verb);
  const auto ids = cite(finding, picture, *leaders.front());
  for (const Task* task : leaders) {
    if (finding.victims.size() < 8) cite(finding, picture, *task);
    add_victim(finding, *task, role);
  }
  const NodeKind awaited = exits ? NodeKind::hidden : NodeKind::hidden_threads;
  finding.chain.push_back({NodeRef::of(*leaders.front()), awaited, {}, false, ids});
  advise(finding);
  fill_in(finding, "<init>", leaders.front()->tid ? std::to_string(*leaders.front()->tid) : "<pid>");
  out.push_back(std::move(finding));
  return out;
}

}  // namespace unzap
