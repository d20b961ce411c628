// SPDX-License-Identifier: Apache-2.0
#include "risk/risk.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "kernel_image/host_facts.hpp"
#include "snapshot/namespaces.hpp"

namespace unzap {
namespace {

constexpr std::string_view k_reapers[] = {"tini",      "tini-static", "docker-init", "dumb-init",
                                          "catatonit", "podman-init", "pause"};
constexpr std::string_view k_libuv_users[] = {"node", "npm", "npx", "yarn", "pnpm"};

InitKind kind_of(std::string_view comm) {
  if (comm.empty()) return InitKind::unknown;
  const bool reaper = std::find(std::begin(k_reapers), std::end(k_reapers), comm) != std::end(k_reapers);
  return reaper ? InitKind::reaper : InitKind::application;
}

bool runs_libuv(std::string_view comm) {
  return std::any_of(std::begin(k_libuv_users), std::end(k_libuv_users), [comm](std::string_view user) {
    return comm == user || comm.starts_with(std::string(user) + " ");
  });
}

class Assessor {
 public:
  explicit Assessor(const Snapshot& snapshot)
      : node_(risk_node_of(snapshot)),
        kernel_(answer_for(kernel_of(snapshot.host, "the kernel"))),
        threads_(snapshot.tasks.size()) {}

  RiskReport run() {
    // 0 stands for all whose namespace could not be read.
    std::map<std::uint64_t, std::vector<const RiskProcess*>> by_ns;
    for (const RiskProcess& process : node_.processes)
      by_ns[process.leader->pid_ns.value_or(0)].push_back(&process);
    RiskReport out;
    for (const auto& [pid_ns, processes] : by_ns) out.containers.push_back(container_of(processes));
    std::stable_sort(out.containers.begin(), out.containers.end(),
                     [](const ContainerRisk& a, const ContainerRisk& b) {
                       if (a.rank != b.rank) return a.rank > b.rank;
                       return a.workers + a.sqpoll > b.workers + b.sqpoll;
                     });
    out.kernel = kernel_.verdict;
    out.kernel_reason = kernel_.reason;
    out.gaps = node_.gaps;
    out.threads = threads_;
    return out;
  }

 private:
  ContainerRisk container_of(const std::vector<const RiskProcess*>& processes) {
    ContainerRisk out;
    out.pid_ns = processes.front()->leader->pid_ns;
    out.host = out.pid_ns.is(k_first_pid_ns);
    out.processes = processes.size();
    out.init_uses = Absence::gone;
    for (const RiskProcess* process : processes) {
      const bool init = out.pid_ns && !out.host && process->own_pid().is(1);
      if (init) take_init(*process, out);
      if (out.container.empty()) out.container = process->leader->container.value_or("");
      if (out.pod.empty()) out.pod = process->pod();
      if (process->uses_io_uring().is(true)) take_user(*process, init, out);
    }
    judge(out, *processes.front()->leader);
    return out;
  }

  void take_init(const RiskProcess& process, ContainerRisk& out) {
    const Task& init = *process.leader;
    out.init_pid = *init.tid;
    out.init_comm = init.comm.value_or("");
    out.init_kind = kind_of(out.init_comm);
    out.init_uses = process.uses_io_uring();
    if (init.mnt_ns && node_.host_mnt_ns) out.own_mount_ns = *init.mnt_ns != *node_.host_mnt_ns;
    out.container = init.container.value_or("");
    out.pod = process.pod();
  }

  static void take_user(const RiskProcess& process, bool init, ContainerRisk& out) {
    const Task& leader = *process.leader;
    out.users.push_back({*leader.tid, leader.comm.value_or(""), init, leader.rings, process.io_threads});
    for (const IoThread& thread : process.io_threads) ++(thread.sqpoll ? out.sqpoll : out.workers);
  }

  /// Whether the init leaves anything to spin on, then what the kernel makes of it.
  void judge(ContainerRisk& out, const Task& any) {
    if (out.host) return say(out, RiskRank::cannot, "this is the host itself: its init never ends");
    if (!out.pid_ns)
      return say(out, out.users.empty() ? RiskRank::cannot : RiskRank::unknown,
                 fmt::format("the pid namespace of {} process(es) like {}[{}] could not be read ({})",
                             out.processes, any.comm.value_or(""), *any.tid, name(*out.pid_ns.absence())));
    if (!out.init_pid)
      return say(out, out.users.empty() ? RiskRank::cannot : RiskRank::unknown,
                 out.users.empty() ? "no process of it uses io_uring" : "its init was not found");
    if (const Absence* why = out.init_uses.absence())
      return say(out, RiskRank::unknown, fmt::format("whether its init has a ring open is {}", name(*why)));
    if (!*out.init_uses)
      return say(out, RiskRank::cannot,
                 out.users.empty() ? "no process of it uses io_uring"
                                   : "its init uses no io_uring: workers of other members never reap");
    judge_by_kernel(out);
  }

  void judge_by_kernel(ContainerRisk& out) {
    switch (kernel_.verdict) {
      case KernelVerdict::fixed:
      case KernelVerdict::not_affected:
        return say(out, RiskRank::cannot, "its init uses io_uring, but this kernel copes: " + kernel_.reason);
      case KernelVerdict::unknown:
        return say(out, RiskRank::unknown,
                   "its init uses io_uring, and whether the kernel copes is not known: " + kernel_.reason);
      case KernelVerdict::wastes_cpu:
        say(out, RiskRank::can_waste_cpu, "its init uses io_uring; " + kernel_.reason);
        break;
      case KernelVerdict::can_lock_up:
        if (out.own_mount_ns.is(false))
          say(out, RiskRank::can_waste_cpu,
              "its init uses io_uring, but it has no mount namespace of its own: nothing is torn down that "
              "waits for the CPU of the spin");
        else
          say(out, RiskRank::can_jam_node, "its init uses io_uring; " + kernel_.reason);
        break;
    }
    advise(out);
  }

  void advise(ContainerRisk& out) {
    if (runs_libuv(out.init_comm))
      out.advice.push_back(
          {"uv", "Start it again with io_uring switched off in libuv.", "UV_USE_IO_URING=0", ""});
    out.advice.push_back({"init",
                          "Start it again behind an init that makes no rings (tini, dumb-init, docker run "
                          "--init, shareProcessNamespace of a pod).",
                          "", ""});
    out.advice.push_back({"seccomp", "Or with a seccomp profile that denies io_uring.",
                          "unzap patched --seccomp > no-io-uring.json", ""});
  }

  static void say(ContainerRisk& out, RiskRank rank, std::string reason) {
    out.rank = rank;
    out.reason = std::move(reason);
  }

  const RiskNode node_;
  const KernelAnswer kernel_;
  const std::size_t threads_;
};

}  // namespace

RiskRank RiskReport::worst() const {
  RiskRank out = RiskRank::cannot;
  for (const ContainerRisk& container : containers) out = std::max(out, container.rank);
  return out == RiskRank::cannot && !gaps.empty() ? RiskRank::unknown : out;
}

RiskReport assess_risk(const Snapshot& snapshot) {
  return Assessor(snapshot).run();
}

}  // namespace unzap
