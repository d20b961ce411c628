// SPDX-License-Identifier: GPL-2.0-only
/*
 * The medicine of unzap_rescue in advance, for a kernel without the fix: on every entry to kernel_wait4(), the wait of
 * zap_pid_ns_processes(), clears TIF_NOTIFY_SIGNAL of the caller if that is the thread that zaps its pid namespace. That
 * is what the fix of 2024 (7fea700e04bd) does one line before the call, and it covers what that covers: the first loop,
 * with every flag that was raised before it. That is the loop that locks a node up.
 *
 * NOT covered: a flag that is raised while the reaper is in the second loop, which waits for members with a parent outside.
 * By then task_work_add() refuses (kernel/task_work.c); what is left is the late notification of an add from before that,
 * and a livepatch transition, klp_send_signals() (kernel/livepatch/transition.c). The reaper then burns one CPU in that loop, but calls schedule() in every turn, so
 * nothing waits for it; unzap_rescue can clear the flag. There is no good place for a probe: all that every kernel calls in
 * that loop is schedule(), which each context switch of the node would pay for (docs/kernel-facts/module.md).
 *
 *   insmod unzap_guard.ko
 *   cat /sys/module/unzap_guard/parameters/interventions
 *   rmmod unzap_guard
 */
#include <linux/atomic.h>
#include <linux/kprobes.h>
#include <linux/module.h>

#include "reaper.h"

static atomic_long_t interventions = ATOMIC_LONG_INIT(0);

/*
 * Runs in the task that is about to wait, so neither the task nor its namespace goes away meanwhile. Almost every caller
 * is a live process in wait4(2) and leaves at the first test.
 */
static int on_wait(struct kprobe *probe, struct pt_regs *regs)
{
	struct task_struct *me = current;

	if (likely(!(me->flags & PF_EXITING)) || !test_tsk_thread_flag(me, TIF_NOTIFY_SIGNAL))
		return 0;
	if (unzap_not_a_zapping_reaper(me))
		return 0;
	clear_tsk_thread_flag(me, TIF_NOTIFY_SIGNAL);
	atomic_long_inc(&interventions);
	return 0;
}

static struct kprobe probe = { .symbol_name = "kernel_wait4", .pre_handler = on_wait };

static int get_interventions(char *buffer, const struct kernel_param *param)
{
	return scnprintf(buffer, PAGE_SIZE, "%ld\n", atomic_long_read(&interventions));
}

static const struct kernel_param_ops interventions_ops = { .get = get_interventions };
module_param_cb(interventions, &interventions_ops, NULL, 0444);
MODULE_PARM_DESC(interventions, "how often a reaper would have spun");

static int __init unzap_guard_init(void)
{
	int error = register_kprobe(&probe);

	if (error)
		pr_err("unzap_guard: no probe at %s: error %d\n", probe.symbol_name, error);
	else
		pr_info("unzap_guard: watching %s: the first loop of zap_pid_ns_processes() is covered, the second is not\n", probe.symbol_name);
	return error;
}

static void __exit unzap_guard_exit(void)
{
	unregister_kprobe(&probe);
	pr_info("unzap_guard: unloaded after %ld interventions\n", atomic_long_read(&interventions));
}

module_init(unzap_guard_init);
module_exit(unzap_guard_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Keeps container inits from spinning in the first loop of zap_pid_ns_processes(); does not cover the second");
