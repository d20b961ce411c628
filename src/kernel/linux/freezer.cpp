// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/freezer.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {
namespace {

/// __refrigerator(), the v1 and suspend freezer: sleeps until thawed, whatever signal arrives.
void refrigerator(Step& x) {
  Task& me = x.me();
  if ((me.flags2 & k_frozen) != 0) {
    x.say("frozen: sleeps, signals do not count");
    return sleep_in(x, RunState::uninterruptible);
  }
  x.say("thawed");
  x.ret();
}

/// The v2 freezer: sleeps until thawed or killed; a notify signal keeps it from sleeping.
void do_freezer_trap(Step& x) {
  Task& me = x.me();
  if ((me.flags2 & k_frozen) == 0 || x.process().group_exit != 0) {
    x.say("{}", (me.flags2 & k_frozen) == 0 ? "thawed" : "killed: leaves the freezer");
    return x.ret();
  }
  if (x.c.has(Switch::freezer_trap_runs_task_work) && (me.tif & k_tif_notify_signal) != 0) {
    me.tif &= static_cast<std::uint8_t>(~k_tif_notify_signal);
    x.say("clears TIF_NOTIFY_SIGNAL and runs task work");
  }
  me.tif &= static_cast<std::uint8_t>(~k_tif_sigpending);
  x.say("schedule() in TASK_INTERRUPTIBLE{}",
        signal_pending(me) ? ": a notify signal is pending, it does not sleep" : "");
  me.run_state = RunState::interruptible;
  schedule(x);
}

constexpr Program k_programs[] = {
    {.routine = Routine::refrigerator,
     .function = "__refrigerator",
     .file = "kernel/freezer.c",
     .frames = {"__refrigerator"},
     .steps = {{refrigerator}}},
    {.routine = Routine::do_freezer_trap,
     .function = "do_freezer_trap",
     .file = "kernel/signal.c",
     .frames = {"do_freezer_trap"},
     .steps = {{do_freezer_trap}}},
};

}  // namespace

std::span<const Program> freezer_programs() {
  return k_programs;
}

void thaw(const Config& c, State& s) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    if ((s.tasks[no].flags2 & k_frozen) == 0) continue;
    s.tasks[no].flags2 &= static_cast<std::uint8_t>(~k_frozen);
    wake_up(s, no, k_wake_normal);
  }
}

}  // namespace unzap::kernel
