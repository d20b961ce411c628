// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/redact.hpp"

#include <gtest/gtest.h>

#include "sources/bundle/bundle.hpp"

using namespace std::string_literals;

namespace unzap {
namespace {

const std::string k_id(64, 'c');

Task task_of(std::int32_t tid, const std::string& comm, Reading<std::uint64_t> flags = {}) {
  Task task;
  task.tid = tid;
  task.comm = comm;
  task.flags = flags;
  return task;
}

Snapshot secret_snapshot() {
  Snapshot snapshot;
  snapshot.origin = Origin::live;
  snapshot.host.name = "acme-db1"s;
  snapshot.tasks = {task_of(10, "acme-billing", 0), task_of(11, "acme-billing"), task_of(12, "acme")};
  snapshot.tasks[0].cgroup = "/kubepods/pod-acme/cri-" + k_id + ".scope";
  snapshot.tasks[0].container = k_id;
  snapshot.tasks[1].cgroup = "/kubepods/pod-acme"s;
  snapshot.tasks[2].cgroup = "/"s;
  snapshot.events = {{.kind = EventKind::hung_task,
                      .tid = 10,
                      .comm = "acme-billing"s,
                      .text = "INFO: task acme-billing:10 blocked for more than 120 seconds on acme-db1.",
                      .where = "/dev/kmsg"},
                     {.kind = EventKind::oom_kill,
                      .comm = "acme-web"s,
                      .text = "oom-kill:cpuset=cri-" + k_id +
                              ".scope,mems_allowed=0,oom_memcg=/kubepods/pod-acme,task=acme-web"}};
  snapshot.cgroups = {
      {"/kubepods/pod-acme", 2, true, true, "/sys/fs/cgroup/kubepods/pod-acme/cgroup.events"}};
  snapshot.problems = {
      {"/proc", "acme-web: /srv/acme/x and /proc/10/stack, id " + k_id + " at ffffffff8180a685"}};
  return snapshot;
}

TEST(Redacted, NothingOfTheOwnerIsLeft) {
  const std::string text = *write_bundle(redacted(secret_snapshot()), {.compressed = false});
  for (const std::string& secret : {"acme"s, "billing"s, "kubepods"s, "srv"s, "cccc"s})
    EXPECT_EQ(text.find(secret), std::string::npos) << secret << " in\n" << text;
}

TEST(Redacted, TheSameNameHasTheSameMask) {
  const Snapshot out = redacted(secret_snapshot());
  EXPECT_EQ(out.host.name, "host"s);
  EXPECT_EQ(out.tasks[0].comm, "comm-1"s);
  EXPECT_EQ(out.tasks[1].comm, "comm-1"s);
  EXPECT_EQ(out.tasks[2].comm, "comm-2"s);
  EXPECT_EQ(out.events[0].comm, "comm-1"s);
  EXPECT_EQ(out.events[0].text, "INFO: task comm-1:10 blocked for more than 120 seconds on host.");
  EXPECT_EQ(out.tasks[0].cgroup, "/group-1/group-2/group-3"s);
  EXPECT_EQ(out.tasks[1].cgroup, "/group-1/group-2"s);
  EXPECT_EQ(out.tasks[2].cgroup, "/"s);
  EXPECT_EQ(out.tasks[0].container, "container-1"s);
  EXPECT_EQ(out.cgroups[0].path, "/group-1/group-2");
  EXPECT_EQ(out.cgroups[0].where, "/sys/fs/cgroup/group-1/group-2/cgroup.events");
  EXPECT_EQ(out.events[1].text,
            "oom-kill:cpuset=group-3,mems_allowed=0,oom_memcg=/group-1/group-2,task=comm-3");
  EXPECT_EQ(out.problems[0].text,
            "comm-3: /group-4/group-5/group-6 and /proc/10/stack, id container-1 at ffffffff8180a685");
}

TEST(Redacted, NamesOfTheKernelStay) {
  const struct {
    const char* name;
    Reading<std::uint64_t> flags;
    bool kept;
  } rows[] = {
      {"iou-wrk-4701", Absence::not_asked, true},
      {"iou-sqp-4701", k_pf_io_worker, true},
      {"iou-wrk-x", 0, false},
      {"kworker/u8:1-rcu_gp", Absence::not_asked, true},
      {"kworker/u8:2", k_pf_kthread, true},
      {"kworker/secret", 0, false},
      {"ksoftirqd/3", Absence::not_asked, true},
      {"migration/0", Absence::not_asked, true},
      {"xfsaild/sda1", k_pf_kthread, true},
      {"rcu_sched", Absence::not_asked, true},
      {"containerd-shim", 0, true},
      {"containerd-secret", 0, false},
      {"node", Absence::not_permitted, false},
      {"", 0, true},
  };
  for (const auto& row : rows) {
    Snapshot snapshot;
    snapshot.tasks = {task_of(1, row.name, row.flags)};
    EXPECT_EQ(redacted(snapshot).tasks[0].comm.is(row.name), row.kept) << row.name;
  }
}

TEST(Redacted, OnlyWholeWordsAreMasked) {
  Snapshot snapshot;
  snapshot.tasks = {task_of(1, "sh"), task_of(2, "sh -c"), task_of(3, "(a)")};
  snapshot.problems = {{"", "sh shell sh_x (sh) sh -c x(a)b [sh:1] Xsh"}};
  EXPECT_EQ(redacted(snapshot).problems[0].text, "comm-1 shell sh_x (comm-1) comm-2 xcomm-3b [comm-1:1] Xsh");
}

TEST(Redacted, WhatIsAbsentStaysAbsent) {
  Snapshot snapshot;
  snapshot.tasks = {Task{}};
  snapshot.tasks[0].comm = Absence::gone;
  snapshot.tasks[0].cgroup = Absence::not_permitted;
  EXPECT_EQ(redacted(snapshot), snapshot);
}

}  // namespace
}  // namespace unzap
