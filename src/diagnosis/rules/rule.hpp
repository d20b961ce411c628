// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/advice.hpp"
#include "diagnosis/fill_in.hpp"
#include "diagnosis/finding.hpp"
#include "diagnosis/picture.hpp"

namespace unzap {

using Findings = std::vector<Finding>;

/// A rule: what one cause has to say about a snapshot. Pure; gives nothing when its evidence is not there. A
/// rule knows nothing of the others: contradictions between findings are settled in rank.
using Rule = Findings (*)(const Picture& picture);

// What the rules share: how evidence is cited.

/// More victims than this are counted in the summary and not listed.
inline constexpr std::size_t k_most_victims = 50;
/// The same for containers that are stuck.
inline constexpr std::size_t k_most_named_containers = 5000;

/// Adds what was seen of a task (state, stack, wchan, counters) and returns the evidence ids.
std::vector<std::string> cite(Finding& finding, const Picture& picture, const Task& task);
/// Adds the head line of a kernel report, and the stack below it when there is one.
std::vector<std::string> cite(Finding& finding, const KernelEvent& event);
/// Adds one link for each edge of a way through the picture, with the edges' proofs as evidence.
void add_links(Finding& finding, const Picture& picture, const std::vector<const Edge*>& way);
/// Says which dying namespace the finding is about (null: none), and what of it is not proved.
void name_jam(Finding& finding, const Picture& picture, const Reaper* reaper);
/// Adds a victim unless it is the culprit, already listed, or one too many. Of those that are too many, one
/// of a container that is not named yet is listed all the same.
void add_victim(Finding& finding, const Task& task, Role role);
/// "node[12]" or "node[12] and 3 others".
std::string some_of(const std::vector<const Task*>& tasks);

/// True when somebody chose what is shown, because it is stuck: a pasted text, or a trap of the kernel model.
bool was_chosen(const Picture& picture);
/// The lower of two confidences.
Confidence at_most(Confidence confidence, Confidence limit);

}  // namespace unzap
