/* SPDX-License-Identifier: Apache-2.0
 * The core of the lockup, written by hand from the kernel's source and not from src/kernel; see README.md.
 *
 * One pid and mount namespace. L is the leader of its init, W the leader's io-wq worker (5.15), Y another process
 * of the namespaces, K the kworker that drives expedited RCU grace periods. Macros, given with -D:
 *   CPUS  1 or 2
 *   FULL  1: CONFIG_PREEMPT: a tick takes the CPU from a task, the RCU IPI is a quiescent state. 0: PREEMPT_NONE
 *   FIX   0: none. 1: zap clears TIF_NOTIFY_SIGNAL in every round. 2: zap ignores it (PF_NO_NOTIFY_SIGNAL)
 */
#ifndef CPUS
#define CPUS 2
#endif
#ifndef FULL
#define FULL 0
#endif
#ifndef FIX
#define FIX 0
#endif

#define L 0
#define W 1
#define Y 2
#define K 3
#define TASKS 4
#define NOBODY 9

/* Where a task stands: what its next step does. */
mtype = {
  l_kill, l_exit_bit, l_poke, l_put, l_wait, l_exiting, l_namespaces, l_notify,
  w_idle, w_signal, w_unref, w_put, w_exiting, w_namespaces, w_notify,
  z_begin, z_round, z_prepare, z_scan, z_test, z_finish,
  y_pause, y_exiting, y_namespaces, y_ask, y_wait, y_notify,
  k_idle, k_select, k_wait,
  gone
};

mtype at[TASKS];
bool runnable[TASKS];      /* on a run queue, or on a CPU */
bool sigpending[TASKS];    /* TIF_SIGPENDING */
bool notify[TASKS];        /* TIF_NOTIFY_SIGNAL */
bool exiting[TASKS];       /* PF_EXITING */
bool woken[TASKS];         /* since it said that it wants to sleep */
byte current[CPUS];        /* or NOBODY: idle */

byte reaper = L;
bool group_exit, exit_bit; /* SIGNAL_GROUP_EXIT, IO_WQ_BIT_EXIT */
bool worker_ref = true;    /* worker->ref */
byte worker_refs = 2;      /* wq->worker_refs: of the worker, and of the wq itself */
byte ns_users = 3;         /* of the nsproxy: L, W and Y */
bool sigchld_ignored;
bool y_zombie, y_reaped;

bool gp_asked, gp_done;    /* the one expedited grace period there is, on behalf of Y */
bool awaited[CPUS], ipi[CPUS];

#define ZAPS(t) (at[t] == z_round || at[t] == z_prepare || at[t] == z_scan || at[t] == z_test)
#define SIGNAL_PENDING(t) (sigpending[t] || (notify[t] && !(FIX == 2 && ZAPS(t))))
#define QUEUED(t, c) (runnable[t] && at[t] != gone && !ON_CPU(t))
#if CPUS == 1
#define ON_CPU(t) (current[0] == t)
#else
#define ON_CPU(t) (current[0] == t || current[1] == t)
#endif

/* A context switch is a quiescent state of the CPU; so is idleness. */
inline leave(c) { current[c] = NOBODY; awaited[c] = false }
inline sleep(c, t) { runnable[t] = false; leave(c) }
inline wake(t) { woken[t] = true; runnable[t] = true }
inline die(c, t) { at[t] = gone; runnable[t] = false; leave(c) }

/* zap_pid_ns_processes(): the last thread of init empties the namespace. */
inline step_zap(c, t) {
  if
  :: at[t] == z_begin ->                   /* no new pids, SIGCHLD ignored, SIGKILL to Y */
       sigchld_ignored = true;
       sigpending[Y] = true;
       if :: at[Y] == y_pause && !runnable[Y] -> wake(Y) :: else fi;
       at[t] = z_round
  :: at[t] == z_round ->
       sigpending[t] = false;
       if :: FIX == 1 -> notify[t] = false :: else fi;
       at[t] = z_prepare
  :: at[t] == z_prepare -> woken[t] = false; at[t] = z_scan  /* do_wait(): state first, then a look */
  :: at[t] == z_scan ->
       if
       :: y_reaped -> at[t] = z_finish     /* -ECHILD */
       :: !y_reaped && y_zombie -> y_reaped = true; at[t] = z_round
       :: else -> at[t] = z_test
       fi
  :: at[t] == z_test ->
       if
       :: SIGNAL_PENDING(t) -> at[t] = z_round   /* -ERESTARTSYS; the CPU is kept */
       :: else ->
            at[t] = z_prepare;
            if :: woken[t] -> skip :: else -> sleep(c, t) fi
       fi
  :: at[t] == z_finish -> die(c, t)
  fi
}

inline step_l(c) {
  if
  :: at[L] == l_kill ->                    /* exit_group(2): SIGKILL to the other thread */
       group_exit = true; sigpending[W] = true;
       if :: at[W] == w_idle && !runnable[W] -> wake(W) :: else fi;
       at[L] = l_exit_bit
  :: at[L] == l_exit_bit -> exit_bit = true; at[L] = l_poke
  :: at[L] == l_poke ->                    /* io_wq_worker_wake() on every worker that holds a reference */
       if
       :: worker_ref ->
            notify[W] = true;
            if :: at[W] == w_idle && !runnable[W] -> wake(W) :: else fi
       :: else
       fi;
       at[L] = l_put
  :: at[L] == l_put -> worker_refs--; at[L] = l_wait
  :: at[L] == l_wait ->                    /* wait_for_completion(&wq->worker_done) */
       if
       :: worker_refs > 0 -> sleep(c, L)
       :: else -> at[L] = l_exiting
       fi
  :: at[L] == l_exiting -> exiting[L] = true; at[L] = l_namespaces
  :: at[L] == l_namespaces -> ns_users--; at[L] = l_notify
  :: at[L] == l_notify ->                  /* find_alive_thread() looks for one without PF_EXITING */
       if
       :: !exiting[W] -> reaper = W; die(c, L)
       :: exiting[W] -> at[L] = z_begin
       fi
  :: else -> step_zap(c, L)
  fi
}

inline step_w(c) {
  if
  :: at[W] == w_idle -> at[W] = w_signal   /* woken; 5.15 leaves TIF_NOTIFY_SIGNAL as it is */
  :: at[W] == w_signal -> sigpending[W] = false; at[W] = w_unref  /* get_signal(): SIGKILL */
  :: at[W] == w_unref -> worker_ref = false; at[W] = w_put
  :: at[W] == w_put ->
       worker_refs--;
       if :: worker_refs == 0 && at[L] == l_wait && !runnable[L] -> wake(L) :: else fi;
       at[W] = w_exiting
  :: at[W] == w_exiting -> exiting[W] = true; at[W] = w_namespaces
  :: at[W] == w_namespaces -> ns_users--; at[W] = w_notify
  :: at[W] == w_notify ->
       if
       :: reaper == W -> at[W] = z_begin
       :: else -> die(c, W)
       fi
  :: else -> step_zap(c, W)
  fi
}

inline step_y(c) {
  if
  :: at[Y] == y_pause -> sigpending[Y] = false; at[Y] = y_exiting
  :: at[Y] == y_exiting -> exiting[Y] = true; at[Y] = y_namespaces
  :: at[Y] == y_namespaces ->              /* the last one takes the mounts down, and that waits for RCU */
       ns_users--;
       if :: ns_users == 0 -> at[Y] = y_ask :: else -> at[Y] = y_notify fi
  :: at[Y] == y_ask ->                     /* on one CPU without preemption a grace period is nothing */
       if
       :: CPUS == 1 && !FULL -> at[Y] = y_notify
       :: else ->
            gp_asked = true;
            if :: at[K] == k_idle -> at[K] = k_select; wake(K) :: else fi;
            at[Y] = y_wait
       fi
  :: at[Y] == y_wait ->
       if
       :: gp_done -> at[Y] = y_notify
       :: else -> sleep(c, Y)
       fi
  :: at[Y] == y_notify ->                  /* autoreaped when SIGCHLD is ignored */
       y_zombie = !sigchld_ignored;
       y_reaped = sigchld_ignored;
       if :: ZAPS(L) -> wake(L) :: else fi;
       if :: ZAPS(W) -> wake(W) :: else fi;
       die(c, Y)
  fi
}

inline step_k(c) {
  if
  :: at[K] == k_select ->                  /* every CPU that runs somebody, but not this one */
#if CPUS == 2
       if :: current[1 - c] != NOBODY -> awaited[1 - c] = true; ipi[1 - c] = true :: else fi;
#endif
       at[K] = k_wait
  :: at[K] == k_wait ->
       if
#if CPUS == 2
       :: awaited[0] || awaited[1] -> sleep(c, K)
#endif
       :: else ->
            gp_done = true; at[K] = k_idle;
            if :: at[Y] == y_wait && !runnable[Y] -> wake(Y) :: else fi;
            sleep(c, K)
       fi
  fi
}

/* The kworker sleeps until the last CPU has reported. */
#if CPUS == 2
#define REPORTED (at[K] == k_wait && !runnable[K] && !awaited[0] && !awaited[1])
#else
#define REPORTED false
#endif

#define ALL_GONE (at[L] == gone && at[W] == gone && at[Y] == gone && y_reaped && at[K] == k_idle)

/* One processor: its task goes on, or another one is picked when it is free. Leaving the CPU is what SPIN is to
 * call progress: a cycle without it is a task that goes round and keeps its CPU. */
proctype processor(byte c) {
end:
  do
  :: atomic { current[c] == L -> step_l(c) }
  :: atomic { current[c] == W -> step_w(c) }
  :: atomic { current[c] == Y -> step_y(c) }
  :: atomic { current[c] == K -> step_k(c) }
  :: atomic { current[c] == NOBODY && QUEUED(L, c) -> current[c] = L }; progress_l: skip
  :: atomic { current[c] == NOBODY && QUEUED(W, c) -> current[c] = W }; progress_w: skip
  :: atomic { current[c] == NOBODY && QUEUED(Y, c) -> current[c] = Y }; progress_y: skip
  :: atomic { current[c] == NOBODY && QUEUED(K, c) -> current[c] = K }; progress_k: skip
  od
}

/* The interrupts of one processor, as a process of their own: no spinning task keeps them off. */
proctype interrupts(byte c) {
end:
  do
  :: atomic { ipi[c] ->                    /* rcu_exp_handler() */
       ipi[c] = false;
       if :: FULL -> awaited[c] = false :: else fi }
#if FULL
  :: atomic { current[c] != NOBODY && (QUEUED(L, c) || QUEUED(W, c) || QUEUED(Y, c) || QUEUED(K, c)) ->
       leave(c) }                          /* scheduler_tick() with somebody waiting */
#endif
  :: atomic { REPORTED -> wake(K) }
  od
}

init {
  atomic {
    at[L] = l_kill; at[W] = w_idle; at[Y] = y_pause; at[K] = k_idle;
    runnable[L] = true;
    current[0] = L;
#if CPUS == 2
    current[1] = NOBODY;
    run processor(1); run interrupts(1);
#endif
    run processor(0); run interrupts(0)
  }
  /* Not a valid end before this: a state in which nothing is possible any more is found as such. */
  ALL_GONE
}
