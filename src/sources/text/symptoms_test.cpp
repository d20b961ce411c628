// SPDX-License-Identifier: Apache-2.0
#include "sources/text/symptoms.hpp"

#include <gtest/gtest.h>

#include "sources/text/text_source.hpp"

namespace unzap::text {
namespace {

const std::string k_id = "3f2a9c0b7d1e4f5a6b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c";
const std::string k_pod = "9fa1b2c3-0d4e-4f56-8a7b-0123456789ab";

struct Row {
  const char* name;
  std::string line;
  std::string container;
  std::string pod;
};

const Row k_rows[] = {
    {"docker rm -f",
     "Error response from daemon: cannot remove container \"/web\": could not kill: tried to kill container, "
     "but did "
     "not receive an exit event, container " +
         k_id,
     k_id, ""},
    {"dockerd",
     "Nov 29 10:00:00 node dockerd[812]: time=\"2026-11-29T10:00:00Z\" level=error msg=\"Container failed to "
     "exit "
     "within 10s of kill - trying direct SIGKILL\" container=" +
         k_id + " error=\"context deadline exceeded\"",
     k_id, ""},
    {"docker, short id",
     "Container 3f2a9c0b7d1e failed to exit within 10 seconds of kill - trying direct SIGKILL",
     "3f2a9c0b7d1e", ""},
    {"docker, zombie",
     "container " + k_id + " PID 4711 is zombie and can not be killed. Use the --init option", k_id, ""},
    {"containerd",
     "time=\"2026-11-29T10:00:00Z\" level=error msg=\"StopContainer for \\\"" + k_id +
         "\\\" failed\" error=\"rpc "
         "error: code = DeadlineExceeded desc = an error occurs during waiting for container \\\"" +
         k_id + "\\\" to be killed: wait container \\\"" + k_id + "\\\": context deadline exceeded\"",
     k_id, ""},
    {"kubelet, container",
     "E1129 10:00:00.123456    1234 kuberuntime_container.go:714] \"Kill container failed\" err=\"rpc error: "
     "code = "
     "DeadlineExceeded desc = context deadline exceeded\" pod=\"default/web-0\" podUID=\"" +
         k_pod + "\" containerName=\"web\" containerID=\"containerd://" + k_id + "\"",
     k_id, k_pod},
    {"kubelet, pod",
     "E1129 10:00:00.123456    1234 pod_workers.go:951] \"Error syncing pod, skipping\" err=\"failed to "
     "\\\"KillPodSandbox\\\" for \\\"" +
         k_pod + "\\\" with KillPodSandboxError: \\\"rpc error: code = DeadlineExceeded\\\"\"",
     "", k_pod},
    {"kubelet, container, by journalctl",
     "Nov 29 10:00:00 node kubelet[99]: E1129 10:00:00.1 99 remote_runtime.go:366] \"StopContainer from "
     "runtime service "
     "failed\" err=\"rpc error\" containerID=\"" +
         k_id + "\"",
     k_id, ""},
    {"podman", "Error: given PID did not die within timeout, container " + k_id, k_id, ""},
};

TEST(SymptomOf, knows_the_words_and_the_ids) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const auto seen = symptom_of(row.line);
    ASSERT_TRUE(seen);
    EXPECT_EQ(seen->container, row.container);
    EXPECT_EQ(seen->pod, row.pod);
  }
}

TEST(SymptomOf, leaves_other_lines_alone) {
  for (const std::string& line :
       {std::string("Readiness probe failed: context deadline exceeded"), "container " + k_id + " started",
        std::string("INFO: task sh:42 blocked for more than 120 seconds."),
        std::string("we failed to kill container images in our registry"), std::string()})
    EXPECT_FALSE(symptom_of(line)) << line;
}

TEST(ReadText, keeps_each_container_once) {
  const std::string line = k_rows[4].line + "\n";
  const Snapshot seen = read_text(line + line + k_rows[6].line + "\n", "kubelet.log");
  ASSERT_EQ(seen.symptoms.size(), 2);
  EXPECT_EQ(seen.symptoms[0].where, "kubelet.log:1");
  EXPECT_EQ(seen.symptoms[1].pod, k_pod);
  const Snapshot told = read_text(k_rows[4].line + "\n" + k_rows[5].line + "\n", "kubelet.log");
  ASSERT_EQ(told.symptoms.size(), 1) << "one line has the pod as well";
  EXPECT_EQ(told.symptoms[0].pod, k_pod);
}

}  // namespace
}  // namespace unzap::text
