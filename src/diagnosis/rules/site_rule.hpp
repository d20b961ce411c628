// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// One task of which a cause is to say something, and how sure that is of this very task.
struct Hit {
  const Task* task = nullptr;
  Confidence confidence = Confidence::possible;
};

/// The tasks of one jam, the surest first; among equals one that keeps a container, then exiting ones.
/// Most causes have this shape: "a task's stack has functions F, so it waits for X".
struct SiteHits {
  std::vector<const Task*> tasks;                ///< never empty
  Confidence confidence = Confidence::possible;  ///< of the first
};

/// What one waiting task is worth, or nothing when it may be normal life:
/// likely:   a hung task report; a pasted wait in state D, or a pasted stack without a state; on a live host
///           a member of a dying pid namespace that did not move for k_lasting_seconds.
///           a member of a dying pid namespace, or a killed task of a container, that did not move for
///           k_lasting_seconds.
/// possible: a pasted wait in state S or T; an exiting task of a live host that did not move.
std::optional<Confidence> weight(const Picture& picture, const Task& task);

/// The tasks of weight that wait at such a site.
std::vector<Hit> site_hits(const Picture& picture, CauseId cause);

/// Parts the tasks by jam: those of one dying namespace; else, on a live host, those of one container; else
/// all. A text shows what belongs together: there the rest goes with the one dying namespace.
std::vector<SiteHits> per_jam(const Picture& picture, const std::vector<Hit>& hits);
/// The same, and besides never two of different `also` in one.
std::vector<SiteHits> per_jam(const Picture& picture, const std::vector<Hit>& hits,
                              const std::function<std::string(const Task&)>& also);

/// All of them as one: what they wait for is one lock or one worker of the host. Nothing when there are none.
std::optional<SiteHits> one_jam(const Picture& picture, const std::vector<Hit>& hits);
/// make(jam) for each, as long as there is time.
template <class Make>
Findings findings_of(const Picture& picture, const std::vector<SiteHits>& jams, const Make& make) {
  Findings out;
  for (const SiteHits& jam : jams) {
    if (picture.scene.enough(out.size())) break;
    out.push_back(make(picture, jam));
  }
  return out;
}

/// A task of a container that was killed and cannot die: SIGKILL is pending and it has not moved for
/// k_lasting_seconds.
bool killed_in_container(const Picture& picture, const Task& task);

/// A finding with what all of them have: summary ("node[12] waits for the answer of a FUSE server"), the
/// first task as culprit, the others as victims, the chain from the dying init (when there is one) to the
/// leaf, the evidence.
Finding site_finding(const Picture& picture, CauseId cause, const SiteHits& hits);

/// How a cause is judged that is a stack and little else: the tasks of weight at its sites (wait_sites.cpp)
/// make a finding for each jam. What is left out here is as with most of them.
struct StackRule {
  bool one_lock = false;                  ///< all tasks wait for one lock of the host: one finding for all
  std::string_view ending = {};           ///< goes to the end of each summary
  std::optional<EventKind> reports = {};  ///< reports of this kind are evidence of each finding
  /// Adds tasks that are not at a known site, or takes some away.
  void (*choose)(const Picture&, std::vector<Hit>&) = nullptr;
  /// Says of one jam what the stacks do not.
  void (*refine)(Finding&, const Picture&, const SiteHits&) = nullptr;
};
Findings ask(const StackRule& rule, CauseId cause, const Picture& picture);

}  // namespace unzap
