// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/fill_in.hpp"

#include <algorithm>
#include <string>
#include <string_view>

namespace unzap {
namespace {

using Number = std::optional<std::int32_t>;

/// Of the first victim with such a role.
Number victim(const Finding& finding, bool (Role::*is)() const) {
  for (const Party& party : finding.victims)
    if ((party.role.*is)() && party.pid) return party.pid;
  return std::nullopt;
}

Number init(const Finding& finding) {
  if (finding.reaper && finding.reaper->pid) return finding.reaper->pid;
  return victim(finding, &Role::is_init);
}

void replace(std::string& text, std::string_view mark, const std::string& words) {
  for (std::size_t at = text.find(mark); at != std::string::npos; at = text.find(mark, at + words.size()))
    text.replace(at, mark.size(), words);
}

struct Known {
  std::string_view mark;
  Number number;
};

std::vector<Known> known_numbers(const Finding& finding) {
  const Number culprit = finding.culprit ? finding.culprit->pid : Number();
  const bool traced = finding.cause == CauseId::traced_member;
  const Number tracee = finding.victims.empty() ? Number() : finding.victims.front().pid;
  // Nobody is told to end the host's init.
  const Number parent = culprit == Number(1) ? Number() : culprit;
  return {{"<pid>", traced ? tracee : culprit},
          {"<tid>", traced || !finding.culprit ? Number() : finding.culprit->tid},
          {"<init>", init(finding)},
          {"<parent>", parent},
          {"<shim or exec session>", parent},
          {"<tracer>", traced ? culprit : Number()},
          {"<killed pid>", culprit},
          {"<zombie>", victim(finding, &Role::is_zombie)}};
}

}  // namespace

void fill_in(Finding& finding, std::string_view mark, const std::string& words) {
  for (std::string& text : finding.refuted_by) replace(text, mark, words);
  for (std::string& text : finding.next_evidence) replace(text, mark, words);
  for (Remedy& remedy : finding.remedies) replace(remedy.text, mark, words);
}

void fill_in(Finding& finding) {
  for (const Known& known : known_numbers(finding))
    if (known.number) fill_in(finding, known.mark, std::to_string(*known.number));
}

}  // namespace unzap
