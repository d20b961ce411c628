// SPDX-License-Identifier: Apache-2.0
#include "kernel/fuse.hpp"

#include "kernel/sched.hpp"

namespace unzap::kernel {

bool must_flush(const Step& x) {
  return x.c.scenario.child_fuse && x.self == x.c.child && x.s.fuse_aborted == 0 &&
         x.c.has(Switch::fuse_flush_waits);
}

void step_fuse_flush(Step& x) {
  if (x.s.fuse_aborted != 0) {
    x.say("the connection is aborted: the flush fails");
    return x.ret();
  }
  x.say("request_wait_answer(): waits for the server; a SIGKILL would not be delivered past exit_signals()");
  sleep_in(x, RunState::uninterruptible);
}

void put_fuse_dev(const Config& c, State& s) {
  if (s.fuse_dev_refs == 0 || --s.fuse_dev_refs > 0) return;
  abort_fuse_connection(c, s);
}

void abort_fuse_connection(const Config& c, State& s) {
  s.fuse_aborted = 1;
  for (TaskNo no = 0; no < c.tasks.size(); ++no) {
    const Task& task = s.tasks[no];
    if (task.depth > 0 && task.stack[task.depth - 1U].routine == Routine::fuse_flush)
      wake_up(s, no, mask_of(RunState::uninterruptible));
  }
}

}  // namespace unzap::kernel
