// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace unzap {

/// What a cgroup path says of the container that it belongs to. An empty field: the path does not say.
/// A container may make cgroups below its own and name them as it likes, so the *outermost* id counts, and
/// the pod only above it: what lies below is the container's word, not its runtime's.
struct Container {
  std::string id;       ///< 64 hex digits, or a name where the runtime takes names (ctr, LXC)
  std::string runtime;  ///< "docker", "containerd", "cri-o", "podman", "runc", "lxc"
  std::string pod;      ///< uid of the Kubernetes pod, as the API writes it
  std::string ns;       ///< namespace of containerd: "k8s.io", "moby", "default"
  /// A cgroup above the id is none that a runtime, the kubelet or systemd makes for itself, or is a user's
  /// own: whoever owns it could have made the id up.
  bool claimed = false;

  bool operator==(const Container&) const = default;
};

/// The container that a cgroup path names; all fields are empty when it names none. A path of a runtime's own
/// helper (crio-conmon-<id>.scope) is of no container.
Container container_of(std::string_view cgroup);

/// Its id alone, as a part of `cgroup`.
std::string_view container_id(std::string_view cgroup);

/// Its pod alone. The kubelet names the cgroup of a pod /kubepods/burstable/pod<uid>, or with systemd
/// kubepods-burstable-pod<uid>.slice, in which the uid has '_' for '-'. The uid of a static pod is 32 hex
/// digits without a dash.
std::string pod_uid(std::string_view cgroup);

/// A process of this name (comm: at most 15 bytes) may be a runtime's own, that is the parent of a
/// container's init: a shim, a conmon, runc. A hint only: anybody may take such a name.
bool runtime_name(std::string_view comm);

/// What the folder tells that such a process works in: a containerd shim works in the container's bundle,
/// <state>/io.containerd.runtime.v2.task/<namespace>/<id> (for a pod of Kubernetes the id is its sandbox's),
/// a conmon in <run root>/<driver>-containers/<id>/userdata. All fields are empty when it tells nothing.
Container container_of_work_dir(std::string_view folder);

}  // namespace unzap
