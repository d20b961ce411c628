// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/blind_spots.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "diagnosis/diagnose.hpp"

namespace unzap {
namespace {

/// A quiet host of which everything was seen.
Snapshot quiet_host() {
  Snapshot snapshot;
  snapshot.origin = Origin::live;
  snapshot.all_tasks = true;
  for (const std::int32_t tid : {1, 2}) {
    Task task;
    task.tid = task.tgid = tid;
    task.state = 'S';
    snapshot.tasks.push_back(task);
  }
  return snapshot;
}

TEST(BlindSpots, NothingHiddenIsHealthy) {
  EXPECT_FALSE(blind_spots(quiet_host()).any());
  EXPECT_EQ(diagnose(quiet_host()).verdict, Verdict::healthy);
}

TEST(BlindSpots, WhatIsHiddenIsNamedAndNeverHealthy) {
  struct Row {
    const char* name;
    std::function<void(Snapshot&)> hide;
    BlindSpots expected;
  };
  const Row rows[] = {
      {"stacks", [](Snapshot& s) { s.tasks[1].stack = Absence::not_permitted; }, {.stacks = 1}},
      {"namespaces", [](Snapshot& s) { s.tasks[1].pid_ns = Absence::not_permitted; }, {.namespaces = 1}},
      {"time", [](Snapshot& s) { s.tasks[1].state = Absence::timed_out; }, {.late = 1}},
      {"the host", [](Snapshot& s) { s.all_tasks = false; }, {.other_tasks = true}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Snapshot snapshot = quiet_host();
    row.hide(snapshot);
    EXPECT_EQ(blind_spots(snapshot), row.expected);
    const Diagnosis diagnosis = diagnose(snapshot);
    EXPECT_EQ(diagnosis.verdict, Verdict::unknown);
    ASSERT_FALSE(diagnosis.limits.empty());
    EXPECT_EQ(diagnosis.limits.front().kind, Limit::hidden);
    EXPECT_EQ(diagnosis.limits.front().blind_spots, row.expected);
  }
}

TEST(BlindSpots, OfATextNobodyCanTell) {
  Snapshot snapshot = quiet_host();
  snapshot.origin = Origin::text;
  snapshot.tasks[1].stack = Absence::not_permitted;
  EXPECT_FALSE(blind_spots(snapshot).any());
}

}  // namespace
}  // namespace unzap
