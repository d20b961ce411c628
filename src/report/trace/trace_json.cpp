// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/json_text.hpp"
#include "report/trace/trace_file.hpp"
#include "report/trace/trace_view.hpp"

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
    Json one{{"state", name(moment.state)},
             {"cpu", nullptr},
             {"function", moment.function},
             {"pending", pending_names(moment.pending)}};
    if (moment.cpu >= 0) one["cpu"] = moment.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

std::string digits(std::uint64_t digest) {
  return fmt::format("{:016x}", digest);
}

Json steps_json(const TraceView& view, std::size_t from, std::size_t to) {
  Json out = Json::array();
  for (std::size_t i = from; i < to; ++i) {
    const WrittenStep& step = view[i];
    Json one{{"step", step.step}, {"action", action_json(step.action)}, {"cpu", nullptr},
             {"task", step.task}, {"function", step.function},          {"file", step.file},
             {"text", step.text}, {"digest", digits(step.digest)},      {"after", moments_json(step.after)}};
    if (step.cpu >= 0) one["cpu"] = step.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

Json switches_json(const kernel::Variant& variant) {
  Json out = Json::object();
  for (const bool fixes : {true, false})
    for (const kernel::Switch one : kernel::switches())
      if (kernel::info(one).fix == fixes) out[kernel::info(one).name] = variant.has(one);
  return out;
}

}  // namespace

std::string trace_to_json(const CheckReport& report) {
  const TraceView view(report);
  const Counterexample& way = view.way();
  const CheckRequest& asked = report.asked;
  Json out{{"format", "unzap-trace"}, {"schema_version", 1}};
  out["scenario"] = {{"name", asked.scenario.name}, {"text", asked.scenario_text}};
  out["kernel"] = asked.kernel;
  out["preempt"] = kernel::name(asked.preempt);
  out["switches"] = switches_json(asked.variant);
  out["verdict"] = name(verdict_of(way.trap, way.broken));
  if (way.broken) out["invariant"] = way.broken->name;
  out["trap"] = way.trap ? Json(name(*way.trap)) : Json(nullptr);
  out["fatal_step"] = way.trap ? Json(way.fatal_step) : Json(nullptr);
  out["tasks"] = Json::array();
  for (std::size_t no = 0; no < view.tasks(); ++no) out["tasks"].push_back(view.task(no));
  out["start"] = {{"digest", digits(view.start_digest())}, {"tasks", moments_json(view.before(0))}};
  out["steps"] = steps_json(view, 0, view.loop_begin());
  out["loop"] = steps_json(view, view.loop_begin(), view.size());
  return json_file(out, 1);
}

}  // namespace unzap
