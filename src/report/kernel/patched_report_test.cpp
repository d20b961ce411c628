// SPDX-License-Identifier: Apache-2.0
#include "report/kernel/patched_report.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

#include "kernel_image/host_facts.hpp"

namespace unzap {
namespace {

KernelFacts vulnerable() {
  KernelFacts out;
  out.subject = "vmlinuz";
  out.release = "6.1.90";
  out.machine = Machine::x86_64;
  out.symbols_from = "the symbol table of the image";
  out.code_from = "the image";
  out.address = 0xffffffff81000200;
  out.size = 64;
  out.code.fix = ZapFix::none;
  out.code.evidence = {{"zap_pid_ns_processes", 0xffffffff81000210, "\xf0\x80\x23\xfb",
                        "lock and byte ptr [rbx], 0xfb", "clears TIF_SIGPENDING before each wait", 16}};
  out.config.io_uring = true;
  out.config.preempt_rcu = false;
  return out;
}

TEST(PatchedReport, shows_the_very_instructions) {
  const KernelFacts facts = vulnerable();
  const KernelAnswer answer = answer_for(facts);
  const std::string text = patched_text(facts, answer, {});
  EXPECT_NE(text.find("ffffffff81000210  f0 80 23 fb"), std::string::npos) << text;
  EXPECT_NE(text.find("clears TIF_SIGPENDING"), std::string::npos);
  EXPECT_NE(text.find("PREEMPT_COUNT: not known"), std::string::npos);
  const auto json = nlohmann::json::parse(patched_json(facts, answer));
  EXPECT_EQ(json["verdict"], "can-lock-up");
  EXPECT_EQ(json["evidence"][0]["bytes"], "f0 80 23 fb");
  EXPECT_EQ(json["evidence"][0]["address"], "ffffffff81000210");
  EXPECT_TRUE(json["config"]["preempt_count"].is_null());
  EXPECT_FALSE(json["advice"].empty());
}

TEST(PatchedReport, a_recorded_kernel_has_places_and_no_addresses) {
  Host host;
  put_kernel(vulnerable(), host);
  const KernelFacts facts = kernel_of(host, "the kernel of node.unzap");
  const KernelAnswer answer = answer_for(facts);
  const auto json = nlohmann::json::parse(patched_json(facts, answer));
  EXPECT_EQ(json["verdict"], "can-lock-up");
  EXPECT_EQ(json["evidence"][0]["bytes"], "f0 80 23 fb");
  EXPECT_EQ(json["evidence"][0]["offset"], 16);
  EXPECT_TRUE(json["evidence"][0]["address"].is_null());
  EXPECT_NE(patched_text(facts, answer, {}).find("zap_pid_ns_processes+0x10"), std::string::npos);
}

TEST(PatchedReport, foreign_names_cannot_reach_the_terminal) {
  KernelFacts facts = vulnerable();
  facts.subject = "a\x1b[31mb";
  EXPECT_EQ(patched_text(facts, answer_for(facts), {}).find('\x1b'), std::string::npos);
}

}  // namespace
}  // namespace unzap
