// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/check/check_report.hpp"
#include "report/json_text.hpp"

namespace unzap {
namespace {

Json steps_json(const std::vector<CheckStep>& steps) {
  Json out = Json::array();
  for (const CheckStep& step : steps) {
    Json one{{"step", step.step},         {"cpu", nullptr},    {"task", step.task},
             {"function", step.function}, {"file", step.file}, {"text", step.text}};
    if (step.cpu >= 0) one["cpu"] = step.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

Json names_with(const CheckReport& report, std::string_view state) {
  Json out = Json::array();
  for (const CheckTask& task : report.tasks)
    if (task.state == state) out.push_back(task.task);
  return out;
}

Json tasks_json(const CheckReport& report) {
  Json out = Json::array();
  for (const CheckTask& task : report.tasks) {
    Json one{{"task", task.task}, {"state", task.state}, {"cpu", nullptr}, {"stack", task.stack}};
    if (task.cpu >= 0) one["cpu"] = task.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

Json containers_json(const CheckReport& report) {
  Json out = Json::array();
  for (const CheckContainer& container : report.containers)
    out.push_back({{"container", container.name}, {"state", container.state}});
  return out;
}

/// What `unzap diagnose` says of a host in the trap.
Json on_host_json(const Diagnosis& diagnosis) {
  Json out{{"verdict", name(diagnosis.verdict)},
           {"cause", nullptr},
           {"confidence", nullptr},
           {"culprit", nullptr}};
  if (diagnosis.findings.empty()) return out;
  const Finding& first = diagnosis.findings.front();
  out["cause"] = first.cause;
  out["confidence"] = name(first.confidence);
  if (first.culprit) out["culprit"] = first.culprit->comm;
  return out;
}

Json report_json(const CheckReport& report) {
  Json out;
  out["schema_version"] = 1;
  out["verdict"] = name(report.verdict);
  out["scenario"] = report.scenario;
  out["kernel"] = report.kernel;
  out["preempt"] = report.preempt;
  out["cpus"] = report.cpus;
  for (const auto& [fix, on] : report.fixes) out["fixes"][fix] = on;
  for (const auto& [one, on] : report.switches) out["switches"][one] = on;
  out["changed"] = report.changed;
  out["states"] = report.figures.states;
  out["transitions"] = report.figures.transitions;
  out["depth"] = report.figures.depth;
  out["seconds"] = report.seconds;
  out["states_per_second"] =
      report.figures.seconds > 0 ? static_cast<double>(report.figures.states) / report.figures.seconds : 0.0;
  out["bytes_per_state"] = report.bytes_per_state;
  out["bytes_kept_per_state"] = report.bytes_kept_per_state;
  out["bytes_stored_per_state"] = report.bytes_stored_per_state;
  out["reductions"] = report.reductions;
  out["workers"] = report.workers;
  out["compact"] = report.compact;
  out["omission_odds"] = report.omission_odds;
  out["search"] = report.stop;
  out["doomed_states"] = report.doomed_states;
  for (const auto& [fact, states] : report.witnesses) out["witnesses"][fact] = states;
  if (report.verdict == CheckVerdict::lockup) {
    out["trap"] = {{"kind", report.trap_kind},
                   {"states", report.trap_states},
                   {"spinning", names_with(report, "spins")},
                   {"hung", names_with(report, "hung")},
                   {"waiting", names_with(report, "waits")},
                   {"starved", names_with(report, "starved")},
                   {"fatal_step", report.fatal_step},
                   {"fatal_step_exact", report.fatal_exact},
                   {"tasks", tasks_json(report)}};
    if (!report.containers.empty()) out["trap"]["containers"] = containers_json(report);
  } else {
    out["trap"] = nullptr;
  }
  if (report.broken)
    out["broken"] = {{"invariant", report.broken->name},
                     {"says", report.broken->says},
                     {"page", fmt::format("docs/kernel-facts/{}", report.broken->page)}};
  if (report.verdict != CheckVerdict::lockup && !report.loop.empty())
    out["busy_wait"] = {{"spinning", names_with(report, "spins")}, {"tasks", tasks_json(report)}};
  out["trace"] = steps_json(report.trace);
  out["loop"] = steps_json(report.loop);
  out["actors"] = Json::array();
  for (const CheckActor& actor : report.actors)
    out["actors"].push_back({{"task", actor.name}, {"role", actor.role}});
  out["vacuous"] = report.vacuous;
  out["never_ends"] = report.never_ends;
  out["minimal"] = report.minimal;
  out["replayed"] = report.replayed;
  return out;
}

}  // namespace

std::string check_to_json(const CheckReport& report, const Diagnosis* on_host) {
  Json out = report_json(report);
  if (on_host) out["on_host"] = on_host_json(*on_host);
  return json_text(std::move(out), 2);
}

std::string check_table_json(const std::vector<CheckReport>& reports) {
  Json out{{"schema_version", 1}, {"checks", Json::array()}};
  for (const CheckReport& report : reports) out["checks"].push_back(report_json(report));
  return json_text(std::move(out), 2);
}

}  // namespace unzap
