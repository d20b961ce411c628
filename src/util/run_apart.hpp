// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <string>

#include "util/result.hpp"

namespace unzap {

/// Runs `work` in a process of its own and returns its text. For what may block in the kernel forever: after
/// `seconds` the process is killed and left behind, without our descriptors. Call it before any thread is
/// started. Errors: io, when it did not end in time, died, or gave more than `max_bytes`.
Result<std::string> run_apart(const std::string& what, const std::function<std::string()>& work,
                              double seconds, std::size_t max_bytes);

}  // namespace unzap
