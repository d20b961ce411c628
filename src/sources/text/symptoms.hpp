// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>

#include "snapshot/snapshot.hpp"

namespace unzap::text {

/// A line in which a kubelet, docker, containerd, CRI-O or podman says that a container does not end, with
/// the ids that stand in it; nothing of any other line. `where` of it is left empty.
std::optional<Symptom> symptom_of(std::string_view line);

}  // namespace unzap::text
