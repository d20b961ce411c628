// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/beyond_the_stack.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "util/text.hpp"

namespace unzap {
namespace {

/// Where a task waits, as mountinfo writes it: "/data xfs 7:0 /dev/loop0".
struct Mount {
  std::string point;  ///< as its container sees it
  std::string type;
  std::string device;  ///< "7:0"
  std::string source;
};

std::optional<Mount> mount_of(const std::vector<const Task*>& tasks) {
  for (const Task* task : tasks) {
    if (!task->file_system) continue;
    const auto words = split_words(*task->file_system);
    if (words.size() != 4) continue;
    return Mount{printable(words[0], 128), printable(words[1], 32), printable(words[2], 16),
                 printable(words[3], 128)};
  }
  return std::nullopt;
}

/// Says which file system it is, and how to thaw it by the number of its device: where the host has it
/// mounted, the container's mount point does not tell.
void name_mount(Finding& finding, const SiteHits& hits) {
  const auto mount = mount_of(hits.tasks);
  if (!mount) return;
  const Task& first = *hits.tasks.front();
  finding.summary += fmt::format("; the file is on {} ({}, {})", mount->point, mount->type, mount->source);
  finding.add_evidence(place_of(first) + "/mountinfo",
                       fmt::format("{}: {} is {}, device {}, of {}", first.label(), mount->point, mount->type,
                                   mount->device, mount->source));
  const bool number = mount->device.find_first_not_of("0123456789:") == std::string::npos;
  if (number) fill_in(finding, "MOUNTPOINT", fmt::format("\"$(findmnt -nfo TARGET -S {})\"", mount->device));
}

/// SIGKILL reached the process, but not this thread: it was past exit_signals() when it came.
bool kill_cannot_reach(const Task& task) {
  return task.pending_shared && (*task.pending_shared & signal_bit(9)) != 0 && task.pending_private &&
         (*task.pending_private & signal_bit(9)) == 0;
}

/// Waits below do_exit() in a function that no table names. A dying init in zap has rules of its own.
bool unknown_place(const Picture& picture, const Task& task) {
  const Stack* stack = picture.scene.stack_of(task);
  if (stack == nullptr || picture.scene.site_of(task) != nullptr || !stack->has("do_exit")) return false;
  const bool dead_end = stack->top() == "do_exit" || stack->top() == "do_task_dead";
  return !dead_end && zap_place(*stack) == ZapPlace::none && stack->origin != StackOrigin::oops &&
         picture.scene.hold_of(task) > Hold::instant;
}

/// The first report that a read of this task's address space hangs, or null.
const KernelEvent* hanging_read(const Picture& picture, const SiteHits& hits) {
  for (const KernelEvent* event : picture.scene.events()) {
    if (event->kind != EventKind::read_hangs) continue;
    const Task* owner = event->tid ? picture.scene.index().by_tid(*event->tid) : nullptr;
    if (owner == nullptr || std::find(hits.tasks.begin(), hits.tasks.end(), owner) != hits.tasks.end())
      return event;
  }
  return nullptr;
}

}  // namespace

void say_which_mount(Finding& finding, const Picture& picture, const SiteHits& hits) {
  name_mount(finding, hits);
  const WaitSite* site = picture.scene.site_of(*hits.tasks.front());
  if (site == nullptr || !site->object.frozen_fs) return;
  std::stable_partition(finding.remedies.begin(), finding.remedies.end(),
                        [](const Remedy& remedy) { return remedy.id == "thaw"; });
}

void add_dumping(const Picture& picture, std::vector<Hit>& hits) {
  std::set<const Task*> known;
  for (const Hit& hit : hits) known.insert(hit.task);
  const bool chosen = was_chosen(picture);
  for (const Task* task : picture.scene.tasks()) {
    if (!task->core_dumping.is(true) || zombie(*task) || known.contains(task)) continue;
    // A dump in progress is normal life, unless a dying namespace waits for it.
    if (!chosen && picture.reapers.over(*task) == nullptr) continue;
    hits.push_back({task, chosen ? Confidence::likely : Confidence::possible});
  }
}

void say_who_dumps(Finding& finding, const Picture& picture, const SiteHits& hits) {
  if (picture.scene.site_of(*hits.tasks.front()) == nullptr)
    finding.summary = some_of(hits.tasks) + " is writing a core dump (CoreDumping: 1)";
}

void say_where_kill_went(Finding& finding, const Picture&, const SiteHits& hits) {
  const bool missed = std::any_of(hits.tasks.begin(), hits.tasks.end(), [](const Task* task) {
    return exiting(*task) == true && kill_cannot_reach(*task);
  });
  if (missed)
    finding.summary += "; SIGKILL is pending for its process only, so even a killable wait is not woken";
}

void keep_exiting(const Picture& picture, std::vector<Hit>& hits) {
  std::erase_if(hits, [](const Hit& hit) { return exiting(*hit.task) != true; });
  for (const Task* task : picture.scene.tasks()) {
    if (!unknown_place(picture, *task)) continue;
    if (const auto found = weight(picture, *task)) hits.push_back({task, *found});
  }
}

void say_where_in_exit(Finding& finding, const Picture& picture, const SiteHits& hits) {
  const Task& first = *hits.tasks.front();
  if (picture.scene.site_of(first) == nullptr) {
    const Stack& stack = *picture.scene.stack_of(first);
    finding.culprit->role = Role::waits_in_exit;
    finding.summary =
        fmt::format("{} hangs on its way out, inside do_exit(), in {}", some_of(hits.tasks), stack.top());
    Link link{NodeRef::of(first), NodeRef::below_do_exit(innermost(stack, 4))};
    link.evidence = {finding.evidence[0].id};
    finding.chain.push_back(std::move(link));
  }
}

void add_hanging_reads(const Picture& picture, std::vector<Hit>& hits) {
  std::set<const Task*> known;
  for (const Hit& hit : hits) known.insert(hit.task);
  for (const KernelEvent* event : picture.scene.events()) {
    if (event->kind != EventKind::read_hangs) continue;
    const Task* owner = event->tid ? picture.scene.index().by_tid(*event->tid) : nullptr;
    if (owner != nullptr && known.insert(owner).second) hits.push_back({owner, Confidence::likely});
  }
}

void say_whose_read_hangs(Finding& finding, const Picture& picture, const SiteHits& hits) {
  const KernelEvent* hang = hanging_read(picture, hits);
  if (hang != nullptr) {
    cite(finding, *hang);
    if (picture.scene.site_of(*hits.tasks.front()) == nullptr) {
      finding.summary = fmt::format("the mmap lock of {} is held, and not by a reader: {}",
                                    some_of(hits.tasks), hang->text);
      finding.culprit->role = Role::mmap_lock_held;
      Link link{NodeKind::cmdline_reader, NodeRef::mmap_lock_of(*hits.tasks.front())};
      link.evidence = {finding.evidence.back().id};
      finding.chain.push_back(std::move(link));
    }
  }
}

}  // namespace unzap
