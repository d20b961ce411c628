// SPDX-License-Identifier: Apache-2.0
// Whom a signal would hit besides.
#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <string_view>

#include "rescue/actions.hpp"

namespace unzap {
namespace {

/// Begins of names. Service managers, runtimes and their shims, what runs nodes and what lets people in.
constexpr std::string_view k_keepers[] = {
    "systemd",   "(sd-pam)",   "init",   "runit",  "runsv", "s6-",      "openrc", "supervisord", "tini",
    "dumb-init", "containerd", "docker", "conmon", "crio",  "cri-o",    "podman", "runc",        "crun",
    "youki",     "kubelet",    "k3s",    "k0s",    "rke2",  "buildkit", "kata",   "gvisor",      "runsc",
    "lxc",       "lxd",        "incus",  "libpod", "nomad", "sshd",     "login",  "dbus",
};

bool keeper_by_name(const Task& task) {
  const std::string comm = task.comm.value_or("");
  return std::any_of(std::begin(k_keepers), std::end(k_keepers),
                     [&](std::string_view begin) { return std::string_view(comm).starts_with(begin); });
}

bool part_of(const Task& task, const Plan& plan, const std::vector<RescueTarget>& held) {
  const auto id = task.id();
  if (id && plan.reaper && plan.reaper->id == *id) return true;
  if (id && std::any_of(held.begin(), held.end(), [&](const RescueTarget& one) { return one.id == *id; }))
    return true;
  return plan.pid_ns && in_pid_ns(task, *plan.pid_ns) == true;
}

std::string in_container(const Task& task) {
  if (task.container && !task.container->empty())
    return fmt::format(" of container {}", task.container->substr(0, 12));
  return "";
}

/// Its living children and what it traces, without those of this jam; all its children go into the plan.
std::vector<std::string> others_served(const RescueTarget& target, Plan& plan,
                                       const std::vector<RescueTarget>& held, const Snapshot& snapshot) {
  std::vector<std::int32_t> threads = {target.tgid};
  std::set<std::int32_t>
      alive;  // processes with a thread that lives: a leader may have ended before the rest
  for (const Task& task : snapshot.tasks) {
    if (task.tgid.is(target.tgid) && task.tid) threads.push_back(*task.tid);
    if (task.tgid && !task.state.is('Z') && !task.state.is('X')) alive.insert(*task.tgid);
  }
  std::sort(threads.begin(), threads.end());
  std::vector<std::string> out;
  for (const Task& task : snapshot.tasks) {
    if (task.tgid.is(target.tgid)) continue;
    const bool child = task.is_leader() && task.ppid.is(target.tgid) && alive.contains(*task.tgid);
    if (child && task.id()) plan.children.push_back(*task.id());
    if (part_of(task, plan, held)) continue;
    if (child) out.push_back(fmt::format("its child {}{} lives", task.label(), in_container(task)));
    if (task.tracer_pid && *task.tracer_pid > 0 &&
        std::binary_search(threads.begin(), threads.end(), *task.tracer_pid))
      out.push_back(fmt::format("it traces {}{}", task.label(), in_container(task)));
  }
  return out;
}

/// True for a process of the host itself; nothing when that cannot be told.
std::optional<bool> of_the_host(const Task& task) {
  if (task.ns_pids) return task.ns_pids->size() == 1;
  if (task.pid_ns_chain) return task.pid_ns_chain->size() == 1;
  return std::nullopt;
}

/// True for number 1 of a pid namespace below the one of this /proc.
bool task_is_init(const Task& task) {
  return task.ns_pids && task.ns_pids->size() > 1 && task.ns_pids->back() == 1;
}

/// Whether whoever depends on a task that is shown is shown, too. Where /proc is of a pid namespace below the
/// host's it is: children are made in the namespace of their parent or below (kernel/pid_namespace.c,
/// pidns_install()), and one traces by numbers of one's own namespace. Somebody without rights sees too
/// little with hidepid; root sees process 1.
bool shows_dependents(const Snapshot& snapshot, const Means& means) {
  if (snapshot.all_tasks) return true;
  return means.root && std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(),
                                   [](const Task& task) { return task.tid.is(1); });
}

}  // namespace

Condition may_be_signalled(Plan& plan, const Task& target, const std::vector<RescueTarget>& held,
                           const Snapshot& snapshot, const Means& means) {
  plan.serves = plan.culprit ? others_served(*plan.culprit, plan, held, snapshot) : plan.serves;
  std::string why;
  const auto add = [&why](const std::string& text) { why += (why.empty() ? "" : "; ") + text; };
  const bool host = of_the_host(target).value_or(true);
  if (keeper_by_name(target))
    add(fmt::format("{} is by its name a service manager, a runtime, a shim or a door of the host",
                    target.label()));
  // Its end takes down its whole namespace, and of the members not all are its children:
  // zap_pid_ns_processes(), kernel/pid_namespace.c.
  if (task_is_init(target))
    plan.serves.push_back("it is the init of its pid namespace, and everybody in there ends with it");
  if (!plan.serves.empty())
    add(fmt::format("{} others depend on it: {}{}", plan.serves.size(), plan.serves.front(),
                    plan.serves.size() > 1 ? ", and more below" : ""));
  if (!shows_dependents(snapshot, means))
    add("not all tasks were seen, so who else depends on it is not known");
  const std::string text = "nobody else depends on the one that is signalled";
  const std::string place = host ? "a process of the host" : "a process of a pid namespace below the host's";
  if (why.empty()) return condition(text, true, place + " without other living children or tracees");
  if (means.allow_host_process) return condition(text, true, "allowed with --allow-host-process: " + why);
  return condition(text, false, fmt::format("{} ({}); --allow-host-process allows it", why, place));
}

}  // namespace unzap
