// SPDX-License-Identifier: Apache-2.0
// The lines for programs that run plugins, and the exit codes that go with them.
#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/catalogue.hpp"
#include "report/diagnosis/report.hpp"
#include "report/diagnosis/words.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

// What node-problem-detector keeps of a plugin's output, unless it is told otherwise (max_output_length).
constexpr std::size_t k_npd_bytes = 80;
// NRPE before version 3 carries 1024 bytes.
constexpr std::size_t k_nrpe_bytes = 1000;

/// Foreign text for a line of ASCII: what a terminal could act on, what is not ASCII, and `|`, behind which
/// Nagios looks for numbers, become question marks.
std::string plain(std::string_view text, std::size_t most) {
  std::string out;
  for (const char c : text.substr(0, most)) out += c >= ' ' && c <= '~' && c != '|' ? c : '?';
  return out;
}

bool is_harmless(const Finding& finding) {
  return cause(finding.cause).kind == CauseKind::harmless;
}

/// The first finding in which something is stuck, or may be; nothing when there is none.
const Finding* first_stuck(const Diagnosis& diagnosis) {
  const auto found = std::find_if_not(diagnosis.findings.begin(), diagnosis.findings.end(), is_harmless);
  return found == diagnosis.findings.end() ? nullptr : &*found;
}

std::string culprit_of(const Finding& finding) {
  if (!finding.culprit) return "";
  const Party& party = *finding.culprit;
  std::string out = plain(party.comm, 15);
  if (party.tid || party.pid) out += fmt::format("[{}]", party.tid ? *party.tid : *party.pid);
  return out;
}

std::size_t count_in(const Snapshot& snapshot, char state) {
  return static_cast<std::size_t>(std::count_if(snapshot.tasks.begin(), snapshot.tasks.end(),
                                                [state](const Task& task) { return task.state.is(state); }));
}

int nrpe_code(Verdict verdict, bool anything) {
  switch (verdict) {
    case Verdict::healthy: return 0;
    case Verdict::stuck: return 2;
    case Verdict::unknown: return anything ? 1 : 3;
  }
  return 3;
}

}  // namespace

Rendered to_nrpe(const Diagnosis& diagnosis, const Snapshot& snapshot) {
  const Finding* first = first_stuck(diagnosis);
  const int code = nrpe_code(diagnosis.verdict, first != nullptr);
  const std::string numbers = fmt::format(
      " | findings={};;;0 threads={};;;0 uninterruptible={};;;0 zombies={};;;0\n", diagnosis.findings.size(),
      snapshot.tasks.size(), count_in(snapshot, 'D'), count_in(snapshot, 'Z'));
  constexpr std::string_view k_words[] = {"OK", "WARNING", "CRITICAL", "UNKNOWN"};
  std::string text = fmt::format("UNZAP {} - ", k_words[code]);
  if (code == 0)
    text += "nothing is stuck";
  else if (first == nullptr)
    text += diagnosis.limits.empty()
                ? std::string("could not tell")
                : "could not tell: " + plain(words(diagnosis.limits.front()), k_nrpe_bytes);
  else
    text += fmt::format("{} ({}): {}", name(first->cause), name(first->confidence),
                        plain(first->summary, k_nrpe_bytes));
  return {text.substr(0, k_nrpe_bytes - numbers.size()) + numbers, code};
}

Rendered nrpe_failure(std::string_view message) {
  return {fmt::format("UNZAP UNKNOWN - {}\n", plain(message, k_nrpe_bytes / 2)), 3};
}

Rendered to_npd(const Diagnosis& diagnosis) {
  const Finding* first = first_stuck(diagnosis);
  if (diagnosis.verdict == Verdict::healthy) return {"no container is stuck\n", 0};
  if (diagnosis.verdict == Verdict::unknown || first == nullptr)
    return {first == nullptr ? std::string("could not tell whether a container is stuck\n")
                             : fmt::format("perhaps stuck: {}\n", name(first->cause)),
            2};
  const std::string who = culprit_of(*first);
  std::string text = fmt::format("stuck: {} ({}){}", name(first->cause), name(first->confidence),
                                 who.empty() ? "" : ", " + who);
  return {text.substr(0, k_npd_bytes - 1) + "\n", 1};
}

Rendered npd_failure(std::string_view message) {
  return {plain("cannot look: " + std::string(message), k_npd_bytes - 1) + "\n", 2};
}

}  // namespace unzap
