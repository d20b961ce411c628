// SPDX-License-Identifier: Apache-2.0
#include "linux/frames.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace unzap {
namespace {

struct Row {
  const char* name;
  const char* input;
  const char* expected;
};

std::string dump(const FrameText& frame) {
  constexpr const char* k_forms[] = {"none", "weak", "cut", "strong"};
  std::string out = k_forms[static_cast<std::size_t>(frame.form)];
  if (frame.form == FrameForm::none) return out;
  out += fmt::format(" {}", frame.function);
  if (frame.size != 0) out += fmt::format("+{:x}/{:x}", frame.offset, frame.size);
  if (!frame.module.empty()) out += fmt::format(" [{}]", frame.module);
  if (!frame.more.empty()) out += fmt::format(" / {}", frame.more);
  if (frame.guess) out += " guess";
  if (frame.hidden_address) out += " hidden";
  if (frame.outermost) out += " outermost";
  return out;
}

constexpr Row k_frames[] = {
    {"dmesg", "do_wait+0x52/0x310", "strong do_wait+52/310"},
    {"indented guess", "  ? show_regs.part.0+0x23/0x29", "strong show_regs.part.0+23/29 guess"},
    {"module", "nfs_wb_all+0x1a/0x120 [nfs]", "strong nfs_wb_all+1a/120 [nfs]"},
    {"module with build id", "f+0x1/0x2 [fat 0a109de409393851]", "strong f+1/2 [fat]"},
    {"proc stack", "[<0>] exp_funnel_lock+0x1eb/0x230", "strong exp_funnel_lock+1eb/230 hidden"},
    {"old address", "[<ffffffff8113231c>] do_exit+0xa14/0xba0", "strong do_exit+a14/ba0"},
    {"old guess", "[<ffffffff816fe941>] ? net_alloc+0x21/0x30", "strong net_alloc+21/30 guess"},
    {"end of an old stack", "[<ffffffffffffffff>] 0xffffffffffffffff", "strong  outermost"},
    {"no symbol", "[<000000009d9e2300>] 0x9d9e2300", "strong "},
    {"no offset", "[<0>] do_wait", "strong do_wait hidden"},
    {"several in one line", "[<0>] __mmput / mmput / exit_mm", "strong __mmput / mmput / exit_mm hidden"},
    {"remark", "[<0>] get_signal      <- the signal", "strong get_signal hidden"},
    {"powerpc", "[c0000000072d7a60] [c00000000096a4f8] __schedule+0x2a8/0x8d0 (unreliable)",
     "strong __schedule+2a8/8d0 guess"},
    {"s390", "([<000002e1fb072998>] lock_wait+0xc8/0x110)", "strong lock_wait+c8/110"},
    {"inlined", "io_worker_exit fs/io-wq.c:183 [inline]", "strong io_worker_exit"},
    {"decoded", "schedule+0xd3/0x270 kernel/sched/core.c:6366", "strong schedule+d3/270"},
    {"alone", "zap_pid_ns_processes", "weak zap_pid_ns_processes"},
    {"broken off", "do_wait+0x", "cut do_wait"},
    {"broken off behind the slash", "do_wait+0x12/", "cut do_wait"},
    {"offset too large", "f+0x11111111111111111111/0x2", "none"},
    {"sentence", "the function do_wait waits", "none"},
    {"goroutine frame", "main.main() /go/src/x.go:12 +0x1d5", "none"},
    {"gdb frame", "#0  0x00007f12 in futex_wait () from /lib/libc.so", "none"},
    {"registers", "RAX: 0000000000000001 RBX: ffffb15fc915bcf8", "none"},
    {"stack words", "ffff8800b5c07cc8 ffffffff81e13500", "none"},
    {"crash", "#1 [ffff881fe5d6fd40] schedule at ffffffff816a8f65", "strong schedule"},
    {"crash with module", "#12 [ffff881fe5d6fd40] nfs_wait+18 at ffffffff816a8f65 [nfs]",
     "strong nfs_wait [nfs]"},
    {"empty", "", "none"},
    {"name in brackets", "[npm start] <defunct>", "none"},
};

TEST(ParseFrame, Rows) {
  for (const Row& row : k_frames) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_frame(row.input)), row.expected);
  }
}

}  // namespace
}  // namespace unzap
