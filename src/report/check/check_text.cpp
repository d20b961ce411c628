// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/check/check_report.hpp"
#include "report/check/request_words.hpp"
#include "report/trace/timeline.hpp"

namespace unzap {
namespace {

std::string paint(std::string_view text, std::string_view code, bool color) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : std::string(text);
}

std::string_view tone(CheckVerdict verdict) {
  switch (verdict) {
    case CheckVerdict::proved: return "1;32";
    case CheckVerdict::lockup:
    case CheckVerdict::broken: return "1;31";
    default: return "1;33";
  }
}

/// The fixes of the spin that this kernel has, and what was changed by hand; `nothing` when neither.
std::string active_fixes(const CheckRequest& asked, std::string_view nothing = "no fix") {
  std::vector<std::string> on;
  for (const kernel::Switch fix : kernel::k_spin_fixes)
    if (asked.variant.has(fix)) on.emplace_back(kernel::info(fix).name);
  const std::vector<std::string> changed = changes_of(asked);
  if (on.empty() && changed.empty()) return std::string(nothing);
  if (on.empty()) on.emplace_back("no fix");
  on.insert(on.end(), changed.begin(), changed.end());
  return fmt::format("{}", fmt::join(on, ", "));
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
  return out;
}

std::string names_with(const CheckReport& report, TaskFate fate) {
  std::string out;
  if (!report.counterexample) return out;
  for (const CheckTask& task : report.counterexample->tasks)
    if (task.fate == fate) out += (out.empty() ? "" : ", ") + task.task;
  return out;
}

std::string lockup_sentence(const CheckReport& report) {
  std::vector<std::string> parts;
  for (const auto& [fate, words] : {std::pair{TaskFate::spins, "spins forever"},
                                    {TaskFate::hung, "hung forever"},
                                    {TaskFate::waits, "waits forever"},
                                    {TaskFate::starved, "never runs again"}})
    if (const std::string names = names_with(report, fate); !names.empty())
      parts.push_back(fmt::format("{}: {}", words, names));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::vector<std::string> containers_that(const Counterexample& way, ContainerFate fate) {
  std::vector<std::string> out;
  for (const CheckContainer& container : way.containers)
    if (container.fate == fate) out.push_back(container.name);
  return out;
}

/// How many containers the trap holds, and which of them nothing is wrong with; empty for a single one.
std::string containers_sentence(const CheckReport& report) {
  if (!report.counterexample || report.counterexample->containers.empty()) return "";
  const Counterexample& way = *report.counterexample;
  const auto culprits = containers_that(way, ContainerFate::spins);
  const auto harmless = containers_that(way, ContainerFate::victim);
  const std::size_t held =
      culprits.size() + harmless.size() + containers_that(way, ContainerFate::stuck).size();
  std::string out = fmt::format("{} of {} containers cannot end", held, way.containers.size());
  if (!harmless.empty()) {
    const bool one = harmless.size() == 1;
    out += fmt::format("; if {} did not spin, {} would have ended by {}: {}", fmt::join(culprits, ", "),
                       one ? "one" : std::to_string(harmless.size()), one ? "itself" : "themselves",
                       fmt::join(harmless, ", "));
  }
  return out + "\n";
}

std::string inconclusive_sentence(const CheckReport& report) {
  const std::string_view why = report.stop ? name(*report.stop) : "";
  if (report.counterexample)
    return fmt::format("{}; {} can go round without sleeping, and whether all can still end is unknown", why,
                       names_with(report, TaskFate::spins));
  return fmt::format("{}; what was seen holds no lockup, the rest is unknown", why);
}

std::string broken_sentence(const kernel::Invariant& broken) {
  return fmt::format(
      "a state breaks the invariant {} of the model: {}\n"
      "this is a defect of unzap, not of the kernel or of your scenario; please report it with the command",
      broken.name, broken.says);
}

std::string verdict_sentence(const CheckReport& report) {
  switch (report.verdict) {
    case CheckVerdict::proved:
      return "every reachable state was seen; "
             "from each one the container can still end, and nobody waits busily";
    case CheckVerdict::lockup: return lockup_sentence(report);
    case CheckVerdict::busy_wait:
      return fmt::format("{} can go round without sleeping; it wastes a CPU, but everything can still end",
                         names_with(report, TaskFate::spins));
    case CheckVerdict::inconclusive: return inconclusive_sentence(report);
    case CheckVerdict::broken: return broken_sentence(*report.counterexample->broken);
  }
  return "";
}

std::string figures(const CheckReport& report) {
  std::string out = fmt::format(
      "{} states, {} transitions, depth {}, {:.3f} s, {:.2f} M states/s, {:.0f} bytes a state",
      report.figures.states, report.figures.transitions, report.figures.depth, report.seconds,
      report.figures.seconds > 0 ? static_cast<double>(report.figures.states) / report.figures.seconds / 1e6
                                 : 0.0,
      report.bytes_kept_per_state);
  if (const auto reductions = reductions_of(report); !reductions.empty())
    out += fmt::format(
        "\nreduced by {}: these are the figures of the smaller search; the steps shown are all there are",
        fmt::join(reductions, " and "));
  if (report.asked.compact)
    out += fmt::format(
        "\nonly fingerprints were kept: "
        "the odds that two states shared one, and one of them was missed, are below {:.1e}",
        report.omission_odds);
  return out;
}

/// A stack, innermost first, in lines of the given width.
std::string stack_lines(const std::vector<std::string>& stack, std::size_t width) {
  const std::size_t room = width > 30 ? width - 12 : 88;
  std::string out;
  std::string rest = fmt::format("{}", fmt::join(stack, " <- "));
  while (!rest.empty()) {
    std::size_t cut = rest.size() <= room ? rest.size() : rest.rfind(" <- ", room);
    if (cut == std::string::npos || cut == 0) cut = rest.size();
    out += "            " + rest.substr(0, cut) + "\n";
    rest = cut < rest.size() ? rest.substr(cut + 1) : "";
  }
  return out;
}

/// True for what keeps a trap closed, or suffers from it.
bool matters(TaskFate fate) {
  return fate <= TaskFate::starved;
}

void add_tasks(std::string& out, const Counterexample& way, const CheckTextOptions& options) {
  for (const auto& [fate, fate_name] : k_names_of<TaskFate>)
    for (const CheckTask& task : way.tasks) {
      if (task.fate != fate || (!matters(fate) && !options.verbose)) continue;
      const std::string where = task.cpu >= 0 ? fmt::format(" on CPU {}", task.cpu) : "";
      const std::string padded = fmt::format("{:<8}", fate_name);
      out += fmt::format("  {}  {}{}\n", paint(padded, matters(fate) ? "1" : "2", options.color), task.task,
                         where);
      out += stack_lines(task.stack, options.width);
    }
}

/// How long the way is, and what was made sure of.
std::string way_sentence(const CheckReport& report) {
  std::string out = fmt::format("\n{} steps, replayed from the start", report.counterexample->stem.size());
  if (report.counterexample->minimal) out += "; none can be left out";
  if (report.traps > 1) out += fmt::format("; the nearest of {} traps", report.traps);
  return out + "\n";
}

/// A proof in which nothing happens is seen for what it is.
std::string facts_seen(const CheckReport& report, const CheckTextOptions& options) {
  std::string out;
  if (report.vacuous)
    out += "\n" + paint("the proof may be empty", "1;33", options.color) +
           ": in no state did anything happen that the model is about; states in which\n";
  else
    out += "\nthe proof is not empty: states in which\n";
  for (std::size_t i = 0; i < report.witnesses.size(); ++i)
    out += fmt::format("  {:>9}  {}\n", report.witnesses[i], kernel::k_witnesses[i]);
  return out;
}

/// The bridge to the field: what would be seen of this.
std::string on_host_sentence(const Diagnosis& diagnosis) {
  if (diagnosis.findings.empty()) return "on a host in this trap, `unzap diagnose` would find nothing\n";
  const Finding& first = diagnosis.findings.front();
  return fmt::format("on a host in this trap, `unzap diagnose` would say: {} ({}){}\n", name(first.cause),
                     name(first.confidence), first.culprit ? ", " + first.culprit->comm : "");
}

/// The counterexample, if it has steps before its loop.
void add_way(std::string& out, const CheckReport& report, const CheckTextOptions& options,
             const Diagnosis* on_host) {
  if (!report.counterexample || report.counterexample->stem.empty()) return;
  out += "\n" + timeline(report, options.width, options.color) + "\n";
  add_tasks(out, *report.counterexample, options);
  out += way_sentence(report);
  if (report.never_ends) out += "No schedule terminates. Is that intended?\n";
  if (on_host) out += on_host_sentence(*on_host);
}

std::string switches_text(const kernel::Variant& variant) {
  std::string out = "\nthis kernel\n";
  for (const bool fixes : {true, false})
    for (const kernel::Switch one : kernel::switches())
      if (kernel::info(one).fix == fixes)
        out += fmt::format("  {}  {}\n", variant.has(one) ? "on " : "off", kernel::info(one).name);
  return out;
}

}  // namespace

std::string check_to_text(const CheckReport& report, const CheckTextOptions& options,
                          const Diagnosis* on_host) {
  const CheckRequest& asked = report.asked;
  const int cpus = asked.scenario.cpus;
  std::string out =
      fmt::format("{}  {}: {}\n", paint(upper(name(report.verdict)), tone(report.verdict), options.color),
                  asked.scenario.name, verdict_sentence(report));
  out += containers_sentence(report);
  out += fmt::format("kernel {}, preemption {}, {}, {} CPU{}\n", asked.kernel, kernel::name(asked.preempt),
                     active_fixes(asked), cpus, cpus == 1 ? "" : "s");
  out += figures(report) + "\n";
  add_way(out, report, options, on_host);
  if (report.verdict == CheckVerdict::proved || options.verbose) out += facts_seen(report, options);
  if (options.verbose) out += switches_text(asked.variant);
  return out;
}

std::string check_table(const std::vector<CheckReport>& reports, const CheckTextOptions& options) {
  std::string out = fmt::format("{:<12} {:<10} {:<10} {:<13} {:>9} {:>8}  {}\n", "kernel", "preemption",
                                "fix", "verdict", "states", "seconds", "who spins");
  for (const CheckReport& report : reports) {
    const std::string verdict = fmt::format("{:<13}", name(report.verdict));
    out += fmt::format("{:<12} {:<10} {:<10} {} {:>9} {:>8.3f}  {}\n", report.asked.kernel,
                       kernel::name(report.asked.preempt), active_fixes(report.asked, "-"),
                       paint(verdict, tone(report.verdict), options.color), report.figures.states,
                       report.seconds, names_with(report, TaskFate::spins));
  }
  return out;
}

}  // namespace unzap
