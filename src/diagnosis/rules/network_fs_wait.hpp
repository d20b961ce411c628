// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `network-fs-wait`: NFS, SMB, Ceph, 9p, AFS, Lustre and their like, or the automounter: the other side does
/// not answer. likely at most: the server is outside the snapshot.
Findings network_fs_wait(const WaitGraph& graph);

}  // namespace unzap
