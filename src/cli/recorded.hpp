// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>

#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// A host as `unzap record` took it along. Its origin is that of the recording.
struct Recorded {
  Snapshot snapshot;
  std::string label;  ///< the name of the file without its folder, or "stdin"
};

/// The bundle in `file` ("-": standard input). `remedy` is what to do when the file is something else.
Result<Recorded> read_recorded(const std::string& file, const std::string& remedy);

}  // namespace unzap
