// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rank.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <set>
#include <utility>

#include "diagnosis/catalogue.hpp"

namespace unzap {
namespace {

/// `loser` says nothing more once `winner` is found at `likely` or more, because `why`.
struct Settled {
  std::string_view winner;  ///< a cause id, or "*": any teardown cause that names what it waits for
  std::string_view loser;
  std::string_view why;
};

constexpr Settled k_settled[] = {
    {"reaper-busy-loop", "rcu-held-up", "the spinning reaper is who holds the grace period up"},
    {"reaper-busy-loop", "members-not-visible", "the reaper spins"},
    {"rcu-held-up", "soft-lockup", "the task that holds the CPU is who holds the grace period up"},
    {"uninterruptible-member", "members-not-visible", "a blocked member is shown"},
    {"*", "members-not-visible", "what the member waits for is shown"},
    {"*", "uninterruptible-member", "other tasks show what they wait for"},
    {"*", "zombie-under-live-parent", "zombies are left over by it"},
};

/// The causes that only say that something is missing from the picture.
bool placeholder(std::string_view id) {
  return id == "members-not-visible" || id == "uninterruptible-member";
}

std::size_t position(std::string_view id) {
  const auto& causes = catalogue();
  for (std::size_t at = 0; at < causes.size(); ++at)
    if (causes[at].id == id) return at;
  return causes.size();
}

CauseKind kind_of(const Finding& finding) {
  const Cause* known = cause(finding.cause);
  return known != nullptr ? known->kind : CauseKind::teardown;
}

std::vector<const Task*> tasks_of(const Finding& finding, const WaitGraph& graph) {
  std::vector<const Task*> out;
  const auto add = [&](const Party& party) {
    if (!party.tid) return;
    for (const Task* task : graph.tasks())
      if (task->tid.is(*party.tid)) out.push_back(task);
  };
  if (finding.culprit) add(*finding.culprit);
  for (const Party& victim : finding.victims)
    if (out.size() < 8) add(victim);
  return out;
}

/// True when a task of `outer` waits for one of `inner`, and none the other way round.
bool leads_to(const Finding& outer, const Finding& inner, const WaitGraph& graph) {
  const auto from = tasks_of(outer, graph);
  const auto to = tasks_of(inner, graph);
  bool forward = false;
  for (const Task* a : from)
    for (const Task* b : to) {
      if (graph.reaches(*b, *a)) return false;
      forward |= graph.reaches(*a, *b);
    }
  return forward;
}

bool before(const Finding& a, const Finding& b) {
  if (kind_of(a) != kind_of(b)) return kind_of(a) < kind_of(b);
  if (a.confidence != b.confidence) return a.confidence > b.confidence;
  if (a.victims.size() != b.victims.size()) return a.victims.size() > b.victims.size();
  return position(a.cause) < position(b.cause);
}

}  // namespace

Findings rank(Findings findings, const WaitGraph& graph, std::vector<std::string>& dropped) {
  std::set<std::string, std::less<>> well_found;
  for (const Finding& finding : findings) {
    if (finding.confidence < Confidence::likely) continue;
    well_found.insert(finding.cause);
    if (kind_of(finding) == CauseKind::teardown && !placeholder(finding.cause)) well_found.insert("*");
  }
  Findings kept;
  for (Finding& finding : findings) {
    const auto by = std::find_if(std::begin(k_settled), std::end(k_settled), [&](const Settled& row) {
      return finding.cause == row.loser && well_found.count(row.winner) > 0;
    });
    if (by == std::end(k_settled)) {
      kept.push_back(std::move(finding));
    } else if (!placeholder(by->loser) && kind_of(finding) != CauseKind::harmless) {
      dropped.push_back(fmt::format("{} is not listed: {}{}", by->loser, by->why,
                                    by->winner == "*" ? "" : fmt::format(" ({})", by->winner)));
    }
  }
  std::stable_sort(kept.begin(), kept.end(), before);
  // Towards the leaf: only among neighbours of the same kind and confidence, so that no rank is overturned.
  for (std::size_t at = 1; at < kept.size(); ++at)
    for (std::size_t to = at; to > 0; --to) {
      Finding& upper = kept[to - 1];
      Finding& lower = kept[to];
      if (kind_of(upper) != kind_of(lower) || upper.confidence != lower.confidence) break;
      if (!leads_to(upper, lower, graph)) break;
      std::swap(upper, lower);
    }
  return kept;
}

}  // namespace unzap
