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
                      .duration_seconds = 120.0,
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
  EXPECT_EQ(out.events[0].text, "INFO: task comm-1:10 blocked for more than 120 seconds.");
  EXPECT_EQ(out.tasks[0].cgroup, "/group-1/group-2/group-3"s);
  EXPECT_EQ(out.tasks[1].cgroup, "/group-1/group-2"s);
  EXPECT_EQ(out.tasks[2].cgroup, "/"s);
  EXPECT_EQ(out.tasks[0].container, "container-1"s);
  EXPECT_EQ(out.cgroups[0].path, "/group-1/group-2");
  EXPECT_EQ(out.cgroups[0].where, "/sys/fs/cgroup/group-1/group-2/cgroup.events");
  EXPECT_EQ(out.events[1].text, "Out of memory: Killed process ? (comm-3)");
  EXPECT_EQ(out.problems[0].text,
            "comm-3: /part-1/part-2/part-3 and /proc/10/stack, id container-1 at word-1");
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
      {"xfsaild/sda1", k_pf_kthread, false},
      {"10.1.2.3-manager", k_pf_kthread, false},
      {"kworker/acme", k_pf_kthread, false},
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

TEST(Redacted, OfSentencesOnlyKnownWordsAndCountsStay) {
  Snapshot snapshot;
  snapshot.tasks = {task_of(1, "sh"), task_of(2, "sh -c"), task_of(3, "not")};
  const struct {
    const char* text;
    const char* out;
  } rows[] = {
      {"sh shell (sh) sh -c [sh:1], 3 of 12 tasks",
       "comm-1 word-1 (comm-1) comm-2 [comm-1:1], 3 of 12 tasks"},
      {"the read of /proc/7/cmdline does not come back", "the read of /proc/7/cmdline does not come back"},
      {"only the first 256 MiB were read after 4.5 s (120ms)",
       "only the first 256 MiB were read after 4.5 s (120ms)"},
      {"waits for 10.0.0.1: at 00:11:22:33:44:55 in /srv/x", "waits for word-1: at word-2 in /part-1/part-2"},
      {"task=sh,oom_memcg=/a/b", "task=comm-1,oom_memcg=/part-1/part-2"},
      {"12345678 is not a count", "word-1 is not a count"},
  };
  for (const auto& row : rows) {
    snapshot.problems = {{"", row.text}};
    EXPECT_EQ(redacted(snapshot).problems[0].text, row.out);
  }
}

TEST(Redacted, ReportsAreWrittenAnewFromWhatWasParsed) {
  Snapshot snapshot;
  snapshot.events = {{.kind = EventKind::soft_lockup,
                      .duration_seconds = 26.0,
                      .cpus = {3},
                      .tid = 7,
                      .comm = "acme"s,
                      .text = "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [acme:7] db01"},
                     {.kind = EventKind::netdevice_wait,
                      .text = "unregister_netdevice: waiting for veth1 to become free. Usage count = 2 db01"},
                     {.kind = EventKind::netdevice_wait,
                      .text = "unregister_netdevice: waiting for lo to become free. Usage count = 1"}};
  const Snapshot out = redacted(snapshot);
  EXPECT_EQ(out.events[0].text, "watchdog: BUG: soft lockup - CPU#3 stuck for 26s! [comm-1:7]");
  EXPECT_EQ(out.events[1].text, "unregister_netdevice: waiting for netdev-1 to become free. Usage count = 2");
  EXPECT_EQ(out.events[2].text, snapshot.events[2].text);
}

TEST(Redacted, OfTheKernelReleaseAndClassStay) {
  Snapshot snapshot;
  snapshot.host.kernel_release = "6.1.0-18-acme-amd64"s;
  snapshot.host.kernel_version = "#1 SMP PREEMPT_DYNAMIC (root@buildhost) Debian 6.1.76-1 (2024-02-01)"s;
  snapshot.tasks = {Task{}};
  snapshot.tasks[0].syscall = "61 0x7f3a00112233 0x2 0x7ffc11223344 0x7f3a99887766"s;
  snapshot.tasks[0].work_dir = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + k_id;
  snapshot.tasks[0].where = "/chroots/acme/proc/17";
  snapshot.tasks[0].stack =
      Stack{{{"do_wait", 1, 2, "fuse"}, {"a.b", 1, 2, "sda1"}}, StackOrigin::proc_stack, ""};
  const Snapshot out = redacted(snapshot);
  EXPECT_EQ(out.host.kernel_release, "6.1.0-18-x-amd64"s);
  EXPECT_EQ(out.host.kernel_version, "#1 SMP PREEMPT_DYNAMIC Debian"s);
  EXPECT_EQ(out.tasks[0].syscall, "61"s);
  EXPECT_EQ(out.tasks[0].work_dir, "/run/containerd/io.containerd.runtime.v2.task/k8s.io/container-1"s);
  EXPECT_EQ(out.tasks[0].where, "/part-1/part-2/proc/17");
  EXPECT_EQ(out.tasks[0].stack->frames[0], (Frame{"do_wait", 1, 2, "fuse"}));
  EXPECT_EQ(out.tasks[0].stack->frames[1], (Frame{"function-1", 1, 2, "module-1"}));
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
