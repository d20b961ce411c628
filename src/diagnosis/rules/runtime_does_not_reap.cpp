// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/runtime_does_not_reap.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "diagnosis/rules/held_up.hpp"
#include "diagnosis/runtime_process.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// The dead init of a container, and the runtime's process that ought to reap it.
struct Left {
  const Task* init = nullptr;
  RuntimeProcess runtime;
  bool known = true;  ///< false: a process of the host that nothing shows to be a runtime's
};

/// Why a runtime's process does not come to reap.
struct Why {
  HeldUp held_up;
  bool lasting = false;  ///< it was so over the whole window, or in a text
};

/// The same state in the first look and in the last, k_lasting_seconds or more apart.
bool stays(const Task& task, char state) {
  if (task.samples.size() < 2 || task.samples.front().state != state || task.samples.back().state != state)
    return false;
  return task.samples.back().at_seconds - task.samples.front().at_seconds >= k_lasting_seconds;
}

bool dead_as_a_whole(const Picture& picture, const Task& task) {
  if (!task.state.is('Z') || !task.is_leader() || task.multi_threaded.is(true)) return false;
  const auto threads = picture.scene.index().of_process(*task.tgid);
  return std::all_of(threads.begin(), threads.end(), [](const Task* thread) { return zombie(*thread); });
}

/// The first process of a container: of its own pid namespace, or, when it shares the host's, one in a cgroup
/// of a container.
bool container_init(const Task& task, const RuntimeProcess& runtime) {
  if (!task.ns_pids) return false;
  if (task.ns_pids->size() >= 2) return task.ns_pids->back() == 1;
  return !runtime.container.id.empty() && task.cgroup && !container_id(*task.cgroup).empty();
}

std::optional<Left> left(const Picture& picture, const Task& task) {
  // Another one's tracee is reaped by its tracer first: kernel/exit.c, wait_consider_task().
  if (!dead_as_a_whole(picture, task) || task.tracer_pid.value_or(0) > 0) return std::nullopt;
  const Task* parent = task.ppid ? picture.scene.index().by_tid(*task.ppid) : nullptr;
  if (parent == nullptr) return std::nullopt;
  const auto runtime = runtime_over(picture.scene.index(), task);
  if (runtime && runtime->task->tgid.is(*task.ppid))
    return container_init(task, *runtime) ? std::optional(Left{&task, *runtime}) : std::nullopt;
  const bool own_namespace = task.ns_pids && task.ns_pids->size() >= 2 && task.ns_pids->back() == 1;
  if (!own_namespace || !outside_containers(*parent)) return std::nullopt;
  return Left{&task, {parent, {}}, false};
}

/// Not one thread of the process had a context switch over a second or more: nobody there can be about to
/// reap. A thread of which that is not known may be.
bool unmoved(const Picture& picture, const Task& leader) {
  const auto threads = picture.scene.index().of_process(*leader.tgid);
  return std::all_of(threads.begin(), threads.end(), [](const Task* thread) {
    const auto used = rate(*thread);
    return used && used->seconds >= k_lasting_seconds && used->switches.is(0) && !thread->state.is('R');
  });
}

Why reason(const Picture& picture, const RuntimeProcess& runtime) {
  const Task& parent = *runtime.task;
  const bool text = picture.scene.snapshot().origin == Origin::text;
  const HeldUp seen = held_up(picture, parent);
  switch (seen.kind) {
    case HeldUp::frozen: return {seen, true};
    case HeldUp::stopped: return {seen, text || stays(parent, 'T')};
    case HeldUp::traced: return {seen, text || stays(parent, 't')};
    case HeldUp::blocked: return {seen, text || picture.scene.hold_of(parent) == Hold::lasting};
    default: break;
  }
  if (unmoved(picture, parent)) return {{HeldUp::unmoved}, !runtime.container.id.empty()};
  return {};
}

/// The weight of one zombie; nothing when it may be gone in a moment.
std::optional<Confidence> weigh(const Picture& picture, const Left& seen, const Why& why) {
  const bool text = picture.scene.snapshot().origin == Origin::text;
  const bool lasts = text || stays(*seen.init, 'Z');
  const HeldUp::Kind kind = why.held_up.kind;
  const bool told = kind != HeldUp::nothing && kind != HeldUp::unmoved;
  // Whoever it is: what is held up and has left a dead init is not healthy.
  if (!seen.known) return lasts && why.lasting && told ? std::optional(Confidence::possible) : std::nullopt;
  if (lasts && why.lasting) return Confidence::likely;
  // A live shim that was just woken, seen once: nothing to speak of.
  if (lasts || told) return Confidence::possible;
  return std::nullopt;
}

void add_advice(Finding& finding, const Picture& picture, const Task& runtime, HeldUp::Kind kind) {
  if (kind == HeldUp::stopped) advise(finding, "The runtime is stopped");
  if (kind == HeldUp::traced) advise(finding, "The runtime is traced");
  if (const CgroupState* freezer = picture.scene.freezer_of(runtime)) {
    advise(finding, freezer->version == 1 ? "The runtime is frozen by cgroup v1"
                                          : "The runtime is frozen by cgroup v2");
    fill_in(finding, "<cgroup>", printable(freezer->path, 128));
  }
  if (kind == HeldUp::blocked) advise(finding, "The runtime is blocked");
  advise(finding);
  fill_in(finding, "<tracer>", std::to_string(runtime.tracer_pid.value_or(0)));
  fill_in(finding, "<pid>", std::to_string(runtime.tid.value_or(0)));
}

Finding tell(const Picture& picture, const Left& seen, Confidence confidence, const Why& why) {
  const Task& parent = *seen.runtime.task;
  Finding finding;
  finding.cause = CauseId::runtime_does_not_reap;
  finding.confidence = confidence;
  finding.summary = fmt::format(
      "{}, the init of a container, is dead, and nothing of it is left but to be reaped; {} {} does not reap "
      "it: "
      "{}",
      seen.init->label(), seen.known ? "its runtime's process" : "its parent", parent.label(),
      why.held_up.text());
  finding.culprit = party(parent, Role::held_up_by(why.held_up));
  const auto of_parent = cite(finding, picture, parent);
  const auto of_init = cite(finding, picture, *seen.init);
  finding.chain = {{NodeKind::runtime, NodeRef::of(parent), Reason::to_report_end, false, of_parent},
                   {NodeRef::of(*seen.init), NodeRef::of(parent), Reason::to_reap, false, of_init}};
  add_victim(finding, *seen.init, Role::dead_init);
  if (seen.init->pid_ns) finding.pid_ns = *seen.init->pid_ns;
  if (seen.runtime.container.id.empty())
    finding.unproved.push_back(
        {seen.known ? Unproved::runtime_by_name : Unproved::runtime_unknown, parent.label()});
  add_advice(finding, picture, parent, why.held_up.kind);
  return finding;
}

}  // namespace

Findings runtime_does_not_reap(const Picture& picture) {
  Findings found;
  for (const Task* task : picture.scene.tasks()) {
    const auto seen = left(picture, *task);
    if (!seen) continue;
    const Why why = reason(picture, seen->runtime);
    if (const auto confidence = weigh(picture, *seen, why))
      found.push_back(tell(picture, *seen, *confidence, why));
  }
  return found;
}

}  // namespace unzap
