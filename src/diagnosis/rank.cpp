// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rank.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>

#include "diagnosis/catalogue.hpp"

namespace unzap {
namespace {

/// `loser` says nothing more once `winner` is found at `likely` or more, because `why`.
struct Settled {
  std::optional<CauseId> winner;  ///< nothing: any teardown cause that names what it waits for
  CauseId loser;
  std::string_view why;
  Scope scope = Scope::jam;
};

/// What the rows of the catalogue say of each other.
std::vector<Settled> make_table() {
  std::vector<Settled> out;
  for (const Cause& known : catalogue()) {
    for (const Outranks& row : known.outranks) out.push_back({known.id, row.loser, row.why, row.scope});
    if (const GivesWay& row = known.gives_way; !row.why.empty())
      out.push_back({std::nullopt, known.id, row.why, row.scope});
  }
  return out;
}

const std::vector<Settled>& table() {
  static const std::vector<Settled> rows = make_table();
  return rows;
}

/// How far a finding may move towards the leaf.
constexpr std::size_t k_most_swaps = 16;

CauseKind kind_of(const Finding& finding) {
  return cause(finding.cause).kind;
}

bool placeholder(const Finding& finding) {
  return cause(finding.cause).placeholder;
}

std::vector<const Task*> tasks_of(const Finding& finding, const Picture& picture) {
  std::vector<const Task*> out;
  const auto add = [&](const Party& party) {
    if (const Task* task = picture.scene.task_of(party)) out.push_back(task);
  };
  if (finding.culprit) add(*finding.culprit);
  for (const Party& victim : finding.victims) {
    if (out.size() >= 8) break;
    add(victim);
  }
  return out;
}

bool same_task(const std::optional<Party>& a, const std::optional<Party>& b) {
  return a && b && a->tid == b->tid && a->start_ticks == b->start_ticks;
}

/// The dying init of `loser` waits, through others, for the culprit or the dying init of `winner`.
bool waits_for(const Finding& loser, const Finding& winner, const Picture& picture) {
  const Task* from = loser.reaper ? picture.scene.task_of(*loser.reaper) : nullptr;
  const auto reaches = [&](const std::optional<Party>& party) {
    const Task* to = party ? picture.scene.task_of(*party) : nullptr;
    return from != nullptr && to != nullptr && picture.graph.reaches(*from, *to);
  };
  return reaches(winner.culprit) || reaches(winner.reaper);
}

/// Whether what `winner` says covers what `loser` is about. A text may not tell to which namespace a task
/// belongs; it shows what belongs together.
bool covers(const Finding& winner, const Finding& loser, Scope scope, const Picture& picture) {
  const bool text = picture.scene.snapshot().origin == Origin::text;
  switch (scope) {
    case Scope::host: return true;
    case Scope::holder: return !loser.culprit || same_task(winner.culprit, loser.culprit);
    case Scope::jam: break;
  }
  if (winner.reaper && loser.reaper)
    return same_task(winner.reaper, loser.reaper) || waits_for(loser, winner, picture);
  return text || (!winner.reaper && !loser.reaper) || waits_for(loser, winner, picture);
}

/// True when a task of `outer` waits for one of `inner`, and none the other way round.
bool leads_to(const Finding& outer, const Finding& inner, const Picture& picture) {
  const auto from = tasks_of(outer, picture);
  const auto to = tasks_of(inner, picture);
  bool forward = false;
  for (const Task* a : from)
    for (const Task* b : to) {
      if (picture.graph.reaches(*b, *a)) return false;
      forward |= picture.graph.reaches(*a, *b);
    }
  return forward;
}

bool before(const Finding& a, const Finding& b) {
  if (kind_of(a) != kind_of(b)) return kind_of(a) < kind_of(b);
  if (a.confidence != b.confidence) return a.confidence > b.confidence;
  if (a.victims.size() != b.victims.size()) return a.victims.size() > b.victims.size();
  return position(a.cause) < position(b.cause);
}

bool wins(const Finding& finding, std::optional<CauseId> winner) {
  if (finding.confidence < Confidence::likely) return false;
  if (winner) return finding.cause == winner;
  return kind_of(finding) == CauseKind::teardown && !placeholder(finding);
}

/// Findings that may win, by cause and dying init: there may be as many jams as containers.
class Winners {
 public:
  explicit Winners(const Findings& all) {
    for (std::size_t at = 0; at < all.size(); ++at)
      for (const Settled& row : table())
        if (wins(all[at], row.winner)) add(row.winner, all[at], at);
  }

  /// Those of the loser's own jam first, then a bounded number of those of other jams.
  std::vector<std::size_t> of(std::optional<CauseId> winner, const Finding& loser) const {
    std::vector<std::size_t> out;
    if (const auto own = by_jam_.find({winner, jam_of(loser)}); own != by_jam_.end()) out = own->second;
    if (const auto first = first_.find(winner); first != first_.end())
      out.insert(out.end(), first->second.begin(), first->second.end());
    return out;
  }

 private:
  static constexpr std::size_t k_most_others = 16;
  /// The dying init by number and start time; zeros where they are not known.
  using Jam = std::pair<std::int32_t, std::uint64_t>;
  static Jam jam_of(const Finding& finding) {
    if (!finding.reaper) return {};
    return {finding.reaper->tid.value_or(0), finding.reaper->start_ticks.value_or(0)};
  }
  void add(std::optional<CauseId> winner, const Finding& finding, std::size_t at) {
    std::vector<std::size_t>& own = by_jam_[{winner, jam_of(finding)}];
    if (own.size() < k_most_others && (own.empty() || own.back() != at)) own.push_back(at);
    std::vector<std::size_t>& first = first_[winner];
    if (first.size() < k_most_others && (first.empty() || first.back() != at)) first.push_back(at);
  }

  std::map<std::pair<std::optional<CauseId>, Jam>, std::vector<std::size_t>> by_jam_;
  std::map<std::optional<CauseId>, std::vector<std::size_t>> first_;
};

/// The row by which another finding makes this one needless; null when none does.
const Settled* settled(const Finding& loser, const Findings& all, const Winners& winners,
                       const Picture& picture) {
  for (const Settled& row : table()) {
    if (row.loser != loser.cause) continue;
    for (const std::size_t number : winners.of(row.winner, loser))
      if (&all[number] != &loser && covers(all[number], loser, row.scope, picture)) return &row;
  }
  return nullptr;
}

}  // namespace

Findings rank(Findings findings, const Picture& picture, std::vector<Limit>& dropped) {
  const Winners winners(findings);
  std::vector<const Settled*> by;
  for (const Finding& finding : findings) by.push_back(settled(finding, findings, winners, picture));
  Findings kept;
  for (std::size_t at = 0; at < findings.size(); ++at) {
    Finding& finding = findings[at];
    if (by[at] == nullptr) {
      kept.push_back(std::move(finding));
    } else if (!placeholder(finding) && kind_of(finding) != CauseKind::harmless) {
      Limit limit{Limit::outranked};
      limit.cause = by[at]->loser;
      limit.why = by[at]->why;
      limit.by = by[at]->winner;
      if (std::find(dropped.begin(), dropped.end(), limit) == dropped.end()) dropped.push_back(limit);
    }
  }
  std::stable_sort(kept.begin(), kept.end(), before);
  // Towards the leaf: only among neighbours of the same kind and confidence, so that no rank is overturned.
  for (std::size_t at = 1; at < kept.size() && !picture.scene.out_of_time(); ++at)
    for (std::size_t to = at; to > 0 && at - to < k_most_swaps; --to) {
      Finding& upper = kept[to - 1];
      Finding& lower = kept[to];
      if (kind_of(upper) != kind_of(lower) || upper.confidence != lower.confidence) break;
      if (!leads_to(upper, lower, picture)) break;
      std::swap(upper, lower);
    }
  return kept;
}

}  // namespace unzap
