// SPDX-License-Identifier: Apache-2.0
#include "report/trace/trace_view.hpp"

#include <algorithm>

namespace unzap {

std::vector<std::string> TraceView::raised(std::size_t i, std::size_t no) const {
  const std::vector<std::string>& had = before(i)[no].pending;
  std::vector<std::string> out;
  for (const std::string& flag : before(i + 1)[no].pending)
    if (std::find(had.begin(), had.end(), flag) == had.end()) out.push_back(flag);
  return out;
}

bool TraceView::wakes(std::size_t i, std::size_t no) const {
  const auto asleep = [](const CheckMoment& m) { return m.state == "sleeps" || m.state == "blocked"; };
  return asleep(before(i)[no]) && before(i + 1)[no].state == "queued";
}

std::string step_text(const CheckStep& step) {
  return step.text.empty() ? step.function : step.function + ": " + step.text;
}

}  // namespace unzap
