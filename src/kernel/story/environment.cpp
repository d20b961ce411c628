// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/environment.hpp"

#include "kernel/linux/exit.hpp"
#include "kernel/linux/freezer.hpp"
#include "kernel/linux/fuse.hpp"
#include "kernel/linux/io_wq.hpp"
#include "kernel/linux/pid_namespace.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"
#include "kernel/story/outside.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

bool idle_worker(const Task& task) {
  return is_in(task, Routine::io_worker) && task.run_state == RunState::interruptible &&
         (task.flags & k_on_rq) == 0;
}

/// A zombie of which the parent outside has been told, if that parent does look after its children.
bool outside_can_reap(const Config& c, const State& s, TaskNo no) {
  const Task& task = s.tasks[no];
  if (task.parent != k_outside || task.exit_state != ExitState::zombie || !c.tasks[no].leader) return false;
  if (s.processes[c.tasks[no].process].notified_outside == 0) return false;
  const ProcessInfo& process = c.process_of(no);
  if (process.unkillable) return true;
  if (!process.forked_outside) return c.scenario.outside.reaps_orphans;
  return c.scenario.outside.reaps && (c.outside == k_no_task || s.outside_acted == 0 || s.outside_free != 0);
}

void migrate_end(const Config& c, State& s) {
  s.threadgroup_rwsem = 0;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (is_in(s.tasks[no], Routine::exit_signals)) wake_up(s, no, mask_of(RunState::uninterruptible));
}

void livepatch(const Config& c, State& s) {
  --s.livepatches;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    if (c.tasks[no].process == 0xff || s.tasks[no].exit_state != ExitState::none) continue;
    if (s.tasks[no].depth > 0 && set_notify_flag(c, s, no)) wake_up(s, no, k_wake_interruptible);
  }
}

/// freeze_task() of all members. Who comes to a freezing point is frozen there and thawed when the freezer
/// gives up, which changes nothing; what stays is the flag, where nobody looks for signals any more.
void fake_signal(const Config& c, State& s) {
  --s.fake_signals;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    if (c.tasks[no].ns_tid == 0 || s.tasks[no].exit_state != ExitState::none || s.tasks[no].depth == 0)
      continue;
    s.tasks[no].tif |= k_tif_sigpending;
    wake_up(s, no, k_wake_interruptible);
  }
}

/// There is such a process, a member of one of the namespaces.
bool operator_sees(const Config& c, const State& s, TaskNo no) {
  return c.tasks[no].leader && c.tasks[no].ns_tid != 0 && s.tasks[no].exit_state != ExitState::released;
}

EnvironmentWords operator_terminates(const Config& c, State& s, TaskNo no) {
  --s.operator_terms;
  std::string text = "an operator sends SIGTERM to " + c.tasks[no].comm;
  switch (send_sigterm(c, s, no)) {
    case Term::ignored: text += ", which ignores it (SIGNAL_UNKILLABLE, and no handler)"; break;
    case Term::dropped: text += ": dropped, the group is dying"; break;
    case Term::pending: text += ", which nobody takes any more"; break;
    case Term::woke: text += ", where one thread is told"; break;
    case Term::killed: break;
  }
  return {"kill", "kernel/signal.c", text};
}

void detach(const Config& c, State& s, TaskNo no) {
  Task& task = s.tasks[no];
  task.flags2 &= static_cast<std::uint8_t>(~k_traced);
  if (task.exit_state != ExitState::zombie || delay_group_leader(c, s, no)) return;
  // __ptrace_detach(): a zombie goes to its real parent, or goes away if that ignores SIGCHLD.
  if (do_notify_parent(c, s, no, nullptr)) {
    task.exit_state = ExitState::released;
    free_pid(c, s, no);
  }
}

}  // namespace

bool environment_enabled(const Config& c, const State& s, Environment what, TaskNo no) {
  switch (what) {
    case Environment::timeout:
      // Once IO_WQ_BIT_EXIT is set the wait may be all that is left of the wake-up, so it always ends: 6.1
      // can clear the flag between the test of the bit and the sleep.
      return idle_worker(s.tasks[no]) &&
             (c.scenario.environment.idle_timeouts || s.wqs[c.tasks[no].worker_of].exit != 0);
    case Environment::reap: return outside_can_reap(c, s, no);
    case Environment::detach:
      return c.scenario.environment.tracer_detaches && (s.tasks[no].flags2 & k_traced) != 0;
    case Environment::kill:
      return c.tasks[no].ending == Ending::sigkill && s.processes[c.tasks[no].process].sigkill_shared == 0;
    case Environment::migrate_begin: return s.threadgroup_rwsem == 0 && s.migrations > 0;
    case Environment::migrate_end: return s.threadgroup_rwsem != 0;
    case Environment::fake_signal: return s.fake_signals > 0;
    case Environment::operator_kill: return s.operator_kills > 0 && operator_sees(c, s, no);
    // A traced one stops for its tracer instead.
    case Environment::operator_term:
      return s.operator_terms > 0 && operator_sees(c, s, no) && (s.tasks[no].flags2 & k_traced) == 0;
    case Environment::livepatch: return s.livepatches > 0;
    case Environment::act: return outside_may_act(c, s);
    case Environment::thaw: {
      bool frozen = false;
      for (const Task& task : s.tasks) frozen = frozen || (task.flags2 & k_frozen) != 0;
      return c.scenario.environment.thaws && frozen;
    }
    case Environment::hash_release:
      return c.scenario.environment.hash_release && s.wqs[c.tasks[no].owns_wq].held_outside != 0;
    case Environment::fuse_abort: return c.scenario.environment.fuse_abort && s.fuse_aborted == 0;
  }
  return false;
}

EnvironmentWords apply_environment(const Config& c, State& s, Environment what, TaskNo no) {
  const std::string comm = no < c.tasks.size() ? c.tasks[no].comm : "";
  switch (what) {
    case Environment::timeout:
      s.tasks[no].flags |= k_timed_out;
      wake_up(s, no, k_wake_interruptible);
      return {"process_timeout", "kernel/time/timer.c", "5 s are over for " + comm};
    case Environment::reap:
      s.tasks[no].exit_state = ExitState::released;
      free_pid(c, s, no);
      return {"wait4", "kernel/exit.c", "the parent outside reaps " + comm};
    case Environment::detach:
      detach(c, s, no);
      return {"__ptrace_detach", "kernel/ptrace.c", "the tracer lets go of " + comm};
    case Environment::kill:
      send_sigkill(c, s, no);
      return {"kill", "kernel/signal.c", "SIGKILL to " + comm + " from an ancestor pid namespace"};
    case Environment::migrate_begin:
      s.threadgroup_rwsem = 1;
      --s.migrations;
      return {"cgroup_attach_lock", "kernel/cgroup/cgroup.c", "a cgroup migration holds the thread groups"};
    case Environment::migrate_end:
      migrate_end(c, s);
      return {"cgroup_attach_unlock", "kernel/cgroup/cgroup.c", "the cgroup migration is over"};
    case Environment::fake_signal:
      fake_signal(c, s);
      return {"freeze_task", "kernel/freezer.c", "a freezer sets TIF_SIGPENDING on every task"};
    case Environment::operator_kill:
      --s.operator_kills;
      return {"kill", "kernel/signal.c",
              "an operator sends SIGKILL to " + comm +
                  (send_sigkill(c, s, no) ? "" : ", which nobody takes any more")};
    case Environment::operator_term: return operator_terminates(c, s, no);
    case Environment::livepatch:
      livepatch(c, s);
      return {"klp_send_signals", "kernel/livepatch/transition.c",
              "a livepatch transition sets " + std::string(notify_flag_name(c)) + " on every task"};
    case Environment::act:
      s.outside_acted = 1;
      wake_up(s, c.outside, k_wake_interruptible);
      return {"(user space)", "", c.tasks[c.outside].comm + " begins what it does"};
    case Environment::thaw:
      thaw(c, s);
      return {"freezer_write", "kernel/cgroup/legacy_freezer.c", "the cgroup is thawed"};
    case Environment::hash_release: {
      s.wqs[c.tasks[no].owns_wq].held_outside = 0;
      const TaskNo woken = wake_hash_waiter(c, s, c.tasks[no].owns_wq);
      return {"io_wqe_hash_wake", "io_uring/io-wq.c",
              "another process lets go of the hash" +
                  (woken == k_no_task ? "" : "; wakes " + c.tasks[woken].comm)};
    }
    case Environment::fuse_abort:
      abort_fuse_connection(c, s);
      return {"fuse_abort_conn", "fs/fuse/dev.c", "somebody aborts the FUSE connection"};
  }
  UNZAP_ASSERT(false, "no such event: {}", static_cast<int>(what));
}

}  // namespace unzap::kernel
