// SPDX-License-Identifier: Apache-2.0
// Chrome's trace event format, which ui.perfetto.dev reads. The model has no clock: a step takes a
// millisecond.
#include <fmt/format.h>

#include <nlohmann/json.hpp>

#include "report/json_text.hpp"
#include "report/trace/trace_file.hpp"
#include "report/trace/trace_view.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_step_us = 1000;

/// A group of rows: its number and title, and the category of its slices.
struct Group {
  int number;
  const char* title;
  const char* category;
};
constexpr Group k_outcome{1, "can it still end?", "outcome"};
constexpr Group k_cpus{2, "CPUs", "cpu"};
constexpr Group k_tasks{3, "tasks", "task"};

class Events {
 public:
  Events(const CheckReport& report, const TraceView& view) : report_(report), view_(view) {}

  Json draw() {
    name_rows();
    draw_outcome();
    for (int cpu = 0; cpu < cpus(); ++cpu) draw_cpu(cpu);
    for (std::size_t no = 0; no < view_.tasks(); ++no) draw_task(no);
    draw_functions();
    return std::move(events_);
  }

 private:
  void meta(const char* what, const Group& group, std::size_t row, Json args) {
    events_.push_back(
        {{"ph", "M"}, {"name", what}, {"pid", group.number}, {"tid", row}, {"args", std::move(args)}});
  }

  void slice(const Group& group, std::size_t row, std::size_t from, std::size_t to, const std::string& name,
             Json args) {
    events_.push_back({{"ph", "X"},
                       {"name", name},
                       {"cat", group.category},
                       {"pid", group.number},
                       {"tid", row},
                       {"ts", from * k_step_us},
                       {"dur", (to - from) * k_step_us},
                       {"args", std::move(args)}});
  }

  void instant(const Group& group, std::size_t row, std::size_t at, const std::string& name,
               const char* scope, Json args) {
    events_.push_back({{"ph", "i"},
                       {"name", name},
                       {"cat", "event"},
                       {"pid", group.number},
                       {"tid", row},
                       {"ts", at * k_step_us},
                       {"s", scope},
                       {"args", std::move(args)}});
  }

  void name_rows() {
    for (const Group& group : {k_outcome, k_cpus, k_tasks}) {
      meta("process_name", group, 0, {{"name", group.title}});
      meta("process_sort_index", group, 0, {{"sort_index", group.number}});
    }
    meta("thread_name", k_outcome, 0, {{"name", "outcome"}});
    for (int cpu = 0; cpu < cpus(); ++cpu)
      meta("thread_name", k_cpus, static_cast<std::size_t>(cpu), {{"name", "CPU " + std::to_string(cpu)}});
    for (std::size_t no = 0; no < view_.tasks(); ++no)
      meta("thread_name", k_tasks, no, {{"name", view_.task(no)}});
  }

  void draw_outcome() {
    const std::size_t end = view_.size(), loop = view_.loop_begin();
    std::size_t fatal = end;
    for (std::size_t i = 0; i < end; ++i)
      if (view_.is_fatal(i)) fatal = i;
    if (view_.is_doomed_from_start()) fatal = 0;
    const bool known =
        report_.verdict != CheckVerdict::inconclusive && report_.verdict != CheckVerdict::broken;
    if (fatal > 0)
      slice(k_outcome, 0, 0, fatal,
            known ? "everything can still end" : fmt::format("not known: {}", name(*report_.stop)),
            Json::object());
    if (fatal < end) {
      slice(k_outcome, 0, fatal, end, "doomed: no schedule leads out", Json::object());
      if (view_.way().fatal_step > 0)
        instant(k_outcome, 0, fatal, "FATAL STEP " + std::to_string(view_.way().fatal_step), "g",
                {{"function", view_[fatal].function}, {"text", view_[fatal].text}});
    }
    if (view_.has_loop())
      slice(k_outcome, 0, loop, end, view_.is_trap() ? "forever" : "round and round", Json::object());
  }

  void draw_cpu(int cpu) {
    const auto who = [&](std::size_t i) {
      for (std::size_t no = 0; no < view_.tasks(); ++no)
        if (view_.before(i)[no].cpu == cpu) return no;
      return view_.tasks();
    };
    for (std::size_t from = 0, to = 0; from < view_.size(); from = to) {
      for (to = from + 1; to < view_.size() && who(to) == who(from);) ++to;
      if (who(from) < view_.tasks())
        slice(k_cpus, static_cast<std::size_t>(cpu), from, to, view_.task(who(from)), Json::object());
    }
  }

  void draw_task(std::size_t no) {
    const auto words = [&](std::size_t i) {
      const CheckMoment& moment = view_.before(i)[no];
      if (moment.cpu >= 0) return "runs on CPU " + std::to_string(moment.cpu);
      const bool asleep = moment.state == MomentState::sleeps || moment.state == MomentState::blocked;
      return std::string(name(moment.state)) + (asleep ? " in " + moment.function : "");
    };
    for (std::size_t from = 0, to = 0; from < view_.size(); from = to) {
      for (to = from + 1; to < view_.size() && words(to) == words(from);) ++to;
      if (view_.before(from)[no].state != MomentState::gone)
        slice(k_tasks, no, from, to, words(from), Json::object());
    }
    for (std::size_t i = 0; i < view_.size(); ++i) {
      for (const std::string_view flag : view_.raised(i, no))
        instant(k_tasks, no, i + 1, fmt::format("{} set", flag), "t",
                {{"by", view_[i].task}, {"step", view_[i].step}});
      if (view_.wakes(i, no)) instant(k_tasks, no, i + 1, "woken", "t", {{"by", view_[i].task}});
    }
  }

  /// One slice for consecutive steps of one actor in one function: on the row of its CPU and on its own.
  void draw_functions() {
    const auto same = [&](const WrittenStep& a, const WrittenStep& b) {
      return a.function == b.function && same_actor(a.action, b.action) && a.cpu == b.cpu;
    };
    for (std::size_t from = 0, to = 0; from < view_.size(); from = to) {
      const WrittenStep& step = view_[from];
      std::string text = step.text;
      for (to = from + 1; to < view_.size() && same(step, view_[to]) && to != view_.loop_begin(); ++to)
        text += "; " + view_[to].text;
      const Json args{{"step", step.step}, {"text", text}, {"file", step.file}};
      const std::string name =
          view_.actor(from) < view_.tasks() ? step.function : step.task + ": " + step.function;
      if (step.cpu >= 0)
        slice(k_cpus, static_cast<std::size_t>(step.cpu), from, to, name, args);
      else
        instant(k_outcome, 0, from, name, "g", args);
      if (view_.actor(from) < view_.tasks()) slice(k_tasks, view_.actor(from), from, to, name, args);
    }
  }

  int cpus() const { return report_.asked.scenario.cpus; }

  const CheckReport& report_;
  const TraceView& view_;
  Json events_ = Json::array();
};

}  // namespace

std::string trace_to_perfetto(const CheckReport& report) {
  const TraceView view(report);
  const Json out{{"displayTimeUnit", "ms"},
                 {"otherData",
                  {{"scenario", report.asked.scenario.name},
                   {"kernel", report.asked.kernel},
                   {"preempt", kernel::name(report.asked.preempt)},
                   {"verdict", name(report.verdict)},
                   {"time", "the model has no clock: one step is drawn as one millisecond"}}},
                 {"traceEvents", Events(report, view).draw()}};
  return json_file(out, 1);
}

}  // namespace unzap
