// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine.hpp"

#include <cstring>

#include "kernel/test_driver.hpp"

namespace unzap::kernel {
namespace {

constexpr auto k_kernel = "v5.15.160";

TEST(Machine, BeginsBeforeInitDies) {
  Driver d(with_workers({WorkerStart::idle, WorkerStart::reading}), k_kernel);
  EXPECT_EQ(d.s.current[0], d.leader());
  EXPECT_EQ(d.s.current[1], k_no_task);
  EXPECT_EQ(d.s.child_reaper, d.leader());
  EXPECT_EQ(d.s.pid_allocated, 4);
  EXPECT_EQ(d[d.child()].parent, d.leader());
  EXPECT_EQ(d[d.leader()].parent, k_outside);
  for (const TaskNo no : {d.worker(0), d.worker(1), d.child(), d.kworker()}) EXPECT_TRUE(d.asleep(no));
  EXPECT_FALSE(d.machine.is_goal(d.s));
}

TEST(Machine, AWorkerAboutToReadIsRunnable) {
  Driver d(with_workers({WorkerStart::about_to_read}), k_kernel);
  EXPECT_TRUE(d.offers({Event::pick, 1, d.worker()}));
}

TEST(Machine, WithoutBalancingAWorkerAboutToReadIsStillToBePlacedOnAnyCpu) {
  Scenario scenario = with_workers({WorkerStart::about_to_read});
  scenario.balance = false;
  Driver d(scenario, k_kernel);
  EXPECT_TRUE(d.offers({Event::place, 0, d.worker()}));
  EXPECT_TRUE(d.offers({Event::place, 1, d.worker()}));
  EXPECT_FALSE(d.offers(Event::pick, d.worker()));
}

TEST(Machine, TasksAreNamedAsTheKernelNamesThem) {
  Scenario scenario = with_workers({WorkerStart::idle});
  scenario.child_sqpoll = true;
  scenario.in_thread = true;
  Driver d(scenario, k_kernel);
  const TaskNo thread = d.find("init/2");
  EXPECT_EQ(d.config().tasks[d.worker()].comm, "iou-wrk-" + std::to_string(d.config().tasks[thread].tid));
  EXPECT_EQ(d.config().tasks[static_cast<std::size_t>(d.child()) + 1].comm,
            "iou-sqp-" + std::to_string(d.config().tasks[d.child()].tid));
  EXPECT_EQ(d.config().tasks[d.leader()].ns_tid, 1);
}

TEST(Machine, EverythingGoneIsTheGoal) {
  Driver d(plain(), k_kernel);
  d.until_off(d.leader());
  d.until_off(d.child(), 1);
  d.until_off(d.kworker());
  d.until_off(d.child());
  EXPECT_FALSE(d.machine.is_goal(d.s));
  d.until_off(d.leader());
  d.fire(Environment::reap);
  EXPECT_TRUE(d.machine.is_goal(d.s));
  EXPECT_EQ(d.s.pid_allocated, 0);
  EXPECT_EQ(d.s.mnt_ns_gone, 1);
  EXPECT_EQ(d.machine.witnesses(d.s) & 8U, 8U);
}

TEST(Machine, AskedTwiceItAnswersTheSame) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  for (int i = 0; i < 6; ++i) d.step(d.leader());
  std::vector<std::pair<Action, State>> first, second;
  const auto collect = [&](auto& into) {
    d.machine.for_each_successor(
        d.s, [&](const Action& a, const State& s, explorer::Label) { into.emplace_back(a, s); });
  };
  collect(first);
  collect(second);
  ASSERT_EQ(first.size(), second.size());
  for (std::size_t i = 0; i < first.size(); ++i) {
    EXPECT_EQ(first[i].first, second[i].first);
    EXPECT_EQ(std::memcmp(&first[i].second, &second[i].second, sizeof(State)), 0);
  }
}

TEST(Machine, AMoveIsBusyAsLongAsTheTaskCanGoOn) {
  Driver d(plain(), k_kernel);
  const auto label_of = [&](Event event) {
    explorer::Label found;
    d.machine.for_each_successor(d.s, [&](const Action& a, const State&, explorer::Label label) {
      if (a.event == event) found = label;
    });
    return found;
  };
  EXPECT_EQ(label_of(Event::run), (explorer::Label{d.leader(), true}));
  d.until_said(d.leader(), "cannot be reaped yet");
  EXPECT_EQ(label_of(Event::run), (explorer::Label{d.leader(), false})) << "the next step sleeps";
  EXPECT_EQ(label_of(Event::pick), (explorer::Label{d.child(), true})) << "the task that is put on can move";
}

TEST(Machine, DescribingAnActionChangesNothingAndNamesFunctionAndFile) {
  Driver d(plain(), k_kernel);
  const State before = d.s;
  const Description words = d.machine.describe(d.s, {Event::run, 0, d.leader()});
  EXPECT_EQ(std::memcmp(&before, &d.s, sizeof(State)), 0);
  EXPECT_EQ(words.actor, "init");
  EXPECT_EQ(words.function, "exit_group");
  EXPECT_EQ(words.file, "kernel/exit.c");
  EXPECT_FALSE(words.text.empty());
}

TEST(Machine, TheFlagCountsAsAWitnessOnlyWhileTheReaperSeesIt) {
  for (const auto& [kernel, counts] : {std::pair{k_kernel, true}, std::pair{"v6.1.192", false}}) {
    Driver d(plain(), kernel);
    d.until_said(d.leader(), "clears TIF_SIGPENDING");
    d[d.leader()].tif = k_tif_notify_signal;
    EXPECT_EQ((d.machine.witnesses(d.s) & 1U) != 0, counts) << kernel;
  }
}

TEST(Machine, ABacktraceIsPrintedInnermostFirst) {
  Driver d(with_workers({WorkerStart::idle}), k_kernel);
  d.until_off(d.leader());
  const auto frames = backtrace(d.config(), d[d.leader()]);
  EXPECT_EQ(frames.front(), "io_wq_put_and_exit");
  EXPECT_EQ(frames.back(), "entry_SYSCALL_64_after_hwframe");
  EXPECT_TRUE(backtrace(d.config(), Task{}).empty());
}

TEST(Machine, TheInterruptDoesNotArriveInTheMiddleOfAContextSwitch) {
  Driver d(plain(), k_kernel);
  d.s.rcu.mask = d.s.rcu.ipi = 2;
  EXPECT_TRUE(d.offers({Event::ipi, 1, k_no_task}));
  wake_up(d.s, d.child(), k_wake_normal);
  EXPECT_FALSE(d.offers(Event::ipi)) << "CPU 1 is about to take the child";
  d.act({Event::pick, 1, d.child()});
  EXPECT_TRUE(d.offers({Event::ipi, 1, d.child()}));
}

}  // namespace
}  // namespace unzap::kernel
