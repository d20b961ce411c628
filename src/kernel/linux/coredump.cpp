// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/coredump.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {
namespace {

/// From f9010dbdce91 on a thread is left out of dumps that has PF_USER_WORKER, which it never loses, and not
/// PF_IO_WORKER, which a worker may lose on its way out.
bool takes_part(const Config& c, const State& s, TaskNo no) {
  if (!c.has(Switch::dump_leaves_out_user_workers)) return true;
  return !c.tasks[no].io_thread || (s.tasks[no].flags & k_pf_io_worker) != 0;
}

/// zap_threads(), zap_process(): under siglock.
void zap_threads(Step& x) {
  Process& process = x.process();
  if (process.group_exit != 0) {
    x.say("the group is dying already: no dump");
    return x.ret();
  }
  process.group_exit = 1;
  process.dumping = 1;
  unsigned waits_for = 0;
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    Task& task = x.s.tasks[no];
    if (no == x.self || x.c.tasks[no].process != x.my().process) continue;
    if (task.exit_state == ExitState::released || (task.flags2 & k_pf_postcoredump) != 0) continue;
    signal_fatally(x.s, no);
    if (!takes_part(x.c, x.s, no)) continue;
    ++waits_for;
    x.say("SIGKILL to {}", x.comm(no));
  }
  process.dump_waits_for = waits_for & 0xfU;
  x.me().tif &= static_cast<std::uint8_t>(~k_tif_sigpending);
  x.say("{} thread{} must stop before the core can be written", waits_for, waits_for == 1 ? "" : "s");
}

void coredump_wait(Step& x) {
  if (x.process().dump_waits_for == 0) return x.say("all threads have stopped");
  const int left = x.process().dump_waits_for;
  x.say("coredump_wait(): sleeps until {} more thread{} stopped", left, left == 1 ? " has" : "s have");
  sleep_in(x, RunState::uninterruptible);
}

void coredump_finish(Step& x) {
  x.process().dumping = 0;
  x.say("the core is written");
  for (TaskNo no = 0; no < x.c.tasks.size(); ++no) {
    Task& task = x.s.tasks[no];
    if (x.c.tasks[no].process != x.my().process || (task.flags2 & k_parked) == 0) continue;
    task.flags2 &= static_cast<std::uint8_t>(~k_parked);
    wake_up(x.s, no, k_wake_any);
    x.say("lets {} go", x.comm(no));
  }
  x.ret();
}

void park(Step& x) {
  sleep_in(x, x.c.has(Switch::dump_parks_before_io_uring) ? RunState::idle : RunState::uninterruptible);
}

void coredump_task_exit(Step& x) {
  if ((x.me().flags2 & k_parked) != 0) return park(x);
  x.say("the dump is over");
  x.ret();
}

constexpr Program k_programs[] = {
    {.routine = Routine::do_coredump,
     .function = "do_coredump",
     .file = "fs/coredump.c",
     .frames = {"coredump_wait", "do_coredump"},
     .steps =
         {
             {DoCoredump::zap_threads, zap_threads},
             {DoCoredump::coredump_wait, coredump_wait},
             {DoCoredump::coredump_finish, coredump_finish},
         }},
    {.routine = Routine::coredump_task_exit,
     .function = "coredump_task_exit",
     .file = "kernel/exit.c",
     .frames = {"coredump_task_exit"},
     .steps = {{coredump_task_exit}}},
};

}  // namespace

std::span<const Program> coredump_programs() {
  return k_programs;
}

void meet_dump(Step& x) {
  Task& me = x.me();
  if ((me.flags2 & k_pf_postcoredump) != 0) return;
  me.flags2 |= k_pf_postcoredump;
  if (x.process().dumping == 0) return;
  if (!takes_part(x.c, x.s, x.self)) return x.say("takes no part in the core dump");
  const int left = --x.process().dump_waits_for;
  x.say("has stopped for the core dump, {} to go", left);
  for (TaskNo no = 0; left == 0 && no < x.c.tasks.size(); ++no)
    if (x.c.tasks[no].process == x.my().process && is_in(x.s.tasks[no], Routine::do_coredump))
      wake_up(x.s, no, mask_of(RunState::uninterruptible));
  me.flags2 |= k_parked;
  x.call(Routine::coredump_task_exit);
  park(x);
}

}  // namespace unzap::kernel
