// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/variant.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <initializer_list>

#include "linux/first_fixed.hpp"
#include "util/text.hpp"

namespace unzap::kernel {
namespace {

/// The text of a fix, with the first releases that have it.
std::string fix_text(std::string_view fix, std::string_view what, std::string_view how) {
  return fmt::format("{} ({}; {})", what, how, first_releases_with(fix));
}

const std::string k_fix_2024 = fix_text(
    "fix-2024", "zap_pid_ns_processes() clears TIF_NOTIFY_SIGNAL along with TIF_SIGPENDING before each wait",
    "7fea700e04bd");
const std::string k_fix_2026 =
    fix_text("fix-2026", "signal_pending() ignores TIF_NOTIFY_SIGNAL of the task in zap_pid_ns_processes()",
             "PF_NO_NOTIFY_SIGNAL, 5c0985dd3c32");

const SwitchInfo k_switches[] = {
    {"fix-2024", k_fix_2024, true},
    {"fix-2026", k_fix_2026, true},
    {"get-signal-clears-notify", "get_signal() clears TIF_NOTIFY_SIGNAL on entry (6.1; on x86 not in 5.15)",
     false},
    {"worker-flush-always-clears",
     "an idle io-wq worker clears the flag even when it has no task work "
     "(io_run_task_work, 6.1) instead of going round again (io_flush_signals, 5.15)",
     false},
    {"notify-exiting-workers",
     "io_wq_exit_workers() sets TIF_NOTIFY_SIGNAL on every worker that holds a reference", false},
    {"exit-bit-per-item",
     "io_worker_handle_work() looks at IO_WQ_BIT_EXIT before each item (10dc95939817; 6.1.167) instead of "
     "once per call",
     false},
    {"worker-self-notify",
     "io_worker_handle_work() sets TIF_NOTIFY_SIGNAL on the worker itself before bounded work "
     "once IO_WQ_BIT_EXIT is set (6.1.191)",
     false},
    {"notify-owner-to-create",
     "a worker that goes to sleep with work left sets TIF_NOTIFY_SIGNAL on the owner of "
     "the io_wq (io_queue_worker_create)",
     false},
    {"notify-task-of-request",
     "a completed, failed or cancelled request sets TIF_NOTIFY_SIGNAL on its task "
     "(io_req_task_work_add)",
     false},
    {"drop-signals-to-dying-group", "prepare_signal() drops signals to a group with SIGNAL_GROUP_EXIT (6.1)",
     false},
    {"second-loop-idle",
     "the second loop of zap_pid_ns_processes() sleeps in TASK_IDLE (6.1.191) instead of "
     "TASK_INTERRUPTIBLE",
     false},
    {"worker-flag-kept", "a worker keeps PF_IO_WORKER while it exits (fd37b884003c, 6.4)", true},
    {"expedited-single-cpu-shortcut",
     "synchronize_rcu_expedited() returns at once when one CPU is online and the "
     "kernel does not preempt (5.15)",
     false},
    {"preempt-count-quiescent",
     "with CONFIG_PREEMPT_COUNT the expedited IPI counts as a quiescent state outside "
     "read-side sections, also without preemption (6.1)",
     false},
    {"second-loop-leaves-tasks-rcu",
     "the second loop of zap_pid_ns_processes() leaves the SRCU section of exiting tasks while it sleeps "
     "(28319d6dc5e2; 5.15.99, 6.1.16, 6.3)",
     true},
    {"second-loop-counts-leader",
     "the second loop waits for two pid numbers, not one, when a thread that is not the leader runs it "
     "(\"pid: Handle the exit of a multi-threaded init\", 2013)",
     true},
    {"fork-checks-namespace",
     "copy_process() fails with -ENOMEM if the pid namespace was closed after alloc_pid() (3fd372262166, "
     "2017)",
     true},
    {"rmdir-drains-dying-tasks",
     "rmdir of a cgroup waits for its dying tasks to make their last context switch (1b164b876c36, 7.0; "
     "no longer since 93618edf7538, 7.1 and 7.0.9)",
     false},
    {"freezer-trap-runs-task-work",
     "do_freezer_trap(), where the v2 freezer holds a task, clears TIF_NOTIFY_SIGNAL and runs task work "
     "after "
     "its sleep (943ad0b62e3c; 6.1.103, 6.11)",
     true},
    {"fuse-flush-waits",
     "fuse_flush() waits for the server's answer also in an exiting task (5a8bee63b10f, 6.3, did "
     "not; reverted by 91ec6c85599b, 6.6)",
     false},
    {"dump-parks-before-io-uring",
     "do_exit() waits for a core dump before it cancels io_uring (coredump_task_exit, 92307383082d, 5.16) "
     "instead of in exit_mm() after that",
     true},
    {"dump-leaves-out-user-workers",
     "coredump_wait() and coredump_task_exit() leave out a thread that has PF_USER_WORKER and not "
     "PF_IO_WORKER (f9010dbdce91, 6.4)",
     false},
    {"worker-does-not-dump",
     "get_signal() returns to a worker before it dumps core (\"signal: fix coredump deadlock with "
     "PF_USER_WORKER\", proposed in 2026)",
     true},
    {"sqpoll-completions-notify",
     "a completed request of an SQPOLL ring sets TIF_NOTIFY_SIGNAL on the SQPOLL thread (TWA_SIGNAL_NO_IPI, "
     "6.1) "
     "instead of waking it only (TWA_NONE, 5.15)",
     false},
    {"task-work-by-jobctl",
     "task_work_add(TWA_SIGNAL) sets JOBCTL_TASK_WORK and TIF_SIGPENDING, and there is no TIF_NOTIFY_SIGNAL "
     "(5.8 to "
     "5.10, on x86; set_notify_signal() then is signal_wake_up())",
     false},
    {"subreaper-stays-in-namespace",
     "find_new_reaper() does not give children to a subreaper of an outer pid namespace (c6c70f4455d1, 4.11)",
     true},
};
static_assert(std::size(k_switches) == static_cast<std::size_t>(Switch::count_));

Variant with(Variant variant, std::initializer_list<Switch> switches) {
  for (const Switch one : switches) variant.set(one, true);
  return variant;
}

std::vector<Kernel> make_kernels() {
  using enum Switch;
  const Variant common = with({}, {notify_exiting_workers, notify_owner_to_create, notify_task_of_request,
                                   second_loop_leaves_tasks_rcu, second_loop_counts_leader,
                                   subreaper_stays_in_namespace, fork_checks_namespace, fuse_flush_waits});
  const Variant v5_15 = with(common, {expedited_single_cpu_shortcut});
  const Variant v6_1 = with(common, {get_signal_clears_notify, worker_flush_always_clears,
                                     sqpoll_completions_notify, dump_parks_before_io_uring});
  const Variant v6_1_192 = with(v6_1, {exit_bit_per_item, freezer_trap_runs_task_work, worker_self_notify,
                                       drop_signals_to_dying_group, second_loop_idle});
  const Variant v6_6 = with(v6_1, {worker_flag_kept, dump_leaves_out_user_workers});
  return {
      {"v5.15.160", "the kernel of the first report; no fix", v5_15},
      {"v5.15.162", "with the fix of 2024", with(v5_15, {fix_2024})},
      {"v6.1.94", "no fix; get_signal() clears the flag", v6_1},
      {"v6.1.95", "with the fix of 2024", with(v6_1, {fix_2024})},
      {"v6.1.192", "with the rework of 2026, and workers that set the flag on themselves",
       with(v6_1_192, {fix_2026})},
      {"v6.6.34", "no fix; io_wqe folded into io_wq", v6_6},
      {"v6.6.35", "with the fix of 2024", with(v6_6, {fix_2024})},
  };
}

}  // namespace

std::string_view name(Preempt preempt) {
  switch (preempt) {
    case Preempt::none: return "none";
    case Preempt::voluntary: return "voluntary";
    case Preempt::full: return "full";
  }
  return "?";
}

Result<Preempt> parse_preempt(std::string_view text) {
  for (const Preempt one : {Preempt::none, Preempt::voluntary, Preempt::full})
    if (text == name(one)) return one;
  return Error{ErrorKind::usage, fmt::format("unknown preemption model `{}`", printable(text, 40)), "",
               "allowed: none, voluntary, full"};
}

std::vector<Switch> switches() {
  std::vector<Switch> out;
  for (std::size_t i = 0; i < std::size(k_switches); ++i) out.push_back(static_cast<Switch>(i));
  return out;
}

const SwitchInfo& info(Switch one) {
  return k_switches[static_cast<std::size_t>(one)];
}

Variant& Variant::set(Switch one, bool on) {
  const auto bit = std::uint32_t{1} << static_cast<unsigned>(one);
  bits_ = on ? bits_ | bit : bits_ & ~bit;
  return *this;
}

const std::vector<Kernel>& kernels() {
  static const std::vector<Kernel> all = make_kernels();
  return all;
}

Result<Kernel> find_kernel(std::string_view wanted) {
  std::vector<std::string> names;
  for (const Kernel& kernel : kernels()) {
    if (kernel.name == wanted) return kernel;
    names.emplace_back(kernel.name);
  }
  const std::string near = nearest(wanted, names);
  return Error{
      ErrorKind::usage, fmt::format("unknown kernel `{}`", printable(wanted, 40)), "",
      fmt::format("{}known: {}", near.empty() ? "" : "did you mean " + near + "? ", fmt::join(names, ", "))};
}

Result<Switch> find_switch(std::string_view wanted) {
  std::vector<std::string> names;
  for (std::size_t i = 0; i < std::size(k_switches); ++i) {
    if (k_switches[i].name == wanted) return static_cast<Switch>(i);
    names.emplace_back(k_switches[i].name);
  }
  const std::string near = nearest(wanted, names);
  return Error{
      ErrorKind::usage, fmt::format("unknown fix or switch `{}`", printable(wanted, 40)), "",
      fmt::format("{}known: {}", near.empty() ? "" : "did you mean " + near + "? ", fmt::join(names, ", "))};
}

}  // namespace unzap::kernel
