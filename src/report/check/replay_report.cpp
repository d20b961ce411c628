// SPDX-License-Identifier: Apache-2.0
#include "report/check/replay_report.hpp"
#include "report/json_text.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/writer.hpp"

namespace unzap {
namespace {

std::string steps_of(std::size_t count) {
  return fmt::format("{} step{}", count, count == 1 ? "" : "s");
}

/// What a trace that fits shows.
std::string shown(const ReplayReport& r) {
  std::string out = fmt::format("{} lead to the same states", steps_of(r.stem));
  if (r.loop > 0)
    out += fmt::format(", and {} more back to where {} began", steps_of(r.loop), r.loop == 1 ? "it" : "they");
  if (!r.invariant.empty())
    return out + ", the last of which breaks the invariant " + r.invariant + ": a defect of unzap";
  if (r.trap_kind.empty()) return out + ": a busy wait, which others may end";
  switch (r.fate) {
    case explorer::Fate::trapped:
      return out + ": a " + r.trap_kind + ", no schedule leads out (looked at again)";
    case explorer::Fate::doomed: return out + ": no schedule ends from there (looked at again)";
    default: return out + "; that nothing leads out was not looked at again: too many states";
  }
}

std::string what_differs(const ReplayReport& r) {
  switch (r.fit) {
    case Fit::other_start:
      return "the model begins in another state: the scenario, the switches or the model are not those of "
             "the trace";
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
  const std::string where = fmt::format("{} on {}, preemption {}", r.scenario, r.kernel, r.preempt);
  if (r.fit == Fit::fits) {
    out.item(0, "FITS  ", fmt::format("{}: {}", where, shown(r)), Tone::good);
    return out.text();
  }
  const bool at_step = r.fit == Fit::not_possible || r.fit == Fit::elsewhere;
  out.item(0, "DIFFERS  ",
           at_step ? fmt::format("{}: at step {} of {}: {}", where, r.step, r.stem + r.loop, what_differs(r))
                   : fmt::format("{}: {}", where, what_differs(r)),
           Tone::bad);
  if (at_step)
    out.item(2, "recorded  ",
             fmt::format("{}: {}: {}", r.recorded.task, r.recorded.function, r.recorded.text));
  for (const std::string& one : r.possible)
    out.item(2, r.fit == Fit::elsewhere ? "now       " : "possible  ", one);
  for (const std::string& one : r.differences) out.item(2, "differs   ", one);
  if ((r.fit == Fit::elsewhere || r.fit == Fit::other_start) && r.differences.empty())
    out.item(2, "differs   ",
             "in something that the trace does not show: a count, a lock, the code's position");
  return out.text();
}

std::string replay_to_json(const ReplayReport& r) {
  nlohmann::ordered_json out{{"schema_version", 1}, {"fits", r.fit == Fit::fits}, {"fit", name(r.fit)}};
  out["scenario"] = r.scenario;
  out["kernel"] = r.kernel;
  out["preempt"] = r.preempt;
  out["verdict"] = r.verdict;
  out["trap"] = r.trap_kind.empty() ? nlohmann::ordered_json(nullptr) : nlohmann::ordered_json(r.trap_kind);
  if (!r.invariant.empty()) out["invariant"] = r.invariant;
  out["steps"] = r.stem;
  out["loop_steps"] = r.loop;
  out["fate"] = explorer::name(r.fate);
  out["misfit"] = nullptr;
  if (r.fit != Fit::fits)
    out["misfit"] = {
        {"step", r.fit == Fit::other_start ? 0 : r.step},
        {"recorded",
         {{"task", r.recorded.task}, {"function", r.recorded.function}, {"text", r.recorded.text}}},
        {"possible", r.possible},
        {"differences", r.differences}};
  return json_text(std::move(out), 2);
}

}  // namespace unzap
