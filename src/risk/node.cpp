// SPDX-License-Identifier: Apache-2.0
#include "risk/node.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "linux/io_thread.hpp"
#include "snapshot/container.hpp"
#include "snapshot/namespaces.hpp"

namespace unzap {
namespace {

constexpr std::int32_t k_init = 1;
constexpr std::int32_t k_kthreadd = 2;

bool kernel_thread(const Task& task) {
  return (task.flags.value_or(0) & k_pf_kthread) != 0;
}

template <class T>
bool is_absent(const Reading<T>& reading, Absence why) {
  return reading.absence() != nullptr && *reading.absence() == why;
}

IoThread io_thread(const Task& task, const TaskIndex& index) {
  IoThread out{*task.tid, task.comm.value_or(""), false, Absence::not_in_this_kernel, ""};
  const auto name = parse_io_thread_name(out.comm);
  out.sqpoll = name && name->kind == IoThreadName::Kind::sqpoll;
  if (name && name->creator) out.creator = *name->creator;
  const Task* creator = out.creator ? index.by_tid(*out.creator) : nullptr;
  if (creator != nullptr && creator->tgid == task.tgid) out.creator_comm = creator->comm.value_or("");
  return out;
}

/// Nothing of it matters: it vanished, or it is outside of all containers and
/// has no thread of io_uring.
bool plain(const RiskProcess& process) {
  const Reading<std::uint64_t>& pid_ns = process.leader->pid_ns;
  if (is_absent(pid_ns, Absence::gone)) return true;
  return process.io_threads.empty() && (!pid_ns || pid_ns.is(k_first_pid_ns));
}

std::vector<RiskProcess> processes_of(const Snapshot& snapshot, const TaskIndex& index) {
  std::vector<RiskProcess> out;
  std::map<std::int32_t, std::size_t> place;
  for (const Task& task : snapshot.tasks)
    if (task.is_leader() && !kernel_thread(task) && place.try_emplace(*task.tgid, out.size()).second)
      out.push_back({&task, {}});
  for (const Task& task : snapshot.tasks) {
    const auto found = task.tgid ? place.find(*task.tgid) : place.end();
    // The name alone is nothing: everybody may call himself so.
    if (found != place.end() && task.tid && (task.flags.value_or(0) & k_pf_io_worker) != 0)
      out[found->second].io_threads.push_back(io_thread(task, index));
  }
  for (RiskProcess& process : out)
    std::sort(process.io_threads.begin(), process.io_threads.end(),
              [](const IoThread& a, const IoThread& b) { return a.tid < b.tid; });
  return out;
}

/// What could not be seen of a node, a sentence each.
class Gaps {
 public:
  explicit Gaps(const Snapshot& snapshot) : snapshot_(snapshot) {}

  std::vector<std::string> of(const std::vector<RiskProcess>& all) {
    add_unseen_tasks();
    add_not_recorded(all);
    add_hidden(all);
    add_left_out(all);
    add_timed_out(all);
    return std::move(out_);
  }

 private:
  using Processes = std::vector<RiskProcess>;

  template <class Is>
  static bool any(const Processes& all, Is is) {
    return std::any_of(all.begin(), all.end(), [&](const RiskProcess& one) { return is(*one.leader); });
  }

  void add_unseen_tasks() {
    const bool shown = std::any_of(snapshot_.tasks.begin(), snapshot_.tasks.end(), [](const Task& task) {
      return task.tid.is(k_kthreadd) && kernel_thread(task);
    });
    if (!shown)
      out_.push_back(
          "no kernel threads are shown, so this is the view of one "
          "pid namespace or of one user (hidepid): "
          "containers outside of it are not seen; use the host's "
          "/proc (--path.procfs)");
    else if (!snapshot_.all_tasks)
      out_.push_back("some threads could not be read");
  }

  /// A source that looks for rings asks every process for its pid namespace.
  static bool not_recorded(const Processes& all) {
    return any(all, [](const Task& task) { return is_absent(task.pid_ns, Absence::not_asked); });
  }
  void add_not_recorded(const Processes& all) {
    if (not_recorded(all))
      out_.push_back(
          "containers and their rings were not recorded; record the "
          "host again with this unzap (unzap record "
          "-o FILE)");
  }

  void add_hidden(const Processes& all) {
    if (any(all, [](const Task& task) { return is_absent(task.pid_ns, Absence::not_permitted); }))
      out_.push_back(
          "the pid namespaces of other users' processes are not "
          "shown: run as root (needs CAP_SYS_PTRACE)");
    if (any(all, [](const Task& task) { return is_absent(task.rings, Absence::not_permitted); }))
      out_.push_back(
          "the open files of other users' processes are not shown: "
          "a ring without a worker is not seen");
  }

  void add_left_out(const Processes& all) {
    if (not_recorded(all)) return;
    const auto left_out = [](const Task& task) {
      const bool contained = task.pid_ns && !task.pid_ns.is(k_first_pid_ns);
      return contained && is_absent(task.rings, Absence::not_asked);
    };
    if (any(all, left_out)) out_.push_back("processes with very many open files were not searched for rings");
  }

  void add_timed_out(const Processes& all) {
    std::map<std::string_view, int> late;
    const auto count = [&late](std::string_view file, const auto& reading) {
      if (is_absent(reading, Absence::timed_out)) ++late[file];
    };
    for (const Task& task : snapshot_.tasks) count("stat", task.state);
    for (const RiskProcess& process : all) {
      const Task& leader = *process.leader;
      count("ns/pid", leader.pid_ns);
      count("status", leader.ns_pids);
      count("ns/mnt", leader.mnt_ns);
      count("cgroup", leader.cgroup);
      count("fd", leader.rings);
    }
    for (const auto& [file, times] : late)
      out_.push_back(fmt::format("{} did not answer in time ({} times)", file, times));
  }

  const Snapshot& snapshot_;
  std::vector<std::string> out_;
};

/// The first process's, or kthreadd's: the first may be guarded even against
/// root.
Reading<std::uint64_t> host_mnt_ns(const TaskIndex& index) {
  for (const std::int32_t tid : {k_init, k_kthreadd})
    if (const Task* task = index.by_tid(tid); task != nullptr && task->mnt_ns) return task->mnt_ns;
  return Absence::not_asked;
}

}  // namespace

Reading<std::int32_t> RiskProcess::own_pid() const {
  if (!leader->ns_pids) return *leader->ns_pids.absence();
  if (leader->ns_pids->empty()) return Absence::not_in_this_kernel;
  return leader->ns_pids->back();
}

std::string RiskProcess::pod() const {
  return leader->cgroup ? pod_uid(*leader->cgroup) : std::string();
}

Reading<bool> RiskProcess::uses_io_uring() const {
  if (!io_threads.empty()) return true;
  if (leader->rings) return *leader->rings > 0;
  return *leader->rings.absence();
}

RiskNode risk_node_of(const Snapshot& snapshot) {
  const TaskIndex index(snapshot);
  RiskNode out;
  out.processes = processes_of(snapshot, index);
  out.gaps = Gaps(snapshot).of(out.processes);
  out.host_mnt_ns = host_mnt_ns(index);
  std::erase_if(out.processes, plain);
  return out;
}

}  // namespace unzap
