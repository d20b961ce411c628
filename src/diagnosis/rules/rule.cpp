// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/rules/rule.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <utility>

#include "util/text.hpp"

namespace unzap {
namespace {

std::string what_is_seen(const Task& task) {
  std::string out = task.label();
  if (task.state) out += fmt::format(" state {}", printable(std::string(1, *task.state)));
  if (task.blocked_seconds) out += fmt::format(", blocked for more than {:.0f} s", *task.blocked_seconds);
  if (task.wchan && *task.wchan != "0") out += ", wchan " + printable(*task.wchan, 64);
  if (exiting(task) == true && !zombie(task)) out += ", exiting";
  if (task.pending_shared && (*task.pending_shared & signal_bit(9)) != 0) out += ", SIGKILL pending (shared)";
  if (task.pending_private && (*task.pending_private & signal_bit(9)) != 0) out += ", SIGKILL pending";
  if (task.threads && *task.threads > 1) out += fmt::format(", {} threads", *task.threads);
  if (const auto found = rate(task)) {
    out += fmt::format(", {:.0f} % system and {:.0f} % user time over {:.1f} s", found->system_percent,
                       found->user_percent, found->seconds);
    if (found->switches) out += fmt::format(", {} context switches", *found->switches);
  }
  return out;
}

}  // namespace

std::vector<std::string> cite(Finding& finding, const Picture& picture, const Task& task) {
  std::vector<std::string> ids = {finding.add_evidence(place_of(task), what_is_seen(task))};
  if (const Stack* stack = picture.scene.stack_of(task))
    ids.push_back(finding.add_evidence(stack->where.empty() ? place_of(task) : stack->where,
                                       task.label() + ": " + stack_line(*stack)));
  return ids;
}

std::vector<std::string> cite(Finding& finding, const KernelEvent& event) {
  std::vector<std::string> ids = {finding.add_evidence(event.where, printable(event.text, 240))};
  if (event.stack && !event.stack->frames.empty())
    ids.push_back(finding.add_evidence(event.stack->where.empty() ? event.where : event.stack->where,
                                       stack_line(*event.stack, 12)));
  return ids;
}

void add_links(Finding& finding, const Picture& picture, const std::vector<const Edge*>& way) {
  for (const Edge* edge : way) {
    Link link;
    link.from = picture.graph.nodes()[edge->from].ref;
    link.to = picture.graph.nodes()[edge->to].ref;
    link.reason = edge->reason;
    link.inferred = edge->inferred;
    for (const Proof& proof : edge->proofs) {
      if (link.evidence.size() == 4) break;
      std::string id = finding.add_evidence(proof.source, printable(proof.text, 240));
      if (std::find(link.evidence.begin(), link.evidence.end(), id) == link.evidence.end())
        link.evidence.push_back(std::move(id));
    }
    if (std::find(finding.chain.begin(), finding.chain.end(), link) == finding.chain.end())
      finding.chain.push_back(std::move(link));
  }
}

void name_jam(Finding& finding, const Picture& picture, const Reaper* reaper) {
  const Origin origin = picture.scene.snapshot().origin;
  const bool host = origin == Origin::live || origin == Origin::bundle;
  if (reaper == nullptr) return;
  finding.reaper = party(*reaper->task, Role::dying_init);
  finding.pid_ns = reaper->pid_ns;
  if (host && !reaper->pid_ns) {
    Unproved& gap =
        finding.unproved.emplace_back(Unproved{Unproved::namespace_of_init, reaper->task->label()});
    if (const Absence* why = reaper->task->pid_ns.absence()) gap.absence = *why;
  }
}

void add_victim(Finding& finding, const Task& task, Role role) {
  const bool too_many = finding.victims.size() >= k_most_victims;
  if (too_many && !task.container) return;
  const Party added = party(task, std::move(role));
  const auto names_container = [&](const Party& known) { return known.container == added.container; };
  if (too_many && (finding.victims.size() >= k_most_named_containers ||
                   std::any_of(finding.victims.begin(), finding.victims.end(), names_container)))
    return;
  if (finding.culprit && finding.culprit->tid == added.tid && finding.culprit->comm == added.comm) return;
  for (const Party& known : finding.victims)
    if (added.tid ? known.tid == added.tid : known == added) return;
  finding.victims.push_back(added);
}

std::string some_of(const std::vector<const Task*>& tasks) {
  if (tasks.empty()) return "nobody";
  if (tasks.size() == 1) return tasks.front()->label();
  return fmt::format("{} and {} other{}", tasks.front()->label(), tasks.size() - 1,
                     tasks.size() == 2 ? "" : "s");
}

bool was_chosen(const Picture& picture) {
  const Origin origin = picture.scene.snapshot().origin;
  return origin == Origin::text || origin == Origin::model;
}

Confidence at_most(Confidence confidence, Confidence limit) {
  return std::min(confidence, limit);
}

}  // namespace unzap
