// SPDX-License-Identifier: Apache-2.0

#include "check/action_text.hpp"
#include "report/json_text.hpp"
#include "report/trace/trace_file.hpp"

namespace unzap {
namespace {

Json number_or_null(bool is_one, unsigned value) {
  return is_one ? Json(value) : Json(nullptr);
}

Json action_json(const kernel::Action& action) {
  Json out{{"event", name(action.event)},
           {"cpu", number_or_null(action.cpu != kernel::k_no_cpu, action.cpu)},
           {"task", number_or_null(action.task != kernel::k_no_task, action.task)}};
  if (action.event == kernel::Event::environment) out["what"] = name(action.what);
  return out;
}

Json moments_json(const std::vector<CheckMoment>& moments) {
  Json out = Json::array();
  for (const CheckMoment& moment : moments) {
    Json one{{"state", moment.state},
             {"cpu", nullptr},
             {"function", moment.function},
             {"pending", moment.pending}};
    if (moment.cpu >= 0) one["cpu"] = moment.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

Json steps_json(const std::vector<CheckStep>& steps) {
  Json out = Json::array();
  for (const CheckStep& step : steps) {
    Json one{{"step", step.step},
             {"action", action_json(step.action)},
             {"cpu", nullptr},
             {"task", step.task},
             {"function", step.function},
             {"file", step.file},
             {"text", step.text},
             {"digest", step.digest},
             {"after", moments_json(step.after)}};
    if (step.cpu >= 0) one["cpu"] = step.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

}  // namespace

std::string trace_to_json(const CheckReport& report) {
  Json out{{"format", "unzap-trace"}, {"schema_version", 1}};
  out["scenario"] = {{"name", report.scenario}, {"text", report.scenario_text}};
  out["kernel"] = report.kernel;
  out["preempt"] = report.preempt;
  out["switches"] = Json::object();
  for (const auto* list : {&report.fixes, &report.switches})
    for (const auto& [one, on] : *list) out["switches"][one] = on;
  // What these steps show; after a limit the verdict of the check is inconclusive.
  out["verdict"] = name(report.broken              ? CheckVerdict::broken
                        : report.trap_kind.empty() ? CheckVerdict::busy_wait
                                                   : CheckVerdict::lockup);
  if (report.broken) out["invariant"] = report.broken->name;
  out["trap"] = report.trap_kind.empty() ? Json(nullptr) : Json(report.trap_kind);
  out["fatal_step"] = report.trap_kind.empty() ? Json(nullptr) : Json(report.fatal_step);
  out["tasks"] = Json::array();
  for (const CheckTask& task : report.tasks) out["tasks"].push_back(task.task);
  out["start"] = {{"digest", report.start_digest}, {"tasks", moments_json(report.start)}};
  out["steps"] = steps_json(report.trace);
  out["loop"] = steps_json(report.loop);
  return json_file(out, 1);
}

}  // namespace unzap
