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
    {"a node in a pod: the pod of the host, for the other is the node's word",
     "/kubepods/pod" + k_static + "/" + k_container + "/kubelet/kubepods/burstable/pod" + k_uid + "/" +
         k_container,
     k_static},
    {"a container that makes a group like a pod's",
     "/docker/" + k_container + "/kubepods/burstable/pod" + k_uid, ""},
    {"a pod in a pod", "/kubepods/pod" + k_uid + "/pod" + k_static + "/" + k_container, k_uid},
    {"docker alone", "/docker/" + k_container, ""},
    {"systemd's docker", "/system.slice/docker-" + k_container + ".scope", ""},
    {"podman's pod",
     "/machine.slice/machine-libpod_pod_" + k_container + ".slice/libpod-" + k_container + ".scope", ""},
    {"a group of the kubelet", "/kubepods.slice/kubepods-burstable.slice", ""},
    {"a uid that is too short", "/kubepods/burstable/pod" + k_uid.substr(1), ""},
    {"a letter that is not a digit", "/kubepods/burstable/podg" + k_uid.substr(1), ""},
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

const std::string k_inner(64, '7');
const std::string k_pod_slice =
    "/kubepods.slice/kubepods-burstable.slice/kubepods-burstable-pod" + k_systemd + ".slice/";

struct Whose {
  const char* name;
  std::string cgroup;
  Container expected = {};
};

const Whose k_whose[] = {
    {"docker", "/docker/" + k_container, {k_container, "docker", "", "moby"}},
    {"docker, systemd",
     "/system.slice/docker-" + k_container + ".scope",
     {k_container, "docker", "", "moby"}},
    {"docker in docker",
     "/docker/" + k_container + "/docker/" + k_inner,
     {k_container, "docker", "", "moby"}},
    {"docker in docker, systemd",
     "/system.slice/docker-" + k_container + ".scope/system.slice/docker-" + k_inner + ".scope",
     {k_container, "docker", "", "moby"}},
    {"a node of kind: the node is the container, and what runs in it is its own word",
     "/docker/" + k_container + "/kubelet/kubepods/burstable/pod" + k_uid + "/" + k_inner,
     {k_container, "docker", "", "moby"}},
    {"a node of kind, systemd",
     "/system.slice/docker-" + k_container +
         ".scope/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + k_systemd +
         ".slice/cri-containerd-" + k_inner + ".scope",
     {k_container, "docker", "", "moby"}},
    {"seen from within the node",
     "/kubelet.slice/kubelet-kubepods.slice/kubelet-kubepods-pod" + k_systemd + ".slice/cri-containerd-" +
         k_inner + ".scope",
     {k_inner, "containerd", k_uid, "k8s.io"}},
    {"a group of docker's user", "/jobs/" + k_container, {k_container, "", "", "", true}},
    {"containerd, Kubernetes, systemd",
     k_pod_slice + "cri-containerd-" + k_container + ".scope",
     {k_container, "containerd", k_uid, "k8s.io"}},
    {"containerd that was not told of systemd",
     "/system.slice/kubepods-burstable-pod" + k_systemd + ".slice:cri-containerd:" + k_container,
     {k_container, "containerd", k_uid, "k8s.io"}},
    {"Kubernetes, cgroupfs: the runtime does not sign",
     "/kubepods/besteffort/pod" + k_uid + "/" + k_container,
     {k_container, "", k_uid, ""}},
    {"CRI-O", k_pod_slice + "crio-" + k_container + ".scope", {k_container, "cri-o", k_uid, ""}},
    {"CRI-O, cgroupfs", "/kubepods/pod" + k_uid + "/crio-" + k_container, {k_container, "cri-o", k_uid, ""}},
    {"CRI-O, a group below",
     k_pod_slice + "crio-" + k_container + ".scope/container",
     {k_container, "cri-o", k_uid, ""}},
    {"conmon of CRI-O is not a container", k_pod_slice + "crio-conmon-" + k_container + ".scope"},
    {"podman", "/machine.slice/libpod-" + k_container + ".scope/container", {k_container, "podman", "", ""}},
    {"podman, cgroupfs", "/libpod_parent/libpod-" + k_container, {k_container, "podman", "", ""}},
    {"podman's conmon", "/machine.slice/libpod-conmon-" + k_container + ".scope"},
    {"podman, in a pod of its own",
     "/machine.slice/machine-libpod_pod_" + k_inner + ".slice/libpod-" + k_container + ".scope",
     {k_container, "podman", "", ""}},
    {"podman, in a pod of its own, cgroupfs",
     "/libpod_parent/" + k_inner + "/libpod-" + k_container,
     {k_container, "podman", "", ""}},
    {"podman of a user, who may name groups",
     "/user.slice/user-1000.slice/user@1000.service/user.slice/libpod-" + k_container + ".scope",
     {k_container, "podman", "", "", true}},
    {"ctr", "/default/myid", {"myid", "containerd", "", "default"}},
    {"ctr, seen from a cgroup namespace next to it",
     "/../default/my_id-1.b",
     {"my_id-1.b", "containerd", "", "default"}},
    {"ctr, another namespace", "/k8s.io/" + k_container, {k_container, "containerd", "", "k8s.io"}},
    {"ctr, with decoys below", "/default/myid/docker/" + k_inner, {"myid", "containerd", "", "default"}},
    {"ctr, with a decoy of a pod",
     "/default/myid/kubepods/pod" + k_uid + "/" + k_inner,
     {"myid", "containerd", "", "default"}},
    {"a namespace of containerd alone", "/default"},
    {"a folder called default further in", "/jobs/default/myid"},
    {"nerdctl", "/system.slice/nerdctl-" + k_container + ".scope", {k_container, "containerd", "", ""}},
    {"runc, systemd", "/system.slice/runc-" + k_container + ".scope", {k_container, "runc", "", ""}},
    {"runc, an id of one's own", "/mine"},
    {"runc, an id of one's own, with a decoy below",
     "/mine/docker/" + k_inner,
     {k_inner, "docker", "", "moby", true}},
    {"runc, a long id", "/" + k_container, {k_container, "", "", ""}},
    {"LXC", "/lxc.payload.web/docker/" + k_inner, {"web", "lxc", "", ""}},
    {"LXC, older", "/lxc/web/docker/" + k_inner, {"web", "lxc", "", ""}},
    {"a decoy below a container",
     "/docker/" + k_container + "/cri-containerd-" + k_inner + ".scope",
     {k_container, "docker", "", "moby"}},
    {"a pod, and no container of it", "/kubepods/pod" + k_uid, {"", "", k_uid, ""}},
    {"one digit more", "/docker/" + k_container + "b"},
    {"a service", "/system.slice/ssh.service"},
    {"a session", "/user.slice/user-0.slice/session-1.scope"},
    {"a zombie whose cgroup is gone",
     "/docker/" + k_container + " (deleted)",
     {k_container, "docker", "", "moby"}},
    {"nothing", ""},
};

TEST(ContainerOf, is_the_outermost) {
  for (const Whose& row : k_whose) {
    SCOPED_TRACE(row.name);
    const Container seen = container_of(row.cgroup);
    EXPECT_EQ(seen.id, row.expected.id);
    EXPECT_EQ(seen.runtime, row.expected.runtime);
    EXPECT_EQ(seen.pod, row.expected.pod);
    EXPECT_EQ(seen.ns, row.expected.ns);
    EXPECT_EQ(seen.claimed, row.expected.claimed);
    EXPECT_EQ(container_id(row.cgroup), row.expected.id);
  }
}

const Whose k_folders[] = {
    {"a shim of ctr",
     "/run/containerd/io.containerd.runtime.v2.task/default/myid",
     {"myid", "containerd", "", "default"}},
    {"a shim of Kubernetes: the sandbox",
     "/run/k3s/containerd/io.containerd.runtime.v2.task/k8s.io/" + k_container,
     {k_container, "containerd", "", "k8s.io"}},
    {"a shim of docker",
     "/run/containerd/io.containerd.runtime.v2.task/moby/" + k_container,
     {k_container, "docker", "", "moby"}},
    {"an older shim",
     "/run/docker/containerd/daemon/io.containerd.runtime.v1.linux/moby/" + k_container,
     {k_container, "docker", "", "moby"}},
    {"conmon",
     "/run/containers/storage/overlay-containers/" + k_container + "/userdata",
     {k_container, "", "", ""}},
    {"conmon, another driver",
     "/tmp/r/vfs-containers/" + k_container + "/userdata",
     {k_container, "", "", ""}},
    {"a folder too deep", "/run/containerd/io.containerd.runtime.v2.task/default/myid/rootfs"},
    {"no id", "/run/containerd/io.containerd.runtime.v2.task/default"},
    {"a name with a quote", "/run/containerd/io.containerd.runtime.v2.task/default/a'b"},
    {"somebody's userdata", "/srv/userdata"},
    {"the root", "/"},
};

TEST(ContainerOfWorkDir, is_what_the_runtime_chose) {
  for (const Whose& row : k_folders) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(container_of_work_dir(row.cgroup), row.expected);
  }
}

TEST(RuntimeName, is_a_hint) {
  for (const char* comm :
       {"containerd-shim", "containerd-shim-runc-v2", "conmon", "runc", "crun", "docker-containe"})
    EXPECT_TRUE(runtime_name(comm)) << comm;
  for (const char* comm : {"containerd", "dockerd", "conmonitor", "runcat", "bash", ""})
    EXPECT_FALSE(runtime_name(comm)) << comm;
}

}  // namespace
}  // namespace unzap
