// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/perf_samples.hpp"

#include <linux/perf_event.h>

#include <cstring>

namespace unzap {
namespace {

constexpr std::size_t k_most_frames = 128;  // PERF_MAX_STACK_DEPTH is 127

template <class T>
bool take(std::string_view& bytes, T& out) {
  if (bytes.size() < sizeof out) return false;
  std::memcpy(&out, bytes.data(), sizeof out);
  bytes.remove_prefix(sizeof out);
  return true;
}

/// The kernel's part of a call chain: markers such as PERF_CONTEXT_KERNEL stand between the parts.
std::vector<std::uint64_t> kernel_chain(std::string_view bytes, std::uint64_t count) {
  std::vector<std::uint64_t> out;
  bool kernel = false;
  std::uint64_t address = 0;
  for (std::uint64_t i = 0; i < count && i < k_most_frames && take(bytes, address); ++i) {
    if (address >= static_cast<std::uint64_t>(PERF_CONTEXT_MAX))
      kernel = address == static_cast<std::uint64_t>(PERF_CONTEXT_KERNEL);
    else if (kernel)
      out.push_back(address);
  }
  return out;
}

}  // namespace

void add_samples(std::string_view bytes, std::map<std::int32_t, TaskSamples>& samples) {
  perf_event_header head{};
  while (bytes.size() >= sizeof head) {
    std::memcpy(&head, bytes.data(), sizeof head);
    if (head.size < sizeof head || head.size > bytes.size()) return;
    std::string_view record = bytes.substr(sizeof head, head.size - sizeof head);
    bytes.remove_prefix(head.size);
    std::uint32_t pid = 0;
    std::uint32_t tid = 0;
    std::uint64_t count = 0;
    if (head.type != PERF_RECORD_SAMPLE || !take(record, pid) || !take(record, tid) || !take(record, count))
      continue;
    const auto known = samples.find(static_cast<std::int32_t>(tid));
    if (known == samples.end()) continue;
    const auto mode = head.misc & PERF_RECORD_MISC_CPUMODE_MASK;
    if (mode == PERF_RECORD_MISC_USER) ++known->second.user;
    if (mode != PERF_RECORD_MISC_KERNEL) continue;
    ++known->second.kernel;
    if (auto chain = kernel_chain(record, count); !chain.empty()) ++known->second.chains[std::move(chain)];
  }
}

}  // namespace unzap
