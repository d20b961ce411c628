// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "diagnosis/blind_spots.hpp"
#include "report/diagnosis/report.hpp"
#include "report/diagnosis/words.hpp"
#include "report/writer.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

// What fits a screen; with `verbose` there is no limit.
constexpr std::size_t k_full_findings = 1;
constexpr std::size_t k_told_findings = 8;  // with a sentence; those behind them have a line
constexpr std::size_t k_max_evidence = 5;
constexpr std::size_t k_max_remedies = 5;
constexpr std::size_t k_max_victims = 4;
constexpr std::size_t k_max_problems = 5;
constexpr std::size_t k_max_list = 3;

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string label(const Party& party) {
  std::string out = party.comm.empty() ? std::string("task") : party.comm;
  if (party.tid || party.pid) out += fmt::format("[{}]", party.tid ? *party.tid : *party.pid);
  if (party.tid && party.pid && *party.tid != *party.pid) out += fmt::format(" of process {}", *party.pid);
  return out;
}

std::string host_line(const Snapshot& snapshot) {
  std::string out;
  const auto add = [&out](std::string text) { out += (out.empty() ? "" : ", ") + std::move(text); };
  if (snapshot.host.name) add(printable(*snapshot.host.name, k_shown_host_bytes));
  if (snapshot.host.kernel_release)
    add("Linux " + printable(*snapshot.host.kernel_release, k_shown_host_bytes));
  if (snapshot.host.cpus) add(count_of(static_cast<std::size_t>(*snapshot.host.cpus), "CPU", "CPUs"));
  std::set<std::int32_t> processes;
  std::size_t zombies = 0;
  std::size_t uninterruptible = 0;
  for (const Task& task : snapshot.tasks) {
    if (task.tgid) processes.insert(*task.tgid);
    if (task.state.is('Z')) ++zombies;
    if (task.state.is('D')) ++uninterruptible;
  }
  add(count_of(snapshot.tasks.size(), "thread", "threads"));
  if (!processes.empty()) out += " of " + count_of(processes.size(), "process", "processes");
  if (!snapshot.tasks.empty())
    out += fmt::format(" ({} in D, {})", uninterruptible, count_of(zombies, "zombie", "zombies"));
  if (!snapshot.events.empty()) add(count_of(snapshot.events.size(), "kernel report", "kernel reports"));
  return out;
}

/// "container 0123456789ab of pod 9fa1...": where a party lives, by which its owner knows it; or empty.
std::string home_of(const Party& party) {
  constexpr std::size_t k_short_id = 12;
  std::string out;
  if (!party.container.empty()) out = "container " + party.container.substr(0, k_short_id);
  if (!party.pod.empty()) out += (out.empty() ? "" : " of ") + ("pod " + party.pod);
  return out;
}

/// "containerd (namespace k8s.io), containerd-shim[39]": who keeps the container of a finding; or empty.
std::string keeper_of(const ContainerRef& container) {
  std::string out = container.runtime;
  if (!out.empty() && !container.ns.empty()) out += fmt::format(" (namespace {})", container.ns);
  if (container.process) out += (out.empty() ? "" : ", ") + label(*container.process);
  if (!out.empty() && container.claimed)
    out += "; the id is one that whoever owns the cgroup could have made up";
  return out;
}

/// The homes of culprit and victims, each once.
std::vector<std::string> homes_of(const Finding& finding) {
  std::vector<std::string> out;
  const auto add = [&out](const Party& party) {
    std::string home = home_of(party);
    if (!home.empty() && std::find(out.begin(), out.end(), home) == out.end()) out.push_back(std::move(home));
  };
  if (const auto& container = finding.container) {
    Party owner;
    owner.container = container->id;
    owner.pod = container->pod;
    add(owner);
  }
  if (finding.culprit) add(*finding.culprit);
  for (const Party& victim : finding.victims) add(victim);
  return out;
}

/// The ids of `most` pieces of evidence: first those that the chain cites, for they are looked up from there.
std::set<std::string> cited_first(const Finding& finding, std::size_t most) {
  std::set<std::string> out;
  for (const Link& link : finding.chain)
    for (const std::string& id : link.evidence)
      if (out.size() < most) out.insert(id);
  for (const Evidence& piece : finding.evidence)
    if (out.size() < most) out.insert(piece.id);
  return out;
}

/// Who could not tell says first what was missing for it.
std::string first_line(const Diagnosis& diagnosis, const Snapshot& snapshot) {
  const BlindSpots hidden = blind_spots(snapshot);
  return diagnosis.verdict == Verdict::unknown && hidden.any() ? words(hidden) + "\n" : "";
}

Tone tone_of(Confidence confidence) {
  return confidence == Confidence::possible ? Tone::warning : Tone::bad;
}

/// Writes the text form; holds what all parts of it need.
class TextReport {
 public:
  TextReport(const Diagnosis& diagnosis, const Snapshot& snapshot, const TextOptions& options)
      : diagnosis_(diagnosis),
        snapshot_(snapshot),
        verbose_(options.verbose),
        out_(options.width, options.color) {}

  std::string write();

 private:
  void write_head();
  void write_finding(std::size_t place);
  void write_homes(const Finding& finding);
  void write_chain(const Finding& finding);
  void write_evidence(const Finding& finding);
  void write_remedies(const Finding& finding);
  void write_list(std::string_view heading, const std::vector<std::string>& items);
  void write_commands(const Finding& finding);
  void write_gaps();
  void write_what_can_be_pasted();
  std::size_t limit(std::size_t count, std::size_t most) const {
    return verbose_ ? count : std::min(count, most);
  }
  void write_rest(std::size_t indent, std::size_t count, std::size_t shown);

  const Diagnosis& diagnosis_;
  const Snapshot& snapshot_;
  bool verbose_;
  TextWriter out_;
};

void TextReport::write_head() {
  switch (diagnosis_.verdict) {
    case Verdict::stuck: out_.item(0, "STUCK  ", host_line(snapshot_), Tone::bad); break;
    case Verdict::healthy:
      out_.item(0, "healthy: nothing is stuck. ", "Looked at " + host_line(snapshot_) + ".", Tone::good);
      break;
    case Verdict::unknown:
      out_.item(0, "could not tell. ", "Looked at " + host_line(snapshot_) + ".", Tone::warning);
      break;
  }
}

void TextReport::write_rest(std::size_t indent, std::size_t count, std::size_t shown) {
  if (shown < count)
    out_.item(indent, fmt::format("... {} more (-v shows them)", count - shown), "", Tone::quiet);
}

void TextReport::write_homes(const Finding& finding) {
  const std::vector<std::string> homes = homes_of(finding);
  if (finding.container && !keeper_of(*finding.container).empty())
    out_.item(3, "runtime  ", keeper_of(*finding.container));
  if (homes.empty()) return;
  const std::size_t shown = limit(homes.size(), k_max_list);
  std::string text;
  for (std::size_t i = 0; i < shown; ++i) text += (i == 0 ? "" : ", ") + homes[i];
  if (shown < homes.size()) text += fmt::format(" and {} more", homes.size() - shown);
  out_.item(3, "in       ", text);
}

void TextReport::write_chain(const Finding& finding) {
  if (finding.chain.empty()) return;
  out_.item(3, "who waits for whom", "", Tone::heading);
  std::size_t depth = 0;
  for (std::size_t i = 0; i < finding.chain.size(); ++i) {
    const Link& link = finding.chain[i];
    const bool goes_on = i > 0 && finding.chain[i - 1].to == link.from;
    if (!goes_on) {
      depth = 0;
      out_.paragraph(5, words(link.from));
    }
    ++depth;
    const std::string ids = link.evidence.empty() ? "" : fmt::format(" [{}]", fmt::join(link.evidence, " "));
    out_.item(3 + 2 * depth, "-> ", awaited(link) + ids);
  }
}

void TextReport::write_evidence(const Finding& finding) {
  if (finding.evidence.empty()) return;
  out_.item(3, "evidence", "", Tone::heading);
  const std::size_t shown = limit(finding.evidence.size(), k_max_evidence);
  const std::set<std::string> cited = cited_first(finding, shown);
  for (const Evidence& piece : finding.evidence)
    if (cited.contains(piece.id))
      out_.item(5, fmt::format("{:<4}", piece.id), fmt::format("{}: {}", piece.source, piece.text));
  write_rest(5, finding.evidence.size(), shown);
}

void TextReport::write_list(std::string_view heading, const std::vector<std::string>& items) {
  if (items.empty()) return;
  out_.item(3, heading, "", Tone::heading);
  const std::size_t shown = limit(items.size(), k_max_list);
  for (std::size_t i = 0; i < shown; ++i) out_.item(5, "- ", items[i]);
  write_rest(5, items.size(), shown);
}

void TextReport::write_commands(const Finding& finding) {
  if (finding.next_evidence.empty()) return;
  out_.item(3, "look at this next", "", Tone::heading);
  const std::size_t shown = limit(finding.next_evidence.size(), k_max_list);
  for (std::size_t i = 0; i < shown; ++i) out_.verbatim(5, "", finding.next_evidence[i]);
  write_rest(5, finding.next_evidence.size(), shown);
}

void TextReport::write_remedies(const Finding& finding) {
  if (finding.remedies.empty()) return;
  out_.item(3, "what to do, in this order", "", Tone::heading);
  const std::size_t shown = limit(finding.remedies.size(), k_max_remedies);
  for (std::size_t i = 0; i < shown; ++i) {
    const Remedy& remedy = finding.remedies[i];
    const std::string risk = remedy.risk.empty() ? "" : " (risk: " + remedy.risk + ")";
    out_.item(5, fmt::format("{}. ", i + 1), remedy.text + risk);
  }
  write_rest(5, finding.remedies.size(), shown);
}

void TextReport::write_finding(std::size_t place) {
  const Finding& finding = diagnosis_.findings[place];
  if (verbose_ || place <= k_told_findings) out_.gap();
  const std::string culprit = finding.culprit ? label(*finding.culprit) : "";
  out_.item(0, fmt::format("{}. {} ({})  ", place + 1, name(finding.cause), name(finding.confidence)),
            culprit, tone_of(finding.confidence));
  if (!verbose_ && place >= k_told_findings) {
    write_homes(finding);
    return;
  }
  out_.paragraph(3, finding.summary);
  for (const Unproved& gap : finding.unproved) out_.item(3, "not proved: ", words(gap), Tone::warning);
  if (!verbose_ && place >= k_full_findings) {
    write_homes(finding);
    return;
  }
  if (finding.culprit && finding.culprit->role != Role::none)
    out_.item(3, "culprit  ", label(*finding.culprit) + ": " + words(finding.culprit->role));
  const std::size_t shown = limit(finding.victims.size(), k_max_victims);
  for (std::size_t i = 0; i < shown; ++i) {
    const Party& victim = finding.victims[i];
    out_.item(3, i == 0 ? "victims  " : "         ",
              label(victim) + (victim.role == Role::none ? "" : ": " + words(victim.role)));
  }
  write_rest(12, finding.victims.size(), shown);
  write_homes(finding);
  write_chain(finding);
  write_evidence(finding);
  write_list("what would refute this", finding.refuted_by);
  write_commands(finding);
  write_remedies(finding);
  if (verbose_) write_list("references", finding.references);
}

void TextReport::write_gaps() {
  if (diagnosis_.limits.empty() && snapshot_.problems.empty()) return;
  out_.gap();
  for (const Limit& one : diagnosis_.limits) out_.item(0, "open: ", words(one), Tone::warning);
  const std::size_t shown = limit(snapshot_.problems.size(), k_max_problems);
  for (std::size_t i = 0; i < shown; ++i)
    out_.item(0, "note: ", snapshot_.problems[i].where + ": " + snapshot_.problems[i].text, Tone::quiet);
  write_rest(0, snapshot_.problems.size(), shown);
}

void TextReport::write_what_can_be_pasted() {
  out_.gap();
  out_.paragraph(0, "Nothing in this input was understood. What can be given, in any mix:");
  for (const char* line :
       {"dmesg, or journalctl -k (soft lockup, RCU stall and hung task reports with their traces)",
        "head -n 999 /proc/PID/task/*/{stat,status,wchan,stack,syscall}",
        "ps -eLo pid,tid,ppid,stat,wchan:32,comm"})
    out_.verbatim(2, "", line);
  out_.paragraph(0, "Or all of it at once, by itself: what `unzap record -o FILE` wrote on the host.");
}

std::string TextReport::write() {
  write_head();
  for (std::size_t i = 0; i < diagnosis_.findings.size(); ++i) write_finding(i);
  write_gaps();
  if (snapshot_.origin != Origin::live && snapshot_.tasks.empty() && snapshot_.events.empty() &&
      snapshot_.symptoms.empty())
    write_what_can_be_pasted();
  return out_.text();
}

}  // namespace

std::string to_text(const Diagnosis& diagnosis, const Snapshot& snapshot, const TextOptions& options) {
  return first_line(diagnosis, snapshot) + TextReport(diagnosis, snapshot, options).write();
}

}  // namespace unzap
