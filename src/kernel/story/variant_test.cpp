// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/variant.hpp"

#include <gtest/gtest.h>

namespace unzap::kernel {
namespace {

using enum Switch;

Variant of(const char* kernel) {
  return find_kernel(kernel)->variant;
}

TEST(Variant, EveryKernelIsFoundByItsName) {
  ASSERT_FALSE(kernels().empty());
  for (const Kernel& kernel : kernels()) {
    const auto found = find_kernel(kernel.name);
    ASSERT_TRUE(found) << kernel.name;
    EXPECT_EQ(found->variant, kernel.variant);
    EXPECT_FALSE(kernel.text.empty());
  }
}

TEST(Variant, AnUnknownKernelIsAUsageErrorThatListsTheNames) {
  const auto found = find_kernel("v5.15.161");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::usage);
  EXPECT_NE(found.error().message.find("`v5.15.161`"), std::string::npos);
  EXPECT_NE(found.error().remedy.find("did you mean v5.15.16"), std::string::npos) << found.error().remedy;
  for (const Kernel& kernel : kernels())
    EXPECT_NE(found.error().remedy.find(kernel.name), std::string::npos) << kernel.name;
}

TEST(Variant, EverySwitchIsFoundByItsName) {
  for (unsigned i = 0; i < static_cast<unsigned>(count_); ++i) {
    const auto one = static_cast<Switch>(i);
    const auto found = find_switch(info(one).name);
    ASSERT_TRUE(found) << info(one).name;
    EXPECT_EQ(*found, one);
    EXPECT_FALSE(info(one).text.empty());
  }
  for (const Switch fix : {fix_2024, fix_2026, second_loop_leaves_tasks_rcu, fork_checks_namespace})
    EXPECT_TRUE(info(fix).fix) << info(fix).name;
  for (const Switch difference :
       {worker_self_notify, dump_leaves_out_user_workers, rmdir_drains_dying_tasks, fuse_flush_waits})
    EXPECT_FALSE(info(difference).fix) << info(difference).name;
}

TEST(Variant, AnUnknownSwitchIsAUsageErrorThatListsTheNames) {
  const auto found = find_switch("fix-2025");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::usage);
  EXPECT_NE(found.error().remedy.find("did you mean fix-202"), std::string::npos) << found.error().remedy;
  for (unsigned i = 0; i < static_cast<unsigned>(count_); ++i)
    EXPECT_NE(found.error().remedy.find(info(static_cast<Switch>(i)).name), std::string::npos);
}

TEST(Variant, PreemptionModelsAreFoundByTheirNames) {
  for (const Preempt one : {Preempt::none, Preempt::voluntary, Preempt::full})
    EXPECT_EQ(*parse_preempt(name(one)), one);
  const auto found = parse_preempt("rt");
  ASSERT_FALSE(found);
  EXPECT_EQ(found.error().kind, ErrorKind::usage);
  EXPECT_EQ(found.error().remedy, "allowed: none, voluntary, full");
}

TEST(Variant, ASwitchIsSetAndTakenBackAlone) {
  Variant variant;
  variant.set(worker_self_notify, true);
  EXPECT_TRUE(variant.has(worker_self_notify));
  EXPECT_FALSE(variant.has(fix_2024));
  variant.set(worker_self_notify, false);
  EXPECT_EQ(variant, Variant{});
}

TEST(Variant, KernelsDifferAsTheFactsSay) {
  struct Row {
    const char* kernel;
    bool fix24, fix26, clears, flushes, self, drops, idle, kept, single;
  };
  for (const Row& row : {Row{"v5.15.160", false, false, false, false, false, false, false, false, true},
                         Row{"v5.15.162", true, false, false, false, false, false, false, false, true},
                         Row{"v6.1.94", false, false, true, true, false, false, false, false, false},
                         Row{"v6.1.95", true, false, true, true, false, false, false, false, false},
                         Row{"v6.1.192", false, true, true, true, true, true, true, false, false},
                         Row{"v6.6.34", false, false, true, true, false, false, false, true, false},
                         Row{"v6.6.35", true, false, true, true, false, false, false, true, false}}) {
    SCOPED_TRACE(row.kernel);
    const Variant v = of(row.kernel);
    EXPECT_EQ(v.has(fix_2024), row.fix24);
    EXPECT_EQ(v.has(fix_2026), row.fix26);
    EXPECT_EQ(v.has(get_signal_clears_notify), row.clears);
    EXPECT_EQ(v.has(worker_flush_always_clears), row.flushes);
    EXPECT_EQ(v.has(worker_self_notify), row.self);
    EXPECT_EQ(v.has(drop_signals_to_dying_group), row.drops);
    EXPECT_EQ(v.has(second_loop_idle), row.idle);
    EXPECT_EQ(v.has(worker_flag_kept), row.kept);
    EXPECT_EQ(v.has(expedited_single_cpu_shortcut), row.single);
    EXPECT_TRUE(v.has(notify_exiting_workers) && v.has(notify_owner_to_create) &&
                v.has(notify_task_of_request));
    EXPECT_TRUE(v.has(second_loop_leaves_tasks_rcu) && v.has(second_loop_counts_leader) &&
                v.has(fork_checks_namespace) && v.has(fuse_flush_waits));
    EXPECT_EQ(v.has(exit_bit_per_item), row.self) << "6.1.167";
    EXPECT_EQ(v.has(freezer_trap_runs_task_work), row.self) << "6.1.103";
    EXPECT_FALSE(v.has(rmdir_drains_dying_tasks)) << "7.0";
    EXPECT_FALSE(v.has(preempt_count_quiescent)) << "a matter of the configuration";
  }
}

}  // namespace
}  // namespace unzap::kernel
