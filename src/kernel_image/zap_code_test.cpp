// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/zap_code.hpp"

#include <gtest/gtest.h>

#include "kernel_image/testing.hpp"

namespace unzap {
namespace {

using testing_kernel::from_hex;

// What compilers made of the wait loop, from kernels as they were shipped: the call leads to kernel_wait4.
struct Shipped {
  const char* name;
  std::uint64_t address;
  const char* zap;
  std::uint64_t wait4;
  std::uint64_t wait_address;
  const char* wait;
  ZapFix fix;
};

// mov rax, gs:current; rdx = flags; bit 17; bit 2
constexpr const char* k_wait_61 = "65488b042580fb0100 488b10 f7c200000200 7500 488b00 a804 7500 c3";
constexpr const char* k_wait_61_gate =
    "65488b042580fb0100 488b10 f7c200000200 7508 488b00 a804 7500 c3"
    "8b502c 81e200008000 75ed c3";
constexpr const char* k_wait_612_gate =
    "65488b1c2580fb0100 eb0a 488b03 a804 7500 c3 9090"
    "488b03 a900000200 74ec 8b432c a900008000 75e2 c3";

const Shipped k_shipped[] = {
    {"Debian 6.1.170", 0xffffffff811917d6,
     "654c8b242580fb0100 f041802424fb f04180642402fd 31c931f6ba00000040bfffffffff e84164f1ff 83f8f6 75db c3",
     0xffffffff810a7c40, 0xffffffff810a6620, k_wait_61, ZapFix::fix_2024},
    {"Debian 6.1.192", 0xffffffff811920b8,
     "654c8b242580fb0100 458b6c242c 41814c242c00008000 f041802424fb 31c931f6ba00000040bfffffffff e8285cf1ff "
     "83f8f6 75e2 c3",
     0xffffffff810a7d10, 0xffffffff810a665c, k_wait_61_gate, ZapFix::fix_2026},
    {"Debian 6.12.107, where current lies in two registers", 0xffffffff811f2a70,
     "65488b1c2580fb0100 4889dd eb03 4889dd f0806500fb f0806302fd 31c931f6ba00000040bfffffffff e8a284edff "
     "83f8f6 75db c3",
     0xffffffff810caf40, 0xffffffff810ca920, k_wait_61, ZapFix::fix_2024},
    {"Debian 6.12.117, where the mask goes through registers", 0xffffffff811fe872,
     "65488b1c2580fb0100 448b6b2c 4489e8 0d00008000 89432c f08023fb 31c931f6ba00000040bfffffffff e8bf33edff "
     "83f8f6 75e4 c3",
     0xffffffff810d1c60, 0xffffffff810d1600, k_wait_612_gate, ZapFix::fix_2026},
};

/// The functions of a row; `wait4` is where the only call of the zap code leads.
ZapFunctions functions_of(const std::string& zap, std::uint64_t zap_at, const std::string& wait,
                          std::uint64_t wait_at) {
  ZapFunctions out;
  out.isa = find_isa(Machine::x86_64);
  Result<Code> zap_code = out.isa->read_code("zap_pid_ns_processes", {{zap_at, bytes_of(zap)}});
  Result<Code> wait_code = out.isa->read_code("do_wait", {{wait_at, bytes_of(wait)}});
  EXPECT_TRUE(zap_code) << (zap_code ? "" : zap_code.error().text());
  EXPECT_TRUE(wait_code) << (wait_code ? "" : wait_code.error().text());
  out.zap = std::move(*zap_code);
  out.waits.push_back(std::move(*wait_code));
  out.has_io_threads = true;
  for (const Instruction& one : out.zap.instructions)
    if (one.calls != 0) out.wait4 = one.calls;
  return out;
}

TEST(ZapCode, shipped_kernels) {
  for (const Shipped& row : k_shipped) {
    SCOPED_TRACE(row.name);
    const ZapFunctions functions =
        functions_of(from_hex(row.zap), row.address, from_hex(row.wait), row.wait_address);
    EXPECT_EQ(functions.wait4, row.wait4);
    const ZapCode code = judge_zap(functions);
    EXPECT_EQ(name(code.fix), name(row.fix)) << code.reason;
    EXPECT_GE(code.evidence.size(), 5U);
  }
}

struct Row {
  const char* name;
  const char* zap;
  const char* wait;
  ZapFix fix;
  const char* reason;
};

// mov rbx, gs:current stands before each; the call goes to 0x2000.
const Row k_rows[] = {
    {"only SIGPENDING is cleared", "f08023fb e8ee0f0000 83f8f6 75f2 c3", k_wait_61, ZapFix::none, ""},
    {"both cleared by one instruction", "f08123fbfffdff e8eb0f0000 83f8f6 75ef c3", k_wait_61,
     ZapFix::fix_2024, ""},
    {"btr instead of and", "f08023fb f00fba3311 e8e90f0000 83f8f6 75ed c3", k_wait_61, ZapFix::fix_2024, ""},
    {"cleared once, before the loop", "f0806302fd f08023fb e8e90f0000 83f8f6 75f2 c3", k_wait_61,
     ZapFix::unknown, "TIF_NOTIFY_SIGNAL is cleared, but not on every turn of the loop around kernel_wait4"},
    {"cleared on one of two ways", "f08023fb 85c0 7405 f0806302fd e8e50f0000 83f8f6 75e9 c3", k_wait_61,
     ZapFix::unknown, "TIF_NOTIFY_SIGNAL is cleared, but not on every turn of the loop around kernel_wait4"},
    {"mask set, and nobody asks for it", "814b2c00008000 f08023fb e8e70f0000 83f8f6 75f2 c3", k_wait_61,
     ZapFix::unknown,
     "zap_pid_ns_processes sets 0x800000 of the word at 0x2c of task_struct, "
     "and nothing is seen to ask for it"},
    {"mask taken back before the wait", "814b2c00008000 81632cffff7fff f08023fb e8e00f0000 83f8f6 75f2 c3",
     k_wait_61_gate, ZapFix::none, ""},
    {"mask set on one of two ways", "85c0 7407 814b2c00008000 f08023fb e8e30f0000 83f8f6 75f2 c3",
     k_wait_61_gate, ZapFix::none, ""},
    {"another bit than the one that is asked for", "814b2c00004000 f08023fb e8e70f0000 83f8f6 75f2 c3",
     k_wait_61_gate, ZapFix::unknown,
     "zap_pid_ns_processes sets 0x400000 of the word at 0x2c of task_struct, "
     "and nothing is seen to ask for it"},
    {"flags written with what is not known", "8903 f08023fb e8ec0f0000 83f8f6 75f2 c3", k_wait_61,
     ZapFix::unknown, "what mov dword ptr [rbx], eax at 1009 does to the thread flags is not understood"},
    {"not even TIF_SIGPENDING is seen to be cleared", "e8f20f0000 83f8f6 75f6 c3", k_wait_61, ZapFix::unknown,
     "TIF_SIGPENDING, which every kernel clears before each wait, is not seen to be cleared"},
    {"no loop", "f08023fb e8ee0f0000 c3", k_wait_61, ZapFix::unknown,
     "zap_pid_ns_processes calls kernel_wait4 in no loop: this code is not understood"},
    {"nothing asks for a flag", "f08023fb e8ee0f0000 83f8f6 75f2 c3", "c3", ZapFix::unknown,
     "the waiting function asks for no thread flag: signal_pending() was not found"},
    {"6.18's bits 1 and 2: only one is cleared", "f08023fd e8ee0f0000 83f8f6 75f2 c3",
     "65488b042580fb0100 8b10 f6c202 7507 8b00 a804 7500 c3", ZapFix::none, ""},
    {"6.18's bits 1 and 2: both are cleared", "f08023fd f08023fb e8ea0f0000 83f8f6 75ee c3",
     "65488b042580fb0100 8b10 f6c202 7507 8b00 a804 7500 c3", ZapFix::fix_2024, ""},
    {"bits in no known layout", "f08023fb e8ee0f0000 83f8f6 75f2 c3",
     "65488b042580fb0100 8b10 f6c220 7507 8b00 a804 7500 c3", ZapFix::unknown,
     "the waiting function asks for the thread flags 2, 5: no known layout of the bits"},
    {"one bit, though io_uring has threads", "f08023fb e8ee0f0000 83f8f6 75f2 c3",
     "65488b042580fb0100 8b00 a804 7500 c3", ZapFix::unknown,
     "the waiting function asks for the thread flags 2: no known layout of the bits"},
};

TEST(ZapCode, each_answer_needs_its_instructions) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const std::string zap = from_hex("65488b1c2580fb0100") + from_hex(row.zap);
    const ZapCode code = judge_zap(functions_of(zap, 0x1000, from_hex(row.wait), 0x3000));
    EXPECT_EQ(name(code.fix), name(row.fix)) << code.reason;
    EXPECT_EQ(code.reason, row.reason);
  }
}

TEST(ZapCode, a_kernel_without_the_flag_and_without_io_threads_is_not_affected) {
  const std::string zap = from_hex("65488b1c2580fb0100 f08023fb e8ee0f0000 83f8f6 75f2 c3");
  ZapFunctions functions =
      functions_of(zap, 0x1000, from_hex("65488b042580fb0100 8b00 a804 7500 c3"), 0x3000);
  functions.has_io_threads = false;
  EXPECT_EQ(judge_zap(functions).fix, ZapFix::no_notify_signal);
}

TEST(ZapCode, btf_can_refute_the_mask) {
  const Shipped& row = k_shipped[1];
  ZapFunctions functions = functions_of(from_hex(row.zap), row.address, from_hex(row.wait), row.wait_address);
  functions.flags_offset = 0x2c;
  EXPECT_EQ(judge_zap(functions).fix, ZapFix::fix_2026);
  functions.flags_offset = 0x30;
  EXPECT_EQ(judge_zap(functions).fix, ZapFix::none);
}

TEST(Isa, code_that_cannot_be_disassembled_is_refused) {
  const Result<Code> code = find_isa(Machine::x86_64)->read_code("f", {{0x1000, bytes_of("\x90\x06")}});
  ASSERT_FALSE(code);
  EXPECT_EQ(code.error().message, "f cannot be disassembled at 1001");
}

}  // namespace
}  // namespace unzap
