// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/fuse.hpp"

#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {

bool must_flush(const Step& x) {
  const bool last_user = x.process().files_users == 1;
  return x.my_process().has_fuse_file && last_user && x.s.fuse_aborted == 0 &&
         x.c.has(Switch::fuse_flush_waits);
}

void step_fuse_flush(Step& x) {
  if (x.s.fuse_aborted != 0) {
    x.say("the connection is aborted: the flush fails");
    return x.ret();
  }
  // The first wait ends with any pending signal; the second, because the request is forced, with none.
  Task& me = x.me();
  const bool interrupted = me.stack[me.depth - 1U].step != 0 || signal_pending(me);
  if (interrupted) x.at(1);
  x.say("request_wait_answer(): waits for the server, {}",
        interrupted ? "and nothing else ends this" : "or a signal; none is sent past exit_signals()");
  sleep_in(x, interrupted ? RunState::uninterruptible : RunState::interruptible);
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
      wake_up(s, no, k_wake_normal);
  }
}

}  // namespace unzap::kernel
