// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/reapers.hpp"
#include "diagnosis/scene.hpp"
#include "diagnosis/wait_graph.hpp"

namespace unzap {

/// Who waits for whom in a scene. Stops, incomplete, when the scene is out of time. The graph points into the
/// scene and must not outlive it.
WaitGraph build_graph(const Scene& scene, const Reapers& reapers);

}  // namespace unzap
