// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/finding.hpp"

namespace unzap {

/// What one look shows that the look before it did not.
struct Change {
  enum class Kind : std::uint8_t { appeared, changed, gone };
  Kind kind = Kind::appeared;
  Finding finding;                 ///< as it is now; of one that is gone, as it was
  std::optional<Confidence> was;   ///< of one that changed: its confidence before, when that is new
  std::size_t victims_before = 0;  ///< of one that changed
};

/// Compares each look with the one before, and keeps no more than that. A finding is the same one when its
/// cause and its culprit are; it has changed when its confidence or its victims have.
class Changes {
 public:
  /// The changes since the last call, in the order of the findings; those that are gone come last.
  std::vector<Change> since_last(const Diagnosis& diagnosis);
  /// True when the verdict of the last call was not that of the call before it.
  bool verdict_changed() const { return verdict_changed_; }

 private:
  std::map<std::string, Finding> known_;
  std::optional<Verdict> verdict_;
  bool verdict_changed_ = false;
};

/// "2026-11-22T13:05:07Z  new      reaper-busy-loop (certain)  npm start[300]: ...": one line for each
/// change, before them one for a new verdict. `time` is RFC 3339.
std::string changes_to_text(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                            std::string_view time);
/// The same as lines of JSON, by docs/schema/diagnose-lines.schema.json.
std::string changes_to_jsonl(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                             std::string_view time);

/// Seconds after 1970 as RFC 3339 in UTC: "2026-11-22T13:05:07Z".
std::string utc_time(std::int64_t seconds);

}  // namespace unzap
