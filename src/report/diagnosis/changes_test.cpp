// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/changes.hpp"

#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

namespace unzap {
namespace {

constexpr std::int64_t k_now = 1795352707;  // 2026-11-22T13:05:07Z

Finding finding(CauseId cause, std::int32_t tid, Confidence confidence, int victims = 1) {
  Finding out;
  out.cause = cause;
  out.confidence = confidence;
  out.summary = "something\x1b is stuck";
  out.culprit = Party{tid, tid, "sh"};
  for (int i = 0; i < victims; ++i) out.victims.push_back({tid + 1 + i, tid + 1 + i, "victim"});
  return out;
}

Diagnosis diagnosis(Verdict verdict, std::vector<Finding> findings) {
  Diagnosis out;
  out.verdict = verdict;
  out.findings = std::move(findings);
  return out;
}

/// The changes of the next look, as text.
std::string next(Changes& changes, const Diagnosis& look, std::int64_t now = k_now) {
  const std::vector<Change> found = changes.since_last(look, now);
  return changes_to_text(found, changes.verdict_changed() ? std::optional(look.verdict) : std::nullopt, now);
}

TEST(Changes, OnlyWhatIsNew) {
  Changes changes;
  const Finding rcu = finding(CauseId::rcu_held_up, 7, Confidence::possible);
  EXPECT_EQ(next(changes, diagnosis(Verdict::healthy, {})),
            "2026-11-22T13:05:07Z  healthy: nothing is stuck\n");
  EXPECT_EQ(next(changes, diagnosis(Verdict::healthy, {})), "");
  EXPECT_EQ(next(changes, diagnosis(Verdict::unknown, {rcu})),
            "2026-11-22T13:05:07Z  could not tell\n"
            "2026-11-22T13:05:07Z  new      rcu-held-up (possible)  something\\x1b is stuck\n");
  EXPECT_EQ(next(changes, diagnosis(Verdict::unknown, {rcu})), "");
  EXPECT_EQ(
      next(changes, diagnosis(Verdict::stuck, {finding(CauseId::rcu_held_up, 7, Confidence::likely, 3)})),
      "2026-11-22T13:05:07Z  STUCK\n"
      "2026-11-22T13:05:07Z  changed  rcu-held-up (likely)  was possible, 3 victims, were 1; "
      "stuck since 2026-11-22T13:05:07Z: something\\x1b is stuck\n");
  EXPECT_EQ(next(changes, diagnosis(Verdict::healthy, {})),
            "2026-11-22T13:05:07Z  healthy: nothing is stuck\n"
            "2026-11-22T13:05:07Z  gone     rcu-held-up (likely)  "
            "was stuck since 2026-11-22T13:05:07Z: something\\x1b is stuck\n");
}

TEST(Changes, AnotherCulpritIsAnotherFinding) {
  Changes changes;
  next(changes, diagnosis(Verdict::stuck, {finding(CauseId::traced_member, 7, Confidence::likely)}));
  const auto found = changes.since_last(
      diagnosis(Verdict::stuck, {finding(CauseId::traced_member, 8, Confidence::likely)}), k_now);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].kind, Change::Kind::appeared);
  EXPECT_EQ(found[1].kind, Change::Kind::gone);
  EXPECT_FALSE(changes.verdict_changed());
}

TEST(Changes, TwoOfTheSameAreTwo) {
  Changes changes;
  const Finding one = finding(CauseId::traced_member, 7, Confidence::likely);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one, one}), k_now).size(), 2U);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one, one}), k_now).size(), 0U);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one}), k_now).size(), 1U);
}

/// A jam of a dying namespace: identities known.
Finding jam(std::int32_t tid, std::uint64_t start_ticks, std::uint64_t pid_ns) {
  Finding out = finding(CauseId::traced_member, tid, Confidence::likely);
  out.culprit->start_ticks = start_ticks;
  out.pid_ns = pid_ns;
  out.victims = {{50, 50, "init"}};
  out.victims[0].start_ticks = 900;
  return out;
}

TEST(Changes, AnotherNumberInASentenceIsNoChange) {
  Changes changes;
  Finding one = jam(7, 100, 4026532000);
  one.summary = "waits for sh[7], as do cat[12] and 3 others";
  next(changes, diagnosis(Verdict::stuck, {one}));
  one.summary = "waits for sh[7], as do cat[14] and 4 others";
  EXPECT_EQ(next(changes, diagnosis(Verdict::stuck, {one})), "");
}

TEST(Changes, AnotherCulpritInTheSameNamespaceIsTheSameJam) {
  Changes changes;
  next(changes, diagnosis(Verdict::stuck, {jam(7, 100, 4026532000)}), k_now);
  const std::string text = next(changes, diagnosis(Verdict::stuck, {jam(8, 200, 4026532000)}), k_now + 90);
  EXPECT_EQ(text,
            "2026-11-22T13:06:37Z  changed  traced-member (likely)  by sh[8], was sh[7]; stuck since "
            "2026-11-22T13:05:07Z: something\\x1b is stuck\n");
}

TEST(Changes, ANumberThatIsGivenAgainIsAnotherTask) {
  Changes changes;
  next(changes, diagnosis(Verdict::stuck, {jam(7, 100, 4026532000)}));
  const auto found = changes.since_last(diagnosis(Verdict::stuck, {jam(7, 200, 4026532001)}), k_now);
  ASSERT_EQ(found.size(), 2U);
  EXPECT_EQ(found[0].kind, Change::Kind::appeared);
  EXPECT_EQ(found[1].kind, Change::Kind::gone);
}

TEST(Changes, OneCulpritOfTwoNamespacesIsTwoJams) {
  Changes changes;
  const Finding one = jam(7, 100, 4026532000);
  const Finding two = jam(7, 100, 4026532001);
  next(changes, diagnosis(Verdict::stuck, {one, two}));
  const auto found = changes.since_last(diagnosis(Verdict::stuck, {two}), k_now);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, Change::Kind::gone);
  EXPECT_EQ(found[0].finding.pid_ns, 4026532000U);
}

TEST(Changes, WhatOneLookCouldNotReadIsNoChange) {
  Changes changes;
  const Finding known = jam(7, 100, 4026532000);
  Finding unread = known;
  unread.pid_ns.reset();
  unread.culprit->start_ticks.reset();
  unread.victims[0].start_ticks.reset();
  next(changes, diagnosis(Verdict::stuck, {known}));
  EXPECT_EQ(next(changes, diagnosis(Verdict::stuck, {unread})), "");
  EXPECT_EQ(next(changes, diagnosis(Verdict::stuck, {known})), "");
}

TEST(Changes, WithoutANamespaceTheContainerIsThePlace) {
  Changes changes;
  Finding one = finding(CauseId::hung_task, 7, Confidence::likely);
  Finding two = finding(CauseId::hung_task, 8, Confidence::likely);
  for (Finding* each : {&one, &two}) each->victims = {{50, 50, "init", {}, "4f2a"}};
  next(changes, diagnosis(Verdict::stuck, {one}));
  const auto found = changes.since_last(diagnosis(Verdict::stuck, {two}), k_now);
  ASSERT_EQ(found.size(), 1U);
  EXPECT_EQ(found[0].kind, Change::Kind::changed);
  EXPECT_FALSE(found[0].other_victims);
}

TEST(Changes, SinceIsTheFirstLookOfThoseInARow) {
  Changes changes;
  Finding one = jam(7, 100, 4026532000);
  changes.since_last(diagnosis(Verdict::stuck, {one}), k_now);
  changes.since_last(diagnosis(Verdict::stuck, {one}), k_now + 30);
  one.victims.clear();
  const auto found = changes.since_last(diagnosis(Verdict::stuck, {one}), k_now + 60);
  ASSERT_EQ(found.size(), 1U);
  const auto line = nlohmann::json::parse(changes_to_jsonl(found, {}, k_now + 60));
  EXPECT_EQ(line["since"], "2026-11-22T13:05:07Z");
  EXPECT_EQ(line["since_seconds"], 60);
  EXPECT_EQ(line["changed"], nlohmann::json::array({"victims"}));
  changes.since_last(diagnosis(Verdict::healthy, {}), k_now + 90);
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, {one}), k_now + 120)[0].since, k_now + 120);
}

TEST(Changes, ManyAreComparedInShortTime) {
  Changes changes;
  std::vector<Finding> many;
  for (int i = 0; i < 20000; ++i) many.push_back(jam(i, 100, 4026532000U + static_cast<unsigned>(i)));
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, many), k_now).size(), many.size());
  std::reverse(many.begin(), many.end());
  EXPECT_EQ(changes.since_last(diagnosis(Verdict::stuck, many), k_now).size(), 0U);
}

TEST(Changes, AsLinesOfJson) {
  Changes changes;
  const Diagnosis look = diagnosis(Verdict::stuck, {finding(CauseId::traced_member, 7, Confidence::likely)});
  const std::string text = changes_to_jsonl(changes.since_last(look, k_now), look.verdict, k_now);
  const std::size_t end = text.find('\n');
  const auto verdict = nlohmann::json::parse(text.substr(0, end));
  EXPECT_EQ(verdict["type"], "verdict");
  EXPECT_EQ(verdict["verdict"], "stuck");
  const auto line = nlohmann::json::parse(text.substr(end + 1));
  EXPECT_EQ(line["type"], "finding");
  EXPECT_EQ(line["change"], "new");
  EXPECT_EQ(line["time"], "2026-11-22T13:05:07Z");
  EXPECT_EQ(line["since"], "2026-11-22T13:05:07Z");
  EXPECT_EQ(line["since_seconds"], 0);
  EXPECT_EQ(line["cause"], "traced-member");
}

TEST(UtcTime, AsRfc3339) {
  EXPECT_EQ(utc_time(0), "1970-01-01T00:00:00Z");
  EXPECT_EQ(utc_time(1795352707), "2026-11-22T13:05:07Z");
}

}  // namespace
}  // namespace unzap
