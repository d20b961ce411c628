// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "snapshot/snapshot.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// The numbers in a text of one a line; what is none is passed over.
std::vector<std::int32_t> numbers_of(const std::string& lines);

/// All threads of these processes, by their stat files, into `snapshot`: one read a thread. A thread that
/// vanished meanwhile is left out; one that cannot be read, or not in time, has that as its state. Its
/// samples carry the moment of its own read. False when something was listed and could not be read.
bool read_threads(Reader& reader, const std::string& root, const std::vector<std::int32_t>& tgids,
                  Snapshot& snapshot);

}  // namespace unzap
