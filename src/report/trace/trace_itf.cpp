// SPDX-License-Identifier: Apache-2.0
// The Informal Trace Format (Apalache's ADR 015): integers as {"#bigint": "1"}, functions as {"#map": [...]}.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/json_text.hpp"
#include "report/trace/trace_file.hpp"
#include "report/trace/trace_view.hpp"

namespace unzap {
namespace {

Json integer(long long value) {
  return {{"#bigint", std::to_string(value)}};
}

/// What led to state `i`.
Json step_record(const TraceView& view, std::size_t i) {
  if (i == 0)
    return {{"number", integer(0)}, {"cpu", integer(-1)}, {"task", ""},
            {"function", ""},       {"file", ""},         {"text", ""}};
  const WrittenStep& step = view[i - 1];
  return {{"number", integer(static_cast<long long>(step.step))},
          {"cpu", integer(step.cpu)},
          {"task", step.task},
          {"function", step.function},
          {"file", step.file},
          {"text", step.text}};
}

Json state_json(const TraceView& view, std::size_t i) {
  Json tasks = Json::array();
  for (std::size_t no = 0; no < view.tasks(); ++no) {
    const CheckMoment& moment = view.before(i)[no];
    const auto has = [&](std::uint8_t flag) { return (moment.pending & flag) != 0; };
    tasks.push_back({view.task(no),
                     {{"state", name(moment.state)},
                      {"cpu", integer(moment.cpu)},
                      {"function", moment.function},
                      {"sigpending", has(kernel::k_tif_sigpending)},
                      {"notify_signal", has(kernel::k_tif_notify_signal)}}});
  }
  return {{"#meta", {{"index", i}}},
          {"step", step_record(view, i)},
          {"tasks", {{"#map", tasks}}},
          {"can_end", !view.doomed_after(i)}};
}

}  // namespace

std::string trace_to_itf(const CheckReport& report) {
  const TraceView view(report);
  Json out{{"#meta",
            {{"format", "ITF"},
             {"format-description", "https://apalache-mc.org/docs/adr/015adr-trace.html"},
             {"source", report.asked.scenario.name},
             {"description",
              fmt::format("unzap check {} --kernel {} --preempt {}: {}", report.asked.scenario.name,
                          report.asked.kernel, kernel::name(report.asked.preempt), name(report.verdict))}}},
           {"vars", {"step", "tasks", "can_end"}},
           {"states", Json::array()}};
  // A loop leads back to where it began: that state stands once.
  const std::size_t states = view.has_loop() ? view.size() : view.size() + 1;
  for (std::size_t i = 0; i < states; ++i) out["states"].push_back(state_json(view, i));
  if (view.has_loop()) out["loop"] = view.loop_begin();
  return json_file(out, 1);
}

}  // namespace unzap
