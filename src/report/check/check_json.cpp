// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/check/check_report.hpp"
#include "report/check/request_words.hpp"
#include "report/check/roles.hpp"
#include "report/json_text.hpp"
#include "report/trace/trace_view.hpp"

namespace unzap {
namespace {

Json steps_json(const TraceView& view, std::size_t from, std::size_t to) {
  Json out = Json::array();
  for (std::size_t i = from; i < to; ++i) {
    const WrittenStep& step = view[i];
    Json one{{"step", step.step},         {"cpu", nullptr},    {"task", step.task},
             {"function", step.function}, {"file", step.file}, {"text", step.text}};
    if (step.cpu >= 0) one["cpu"] = step.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

Json names_with(const Counterexample& way, TaskFate fate) {
  Json out = Json::array();
  for (const CheckTask& task : way.tasks)
    if (task.fate == fate) out.push_back(task.task);
  return out;
}

Json tasks_json(const Counterexample& way) {
  Json out = Json::array();
  for (const CheckTask& task : way.tasks) {
    Json one{{"task", task.task}, {"state", name(task.fate)}, {"cpu", nullptr}, {"stack", task.stack}};
    if (task.cpu >= 0) one["cpu"] = task.cpu;
    out.push_back(std::move(one));
  }
  return out;
}

Json containers_json(const Counterexample& way) {
  Json out = Json::array();
  for (const CheckContainer& container : way.containers)
    out.push_back({{"container", container.name}, {"state", name(container.fate)}});
  return out;
}

Json trap_json(const Counterexample& way) {
  if (!way.trap) return nullptr;
  Json out{{"kind", name(*way.trap)},
           {"states", way.trap_states},
           {"spinning", names_with(way, TaskFate::spins)},
           {"hung", names_with(way, TaskFate::hung)},
           {"waiting", names_with(way, TaskFate::waits)},
           {"starved", names_with(way, TaskFate::starved)},
           {"fatal_step", way.fatal_step},
           {"fatal_step_exact", way.fatal_exact},
           {"tasks", tasks_json(way)}};
  if (!way.containers.empty()) out["containers"] = containers_json(way);
  return out;
}

/// Who takes part, and as what.
Json actors_json(const CheckRequest& asked) {
  const kernel::Machine machine = machine_of(asked);
  const kernel::Config& config = machine.config();
  Json out = Json::array();
  for (kernel::TaskNo no = 0; no < config.tasks.size(); ++no)
    out.push_back({{"task", config.tasks[no].comm}, {"role", role_of(config, no)}});
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
  out["cause"] = name(first.cause);
  out["confidence"] = name(first.confidence);
  if (first.culprit) out["culprit"] = first.culprit->comm;
  return out;
}

void add_request(Json& out, const CheckRequest& asked) {
  out["scenario"] = asked.scenario.name;
  out["kernel"] = asked.kernel;
  out["preempt"] = kernel::name(asked.preempt);
  out["cpus"] = asked.scenario.cpus;
  for (const kernel::Switch one : kernel::switches()) {
    const kernel::SwitchInfo& info = kernel::info(one);
    out[info.fix ? "fixes" : "switches"][info.name] = asked.variant.has(one);
  }
  out["changed"] = changes_of(asked);
}

void add_figures(Json& out, const CheckReport& report) {
  out["states"] = report.figures.states;
  out["transitions"] = report.figures.transitions;
  out["depth"] = report.figures.depth;
  out["seconds"] = report.seconds;
  out["states_per_second"] =
      report.figures.seconds > 0 ? static_cast<double>(report.figures.states) / report.figures.seconds : 0.0;
  out["bytes_per_state"] = report.bytes_per_state;
  out["bytes_kept_per_state"] = report.bytes_kept_per_state;
  out["bytes_stored_per_state"] = report.bytes_stored_per_state;
  out["reductions"] = reductions_of(report);
  out["workers"] = report.asked.workers;
  out["compact"] = report.asked.compact;
  out["omission_odds"] = report.omission_odds;
  out["search"] = report.stop ? name(*report.stop) : "";
  out["doomed_states"] = report.doomed_states;
  for (std::size_t i = 0; i < report.witnesses.size(); ++i)
    out["witnesses"][kernel::k_witnesses[i]] = report.witnesses[i];
}

Json report_json(const CheckReport& report) {
  const TraceView view(report);
  const Counterexample& way = view.way();
  Json out;
  out["schema_version"] = 1;
  out["verdict"] = name(report.verdict);
  add_request(out, report.asked);
  add_figures(out, report);
  out["trap"] = trap_json(way);
  if (way.broken)
    out["broken"] = {{"invariant", way.broken->name},
                     {"says", way.broken->says},
                     {"page", fmt::format("docs/kernel-facts/{}", way.broken->page)}};
  if (!view.is_trap() && view.has_loop())
    out["busy_wait"] = {{"spinning", names_with(way, TaskFate::spins)}, {"tasks", tasks_json(way)}};
  out["trace"] = steps_json(view, 0, view.loop_begin());
  out["loop"] = steps_json(view, view.loop_begin(), view.size());
  out["actors"] = actors_json(report.asked);
  out["vacuous"] = report.vacuous;
  out["never_ends"] = report.never_ends;
  out["minimal"] = way.minimal;
  out["replayed"] = way.replayed;
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
