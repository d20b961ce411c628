// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include "diagnosis/testing.hpp"

namespace unzap::testing {
namespace {

const std::string k_id(64, 'c');
const std::string k_sandbox(64, '5');
const std::string k_uid = "9fa1b2c3-0d4e-4f56-8a7b-0123456789ab";

/// The shim of a container that ctr started, as a look of two seconds shows it.
TaskBuilder shim(char state, std::uint64_t switches = 0) {
  TaskBuilder out =
      TaskBuilder(800, "containerd-shim", state).child_of(1).numbers({800}).looks(2, 0, switches);
  out.task.work_dir = std::string("/run/containerd/io.containerd.runtime.v2.task/default/web");
  return out;
}
TaskBuilder dead_init() {
  TaskBuilder out = TaskBuilder(900, "nginx", 'Z').child_of(800).numbers({900, 1}).exiting().looks(2, 0, 0);
  out.task.cgroup = std::string("/default/web");
  return out;
}
TaskBuilder without_second_look(TaskBuilder task) {
  task.task.samples.pop_back();
  return task;
}
TaskBuilder without_folder(TaskBuilder task) {
  task.task.work_dir = Absence::not_asked;
  return task;
}
TaskBuilder at(TaskBuilder task, const std::string& cgroup) {
  task.task.cgroup = cgroup;
  return task;
}
TaskBuilder traced_by(TaskBuilder task, std::int32_t tracer) {
  task.task.tracer_pid = tracer;
  return task;
}
TaskBuilder renamed(TaskBuilder task, const char* comm) {
  task.task.comm = std::string(comm);
  return task;
}

struct Row {
  const char* name;
  Snapshot snapshot;
  const char* expected;
};

Snapshot frozen(Snapshot snapshot) {
  snapshot.tasks.front().cgroup = std::string("/shims");
  CgroupState state;
  state.path = "/shims";
  state.frozen = true;
  state.freeze_asked = true;
  snapshot.cgroups.push_back(state);
  return snapshot;
}

TEST(RuntimeDoesNotReap, Rows) {
  const std::string likely = "stuck: runtime-does-not-reap likely";
  const std::string possible = "unknown: runtime-does-not-reap possible";
  const std::vector<Row> rows = {
      {"stopped", live({shim('T'), dead_init()}), likely.c_str()},
      {"in a stop of its tracer", live({traced_by(shim('t'), 700), dead_init()}), likely.c_str()},
      {"in D", live({shim('D').in("pipe_write vfs_write"), dead_init()}), likely.c_str()},
      {"frozen", frozen(live({shim('S'), dead_init()})), likely.c_str()},
      {"hangs: nothing of it has moved", live({shim('S'), dead_init()}), likely.c_str()},
      {"one of its threads has moved",
       live({shim('S'), TaskBuilder(801, "containerd-shim", 'S').of(800).looks(2, 0, 3), dead_init()}),
       possible.c_str()},
      {"of one of its threads it is not known",
       live({shim('S'), TaskBuilder(801, "containerd-shim", 'S').of(800), dead_init()}), possible.c_str()},
      {"it moves, and still does not reap", live({shim('S', 7), dead_init()}), possible.c_str()},
      {"hangs, and only its name says what it is", live({without_folder(shim('S')), dead_init()}),
       possible.c_str()},
      {"stopped, and only its name says what it is", live({without_folder(shim('T')), dead_init()}),
       likely.c_str()},
      {"stopped, seen once", live({without_second_look(shim('T')), without_second_look(dead_init())}),
       possible.c_str()},
      {"slow, seen once", live({without_second_look(shim('S')), without_second_look(dead_init())}),
       "healthy"},
      {"conmon", live({renamed(shim('T'), "conmon"), dead_init()}), likely.c_str()},
      {"a stopped parent that nothing shows to be a runtime's",
       live({renamed(shim('T'), "bash"), dead_init()}), "unknown: runtime-does-not-reap possible"},
      {"such a parent that is only slow", live({renamed(shim('S'), "bash"), dead_init()}), "healthy"},
      {"a runtime in a container: its name and folder are its own word",
       live({shim('T').numbers({800, 5}), dead_init()}), "healthy"},
      {"a runtime in a cgroup of a container", live({at(shim('T'), "/docker/" + k_id), dead_init()}),
       "healthy"},
      {"not the init", live({shim('T'), dead_init().numbers({900, 7})}), "healthy"},
      {"the init lives on in a thread",
       live({shim('T'), dead_init(), TaskBuilder(901, "nginx", 'S').of(900)}), "healthy"},
      {"the init shares the pid namespace of the host", live({shim('T'), dead_init().numbers({900})}),
       likely.c_str()},
      {"a tracer comes first", live({shim('T'), traced_by(dead_init(), 700)}),
       "unknown: traced-member possible"},
      {"a container that lives, with a stopped shim",
       live({shim('T'), TaskBuilder(900, "nginx", 'S').child_of(800).numbers({900, 1})}), "healthy"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(gist(diagnose(row.snapshot)), row.expected);
  }
}

TEST(RuntimeDoesNotReap, NamesContainerRuntimeAndCommand) {
  const Finding finding =
      finding_of(diagnose(live({shim('T'), dead_init()})), CauseId::runtime_does_not_reap);
  ASSERT_TRUE(finding.container);
  EXPECT_EQ(finding.container->id, "web");
  EXPECT_EQ(finding.container->name, "web");
  EXPECT_EQ(finding.container->runtime, "containerd");
  EXPECT_EQ(finding.container->ns, "default");
  ASSERT_TRUE(finding.container->process);
  EXPECT_EQ(finding.container->process->pid, 800);
  std::string advice;
  for (const Remedy& remedy : finding.remedies) advice += remedy.text + "\n";
  EXPECT_NE(advice.find("kill -CONT 800"), std::string::npos) << advice;
  EXPECT_NE(advice.find("ctr -n default tasks kill -s SIGKILL web"), std::string::npos) << advice;
  for (const std::string& text : finding.refuted_by) EXPECT_EQ(text.find('<'), std::string::npos) << text;
}

TEST(RuntimeDoesNotReap, TwoContainersOfOneShimAreTwoFindings) {
  TaskBuilder sandbox = shim('T');
  sandbox.task.work_dir = "/run/containerd/io.containerd.runtime.v2.task/k8s.io/" + k_sandbox;
  TaskBuilder other = dead_init();
  other.task.tid = other.task.tgid = 910;
  other.task.ns_pids = std::vector<std::int32_t>{910, 1};
  const std::string pod = "/kubepods/besteffort/pod" + k_uid + "/";
  const Diagnosis seen =
      diagnose(live({sandbox, at(dead_init(), pod + k_id), at(other, pod + std::string(64, 'd'))}));
  ASSERT_EQ(seen.findings.size(), 2);
  const ContainerRef& first = *seen.findings[0].container;
  EXPECT_EQ(first.id, k_id);
  EXPECT_EQ(first.pod, k_uid);
  EXPECT_EQ(first.sandbox, k_sandbox);
  EXPECT_EQ(first.runtime, "containerd");
  EXPECT_EQ(seen.findings[0].remedies.back().text,
            "Once that is done, let the runtime finish (until then it says: context deadline exceeded, or "
            "failed to "
            "kill container): crictl stopp " +
                k_sandbox);
  EXPECT_EQ(seen.findings[1].container->id, std::string(64, 'd'));
}

TEST(NameContainer, NoCommandForAnIdThatSomebodyMayHaveMadeUp) {
  TaskBuilder runtime = renamed(without_folder(shim('T')), "runc");
  const Diagnosis seen = diagnose(live({runtime, at(dead_init(), "/mine/docker/" + k_id)}));
  ASSERT_EQ(seen.findings.size(), 1);
  ASSERT_TRUE(seen.findings[0].container);
  EXPECT_TRUE(seen.findings[0].container->claimed);
  for (const Remedy& remedy : seen.findings[0].remedies) EXPECT_NE(remedy.id, "tell-runtime");
}

}  // namespace
}  // namespace unzap::testing
