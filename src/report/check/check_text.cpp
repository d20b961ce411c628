// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "report/check/check_report.hpp"
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

/// The fixes of the spin that this kernel has, and what was changed by hand.
std::string active_fixes(const CheckReport& report) {
  std::vector<std::string> on;
  for (const auto& [fix, is_on] : report.fixes)
    if (is_on && fix.starts_with("fix-")) on.push_back(fix);
  if (on.empty()) on.emplace_back("no fix");
  on.insert(on.end(), report.changed.begin(), report.changed.end());
  return fmt::format("{}", fmt::join(on, ", "));
}

std::string upper(std::string_view text) {
  std::string out(text);
  std::transform(out.begin(), out.end(), out.begin(),
                 [](unsigned char c) { return static_cast<char>(c >= 'a' && c <= 'z' ? c - 32 : c); });
  return out;
}

std::string names_with(const CheckReport& report, std::string_view state) {
  std::string out;
  for (const CheckTask& task : report.tasks)
    if (task.state == state) out += (out.empty() ? "" : ", ") + task.task;
  return out;
}

std::string lockup_sentence(const CheckReport& report) {
  std::vector<std::string> parts;
  for (const auto& [state, words] : {std::pair{"spins", "spins for ever"},
                                     {"hung", "hung for ever"},
                                     {"waits", "waits for ever"},
                                     {"starved", "never runs again"}})
    if (const std::string names = names_with(report, state); !names.empty())
      parts.push_back(fmt::format("{}: {}", words, names));
  return fmt::format("{}", fmt::join(parts, "; "));
}

std::string containers_in_state(const CheckReport& report, std::string_view state, std::size_t& count) {
  std::string out;
  for (const CheckContainer& container : report.containers) {
    if (container.state != state) continue;
    ++count;
    out += (out.empty() ? "" : ", ") + container.name;
  }
  return out;
}

/// How many containers the trap holds, and which of them nothing is wrong with; empty for a single one.
std::string containers_sentence(const CheckReport& report) {
  if (report.containers.empty()) return "";
  std::size_t spinning = 0, victims = 0, stuck = 0;
  const std::string culprits = containers_in_state(report, "spins", spinning);
  const std::string harmless = containers_in_state(report, "victim", victims);
  containers_in_state(report, "stuck", stuck);
  std::string out =
      fmt::format("{} of {} containers cannot end", spinning + victims + stuck, report.containers.size());
  if (victims > 0)
    out += fmt::format("; if {} did not spin, {} would have ended by {}: {}", culprits,
                       victims == 1 ? "one" : std::to_string(victims), victims == 1 ? "itself" : "themselves",
                       harmless);
  return out + "\n";
}

std::string broken_sentence(const CheckReport& report) {
  return fmt::format(
      "a state breaks the invariant {} of the model: {}\n"
      "this is a defect of unzap, not of the kernel or of your scenario; please report it with the command",
      report.broken->name, report.broken->says);
}

std::string verdict_sentence(const CheckReport& report) {
  switch (report.verdict) {
    case CheckVerdict::proved:
      return "every reachable state was seen; from each one the container can still end, and nobody waits "
             "busily";
    case CheckVerdict::lockup: return lockup_sentence(report);
    case CheckVerdict::busy_wait:
      return fmt::format("{} can go round without sleeping; it wastes a CPU, but everything can still end",
                         names_with(report, "spins"));
    case CheckVerdict::inconclusive:
      if (!report.loop.empty())
        return fmt::format("{}; {} can go round without sleeping, and whether all can still end is unknown",
                           report.stop, names_with(report, "spins"));
      return fmt::format("{}; what was seen holds no lockup, the rest is unknown", report.stop);
    case CheckVerdict::broken: return broken_sentence(report);
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
  if (!report.reductions.empty())
    out += fmt::format(
        "\nreduced by {}: these are the figures of the smaller search; the steps shown are all there "
        "are",
        fmt::join(report.reductions, " and "));
  if (report.compact)
    out += fmt::format(
        "\nonly fingerprints were kept: the odds that two states shared one, and one of them was "
        "missed, are below {:.1e}",
        report.omission_odds);
  return out;
}

void add_tasks(std::string& out, const CheckReport& report, const CheckTextOptions& options) {
  for (const std::string_view state : {"spins", "hung", "waits", "starved", "sleeps", "zombie", "gone"})
    for (const CheckTask& task : report.tasks) {
      if (task.state != state) continue;
      const bool matters = state == "spins" || state == "hung" || state == "waits" || state == "starved";
      if (!matters && !options.verbose) continue;
      const std::string where = task.cpu >= 0 ? fmt::format(" on CPU {}", task.cpu) : "";
      out +=
          fmt::format("  {}  {}{}\n", paint(fmt::format("{:<8}", state), matters ? "1" : "2", options.color),
                      task.task, where);
      std::string stack = fmt::format("{}", fmt::join(task.stack, " <- "));
      while (!stack.empty()) {
        const std::size_t room = options.width > 30 ? options.width - 12 : 88;
        std::size_t cut = stack.size() <= room ? stack.size() : stack.rfind(" <- ", room);
        if (cut == std::string::npos || cut == 0) cut = stack.size();
        out += "            " + stack.substr(0, cut) + "\n";
        stack = cut < stack.size() ? stack.substr(cut + 1) : "";
      }
    }
}

/// How long the way is, and what was made sure of.
std::string way_sentence(const CheckReport& report) {
  std::string out = fmt::format("\n{} steps, replayed from the start", report.trace.size());
  if (report.minimal) out += "; none can be left out";
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
  for (const auto& [fact, states] : report.witnesses) out += fmt::format("  {:>9}  {}\n", states, fact);
  return out;
}

/// The bridge to the field: what would be seen of this.
std::string on_host_sentence(const Diagnosis& diagnosis) {
  if (diagnosis.findings.empty()) return "on a host in this trap, `unzap diagnose` would find nothing\n";
  const Finding& first = diagnosis.findings.front();
  return fmt::format("on a host in this trap, `unzap diagnose` would say: {} ({}){}\n", first.cause,
                     name(first.confidence), first.culprit ? ", " + first.culprit->comm : "");
}

}  // namespace

std::string check_to_text(const CheckReport& report, const CheckTextOptions& options,
                          const Diagnosis* on_host) {
  std::string out =
      fmt::format("{}  {}: {}\n", paint(upper(name(report.verdict)), tone(report.verdict), options.color),
                  report.scenario, verdict_sentence(report));
  out += containers_sentence(report);
  out += fmt::format("kernel {}, preemption {}, {}, {} CPU{}\n", report.kernel, report.preempt,
                     active_fixes(report), report.cpus, report.cpus == 1 ? "" : "s");
  out += figures(report) + "\n";
  if (!report.trace.empty()) {
    out += "\n" + timeline(report, options.width, options.color) + "\n";
    add_tasks(out, report, options);
    out += way_sentence(report);
    if (report.never_ends) out += "no schedule whatever ends this: is the scenario meant so?\n";
    if (on_host) out += on_host_sentence(*on_host);
  }
  if (report.verdict == CheckVerdict::proved || options.verbose) out += facts_seen(report, options);
  if (options.verbose) {
    out += "\nthis kernel\n";
    for (const auto& list : {report.fixes, report.switches})
      for (const auto& [one, is_on] : list) out += fmt::format("  {}  {}\n", is_on ? "on " : "off", one);
  }
  return out;
}

std::string check_table(const std::vector<CheckReport>& reports, const CheckTextOptions& options) {
  std::string out = fmt::format("{:<12} {:<10} {:<10} {:<13} {:>9} {:>8}  {}\n", "kernel", "preemption",
                                "fix", "verdict", "states", "seconds", "who spins");
  for (const CheckReport& report : reports)
    out +=
        fmt::format("{:<12} {:<10} {:<10} {} {:>9} {:>8.3f}  {}\n", report.kernel, report.preempt,
                    active_fixes(report) == "no fix" ? "-" : active_fixes(report),
                    paint(fmt::format("{:<13}", name(report.verdict)), tone(report.verdict), options.color),
                    report.figures.states, report.seconds, names_with(report, "spins"));
  return out;
}

}  // namespace unzap
