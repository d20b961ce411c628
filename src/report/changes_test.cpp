// SPDX-License-Identifier: Apache-2.0
#include "report/changes.hpp"

#include <gtest/gtest.h>

#include <nlohmann/json.hpp>

namespace unzap {
namespace {

constexpr const char* k_time = "2026-11-22T13:05:07Z";

Finding finding(const std::string& cause, std::int32_t tid, Confidence confidence, int victims = 1) {
  Finding out;
  out.cause = cause;
  out.confidence = confidence;
  out.summary = "something\x1b is stuck";
  out.culprit = Party{tid, tid, "sh", ""};
  for (int i = 0; i < victims; ++i) out.victims.push_back({tid + 1 + i, tid + 1 + i, "victim", ""});
  return out;
}

Diagnosis diagnosis(Verdict verdict, std::vector<Finding> findings) {
  Diagnosis out;
  out.verdict = verdict;
  out.findings = std::move(findings);
  return out;
}

/// The changes of the next look, as text.
std::string next(Changes& changes, const Diagnosis& look) {
  const std::vector<Change> found = changes.since_last(look);
  return changes_to_text(found, changes.verdict_changed() ? std::optional(look.verdict) : std::nullopt,
                         k_time);
}

TEST(Changes, OnlyWhatIsNew) {
  Changes changes;
  const Finding rcu = finding("rcu-held-up", 7, Confidence::possible);
  EXPECT_EQ(next(changes, diagnosis(Verdict::healthy, {})),
            "2026-11-22T13:05:07Z  healthy: nothing is stuck\n");
  EXPECT_EQ(next(changes, diagnosis(Verdict::healthy, {})), "");
  EXPECT_EQ(next(changes, diagnosis(Verdict::unknown, {rcu})),
            "2026-11-22T13:05:07Z  could not tell\n"
            "2026-11-22T13:05:07Z  new      rcu-held-up (possible)  something\\x1b is stuck\n");
  EXPECT_EQ(next(changes, diagnosis(Verdict::unknown, {rcu})), "");
  EXPECT_EQ(next(changes, diagnosis(Verdict::stuck, {finding("rcu-held-up", 7, Confidence::likely, 3)})),
            "2026-11-22T13:05:07Z  STUCK\n"
            "2026-11-22T13:05:07Z  changed  rcu-held-up (likely)  was possible, 3 victims, were 1: "
            "something\\x1b is stuck\n");
  EXPECT_EQ(next(changes, diagnosis(Verdict::healthy, {})),
            "2026-11-22T13:05:07Z  healthy: nothing is stuck\n"
            "2026-11-22T13:05:07Z  gone     rcu-held-up (likely)  something\\x1b is stuck\n");
}

TEST(Changes, AnotherCulpritIsAnotherFinding) {
  Changes changes;
  next(changes, diagnosis(Verdict::stuck, {finding("traced-member", 7, Confidence::likely)}));
  const auto found =
      changes.since_last(diagnosis(Verdict::stuck, {finding("traced-member", 8, Confidence::likely)}));
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].kind, Change::Kind::appeared);
  EXPECT_EQ(found[1].kind, Change::Kind::gone);
  EXPECT_FALSE(changes.verdict_changed());
}

TEST(Changes, TwoOfTheSameAreTwo) {
  Changes changes;
  const Finding one = finding("traced-member", 7, Confidence::likely);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one, one})).size(), 2U);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one, one})).size(), 0U);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one})).size(), 1U);
}

TEST(Changes, AsLinesOfJson) {
  Changes changes;
  const Diagnosis look = diagnosis(Verdict::stuck, {finding("traced-member", 7, Confidence::likely)});
  const std::string text = changes_to_jsonl(changes.since_last(look), look.verdict, k_time);
  const std::size_t end = text.find('\n');
  const auto verdict = nlohmann::json::parse(text.substr(0, end));
  EXPECT_EQ(verdict["type"], "verdict");
  EXPECT_EQ(verdict["verdict"], "stuck");
  const auto line = nlohmann::json::parse(text.substr(end + 1));
  EXPECT_EQ(line["type"], "finding");
  EXPECT_EQ(line["change"], "new");
  EXPECT_EQ(line["time"], k_time);
  EXPECT_EQ(line["cause"], "traced-member");
}

TEST(UtcTime, AsRfc3339) {
  EXPECT_EQ(utc_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_time(1795352707), "2026-11-22T13:05:07Z");
}

}  // namespace
}  // namespace unzap
