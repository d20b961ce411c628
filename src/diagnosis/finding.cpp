// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/finding.hpp"

#include <utility>

namespace unzap {

std::string_view name(Confidence confidence) {
  switch (confidence) {
    case Confidence::possible: return "possible";
    case Confidence::likely: return "likely";
    case Confidence::certain: return "certain";
  }
  return "?";
}

std::string_view name(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy: return "healthy";
    case Verdict::stuck: return "stuck";
    case Verdict::unknown: return "unknown";
  }
  return "?";
}

std::string Finding::add_evidence(std::string source, std::string text) {
  for (const Evidence& known : evidence)
    if (known.source == source && known.text == text) return known.id;
  std::string id = "e" + std::to_string(evidence.size() + 1);
  evidence.push_back({id, std::move(source), std::move(text)});
  return id;
}

}  // namespace unzap
