// SPDX-License-Identifier: Apache-2.0
#include "report/changes.hpp"

#include <fmt/format.h>
#include <time.h>

#include <set>
#include <utility>

#include "report/finding_json.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_text_bytes = 400;

std::string_view name(Change::Kind kind) {
  switch (kind) {
    case Change::Kind::appeared: return "new";
    case Change::Kind::changed: return "changed";
    case Change::Kind::gone: return "gone";
  }
  return "?";
}

std::string key_of(const Finding& finding) {
  if (!finding.culprit) return finding.cause;
  const Party& party = *finding.culprit;
  return fmt::format("{} {} {} {}", finding.cause, party.pid.value_or(0), party.tid.value_or(0), party.comm);
}

std::set<std::int32_t> victims_of(const Finding& finding) {
  std::set<std::int32_t> out;
  for (const Party& victim : finding.victims) out.insert(victim.tid.value_or(victim.pid.value_or(0)));
  return out;
}

std::string what_changed(const Change& change) {
  std::string out;
  if (change.was) out = fmt::format("was {}", unzap::name(*change.was));
  if (change.victims_before != change.finding.victims.size())
    out += fmt::format("{}{} victims, were {}", out.empty() ? "" : ", ", change.finding.victims.size(),
                       change.victims_before);
  return out.empty() ? "other victims" : out;
}

}  // namespace

std::vector<Change> Changes::since_last(const Diagnosis& diagnosis) {
  std::vector<Change> out;
  std::map<std::string, Finding> now;
  for (const Finding& finding : diagnosis.findings) {
    std::string key = key_of(finding);
    while (now.contains(key)) key += " again";
    const auto before = known_.find(key);
    if (before == known_.end()) {
      out.push_back({Change::Kind::appeared, finding, {}, 0});
    } else if (before->second.confidence != finding.confidence ||
               victims_of(before->second) != victims_of(finding)) {
      Change change{Change::Kind::changed, finding, {}, before->second.victims.size()};
      if (before->second.confidence != finding.confidence) change.was = before->second.confidence;
      out.push_back(std::move(change));
    }
    now.emplace(std::move(key), finding);
  }
  for (auto& [key, finding] : known_)
    if (!now.contains(key)) out.push_back({Change::Kind::gone, std::move(finding), {}, 0});
  known_ = std::move(now);
  verdict_changed_ = verdict_ != diagnosis.verdict;
  verdict_ = diagnosis.verdict;
  return out;
}

std::string changes_to_text(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                            std::string_view time) {
  std::string out;
  if (verdict) {
    const std::string_view text = *verdict == Verdict::stuck     ? "STUCK"
                                  : *verdict == Verdict::healthy ? "healthy: nothing is stuck"
                                                                 : "could not tell";
    out += fmt::format("{}  {}\n", time, text);
  }
  for (const Change& change : changes) {
    const Finding& finding = change.finding;
    out += fmt::format("{}  {:<8} {} ({})  ", time, name(change.kind), finding.cause,
                       unzap::name(finding.confidence));
    const std::string text = change.kind == Change::Kind::changed
                                 ? what_changed(change) + ": " + finding.summary
                                 : finding.summary;
    out += printable(text, k_most_text_bytes) + "\n";
  }
  return out;
}

std::string changes_to_jsonl(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                             std::string_view time) {
  std::string out;
  const auto head = [&](std::string_view type) {
    return Json{{"schema_version", k_finding_schema_version}, {"type", type}, {"time", time}};
  };
  if (verdict) {
    Json line = head("verdict");
    line["verdict"] = unzap::name(*verdict);
    out += json_line(line);
  }
  for (const Change& change : changes) {
    Json line = head("finding");
    line["change"] = name(change.kind);
    line.update(finding_json(change.finding));
    out += json_line(line);
  }
  return out;
}

std::string utc_time(std::int64_t seconds) {
  const time_t when = seconds;
  tm parts{};
  ::gmtime_r(&when, &parts);
  return fmt::format("{:04}-{:02}-{:02}T{:02}:{:02}:{:02}Z", parts.tm_year + 1900, parts.tm_mon + 1,
                     parts.tm_mday, parts.tm_hour, parts.tm_min, parts.tm_sec);
}

}  // namespace unzap
