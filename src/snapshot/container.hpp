// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace unzap {

/// The uid of the Kubernetes pod in a cgroup path, as the API writes it, of the innermost when there are
/// several; empty when the path is of no pod. The kubelet names the cgroup of a pod
/// /kubepods/burstable/pod<uid>, or with systemd kubepods-burstable-pod<uid>.slice, in which the uid has '_'
/// for '-'. The uid of a static pod is 32 hex digits without a dash.
std::string pod_uid(std::string_view cgroup);

}  // namespace unzap
