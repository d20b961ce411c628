// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/finding.hpp"

#include <utility>

namespace unzap {

std::string Finding::add_evidence(std::string source, std::string text) {
  for (const Evidence& known : evidence)
    if (known.source == source && known.text == text) return known.id;
  std::string id = "e" + std::to_string(evidence.size() + 1);
  evidence.push_back({id, std::move(source), std::move(text)});
  return id;
}

}  // namespace unzap
