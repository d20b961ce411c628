// SPDX-License-Identifier: Apache-2.0
#include "report/check/simulate_report.hpp"

#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/check/request_words.hpp"
#include "report/json_text.hpp"
#include "report/trace/timeline.hpp"

namespace unzap {
namespace {

std::string share_line(const char* what, const Share& share, const char* meaning) {
  return fmt::format("  {:<10} {:>9}  {:>7.3f} %  (95 %: {:.3f} to {:.3f})  {}\n", what, share.count,
                     100 * share.share, 100 * share.low, 100 * share.high, meaning);
}

std::string paint(const std::string& text, const char* code, bool color) {
  return color ? fmt::format("\x1b[{}m{}\x1b[0m", code, text) : text;
}

nlohmann::ordered_json share_json(const Share& share) {
  return {{"count", share.count}, {"share", share.share}, {"low", share.low}, {"high", share.high}};
}

}  // namespace

std::string simulate_to_text(const SimulateReport& r, const CheckTextOptions& options) {
  const bool hit = r.lockup.count > 0 || r.broken > 0;
  std::string verdict = r.busy.count > 0 ? "BUSY WAIT SEEN" : "NOTHING FOUND";
  if (hit) verdict = r.broken > 0 ? "BROKEN" : "LOCKUP HIT";
  std::string out =
      fmt::format("{}  {} on {}, preemption {}: {} of {} random schedules\n",
                  paint(verdict, hit ? "1;31" : "1;33", options.color), r.hit.asked.scenario.name,
                  r.hit.asked.kernel, kernel::name(r.hit.asked.preempt), r.runs, r.asked);
  out += share_line("lockup", r.lockup, "came to where no schedule ends");
  out += share_line("busy", r.busy, "a task went round without sleeping; no lockup");
  out += share_line("ended", r.ended, "everything was gone");
  out += share_line("undecided", r.undecided, "neither within their steps");
  if (r.broken > 0)
    out += fmt::format(
        "  broken     {:>9}  came to a state that breaks an invariant of the model, {}: {}\n"
        "             this is a defect of unzap, not of the kernel or of your scenario\n",
        r.broken, r.hit.counterexample->broken->name, r.hit.counterexample->broken->says);
  out += fmt::format("seed {}, at most {} steps a run, {} steps in all, {:.3f} s\n", r.seed, r.max_steps,
                     r.steps, r.seconds);
  out +=
      "each step is drawn evenly from what is possible; "
      "a real scheduler draws otherwise, and no run proves anything\n";
  if (!hit) return out;
  out += "\n" + timeline(r.hit, options.width, options.color);
  if (r.broken > 0)
    return out + fmt::format("\n{} steps: the shortest run that breaks it (run {})\n", r.shortest_steps,
                             r.shortest_run);
  out += fmt::format(
      "\n{} steps: the shortest run into the lockup (run {}, {} steps), "
      "cut until none of them can be left out\n",
      r.hit.counterexample->stem.size(), r.shortest_run, r.shortest_steps);
  return out;
}

std::string simulate_to_json(const SimulateReport& r) {
  nlohmann::ordered_json out{{"schema_version", 1},
                             {"scenario", r.hit.asked.scenario.name},
                             {"kernel", r.hit.asked.kernel},
                             {"preempt", kernel::name(r.hit.asked.preempt)},
                             {"changed", changes_of(r.hit.asked)},
                             {"runs", r.runs},
                             {"asked", r.asked},
                             {"seed", r.seed},
                             {"max_steps", r.max_steps},
                             {"steps", r.steps},
                             {"seconds", r.seconds},
                             {"lockup", share_json(r.lockup)},
                             {"busy_wait", share_json(r.busy)},
                             {"ended", share_json(r.ended)},
                             {"undecided", share_json(r.undecided)},
                             {"hit", nullptr}};
  if (r.broken > 0) out["broken"] = r.broken;
  if (r.lockup.count > 0 || r.broken > 0)
    out["hit"] = nlohmann::ordered_json{{"run", r.shortest_run},
                                        {"run_steps", r.shortest_steps},
                                        {"check", nlohmann::ordered_json::parse(check_to_json(r.hit))}};
  return json_text(std::move(out), 2);
}

}  // namespace unzap
