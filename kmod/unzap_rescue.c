// SPDX-License-Identifier: GPL-2.0-only
/*
 * Clears TIF_NOTIFY_SIGNAL on one given task: the last thread of a dying pid namespace's init, which spins in
 * zap_pid_ns_processes() because nothing else clears the flag (docs/causes/reaper-busy-loop.md).
 *
 *   insmod unzap_rescue.ko target=TID,STARTTIME
 *   cat /sys/module/unzap_rescue/parameters/result
 *   echo TID,STARTTIME > /sys/module/unzap_rescue/parameters/target     another one, while it is loaded
 *   rmmod unzap_rescue
 *
 * TID counts as in the initial pid namespace, STARTTIME is field 22 of /proc/TID/stat. The task must be that very one,
 * exiting, the child reaper of a pid namespace that is not the initial one and is being zapped, and have the flag;
 * otherwise nothing is changed. Who gives the target must have CAP_SYS_ADMIN in the initial user namespace and be in the
 * initial pid namespace: a container with /sys mounted for writing is not. Loading succeeds either way: a failing load
 * frees the module at once and waits for RCU there, which would hang whoever loads it while the machine is jammed.
 * `result` says what was done. No text of the task gets into it or into the kernel log: its name is its owner's choice.
 */
#include <linux/capability.h>
#include <linux/kernel.h>
#include <linux/math64.h>
#include <linux/module.h>
#include <linux/pid.h>
#include <linux/rcupdate.h>
#include <linux/sched/signal.h>
#include <linux/time_namespace.h>
#include <linux/version.h>

#include "reaper.h"

static char result[160] = "none: no target was given";

/* What /proc/TID/stat shows the writer as starttime: clock ticks (1/100 s to user space) since boot. */
static u64 start_ticks(const struct task_struct *task)
{
	u64 since_boot = task->start_boottime;

	/* do_task_stat(), fs/proc/array.c: 5.10 does not count in the reader's time namespace. */
#if LINUX_VERSION_CODE >= KERNEL_VERSION(5, 11, 0)
	since_boot = timens_add_boottime_ns(since_boot);
#endif
	return div_u64(since_boot, NSEC_PER_SEC / USER_HZ);
}

/*
 * Looks and acts under the task's siglock: the task is not released meanwhile (__exit_signal() takes it), so neither its
 * pid nor its place in the namespace changes between the look and the act.
 */
static const char *clear_flag(struct task_struct *task, u64 start)
{
	struct sighand_struct *sighand;
	unsigned long flags;
	const char *refusal = "it is gone";

	rcu_read_lock();
	sighand = rcu_dereference(task->sighand);
	if (!sighand)
		goto out;
	spin_lock_irqsave(&sighand->siglock, flags);
	if (rcu_access_pointer(task->sighand) != sighand)
		goto unlock;
	refusal = start_ticks(task) == start ? unzap_not_a_zapping_reaper(task) : "another task has this number now: its start time differs";
	/* zap_pid_ns_processes() ignores SIGCHLD before it kills and waits. */
	if (!refusal && sighand->action[SIGCHLD - 1].sa.sa_handler != SIG_IGN)
		refusal = "it has not begun to kill the members of its namespace";
	if (!refusal && !test_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL))
		refusal = "it does not have TIF_NOTIFY_SIGNAL: there is nothing to clear";
	if (!refusal)
		clear_tsk_thread_flag(task, TIF_NOTIFY_SIGNAL);
unlock:
	spin_unlock_irqrestore(&sighand->siglock, flags);
out:
	rcu_read_unlock();
	return refusal;
}

static void refuse(pid_t tid, u64 start, const char *why)
{
	snprintf(result, sizeof(result), "refused: task %d started at %llu: %s", tid, start, why);
	pr_info("unzap_rescue: %s; nothing was changed\n", result);
}

static void rescue(pid_t tid, u64 start)
{
	struct task_struct *task;
	const char *refusal;

	rcu_read_lock();
	task = pid_task(find_vpid(tid), PIDTYPE_PID);
	if (task)
		get_task_struct(task);
	rcu_read_unlock();
	refusal = task ? clear_flag(task, start) : "there is no such task";
	if (refusal) {
		refuse(tid, start, refusal);
	} else {
		snprintf(result, sizeof(result), "cleared: TIF_NOTIFY_SIGNAL of task %d started at %llu", tid, start);
		pr_notice("unzap_rescue: %s, the reaper of a dying pid namespace\n", result);
	}
	if (task)
		put_task_struct(task);
}

/*
 * Why `current` may not give targets. The file's mode asks when it is opened, this when it is written: an open file can be
 * handed on. capable() means the initial user namespace; numbers mean the same to us and to the writer in one pid
 * namespace only.
 */
static const char *not_allowed(void)
{
	if (!capable(CAP_SYS_ADMIN))
		return "who asks does not have CAP_SYS_ADMIN";
	if (task_active_pid_ns(current) != &init_pid_ns)
		return "who asks is not in the initial pid namespace";
	return NULL;
}

/* Called by the parser of the load and by a write to the file, one at a time (param_lock). */
static int set_target(const char *text, const struct kernel_param *param)
{
	const char *why = not_allowed();
	unsigned long long start;
	char rest;
	int tid;

	if (why && THIS_MODULE->state == MODULE_STATE_LIVE)
		return -EPERM;
	if (sscanf(text, "%d,%llu%c", &tid, &start, &rest) != 2 && !(sscanf(text, "%d,%llu%c", &tid, &start, &rest) == 3 && rest == '\n'))
		return -EINVAL;
	if (tid <= 0)
		return -EINVAL;
	if (why)
		refuse(tid, start, why);
	else
		rescue(tid, start);
	return 0;
}

static const struct kernel_param_ops target_ops = { .set = set_target };
module_param_cb(target, &target_ops, NULL, 0200);
MODULE_PARM_DESC(target, "TID,STARTTIME of the task whose flag to clear");
module_param_string(result, result, sizeof(result), 0400);
MODULE_PARM_DESC(result, "what was done with the last target");

static int __init unzap_rescue_init(void)
{
	return 0;
}

static void __exit unzap_rescue_exit(void)
{
}

module_init(unzap_rescue_init);
module_exit(unzap_rescue_exit);
MODULE_LICENSE("GPL");
/* What unzap speaks to a module that is loaded already: src/rescue/apply/module.cpp knows this number. */
MODULE_VERSION("2");
MODULE_DESCRIPTION("Frees a container init that spins in zap_pid_ns_processes()");
