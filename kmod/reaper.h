/* SPDX-License-Identifier: GPL-2.0-only */
/*
 * Is this task the last thread of a dying pid namespace's init, inside zap_pid_ns_processes()?
 * Shared by unzap_rescue and unzap_guard.
 */
#ifndef UNZAP_REAPER_H
#define UNZAP_REAPER_H

#include <linux/pid_namespace.h>
#include <linux/sched.h>
#include <linux/sched/signal.h>
#include <linux/sched/task.h>
#include <linux/thread_info.h>

#ifndef TIF_NOTIFY_SIGNAL
#error "this kernel has no TIF_NOTIFY_SIGNAL (it came with 5.11 and 5.10.162): it does not have the lockup either"
#endif

/*
 * Whether clearing TIF_NOTIFY_SIGNAL of `task` takes nothing from anybody, and why not. Every test is asked of this very
 * task and of its own pid namespace.
 *
 * A pid namespace takes no new process from the first act of zap_pid_ns_processes() on (disable_pid_allocation()),
 * and its child_reaper is by then the very thread that runs it: find_child_reaper(), kernel/exit.c, hands the role on
 * as long as the init has another live thread. Only addresses are compared, nothing is followed, so no lock is needed
 * for child_reaper; the caller keeps the task itself from going away.
 *
 * Such a task never goes back to user mode, and its task work is closed: exit_task_work(), kernel/exit.c, ran before
 * exit_notify(), and task_work_add() answers -ESRCH from then on (kernel/task_work.c). So nobody waits for what the flag
 * asks for, whoever raised it. docs/kernel-facts/module.md has the reasoning in full.
 */
static inline const char *unzap_not_a_zapping_reaper(struct task_struct *task)
{
	struct pid_namespace *ns;

	if (!(READ_ONCE(task->flags) & PF_EXITING))
		return "it is not exiting";
	if (READ_ONCE(task->exit_state))
		return "it is dead already";
	ns = task_active_pid_ns(task);
	if (!ns)
		return "it has already left its pid namespace";
	if (ns == &init_pid_ns)
		return "it is in the initial pid namespace";
	if (READ_ONCE(ns->child_reaper) != task)
		return "it is not the child reaper of its pid namespace";
	if (READ_ONCE(ns->pid_allocated) & PIDNS_ADDING)
		return "its pid namespace is not being zapped";
#ifdef PF_NO_NOTIFY_SIGNAL
	if (READ_ONCE(task->flags) & PF_NO_NOTIFY_SIGNAL)
		return "this kernel has the fix: the flag does not keep the task from sleeping";
#endif
	return NULL;
}

#endif
