// SPDX-License-Identifier: Apache-2.0
#include "sources/text/builder.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "util/text.hpp"

namespace unzap::text {
namespace {

/// How much a stack tells of a task that will not die.
int worth(const Stack& stack) {
  if (stack.has("zap_pid_ns_processes")) return 3;
  if (stack.has("do_exit") || stack.has("make_task_dead")) return 2;
  return std::any_of(stack.frames.begin(), stack.frames.end(),
                     [](const Frame& frame) { return !frame.guess && !frame.interrupt; })
             ? 1
             : 0;
}

}  // namespace

TaskRef Builder::add(std::size_t line) {
  if (snapshot_.tasks.size() >= k_most_tasks) {
    ++tasks_lost_;
    return k_none;
  }
  snapshot_.tasks.emplace_back();
  snapshot_.tasks.back().where = where(line);
  ranks_.emplace_back();
  return snapshot_.tasks.size() - 1;
}

TaskRef Builder::task(std::int32_t tid, std::size_t line) {
  if (const auto found = by_tid_.find(tid); found != by_tid_.end()) return found->second;
  const TaskRef ref = add(line);
  if (ref == k_none) return ref;
  by_tid_.emplace(tid, ref);
  at(ref).tid = tid;
  return ref;
}

TaskRef Builder::unnamed_task(std::size_t line) {
  return add(line);
}

Task& Builder::at(TaskRef ref) {
  if (ref < snapshot_.tasks.size()) return snapshot_.tasks[ref];
  spare_task_ = {};
  return spare_task_;
}

void Builder::offer_comm(TaskRef ref, std::string_view comm, CommSource source) {
  comm = trim(comm);
  if (ref >= ranks_.size() || comm.empty() || source < ranks_[ref].comm) return;
  constexpr std::size_t k_longest_name = 64;  // kernel threads are shown with up to that
  ranks_[ref].comm = source;
  at(ref).comm = std::string(comm.substr(0, k_longest_name));
}

void Builder::offer_state(TaskRef ref, char state, StateSource source) {
  if (ref >= ranks_.size()) return;
  Rank& rank = ranks_[ref];
  // Between two turns of its loop a spinning task marks itself as sleeping, without leaving the CPU.
  if (source == StateSource::look && rank.state == StateSource::running && (state == 'S' || state == 'R'))
    return;
  rank.state = source;
  at(ref).state = state;
}

void Builder::offer_stack(TaskRef ref, const Stack& stack) {
  if (ref >= ranks_.size() || stack.frames.empty()) return;
  Reading<Stack>& known = at(ref).stack;
  if (known && worth(stack) < worth(*known)) return;
  known = stack;
}

EventRef Builder::add_event(KernelEvent event) {
  if (snapshot_.events.size() >= k_most_events) {
    ++events_lost_;
    return k_none;
  }
  snapshot_.events.push_back(std::move(event));
  return snapshot_.events.size() - 1;
}

KernelEvent& Builder::event(EventRef ref) {
  if (ref < snapshot_.events.size()) return snapshot_.events[ref];
  spare_event_ = {};
  return spare_event_;
}

CgroupState& Builder::cgroup(std::string_view path, std::int32_t version, std::size_t line) {
  std::string key = std::to_string(version) + std::string(path);
  if (const auto found = cgroups_.find(key); found != cgroups_.end()) return snapshot_.cgroups[found->second];
  if (snapshot_.cgroups.size() >= k_most_cgroups) return spare_cgroup_ = {};
  cgroups_.emplace(std::move(key), snapshot_.cgroups.size());
  snapshot_.cgroups.push_back({std::string(path), version, {}, {}, where(line)});
  return snapshot_.cgroups.back();
}

void Builder::problem(std::size_t line, std::string text) {
  if (snapshot_.problems.size() < k_most_problems)
    snapshot_.problems.push_back({where(line), std::move(text)});
  else if (snapshot_.problems.size() == k_most_problems)
    snapshot_.problems.push_back({label_, "more problems of this kind are not listed"});
}

void Builder::say_caps() {
  const auto say = [this](std::string text) { snapshot_.problems.push_back({label_, std::move(text)}); };
  if (tasks_lost_ > 0) say(fmt::format("more than {} tasks: the later ones were left out", k_most_tasks));
  if (events_lost_ > 0)
    say(fmt::format("more than {} kernel reports: {} later ones were left out", k_most_events, events_lost_));
  if (frames_cut_) say(fmt::format("a stack of more than {} frames was cut off", k_most_frames));
}

void Builder::symptom(std::size_t line, Symptom symptom) {
  used();
  std::vector<Symptom>& known = snapshot_.symptoms;
  const auto again = std::find_if(known.begin(), known.end(), [&](const Symptom& other) {
    return other.container == symptom.container && (!symptom.container.empty() || other.pod == symptom.pod);
  });
  if (again != known.end()) {
    if (again->pod.empty()) again->pod = symptom.pod;
    return;
  }
  if (known.size() == k_most_symptoms) return;
  symptom.where = where(line);
  known.push_back(std::move(symptom));
}

Snapshot Builder::finish(std::size_t unused) {
  snapshot_.origin = Origin::text;
  snapshot_.all_tasks = false;
  if (const auto preemption = preemption_in_force(preemption_)) snapshot_.host.preemption = preemption->model;
  for (Task& task : snapshot_.tasks) {
    // An empty stack file means "on a CPU" only for a task that still has a stack.
    if (task.stack.absence() && *task.stack.absence() == Absence::task_running &&
        (task.state.is('Z') || task.state.is('X')))
      task.stack = Absence::gone;
  }
  say_caps();
  if (used_ == 0) {
    snapshot_.problems.push_back(
        {label_,
         "nothing in this text was understood; what is: kernel log (soft lockup, RCU stall, hung task, sysrq "
         "reports), /proc/<pid>/{stack,status,stat,wchan,syscall,cgroup} files, ps and pstree listings, "
         "freezer files, uname -a"});
  } else if (unused > 0) {
    snapshot_.problems.push_back({label_, fmt::format("{} lines not used", unused)});
  }
  return std::move(snapshot_);
}

}  // namespace unzap::text
