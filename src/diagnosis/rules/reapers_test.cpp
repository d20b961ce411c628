// SPDX-License-Identifier: Apache-2.0
// The causes that are read off a dying init and its namespace.
#include <gtest/gtest.h>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

const std::string k_first = "do_wait kernel_wait4 zap_pid_ns_processes do_exit";
const std::string k_second = "zap_pid_ns_processes do_exit do_group_exit";
const std::string k_drain = "cgroup_drain_dying cgroup_rmdir kernfs_iop_rmdir do_rmdir";

TaskBuilder init(const std::string& stack) {
  return TaskBuilder(900, "init", 'S').child_of(800).numbers({900, 1}).exiting().in(stack);
}
TaskBuilder shim() {
  return TaskBuilder(800, "containerd-shim", 'S').child_of(1).in("futex_wait_queue futex_wait");
}
TaskBuilder zombie(std::int32_t tid, std::int32_t parent) {
  return TaskBuilder(tid, "sh", 'Z').child_of(parent).numbers({tid, tid - 890});
}

struct Row {
  const char* name;
  Snapshot snapshot;
  const char* expected;
};

void expect(const std::vector<Row>& rows) {
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
  }
}

TEST(UnreapedByOutsideParent, Rows) {
  expect({
      {"second loop, zombies below the shim", pasted({shim(), init(k_second), zombie(950, 800)}),
       "stuck: unreaped-by-outside-parent likely"},
      {"first loop: it waits for a child of its own", pasted({shim(), init(k_first), zombie(950, 800)}),
       "stuck: members-not-visible likely, zombie-under-live-parent likely"},
      {"second loop alone", pasted({init(k_second)}),
       "stuck: members-not-visible likely, unreaped-by-outside-parent possible"},
      {"a zombie with live threads is not ready to be reaped",
       pasted({shim(), init(k_second), zombie(950, 800), TaskBuilder(951, "sh", 'D').of(950).child_of(800)}),
       "stuck: members-not-visible likely, unreaped-by-outside-parent possible, uninterruptible-member "
       "possible"},
      {"live: a depth proves nothing: a zombie of any container has it",
       live({shim(), init(k_second).looks(2, 0, 0), zombie(950, 800)}),
       "stuck: members-not-visible likely, unreaped-by-outside-parent possible"},
      {"live: one look is not enough", live({shim(), init(k_second), zombie(950, 800)}), "healthy"},
      {"live: a zombie of the host is none of the namespace",
       live(
           {shim(), init(k_second).looks(2, 0, 0), TaskBuilder(950, "sh", 'Z').child_of(800).numbers({950})}),
       "stuck: members-not-visible likely"},
  });
}

/// As /proc shows it: a zombie keeps its link to the pid namespace, also one that was injected.
TaskBuilder inside(TaskBuilder task, std::uint64_t space) {
  task.task.pid_ns = space;
  return task;
}

TEST(UnreapedByOutsideParent, AZombieShownInTheNamespaceHasItsParentOutside) {
  const TaskBuilder dying = inside(init(k_second).looks(2, 0, 0), 7);
  const TaskBuilder runtime = inside(shim(), 1);
  const Finding finding = finding_of(diagnose(live({runtime, dying, inside(zombie(950, 800), 7)})),
                                     CauseId::unreaped_by_outside_parent);
  EXPECT_EQ(finding.confidence, Confidence::likely);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 800);
  expect({
      {"its parent is a member",
       live({runtime, dying, inside(TaskBuilder(940, "sh", 'S').child_of(900), 7),
             inside(zombie(950, 940), 7)}),
       "stuck: members-not-visible likely"},
      {"its parent is not known", live({runtime, dying, inside(zombie(950, 777), 7)}),
       "stuck: members-not-visible likely"},
      {"a namespace in the dying one: both inits are dying",
       live({runtime, inside(init(k_first).looks(2, 0, 0), 7),
             inside(TaskBuilder(910, "inner", 'S').child_of(900).numbers({910, 5, 1}).exiting().in(k_second),
                    8)
                 .looks(2, 0, 0),
             inside(zombie(950, 800).numbers({950, 60, 2}), 8)}),
       "stuck: unreaped-by-outside-parent likely"},
  });
}

TEST(UnreapedByOutsideParent, SaysWhatHoldsTheParentUp) {
  TaskBuilder stopped = shim();
  stopped.task.state = 'T';
  const Finding finding =
      finding_of(diagnose(live({stopped, init(k_second).looks(2, 0, 0), zombie(950, 800)})),
                 CauseId::unreaped_by_outside_parent);
  EXPECT_NE(finding.summary.find("it is stopped"), std::string::npos) << finding.summary;
  ASSERT_FALSE(finding.remedies.empty());
  EXPECT_EQ(finding.remedies.front().id, "continue-parent");
}

TEST(UnreapedByOutsideParent, TheWholeCircleIsCertain) {
  const Snapshot snapshot =
      pasted({TaskBuilder(1, "systemd", 'D').in(k_drain), init(k_second).child_of(1), zombie(950, 1)},
             {hung_task(1, "systemd", k_drain)});
  const Finding finding = finding_of(diagnose(snapshot), CauseId::unreaped_by_outside_parent);
  EXPECT_EQ(finding.confidence, Confidence::certain);
  ASSERT_TRUE(finding.culprit);
  EXPECT_EQ(finding.culprit->tid, 1);
}

TEST(UnreapedByOutsideParent, WithoutTheZombiesNumbersTheCircleIsLikely) {
  const Snapshot snapshot = pasted(
      {TaskBuilder(1, "systemd", 'D').in(k_drain), init(k_second), TaskBuilder(950, "sh", 'Z').child_of(1)},
      {hung_task(1, "systemd", k_drain)});
  EXPECT_EQ(gist(diagnose(snapshot)), "stuck: unreaped-by-outside-parent likely");
}

TEST(MembersNotVisible, Rows) {
  expect({
      {"first loop, nobody shown", pasted({init(k_first)}), "stuck: members-not-visible likely"},
      {"known by wchan alone", pasted({[] {
         TaskBuilder task(900, "init", 'S');
         task.task.wchan = std::string("zap_pid_ns_processes");
         return task;
       }()}),
       "stuck: members-not-visible likely, unreaped-by-outside-parent possible"},
      {"its member is shown blocked",
       pasted({init(k_first), TaskBuilder(901, "app", 'D').child_of(900).in("nfs_file_write")}),
       "stuck: network-fs-wait likely"},
      {"its member is in D for no known reason",
       pasted({init(k_first), TaskBuilder(901, "app", 'D').child_of(900)}),
       "stuck: uninterruptible-member likely"},
      {"an oops in the kill walk is not a wait",
       pasted({}, {[] {
                KernelEvent oops = event(EventKind::oops, "UBSAN: shift-out-of-bounds in lib/radix-tree.c");
                oops.tid = 900;
                oops.stack = stack_of("idr_get_next zap_pid_ns_processes do_exit", StackOrigin::oops);
                return oops;
              }()}),
       "unknown"},
      {"live: the last milliseconds of every container", live({init(k_first)}), "healthy"},
      {"live: an init that rests", live({init(k_first).looks(2, 0, 0)}), "stuck: members-not-visible likely"},
  });
}

TEST(MembersNotVisible, AZombieLeaderWithThreadsThatAreNotShown) {
  TaskBuilder leader(900, "exporter", 'Z');
  leader.task.multi_threaded = true;
  EXPECT_EQ(gist(diagnose(pasted({leader}))), "stuck: members-not-visible possible");
  EXPECT_EQ(gist(diagnose(live({leader}))), "healthy");  // a program whose main thread has ended
}

TEST(UninterruptibleMember, KernelThreadsAndLiveHostsGiveNothing) {
  expect({
      {"a pasted D process", pasted({TaskBuilder(40, "app", 'D')}), "stuck: uninterruptible-member possible"},
      {"a kernel thread", pasted({TaskBuilder(40, "kworker/0:1", 'D').child_of(2)}), "unknown"},
      {"a live D process", live({TaskBuilder(40, "app", 'D')}), "healthy"},
      {"a pasted D process next to a known cause",
       pasted({TaskBuilder(40, "app", 'D'), TaskBuilder(41, "b", 'D').in("request_wait_answer fuse_flush")}),
       "stuck: fuse-request likely"},
  });
}

TaskBuilder traced(TaskBuilder task, std::int32_t tracer) {
  task.task.tracer_pid = tracer;
  return task;
}

TEST(TracedMember, Rows) {
  expect({
      {"a zombie that a debugger holds",
       pasted({init(k_first), traced(TaskBuilder(901, "app", 'Z').child_of(900), 77)}),
       "stuck: traced-member likely"},
      {"a traced process that runs", pasted({traced(TaskBuilder(901, "app", 'S'), 77)}), "unknown"},
      {"zombie threads: nobody but a tracer keeps them",
       pasted({TaskBuilder(901, "app", 'S'), TaskBuilder(902, "app", 'Z').of(901),
               TaskBuilder(903, "app", 'Z').of(901)}),
       "stuck: traced-member likely"},
      {"a zombie leader is kept by its own threads",
       pasted({TaskBuilder(901, "app", 'Z'), TaskBuilder(902, "app", 'S').of(901)}), "unknown"},
      {"live: a tracer about to reap", live({traced(TaskBuilder(901, "app", 'Z'), 77)}),
       "unknown: traced-member possible"},
      {"live: the init waits for it all the time",
       live({init(k_first).looks(2, 0, 0), traced(TaskBuilder(901, "app", 'Z').child_of(900), 77)}),
       "stuck: traced-member likely"},
  });
  const Diagnosis diagnosis =
      diagnose(pasted({traced(TaskBuilder(901, "app", 'Z'), 77), TaskBuilder(77, "gdb", 'S')}));
  ASSERT_TRUE(finding_of(diagnosis, CauseId::traced_member).culprit);
  EXPECT_EQ(finding_of(diagnosis, CauseId::traced_member).culprit->comm, "gdb");
}

TEST(ReaperSecondLoopSpin, Rows) {
  const auto spinner = [] { return TaskBuilder(900, "init", 'R').numbers({900, 1}).exiting().in_zap(); };
  expect({
      {"a profile of the running thread", pasted({spinner().in(k_second, StackOrigin::perf)}),
       "stuck: reaper-second-loop-spin likely"},
      {"asleep there", pasted({init(k_second)}),
       "stuck: members-not-visible likely, unreaped-by-outside-parent possible"},
      {"a soft lockup there fell between two calls of kernel_wait4",
       pasted({}, {soft_lockup(900, "init", 1, k_second)}), "stuck: reaper-busy-loop certain"},
      {"live: full load and context switches", live({spinner().on_cpu(1).looks(2, 97, 40)}),
       "unknown: reaper-second-loop-spin possible"},
      {"live: some load", live({spinner().on_cpu(1).looks(2, 50, 40)}), "healthy"},
  });
}

}  // namespace
}  // namespace unzap::testing
