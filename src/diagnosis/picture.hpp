// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/build_graph.hpp"
#include "diagnosis/reapers.hpp"
#include "diagnosis/scene.hpp"
#include "diagnosis/wait_graph.hpp"

namespace unzap {

/// A snapshot as the rules look at it, built in this order: who is there and where each one waits, who is a
/// dying init, and who waits for whom. Must not outlive the snapshot.
struct Picture {
  explicit Picture(const Snapshot& snapshot, const Deadline& deadline = Deadline::never())
      : scene(snapshot, deadline), reapers(scene), graph(build_graph(scene, reapers)) {}

  const Scene scene;
  const Reapers reapers;
  const WaitGraph graph;
};

}  // namespace unzap
