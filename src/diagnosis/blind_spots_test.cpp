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
  EXPECT_EQ(blind_spots(quiet_host()), "");
  EXPECT_EQ(diagnose(quiet_host()).verdict, Verdict::healthy);
}

TEST(BlindSpots, WhatIsHiddenIsNamedAndNeverHealthy) {
  struct Row {
    const char* name;
    std::function<void(Snapshot&)> hide;
    const char* words;
  };
  const Row rows[] = {
      {"stacks", [](Snapshot& s) { s.tasks[1].stack = Absence::not_permitted; },
       "the kernel stacks of 1 task (needs CAP_SYS_ADMIN and CAP_SYS_PTRACE"},
      {"namespaces", [](Snapshot& s) { s.tasks[1].pid_ns = Absence::not_permitted; },
       "the pid namespaces of 1 task (needs CAP_SYS_PTRACE)"},
      {"time", [](Snapshot& s) { s.tasks[1].state = Absence::timed_out; },
       "files of 1 task that did not answer in time"},
      {"the host", [](Snapshot& s) { s.all_tasks = false; }, "tasks outside of what this /proc shows"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    Snapshot snapshot = quiet_host();
    row.hide(snapshot);
    EXPECT_NE(blind_spots(snapshot).find(row.words), std::string::npos) << blind_spots(snapshot);
    const Diagnosis diagnosis = diagnose(snapshot);
    EXPECT_EQ(diagnosis.verdict, Verdict::unknown);
    ASSERT_FALSE(diagnosis.limits.empty());
    EXPECT_EQ(diagnosis.limits.front(), blind_spots(snapshot));
  }
}

TEST(BlindSpots, OfATextNobodyCanTell) {
  Snapshot snapshot = quiet_host();
  snapshot.origin = Origin::text;
  snapshot.tasks[1].stack = Absence::not_permitted;
  EXPECT_EQ(blind_spots(snapshot), "");
}

}  // namespace
}  // namespace unzap
