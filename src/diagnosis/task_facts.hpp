// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// How well it is shown that a task does not come on. A wait that is seen once on a live host is normal life.
enum class Hold : std::uint8_t {
  none,     ///< it runs, is dead, or idles; or nothing says that it waits
  instant,  ///< uninterruptible in one look at a live host, or over a window of less than k_lasting_seconds
  pasted,   ///< shown waiting in a text that somebody chose because of it, or in a trap of the kernel model
  lasting,  ///< hung task report, or unmoved over a window of at least k_lasting_seconds
};

/// A live window this long without one context switch counts as lasting.
inline constexpr double k_lasting_seconds = 1.0;

/// Of one CPU, over a window: what less than this takes does not spin.
inline constexpr double k_spin_percent = 90;

/// How a task's wait is shown. `origin` decides what a single look is worth.
Hold hold(const Task& task, Origin origin);

/// Whether the task has passed exit_signals(): by its flags, else by a lost mm, else by its stack or state.
/// Nothing when the evidence tells neither way.
std::optional<bool> exiting(const Task& task);

/// SIGKILL was sent to the task or its process, and has not been taken.
bool kill_pending(const Task& task);

/// A kernel thread, by its flags, else by its parent, name or stack. io_uring's threads are not: they belong
/// to the process.
bool kernel_thread(const Task& task);

/// A zombie, or on its way from zombie to nothing.
bool zombie(const Task& task);

/// An io-wq worker or SQPOLL thread of io_uring.
bool io_uring_thread(const Task& task);

/// A thread that can still act: its state is known and it is not a zombie.
bool alive(const Task& task);

/// Burns system time without one context switch in the window, nor a tick in user mode: it never came to
/// schedule(), nor to the way back to user mode, which is a quiescent state as good.
bool spins(const Task& task);

/// Its process, or itself where that is not known; 0: neither is.
std::int32_t process_of(const Task& task);

/// Where in zap_pid_ns_processes a stack stands.
enum class ZapPlace : std::uint8_t {
  none,         ///< the function is not on the stack
  first_loop,   ///< below kernel_wait4/do_wait: waits for the children of the dying init
  second_loop,  ///< the innermost function: waits until the pid numbers of the namespace are given back
  elsewhere,    ///< in the kill walk, or in an oops that happened there: waits for nobody
};
ZapPlace zap_place(const Stack& stack);

/// The kernel's code was read, and a pending notify signal does not keep a dying init from sleeping.
bool wait_sleeps(const Host& host);

/// What the kernel's code says of the wait in zap_pid_ns_processes(), in one sentence: "the kernel's code
/// lacks the fix (7fea700e04bd): ...".
std::string said_by_code(const WaitFix& fix);

/// The stack was taken while the task was on a CPU (lockup, stall, oops, profile): it waits for nobody.
bool taken_while_running(const Stack& stack);

/// True when the stack drops a mount namespace, or unmounts, on its way into a grace period.
bool mount_teardown(const Stack& stack);

/// True when the stack stands in a wait for an RCU grace period, expedited or normal.
bool rcu_wait(const Stack& stack);
/// The same for expedited grace periods only (owner, piggy-backer, mutex waiter, or the worker that drives
/// it).
bool rcu_expedited_wait(const Stack& stack);
/// In stop_machine(), kernel/stop_machine.c: a CPU that stands still because another one does not come.
bool in_stop_machine(const Stack& stack);

/// At most `frames` functions, innermost first; "..." at the end stands for the rest.
std::vector<std::string> innermost(const Stack& stack, std::size_t frames);
/// "synchronize_rcu_expedited <- namespace_unlock <- put_mnt_ns ...": at most `frames` functions, innermost
/// first.
std::string stack_line(const Stack& stack, std::size_t frames = 8);

/// The task as a finding names it.
Party party(const Task& task, Role role = {});

/// "/proc/<tid>" when the source did not say where it saw the task.
std::string place_of(const Task& task);

}  // namespace unzap
