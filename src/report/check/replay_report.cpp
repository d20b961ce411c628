// SPDX-License-Identifier: Apache-2.0
#include "report/check/replay_report.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "check/counterexample.hpp"
#include "report/json_text.hpp"
#include "report/trace/trace_view.hpp"
#include "report/writer.hpp"

namespace unzap {
namespace {

std::string steps_of(std::size_t count) {
  return fmt::format("{} step{}", count, count == 1 ? "" : "s");
}

std::string moment_text(const CheckMoment& moment) {
  std::string out(name(moment.state));
  if (moment.cpu >= 0) out += fmt::format(" on CPU {}", moment.cpu);
  if (!moment.function.empty()) out += " in " + moment.function;
  const char* joint = " with ";
  for (const std::string_view flag : pending_names(moment.pending)) {
    out += fmt::format("{}{}", joint, flag);
    joint = " and ";
  }
  return out;
}

/// Task by task; empty when the difference is not visible, or there is nothing to compare with.
std::vector<std::string> differences_of(const ReplayReport& r) {
  std::vector<std::string> out;
  if (!r.reached) return out;
  const kernel::Machine machine = machine_of(r.on);
  const std::vector<CheckMoment> now = moments_of(machine.config(), *r.reached);
  const std::vector<CheckMoment>& then = r.recorded_moments;
  if (then.size() != now.size()) out.push_back(fmt::format("{} tasks, now {}", then.size(), now.size()));
  for (std::size_t no = 0; no < std::min({then.size(), now.size(), r.recorded_tasks.size()}); ++no)
    if (!(then[no] == now[no]))
      out.push_back(
          fmt::format("{}: {}, now {}", r.recorded_tasks[no], moment_text(then[no]), moment_text(now[no])));
  return out;
}

std::string words_of(const WrittenStep& step) {
  return fmt::format("{}: {}: {}", step.task, step.function, step.text);
}

/// What could happen there instead; where the action leads elsewhere, what it is now, if that reads
/// otherwise.
std::vector<std::string> possible_of(const ReplayReport& r) {
  std::vector<std::string> out;
  const kernel::Machine machine = machine_of(r.on);
  if (r.fit == Fit::elsewhere) {
    const WrittenStep now = in_words(machine, r.before, r.recorded.action, *r.reached, r.step);
    if (now.text != r.recorded.text || now.function != r.recorded.function) out.push_back(words_of(now));
  }
  if (r.fit == Fit::not_possible)
    machine.for_each_successor(r.before,
                               [&](const kernel::Action& action, const kernel::State& to, explorer::Label) {
                                 out.push_back(words_of(in_words(machine, r.before, action, to, r.step)));
                               });
  return out;
}

/// What a trace that fits shows.
std::string shown(const ReplayReport& r) {
  std::string out = fmt::format("{} lead to the same states", steps_of(r.stem));
  if (r.loop > 0)
    out += fmt::format(", and {} more back to where {} began", steps_of(r.loop), r.loop == 1 ? "it" : "they");
  if (r.invariant)
    return fmt::format("{}, the last of which breaks the invariant {}: a defect of unzap", out,
                       r.invariant->name);
  if (!r.trap) return out + ": a busy wait, which others may end";
  switch (r.fate) {
    case explorer::Fate::trapped:
      return fmt::format("{}: a {}, no schedule leads out (looked at again)", out, name(*r.trap));
    case explorer::Fate::doomed: return out + ": no schedule ends from there (looked at again)";
    default: return out + "; that nothing leads out was not looked at again: too many states";
  }
}

std::string what_differs(const ReplayReport& r) {
  switch (r.fit) {
    case Fit::other_start:
      return "the model begins in another state: "
             "the scenario, the switches or the model are not those of the trace";
    case Fit::not_possible: return "what the trace does there is not possible";
    case Fit::elsewhere: return "what the trace does there leads elsewhere";
    case Fit::open_loop: return "the loop does not lead back to where it began";
    case Fit::can_end: return "every step fits, but from the last state everything can still end: no lockup";
    case Fit::holds:
      return "every step fits, but the invariant holds in the last state: the model was mended";
    case Fit::fits: return "";
  }
  return "";
}

}  // namespace

std::string replay_to_text(const ReplayReport& r, std::size_t width, bool color) {
  TextWriter out(width, color);
  const std::string where =
      fmt::format("{} on {}, preemption {}", r.on.scenario.name, r.on.kernel, kernel::name(r.on.preempt));
  if (r.fit == Fit::fits) {
    out.item(0, "FITS  ", fmt::format("{}: {}", where, shown(r)), Tone::good);
    return out.text();
  }
  const bool at_step = r.fit == Fit::not_possible || r.fit == Fit::elsewhere;
  out.item(0, "DIFFERS  ",
           at_step ? fmt::format("{}: at step {} of {}: {}", where, r.step, r.stem + r.loop, what_differs(r))
                   : fmt::format("{}: {}", where, what_differs(r)),
           Tone::bad);
  if (at_step) out.item(2, "recorded  ", words_of(r.recorded));
  for (const std::string& one : possible_of(r))
    out.item(2, r.fit == Fit::elsewhere ? "now       " : "possible  ", one);
  const std::vector<std::string> differences = differences_of(r);
  for (const std::string& one : differences) out.item(2, "differs   ", one);
  if (r.reached && differences.empty())
    out.item(2, "differs   ",
             "in something that the trace does not show: a count, a lock, the code's position");
  return out.text();
}

std::string replay_to_json(const ReplayReport& r) {
  nlohmann::ordered_json out{{"schema_version", 1}, {"fits", r.fit == Fit::fits}, {"fit", name(r.fit)}};
  out["scenario"] = r.on.scenario.name;
  out["kernel"] = r.on.kernel;
  out["preempt"] = kernel::name(r.on.preempt);
  out["verdict"] = name(verdict_of(r.trap, r.invariant));
  out["trap"] = r.trap ? nlohmann::ordered_json(name(*r.trap)) : nlohmann::ordered_json(nullptr);
  if (r.invariant) out["invariant"] = r.invariant->name;
  out["steps"] = r.stem;
  out["loop_steps"] = r.loop;
  out["fate"] = explorer::name(r.fate);
  out["misfit"] = nullptr;
  if (r.fit != Fit::fits)
    out["misfit"] = {
        {"step", r.fit == Fit::other_start ? 0 : r.step},
        {"recorded",
         {{"task", r.recorded.task}, {"function", r.recorded.function}, {"text", r.recorded.text}}},
        {"possible", possible_of(r)},
        {"differences", differences_of(r)}};
  return json_text(std::move(out), 2);
}

}  // namespace unzap
