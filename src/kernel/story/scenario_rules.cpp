// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario_rules.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "kernel/machine/state.hpp"

namespace unzap::kernel {
namespace {

using Complaint = std::optional<Objection>;

bool is_init(const Scenario& s, std::size_t process) {
  return s.init_of(s.processes[process].container) == process;
}

/// The container around `container`, level by level.
bool lies_inside(const Scenario& s, std::size_t container, std::size_t outer) {
  for (std::size_t level = 0; level <= s.containers.size(); ++level) {
    container = s.containers[container].inside;
    if (container == outer) return true;
    if (container == k_by_default) return false;
  }
  return false;
}

std::size_t tasks_of(const ProcessSpec& process) {
  std::size_t ring = 0;
  if (process.ring)
    ring = (process.ring->sqpoll ? 1U : 0U) + process.ring->workers.size() + process.ring->may_create;
  return 1 + process.threads.size() + ring;
}

/// Adds up, over all processes, what `each` says of one, and complains at the one that is too much.
template <class Each>
Complaint limit(const Scenario& s, std::size_t begin_with, std::size_t most, std::string_view what,
                std::string_view remedy, const Each& each) {
  std::size_t all = begin_with;
  const ProcessSpec* excess = nullptr;
  for (const ProcessSpec& process : s.processes) {
    all += each(process) * s.containers[process.container].count;
    if (all > most && !excess) excess = &process;
  }
  if (!excess) return std::nullopt;
  return Objection{excess->at, fmt::format("{} {} are more than the model holds", all, what),
                   fmt::format("at most {}{}", most, remedy)};
}

Complaint check_limits(const Scenario& s) {
  std::size_t containers = 0;
  for (const ContainerSpec& container : s.containers) {
    containers += container.count;
    if (containers > k_max_containers)
      return Objection{container.at, fmt::format("{} containers are more than the model holds", containers),
                       fmt::format("at most {}, each counted", k_max_containers)};
  }
  const std::size_t outside = s.outside.act == OutsideAct::nothing ? 0 : 1;
  if (auto found = limit(s, outside + 1, k_max_tasks, "tasks",
                         ", the kworker for grace periods included: take out workers", tasks_of))
    return found;
  if (auto found = limit(s, outside, k_max_processes, "processes", ", the task outside included",
                         [](const ProcessSpec&) { return std::size_t{1}; }))
    return found;
  return limit(s, 0, k_max_wqs, "io_wqs", ": take out `io_uring` or a container",
               [](const ProcessSpec& p) { return p.ring && p.ring->io_wq ? std::size_t{1} : 0; });
}

Complaint check_container(const Scenario& s, std::size_t no) {
  const ContainerSpec& container = s.containers[no];
  if (s.init_of(no) == s.processes.size())
    return Objection{container.at, fmt::format("no process is in the container `{}`", container.name),
                     "add a [[process]] with this `container`"};
  if (container.inside == k_by_default) return std::nullopt;
  if (lies_inside(s, no, no))
    return Objection{container.at, "a container lies inside itself", "change `inside`"};
  if (s.containers[container.inside].count > 1)
    return Objection{container.at,
                     fmt::format("`inside` names one of {} containers that are alike",
                                 s.containers[container.inside].count),
                     "give it no `count`"};
  return std::nullopt;
}

Complaint check_init(const Scenario& s, std::size_t no) {
  const ProcessSpec& init = s.processes[no];
  if (init.starts != ProcessStart::alive)
    return Objection{init.at, "the first process of a container is its init, and has to be alive",
                     "add a process before it, or take out `starts`"};
  const std::size_t inside = s.containers[init.container].inside;
  if (init.parent < s.processes.size() && s.processes[init.parent].container != inside)
    return Objection{init.at, "the parent of an init is a process of the container around its own",
                     "take out `parent`, or say `inside` in [[container]]"};
  if (init.parent == k_by_outside && inside != k_by_default)
    return Objection{init.at, "the init of a container inside another one has its parent there",
                     "take out `parent` or `inside`"};
  const bool all_end = std::all_of(init.threads.begin(), init.threads.end(),
                                   [](const ThreadSpec& t) { return t.ends != Ending::none; });
  if (init.ends == Ending::exit && (!all_end || (init.ring && init.ring->sqpoll)))
    return Objection{init.at, "`ends = \"exit\"` ends only the leader, and a thread of init would live on",
                     "use exit_group"};
  return std::nullopt;
}

Complaint check_member(const Scenario& s, std::size_t no) {
  const ProcessSpec& member = s.processes[no];
  if (member.parent >= s.processes.size()) return std::nullopt;
  const std::size_t home = s.processes[member.parent].container;
  if (home == member.container && member.parent >= no)
    return Objection{member.at, fmt::format("`{}` comes before its parent", member.name),
                     "put the parent first"};
  if (home != member.container && !lies_inside(s, member.container, home))
    return Objection{
        member.at,
        fmt::format("the parent of `{}` is in a container that does not enclose its own", member.name),
        "a parent is in the same container, in one around it, or `outside`"};
  return std::nullopt;
}

Complaint check_process(const Scenario& s, std::size_t no) {
  const ProcessSpec& process = s.processes[no];
  if (auto found = is_init(s, no) ? check_init(s, no) : check_member(s, no)) return found;
  const bool single = process.threads.empty() && !process.ring;
  const bool bare = process.ends == Ending::none && process.frozen == Freezer::none && !process.traced;
  if (process.starts != ProcessStart::alive && !(single && bare && !process.fuse_file && !process.fuse_dev))
    return Objection{process.at, "a process that is a zombie or unborn has nothing but a name and a parent",
                     "take out `starts` or the rest"};
  if (process.frozen != Freezer::none && process.ends != Ending::none && process.ends != Ending::sigkill)
    return Objection{process.at, "a frozen process cannot end by itself",
                     "use `ends = \"sigkill\"`, or none"};
  const bool shared = process.fuse_file || process.fuse_dev || process.starts == ProcessStart::unborn;
  if (shared && s.containers[process.container].count > 1)
    return Objection{process.at, "FUSE and what the task outside forks exist in one container only",
                     "give it no `count`"};
  return std::nullopt;
}

Complaint check_ring(const ProcessSpec& process) {
  const RingSpec& ring = *process.ring;
  const auto object = [&](std::string message, std::string remedy) {
    return Objection{process.at, std::move(message), std::move(remedy)};
  };
  const auto writing = std::count(ring.workers.begin(), ring.workers.end(), WorkerStart::writing);
  if (writing > 1 || (writing > 0 && ring.hash_held_outside))
    return object("a hash is held by one worker only", "take out `writing` or `hash_held_outside`");
  if (ring.chain > 1 && writing == 0)
    return object("`chain` is in the hands of a worker that is `writing`, and there is none",
                  "add one to `workers`");
  if (ring.links.size() > k_max_links)
    return object("there are more `links` than the model holds", fmt::format("at most {}", k_max_links));
  if (!ring.links.empty() && writing == 0 && !ring.begin_as(WorkerStart::reading) &&
      !ring.begin_as(WorkerStart::about_to_read))
    return object("`links` hang on a request that a worker executes when the story begins, and there is none",
                  "let a worker be reading, about-to-read or writing");
  if (ring.may_create > 0 && ring.workers.empty())
    return object("a worker is made when another one asks for it, and there is none", "add `workers`");
  if (!ring.thread.empty() && ring.sqpoll)
    return object("`thread` and `sqpoll` both name the owner of the workers", "take one of them");
  const bool idle = ring.workers.empty() && ring.bounded + ring.unbounded + ring.hashed == 0 && !ring.armed;
  if (!ring.io_wq && !(ring.sqpoll && idle))
    return object("`io_wq = false` is for an SQPOLL thread with nothing to do", "take it out");
  return std::nullopt;
}

/// What the task outside does, and to whom.
Complaint check_outside(const Scenario& s) {
  const auto unborn = std::count_if(s.processes.begin(), s.processes.end(),
                                    [](const ProcessSpec& p) { return p.starts == ProcessStart::unborn; });
  const bool forks = s.outside.act == OutsideAct::fork;
  if (forks != (unborn == 1))
    return Objection{s.outside.at,
                     "`does = \"fork\"` needs one process that starts `unborn`, and that needs it",
                     "say both or neither"};
  for (const ProcessSpec& process : s.processes)
    if (process.starts == ProcessStart::unborn && process.parent != k_by_outside)
      return Objection{process.at, "only the task outside forks in the story", "use `parent = \"outside\"`"};
  if (s.outside.act == OutsideAct::rmdir && s.containers.front().count > 1)
    return Objection{s.outside.at, "the cgroup that is removed is that of the first container, one alone",
                     "give it no `count`"};
  return std::nullopt;
}

Complaint check_environment(const Scenario& s) {
  const bool held = std::any_of(s.processes.begin(), s.processes.end(),
                                [](const ProcessSpec& p) { return p.ring && p.ring->hash_held_outside; });
  if (s.environment.hash_release && !held)
    return Objection{s.environment.at, "`hash_release` needs `hash_held_outside`", "add it to `io_uring`"};
  return std::nullopt;
}

}  // namespace

std::optional<Objection> objection_to(const Scenario& s) {
  if (s.name.empty())
    return Objection{{1, 1}, "`name` is missing", "give the scenario a name: name = \"...\""};
  if (s.processes.empty()) return Objection{{1, 1}, "there is no process", "add a [[process]]"};
  for (std::size_t no = 0; no < s.containers.size(); ++no)
    if (auto found = check_container(s, no)) return found;
  for (std::size_t no = 0; no < s.processes.size(); ++no) {
    if (auto found = check_process(s, no)) return found;
    if (s.processes[no].ring)
      if (auto found = check_ring(s.processes[no])) return found;
  }
  if (auto found = check_outside(s)) return found;
  if (auto found = check_environment(s)) return found;
  return check_limits(s);
}

}  // namespace unzap::kernel
