// SPDX-License-Identifier: Apache-2.0
#include "snapshot/container.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

struct Row {
  const char* name;
  std::string cgroup;
  std::string uid;
};

const std::string k_uid = "9fa1b2c3-0d4e-4f56-8a7b-0123456789ab";
const std::string k_systemd = "9fa1b2c3_0d4e_4f56_8a7b_0123456789ab";
const std::string k_static = "0f1e2d3c4b5a69788796a5b4c3d2e1f0";
const std::string k_container(64, 'c');

const Row k_rows[] = {
    {"cgroupfs, burstable", "/kubepods/burstable/pod" + k_uid + "/" + k_container, k_uid},
    {"cgroupfs, guaranteed", "/kubepods/pod" + k_uid + "/" + k_container, k_uid},
    {"the pod itself", "/kubepods/besteffort/pod" + k_uid, k_uid},
    {"systemd, containerd",
     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + k_systemd +
         ".slice/cri-containerd-" + k_container + ".scope",
     k_uid},
    {"systemd, CRI-O",
     "/kubepods.slice/kubepods-besteffort.slice/kubepods-besteffort-pod" + k_systemd + ".slice/crio-" +
         k_container + ".scope/container",
     k_uid},
    {"systemd, docker, guaranteed",
     "/kubepods.slice/kubepods-pod" + k_systemd + ".slice/docker-" + k_container + ".scope", k_uid},
    {"a scope of containerd without systemd's names",
     "/kubepods-burstable-pod" + k_systemd + ".slice:cri-containerd:" + k_container, k_uid},
    {"static pod", "/kubepods/burstable/pod" + k_static + "/" + k_container, k_static},
    {"static pod, systemd",
     "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + k_static + ".slice", k_static},
    {"a cgroup root of its own",
     "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + k_systemd + ".slice/crio-" + k_container +
         ".scope",
     k_uid},
    {"a node in a pod",
     "/kubepods/pod" + k_static + "/" + k_container + "/kubelet/kubepods/burstable/pod" + k_uid + "/" +
         k_container,
     k_uid},
    {"docker alone", "/docker/" + k_container, ""},
    {"systemd's docker", "/system.slice/docker-" + k_container + ".scope", ""},
    {"podman's pod",
     "/machine.slice/machine-libpod_pod_" + k_container + ".slice/libpod-" + k_container + ".scope", ""},
    {"a group of the kubelet", "/kubepods.slice/kubepods-burstable.slice", ""},
    {"a uid that is too short", "/kubepods/burstable/pod" + k_uid.substr(1), ""},
    {"a letter that is no digit", "/kubepods/burstable/podg" + k_uid.substr(1), ""},
    {"a group that is called so", "/podium/pod" + k_uid, ""},
    {"nothing", "", ""},
    {"the root", "/", ""},
};

TEST(PodUid, is_found_in_the_paths_of_every_runtime) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(pod_uid(row.cgroup), row.uid);
  }
}

}  // namespace
}  // namespace unzap
