// SPDX-License-Identifier: Apache-2.0
#include "report/check/request_words.hpp"

#include <fmt/format.h>

namespace unzap {

std::vector<std::string> changes_of(const CheckRequest& asked) {
  std::vector<std::string> out;
  const auto preset = kernel::find_kernel(asked.kernel);
  if (!preset) return out;
  for (const kernel::Switch one : kernel::switches()) {
    const bool on = asked.variant.has(one);
    if (preset->variant.has(one) != on)
      out.push_back(fmt::format("{} {}", on ? "with" : "without", kernel::info(one).name));
  }
  return out;
}

std::vector<std::string> reductions_of(const CheckReport& report) {
  std::vector<std::string> out;
  if (report.asked.symmetry) {
    const auto [cpus, containers, workers] = report.alike;
    std::string like = fmt::format("{} CPU{}", cpus, cpus == 1 ? "" : "s");
    if (containers > 1) like += fmt::format(", {} like containers", containers);
    if (workers > 1) like += fmt::format(", {} like workers", workers);
    out.push_back("symmetry (" + like + ")");
  }
  if (report.asked.partial_order) out.emplace_back("partial order");
  return out;
}

}  // namespace unzap
