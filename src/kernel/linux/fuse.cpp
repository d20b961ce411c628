// SPDX-License-Identifier: Apache-2.0
#include "kernel/linux/fuse.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/linux/sched.hpp"
#include "kernel/linux/signal.hpp"

namespace unzap::kernel {
namespace {

/// request_wait_answer() of an exiting task, which no signal reaches any more.
void wait_for_answer(Step& x, bool interrupted) {
  if (x.s.fuse_aborted != 0) {
    x.say("the connection is aborted: the flush fails");
    return x.ret();
  }
  if (interrupted) x.goes_to(FuseFlush::wait_uninterruptible);
  x.say("request_wait_answer(): waits for the server, {}",
        interrupted ? "and nothing else ends this" : "or a signal; none is sent past exit_signals()");
  sleep_in(x, interrupted ? RunState::uninterruptible : RunState::interruptible);
}

void wait_interruptible(Step& x) {
  wait_for_answer(x, signal_pending(x.me()));
}

void wait_uninterruptible(Step& x) {
  wait_for_answer(x, true);
}

constexpr Program k_programs[] = {
    {.routine = Routine::fuse_flush,
     .function = "fuse_flush",
     .file = "fs/fuse/file.c",
     .frames = {"request_wait_answer", "fuse_simple_request", "fuse_flush", "filp_close", "put_files_struct"},
     .steps =
         {
             {FuseFlush::wait_interruptible, wait_interruptible},
             {FuseFlush::wait_uninterruptible, wait_uninterruptible},
         }},
};

}  // namespace

std::span<const Program> fuse_programs() {
  return k_programs;
}

bool must_flush(const Step& x) {
  const bool last_user = x.process().files_users == 1;
  return x.my_process().has_fuse_file && last_user && x.s.fuse_aborted == 0 &&
         x.c.has(Switch::fuse_flush_waits);
}

void put_fuse_dev(const Config& c, State& s) {
  if (s.fuse_dev_refs == 0 || --s.fuse_dev_refs > 0) return;
  abort_fuse_connection(c, s);
}

void abort_fuse_connection(const Config& c, State& s) {
  s.fuse_aborted = 1;
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    if (is_in(s.tasks[no], Routine::fuse_flush)) wake_up(s, no, k_wake_normal);
}

}  // namespace unzap::kernel
