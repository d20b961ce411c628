// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/words.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <string_view>

namespace unzap {
namespace {

std::string calls(const std::vector<std::string>& functions) {
  return fmt::format("{}", fmt::join(functions, " <- "));
}

/// Of the roles that need nothing besides their kind.
std::string_view name(Role::Kind kind) {
  switch (kind) {
    case Role::none: return "";
    case Role::dying_init: return "dying init";
    case Role::init_in_zap: return "dying init, waits in zap_pid_ns_processes()";
    case Role::spins_in_first_loop: return "spins in zap_pid_ns_processes()";
    case Role::spins_in_second_loop: return "spins in the second loop of zap_pid_ns_processes()";
    case Role::dead_init: return "zombie: the dead init of the container";
    case Role::first_process: return "first process of a container";
    case Role::member: return "member of the namespace";
    case Role::remaining_member: return "still a member of the namespace";
    case Role::child_of_first_process: return "left in the container";
    case Role::zombie: return "zombie";
    case Role::zombie_unreaped: return "zombie, not reaped by its parent";
    case Role::zombie_held: return "zombie that is not reaped: live threads, or a tracer";
    case Role::zombie_of_spinning_reaper: return "zombie, its reaper spins";
    case Role::zombie_with_live_threads: return "zombie leader with live threads";
    case Role::zombie_behind_thread: return "zombie leader, cannot be reaped before its thread ";
    case Role::zombie_behind_frozen: return "zombie, waits for the frozen task";
    case Role::waits_in: return "waits in ";
    case Role::waits_in_exit: return "waits inside do_exit()";
    case Role::in_exit: return "in exit, without an address space";
    case Role::waits_for_rcu: return "waits for RCU";
    case Role::waits_for_frozen: return "waits for the frozen task";
    case Role::waits_in_freezer: return "waits in the freezer";
    case Role::waits_for_cleanup_net: return "waits for the lock that cleanup_net holds";
    case Role::waits_for_dying: return "waits for the dying instead of reaping";
    case Role::blocked: return "blocked";
    case Role::uninterruptible: return "in state D, and nothing tells why";
    case Role::refused_to_freeze: return "refused to freeze";
    case Role::traced: return "traced";
    case Role::frozen: return "frozen by cgroup ";
    case Role::misses_freezer: return "does not come to the freezer: ";
    case Role::holds_cpu: return "holds a CPU";
    case Role::holds_rcu_tasks: return "holds RCU tasks up";
    case Role::mmap_lock_held: return "its mmap lock is held";
    case Role::cleans_up_net: return "takes network namespaces down (cleanup_net)";
    case Role::cancels_requests: return "loops while it cancels io_uring requests";
    case Role::tracer: return "traces and does not let go";
    case Role::does_not_reap: return "does not reap";
    case Role::killed_by_oom: return "killed by the OOM killer";
  }
  return "";
}

std::string_view name(NodeKind kind) {
  switch (kind) {
    case NodeKind::task: return "a task";
    case NodeKind::pid_namespace: return "pid namespace of ";
    case NodeKind::rcu_grace_period: return "RCU grace period";
    case NodeKind::cpu: return "CPU ";
    case NodeKind::cgroup: return "cgroup ";
    case NodeKind::outside: return "";
    case NodeKind::tracer: return "its tracer";
    case NodeKind::parent: return "its parent";
    case NodeKind::pid_numbers: return "the last pid numbers of its namespace";
    case NodeKind::hidden_members: return "the members of its pid namespace, which are not shown";
    case NodeKind::hidden_threads: return "its live threads, which are not shown";
    case NodeKind::hidden: return "something that is not shown";
    case NodeKind::below_do_exit: return "something below do_exit() ";
    case NodeKind::innermost_frames: return "what its innermost functions name";
    case NodeKind::io_uring_requests: return "requests that its loop cannot run";
    case NodeKind::mmap_lock: return "the mmap lock of ";
    case NodeKind::cmdline_reader: return "whoever reads its cmdline";
    case NodeKind::cleanup_net: return "cleanup_net";
    case NodeKind::net_device_reference: return "the last reference to a network device";
    case NodeKind::oom_killer: return "the OOM killer";
    case NodeKind::runtime: return "the runtime, to which the container still runs";
    case NodeKind::nobody: return "nobody";
  }
  return "";
}

std::string_view name(Reason::Kind kind) {
  switch (kind) {
    case Reason::none: return "";
    case Reason::namespace_not_empty: return "zap_pid_ns_processes() returns when the namespace is empty";
    case Reason::is_member: return "is still a member of the namespace";
    case Reason::waits_in: return "waits in ";
    case Reason::waits_for_dying: return "";
    case Reason::frozen_by: return "is frozen by it";
    case Reason::no_quiescent_state: return "has had no quiescent state from it";
    case Reason::never_schedules: return "gets no quiescent state from kernel mode without schedule()";
    case Reason::keeps_cpu: return "runs it and nothing else";
    case Reason::runs: return "it runs";
    case Reason::live_threads: return "a zombie leader cannot be reaped before its threads are gone";
    case Reason::parent_must_reap: return "must be reaped by its parent";
    case Reason::is_traced: return "is traced";
    case Reason::io_worker: return "waits for its io_uring worker";
    case Reason::exits_beside: return "the exiting task next to it";
    case Reason::to_reap: return "to reap it";
    case Reason::to_reap_or_detach: return "to reap or detach it";
    case Reason::to_report_end: return "to say that it has ended";
  }
  return "";
}

/// Reasons that go on with the sentence instead of standing behind a colon.
bool goes_on(Reason::Kind kind) {
  return kind == Reason::to_reap || kind == Reason::to_reap_or_detach || kind == Reason::to_report_end;
}

}  // namespace

std::string words(const Role& role) {
  const std::string begin(name(role.kind));
  if (role.kind == Role::holds_cpu && role.cpu) return fmt::format("holds CPU {}", *role.cpu);
  if (role.held_up) return begin + ": " + role.held_up->text();
  return begin + role.thread + role.cgroup + calls(role.functions);
}

std::string words(const NodeRef& node) {
  const std::string begin(name(node.kind));
  switch (node.kind) {
    case NodeKind::task: return node.name.empty() ? begin : node.name;
    case NodeKind::pid_namespace:
    case NodeKind::mmap_lock: return begin + node.name;
    case NodeKind::cpu: return begin + std::to_string(node.number.value_or(0));
    case NodeKind::cgroup: return node.name.empty() ? node.object.text() : begin + node.name;
    case NodeKind::outside: return node.object.text();
    case NodeKind::tracer: return node.number ? fmt::format("tracer {}", *node.number) : begin;
    case NodeKind::below_do_exit: return begin + "(" + calls(node.functions) + ")";
    default: return begin;
  }
}

std::string words(const Reason& reason) {
  if (reason.kind == Reason::waits_for_dying) return reason.object.text();
  return std::string(name(reason.kind)) + calls(reason.functions);
}

std::string awaited(const Link& link) {
  std::string out = words(link.to);
  if (link.reason.kind != Reason::none) out += (goes_on(link.reason.kind) ? " " : ": ") + words(link.reason);
  return link.inferred ? out + " (inferred)" : out;
}

}  // namespace unzap
