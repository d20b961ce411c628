// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/verdict.hpp"
#include "linux/first_fixed.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <functional>

namespace unzap {
namespace {

/// A kernel without the fix that locks up.
KernelFacts vulnerable() {
  KernelFacts out;
  out.release = "6.1.0-21-amd64";
  out.version = "#1 SMP PREEMPT_DYNAMIC Debian 6.1.90-1 (2024-05-03)";
  out.machine = Machine::x86_64;
  out.code.fix = ZapFix::none;
  out.config.io_uring = true;
  out.config.preempt_rcu = false;
  out.config.modules = true;
  out.config.kprobes = true;
  out.config.preemption = Preemption::none;
  return out;
}

struct Row {
  const char* name;
  std::function<void(KernelFacts&)> change;
  KernelVerdict verdict;
};

const Row k_rows[] = {
    {"as it is", [](KernelFacts&) {}, KernelVerdict::can_lock_up},
    {"fix of 2024", [](KernelFacts& f) { f.code.fix = ZapFix::fix_2024; }, KernelVerdict::fixed},
    {"fix of 2026", [](KernelFacts& f) { f.code.fix = ZapFix::fix_2026; }, KernelVerdict::fixed},
    {"no flag", [](KernelFacts& f) { f.code.fix = ZapFix::no_notify_signal; }, KernelVerdict::not_affected},
    {"not read", [](KernelFacts& f) { f.code.fix = ZapFix::unknown; }, KernelVerdict::unknown},
    {"not read, no io_uring", [](KernelFacts& f) { f.code.fix = ZapFix::unknown, f.config.io_uring = false; },
     KernelVerdict::not_affected},
    {"no io_uring", [](KernelFacts& f) { f.config.io_uring = false; }, KernelVerdict::not_affected},
    {"io_uring for nobody", [](KernelFacts& f) { f.io_uring_disabled = 2; }, KernelVerdict::not_affected},
    {"io_uring for some", [](KernelFacts& f) { f.io_uring_disabled = 1; }, KernelVerdict::can_lock_up},
    {"preemptible RCU", [](KernelFacts& f) { f.config.preempt_rcu = true; }, KernelVerdict::wastes_cpu},
    {"preemptible RCU, one CPU", [](KernelFacts& f) { f.config.preempt_rcu = true, f.cpus = 1; },
     KernelVerdict::can_lock_up},
    {"preemptible RCU, one CPU, preempted",
     [](KernelFacts& f) { f.config.preempt_rcu = true, f.cpus = 1, f.preempt_mode = Preemption::full; },
     KernelVerdict::wastes_cpu},
    {"guard loaded", [](KernelFacts& f) { f.guard_loaded = true; }, KernelVerdict::not_affected},
    {"guard not loaded", [](KernelFacts& f) { f.guard_loaded = false; }, KernelVerdict::can_lock_up},
    {"RCU not known", [](KernelFacts& f) { f.config.preempt_rcu = std::nullopt; },
     KernelVerdict::can_lock_up},
};

TEST(Verdict, each_fact_decides) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    KernelFacts facts = vulnerable();
    row.change(facts);
    const KernelAnswer answer = answer_for(facts);
    EXPECT_EQ(name(answer.verdict), name(row.verdict));
    EXPECT_FALSE(answer.verdict != KernelVerdict::unknown && answer.reason.empty());
    const bool bad = row.verdict == KernelVerdict::can_lock_up || row.verdict == KernelVerdict::wastes_cpu;
    EXPECT_EQ(answer.advice.empty(), !bad);
  }
}

TEST(Verdict, a_loaded_guard_covers_the_first_loop_only_and_says_so) {
  KernelFacts facts = vulnerable();
  const auto says_so = [](const std::string& text) {
    return text.find("locks nothing up") != std::string::npos;
  };
  const KernelAnswer advice = answer_for(facts);
  EXPECT_TRUE(std::any_of(advice.advice.begin(), advice.advice.end(),
                          [&](const auto& each) { return each.id == "guard" && says_so(each.text); }));
  facts.guard_loaded = true;
  const KernelAnswer loaded = answer_for(facts);
  EXPECT_TRUE(std::any_of(loaded.notes.begin(), loaded.notes.end(), says_so));
}

TEST(Verdict, the_guard_needs_modules_and_kprobes) {
  KernelFacts facts = vulnerable();
  EXPECT_EQ(guard_obstacle(facts.config), "");
  facts.config.module_sig_force = true;
  EXPECT_NE(guard_obstacle(facts.config), "");
  facts.config.module_sig_force = false;
  facts.config.kprobes = std::nullopt;
  EXPECT_NE(guard_obstacle(facts.config), "");
  facts.config.modules = false;
  EXPECT_NE(guard_obstacle(facts.config), "");
}

struct SeriesRow {
  const char* release;
  const char* version;
  const char* expected;  ///< the first row, or empty
};
const SeriesRow k_series[] = {
    {"6.1.0-21-amd64", "#1 SMP PREEMPT_DYNAMIC Debian 6.1.90-1 (2024-05-03)", "Debian 6.1.98-1"},
    {"6.12.107+deb12-amd64", "", "Debian 6.12.115-1"},
    {"5.15.160", "#1 SMP", "Linux 5.15.162"},
    {"6.1.94-99.176.amzn2023.x86_64", "#1 SMP", "Amazon Linux 2023 6.1.96-102.177.amzn2023"},
    {"5.10.100-1.amzn2.x86_64", "#1 SMP", ""},
    {"5.15.0-107-generic", "#117-Ubuntu SMP", ""},
    {"5.14.0-427.el9.x86_64", "#1 SMP", ""},
    {"6.8.0", "#1", ""},
    {"", "", ""},
};

TEST(FirstFixed, is_said_where_it_is_known_and_nowhere_else) {
  for (const SeriesRow& row : k_series) {
    SCOPED_TRACE(row.release);
    const std::vector<FirstFixed> known = first_fixed_for(row.release, row.version);
    const std::string first =
        known.empty() ? "" : std::string(known[0].distribution) + " " + std::string(known[0].version);
    EXPECT_EQ(first, row.expected);
  }
}

}  // namespace
}  // namespace unzap
