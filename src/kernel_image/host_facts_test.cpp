// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/host_facts.hpp"

#include <gtest/gtest.h>

#include "kernel_image/verdict.hpp"

namespace unzap {
namespace {

KernelFacts facts_with(ZapFix fix) {
  KernelFacts out;
  out.release = "6.1.90";
  out.machine = Machine::x86_64;
  out.code_from = "/proc/kcore";
  out.code.fix = fix;
  if (fix != ZapFix::unknown)
    out.code.evidence = {{"zap_pid_ns_processes", 0xffffffff81000310, "\xe8\xeb\xfd\xff\xff",
                          "call 0xffffffff81000100", "waits: kernel_wait4", 0x10}};
  out.config.io_uring = true;
  out.config.preempt_rcu = false;
  out.config.modules = true;
  out.io_uring_disabled = 0;
  out.guard_loaded = false;
  out.cpus = 4;
  return out;
}

TEST(HostFacts, a_snapshot_answers_as_the_kernel_did) {
  for (const ZapFix fix :
       {ZapFix::none, ZapFix::fix_2024, ZapFix::fix_2026, ZapFix::no_notify_signal, ZapFix::unknown})
    for (const bool guard : {false, true})
      for (const std::optional<bool> io_uring :
           {std::optional<bool>(), std::optional(true), std::optional(false)}) {
        KernelFacts facts = facts_with(fix);
        facts.guard_loaded = guard;
        facts.config.io_uring = io_uring;
        Host host;
        host.kernel_release = facts.release;
        host.cpus = *facts.cpus;
        put_kernel(facts, host);
        const KernelFacts back = kernel_of(host, "it");
        EXPECT_EQ(name(back.code.fix), name(fix));
        EXPECT_EQ(back.config.io_uring, io_uring);
        EXPECT_EQ(name(answer_for(back).verdict), name(answer_for(facts).verdict));
        EXPECT_EQ(answer_for(back).advice.size(), answer_for(facts).advice.size());
      }
}

TEST(HostFacts, no_address_of_the_running_kernel_is_carried) {
  Host host;
  put_kernel(facts_with(ZapFix::none), host);
  ASSERT_EQ(host.wait_fix->steps.size(), 1U);
  const CodeStep& step = host.wait_fix->steps[0];
  EXPECT_EQ(step.offset, 0x10);
  EXPECT_EQ(step.instruction, "call 0xffff...");
}

TEST(HostFacts, preemption_is_taken_where_the_host_did_not_state_it) {
  KernelFacts facts = facts_with(ZapFix::none);
  facts.config.preemption = Preemption::voluntary;
  Host host;
  put_kernel(facts, host);
  EXPECT_FALSE(host.preemption) << "whether it may be chosen at boot is not known";
  facts.config.preempt_dynamic = false;
  put_kernel(facts, host);
  EXPECT_EQ(host.preemption, Reading<Preemption>(Preemption::voluntary));
  facts.preempt_mode = Preemption::full;
  put_kernel(facts, host);
  EXPECT_EQ(host.preemption, Reading<Preemption>(Preemption::voluntary)) << "what the host said stays";
  EXPECT_EQ(kernel_of(host, "it").preempt_mode, Preemption::voluntary);
}

TEST(HostFacts, why_the_code_is_not_known_stays_known) {
  for (const Absence why : {Absence::not_permitted, Absence::timed_out, Absence::not_in_this_kernel}) {
    KernelFacts facts = facts_with(ZapFix::unknown);
    facts.unread = why;
    Host host;
    put_kernel(facts, host);
    EXPECT_EQ(host.wait_fix, Reading<WaitFix>(why));
    const KernelFacts back = kernel_of(host, "it");
    EXPECT_EQ(back.unread, why);
    EXPECT_FALSE(answer_for(back).reason.empty());
  }
}

}  // namespace
}  // namespace unzap
