// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string_view>
#include <vector>

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// The tasks that wait at sites of one cause (wait_sites.hpp), and how sure that makes the cause.
/// Most causes have this shape: "a task's stack has functions F, so it waits for X".
struct SiteHits {
  std::vector<const Task*> tasks;  ///< the one that keeps a container first, then exiting ones, then the rest
  Confidence confidence = Confidence::possible;
};

/// What one waiting task is worth, or nothing when it may be normal life:
/// likely:   a hung task report; a pasted wait in state D, or a pasted stack without a state; on a live host
///           a member of a dying pid namespace that did not move for k_lasting_seconds.
/// possible: a pasted wait in state S or T; an exiting task of a live host that did not move.
std::optional<Confidence> weight(const WaitGraph& graph, const Task& task);

/// Nothing when no task of weight waits at such a site.
std::optional<SiteHits> site_hits(const WaitGraph& graph, std::string_view cause);

/// A finding with what all of them have: summary ("node[12] waits for the answer of a FUSE server"), the
/// first task as culprit, the others as victims, the chain from the dying init (when there is one) to the
/// leaf, the evidence.
Finding site_finding(const WaitGraph& graph, std::string_view cause, const SiteHits& hits);

}  // namespace unzap
