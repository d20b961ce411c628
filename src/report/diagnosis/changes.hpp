// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "diagnosis/finding.hpp"

namespace unzap {

/// What one look shows that the look before it did not.
struct Change {
  enum class Kind : std::uint8_t { appeared, changed, gone };
  Kind kind = Kind::appeared;
  Finding finding;         ///< as it is now; of one that is gone, as it was
  std::int64_t since = 0;  ///< seconds after 1970: the first look of all those in a row that showed it
  std::optional<Confidence> was = {};  ///< of one that changed: its confidence before, when that is new
  std::optional<Party> culprit_before =
      {};                          ///< of one that changed: the culprit before, when it is another task
  std::size_t victims_before = 0;  ///< of one that changed
  bool other_victims = false;      ///< of one that changed: tasks have come or gone
};

constexpr auto names_of(Change::Kind) {
  return name_table<Change::Kind>(
      {{Change::Kind::appeared, "new"}, {Change::Kind::changed, "changed"}, {Change::Kind::gone, "gone"}});
}

/// Compares each look with the one before, and keeps no more than that. Tasks are compared (number and start
/// time), never sentences: what a summary says of numbers may differ from look to look.
///
/// A finding is the same one when its cause and its culprit are, in the same dying pid namespace. When the
/// culprit is another task but cause and pid namespace are the same (or, where none is known, the container),
/// it is the same jam and has changed. Otherwise it has changed when its confidence or its victims have.
class Changes {
 public:
  /// The changes since the last call, in the order of the findings; those that are gone come last. `now` is
  /// the time of this look in seconds after 1970.
  std::vector<Change> since_last(const Diagnosis& diagnosis, std::int64_t now);
  /// True when the verdict of the last call was not that of the call before it.
  bool verdict_changed() const { return verdict_changed_; }

 private:
  struct Known {
    Finding finding;
    std::int64_t since;
  };
  std::vector<Known> known_;
  std::optional<Verdict> verdict_;
  bool verdict_changed_ = false;
};

/// "2026-11-22T13:05:07Z  new      reaper-busy-loop (certain)  npm start[300]: ...": one line for each
/// change, before them one for a new verdict. Of what was there before it says since when:
/// "... changed  traced-member (likely)  2 victims, were 1; stuck since 2026-11-22T12:40:00Z: ...".
std::string changes_to_text(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                            std::int64_t now);
/// The same as lines of JSON, by docs/schema/diagnose-lines.schema.json.
std::string changes_to_jsonl(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                             std::int64_t now);

/// Seconds after 1970 as RFC 3339 in UTC: "2026-11-22T13:05:07Z".
std::string utc_time(std::int64_t seconds);

}  // namespace unzap
