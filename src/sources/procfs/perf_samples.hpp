// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

namespace unzap {

/// What the samples of a CPU say of one task.
struct TaskSamples {
  int kernel = 0;  ///< samples in the kernel
  int user = 0;    ///< samples in user mode
  std::map<std::vector<std::uint64_t>, int>
      chains;  ///< return addresses in the kernel, innermost first, and how often

  bool operator==(const TaskSamples&) const = default;
};

/// Adds the PERF_RECORD_SAMPLE records (PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN) in `bytes` to the tasks that
/// `samples` already has. Other records, other tasks and what is cut short are passed over.
void add_samples(std::string_view bytes, std::map<std::int32_t, TaskSamples>& samples);

}  // namespace unzap
