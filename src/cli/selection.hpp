// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <CLI/CLI.hpp>

#include "diagnosis/finding.hpp"
#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// Whom the user asks about: --container, --pod, --pid.
struct Selection {
  std::string container;  ///< an id, or its beginning; of a pod's sandbox as well
  std::string pod;        ///< uid
  std::int32_t pid = 0;   ///< as the host numbers it; 0: not given

  bool any() const { return !container.empty() || !pod.empty() || pid != 0; }
  /// "container web", for a sentence.
  std::string text() const;
};
void add_selection_options(CLI::App& verb, Selection& selection);

/// The selection with its container id in full, as the host of a snapshot with all containers
/// (snapshot_of_host) knows it: no_input when it is certain that there is no such container, pod or process,
/// usage when several begin like that. Where not all can be seen it stays.
Result<Selection> found_on_host(const Selection& selection, const Snapshot& snapshot);

/// Leaves the findings that are about whom was asked for; what is left decides the verdict, which is healthy
/// only where the look at the whole host left nothing open.
void keep_selected(Diagnosis& diagnosis, const Selection& selection, const Snapshot& snapshot);

}  // namespace unzap
