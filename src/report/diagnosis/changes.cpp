// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/changes.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <time.h>

#include <algorithm>
#include <map>
#include <set>
#include <utility>

#include "report/diagnosis/finding_json.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_text_bytes = 400;

/// A task as it is told apart from others: number and start time, where that is known.
std::string task_key(const Party& party) {
  return fmt::format("{} {}", party.tid.value_or(party.pid.value_or(0)), party.start_ticks.value_or(0));
}

/// Cause, culprit and dying pid namespace, all proved.
std::string exact_key(const Finding& finding) {
  return fmt::format("{}|{}|{}", name(finding.cause), finding.culprit ? task_key(*finding.culprit) : "",
                     finding.pid_ns.value_or(0));
}

/// The same without what one of two looks may have failed to read; see may_be_same().
std::string loose_key(const Finding& finding) {
  if (!finding.culprit) return std::string(name(finding.cause));
  const Party& party = *finding.culprit;
  return fmt::format("{}|{}|{}|{}", name(finding.cause), party.pid.value_or(0), party.tid.value_or(0),
                     party.comm);
}

template <typename T>
bool differ(const std::optional<T>& one, const std::optional<T>& other) {
  return one && other && *one != *other;
}

/// True unless a start time or a pid namespace that both know says otherwise.
bool may_be_same(const Finding& one, const Finding& other) {
  if (differ(one.pid_ns, other.pid_ns)) return false;
  return !one.culprit || !other.culprit || !differ(one.culprit->start_ticks, other.culprit->start_ticks);
}

/// The container that does not die; empty when it is not known.
std::string_view container_of(const Finding& finding) {
  if (finding.reaper && !finding.reaper->container.empty()) return finding.reaper->container;
  for (const Party& victim : finding.victims)
    if (!victim.container.empty()) return victim.container;
  return finding.culprit ? std::string_view(finding.culprit->container) : "";
}

/// Cause and place of the jam; nothing when the place is not known.
std::optional<std::string> place_key(const Finding& finding) {
  if (finding.pid_ns) return fmt::format("{}|ns {}", name(finding.cause), *finding.pid_ns);
  const std::string_view container = container_of(finding);
  if (container.empty()) return std::nullopt;
  return fmt::format("{}|container {}", name(finding.cause), container);
}

/// Which finding of a look is which of the look before: pairs by one key after the other, each finding once.
class Pairs {
 public:
  Pairs(const std::vector<Finding>& now, const std::vector<const Finding*>& before)
      : now_(now), before_(before), partner_(now.size()), taken_(before.size()) {
    match(exact_key, may_be_same);
    match(loose_key, may_be_same);
    match(place_key, [](const Finding&, const Finding&) { return true; });
  }
  std::optional<std::size_t> partner(std::size_t now) const { return partner_[now]; }
  bool taken(std::size_t before) const { return taken_[before]; }

 private:
  template <typename Key, typename Same>
  void match(Key key_of, Same same) {
    std::map<std::string, std::vector<std::size_t>> free;
    for (std::size_t i = 0; i < before_.size(); ++i)
      if (const std::optional<std::string> key = key_of(*before_[i]); key && !taken_[i])
        free[*key].push_back(i);
    for (std::size_t i = 0; i < now_.size(); ++i) {
      const std::optional<std::string> key = key_of(now_[i]);
      if (!key || partner_[i] || !free.contains(*key)) continue;
      std::vector<std::size_t>& found = free[*key];
      const auto one = std::find_if(found.begin(), found.end(),
                                    [&](std::size_t before) { return same(now_[i], *before_[before]); });
      if (one == found.end()) continue;
      partner_[i] = *one;
      taken_[*one] = true;
      found.erase(one);
    }
  }

  const std::vector<Finding>& now_;
  const std::vector<const Finding*>& before_;
  std::vector<std::optional<std::size_t>> partner_;
  std::vector<bool> taken_;
};

/// The culprit before, when it is another task now.
std::optional<Party> other_culprit(const Finding& before, const Finding& now) {
  if (!before.culprit || !now.culprit) return std::nullopt;
  const bool same = before.culprit->pid == now.culprit->pid && before.culprit->tid == now.culprit->tid &&
                    !differ(before.culprit->start_ticks, now.culprit->start_ticks);
  return same ? std::nullopt : before.culprit;
}

/// True when tasks have come or gone. A start time that one look could not read is no other task.
bool other_victims(const Finding& before, const Finding& now) {
  std::map<std::int32_t, std::optional<std::uint64_t>> known;
  for (const Party& victim : before.victims)
    known[victim.tid.value_or(victim.pid.value_or(0))] = victim.start_ticks;
  std::set<std::int32_t> seen;
  for (const Party& victim : now.victims) {
    const auto found = known.find(victim.tid.value_or(victim.pid.value_or(0)));
    if (found == known.end() || differ(found->second, victim.start_ticks)) return true;
    seen.insert(found->first);
  }
  return seen.size() != known.size();
}

std::optional<Change> change_of(const Finding& before, const Finding& now, std::int64_t since) {
  Change out{Change::Kind::changed, now, since};
  if (before.confidence != now.confidence) out.was = before.confidence;
  out.culprit_before = other_culprit(before, now);
  out.victims_before = before.victims.size();
  out.other_victims = other_victims(before, now);
  if (!out.was && !out.culprit_before && !out.other_victims) return std::nullopt;
  return out;
}

std::string party_text(const Party& party) {
  const std::optional<std::int32_t> number = party.tid ? party.tid : party.pid;
  return fmt::format("{}[{}]", party.comm, number ? std::to_string(*number) : "?");
}

std::string what_changed(const Change& change) {
  std::vector<std::string> out;
  if (change.was) out.push_back(fmt::format("was {}", unzap::name(*change.was)));
  if (change.culprit_before)
    out.push_back(fmt::format("by {}, was {}", party_text(*change.finding.culprit),
                              party_text(*change.culprit_before)));
  if (change.victims_before != change.finding.victims.size())
    out.push_back(fmt::format("{} victims, were {}", change.finding.victims.size(), change.victims_before));
  else if (change.other_victims)
    out.emplace_back("other victims");
  return fmt::format("{}", fmt::join(out, ", "));
}

/// "stuck since 2026-11-22T12:40:00Z"; of what is only possible, that it was seen.
std::string since_text(const Change& change) {
  const std::string_view what = change.finding.confidence == Confidence::possible ? "seen" : "stuck";
  return fmt::format("{} since {}", what, utc_time(change.since));
}

std::string line_text(const Change& change) {
  switch (change.kind) {
    case Change::Kind::appeared: return change.finding.summary;
    case Change::Kind::changed:
      return fmt::format("{}; {}: {}", what_changed(change), since_text(change), change.finding.summary);
    case Change::Kind::gone: return fmt::format("was {}: {}", since_text(change), change.finding.summary);
  }
  return {};
}

/// What of a finding that changed is another.
Json changed_json(const Change& change) {
  Json out = Json::array();
  if (change.was) out.push_back("confidence");
  if (change.culprit_before) out.push_back("culprit");
  if (change.other_victims) out.push_back("victims");
  return out;
}

}  // namespace

std::vector<Change> Changes::since_last(const Diagnosis& diagnosis, std::int64_t now) {
  std::vector<const Finding*> before;
  for (const Known& known : known_) before.push_back(&known.finding);
  const Pairs pairs(diagnosis.findings, before);
  std::vector<Change> out;
  std::vector<Known> next;
  for (std::size_t i = 0; i < diagnosis.findings.size(); ++i) {
    const Finding& finding = diagnosis.findings[i];
    const std::optional<std::size_t> partner = pairs.partner(i);
    const std::int64_t since = partner ? known_[*partner].since : now;
    if (!partner)
      out.push_back({Change::Kind::appeared, finding, since});
    else if (std::optional<Change> change = change_of(known_[*partner].finding, finding, since))
      out.push_back(std::move(*change));
    next.push_back({finding, since});
  }
  for (std::size_t i = 0; i < known_.size(); ++i)
    if (!pairs.taken(i)) out.push_back({Change::Kind::gone, known_[i].finding, known_[i].since});
  known_ = std::move(next);
  verdict_changed_ = verdict_ != diagnosis.verdict;
  verdict_ = diagnosis.verdict;
  return out;
}

std::string changes_to_text(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                            std::int64_t now) {
  const std::string time = utc_time(now);
  std::string out;
  if (verdict) {
    const std::string_view text = *verdict == Verdict::stuck     ? "STUCK"
                                  : *verdict == Verdict::healthy ? "healthy: nothing is stuck"
                                                                 : "could not tell";
    out += fmt::format("{}  {}\n", time, text);
  }
  for (const Change& change : changes)
    out +=
        fmt::format("{}  {:<8} {} ({})  {}\n", time, name(change.kind), name(change.finding.cause),
                    unzap::name(change.finding.confidence), printable(line_text(change), k_most_text_bytes));
  return out;
}

std::string changes_to_jsonl(const std::vector<Change>& changes, std::optional<Verdict> verdict,
                             std::int64_t now) {
  std::string out;
  const auto head = [&](std::string_view type) {
    return Json{{"schema_version", k_finding_schema_version}, {"type", type}, {"time", utc_time(now)}};
  };
  if (verdict) {
    Json line = head("verdict");
    line["verdict"] = unzap::name(*verdict);
    out += json_line(line);
  }
  for (const Change& change : changes) {
    Json line = head("finding");
    line["change"] = name(change.kind);
    if (change.kind == Change::Kind::changed) line["changed"] = changed_json(change);
    line["since"] = utc_time(change.since);
    line["since_seconds"] = std::max<std::int64_t>(0, now - change.since);  // the clock may have been set
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
