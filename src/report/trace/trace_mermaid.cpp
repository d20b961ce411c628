// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "report/trace/trace_file.hpp"
#include "report/trace/trace_view.hpp"

namespace unzap {
namespace {

/// In a message `;` ends the line and `#` begins an entity.
std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    switch (c) {
      case ';': out += "#59;"; break;
      case '#': out += "#35;"; break;
      case '<': out += "#lt;"; break;
      case '>': out += "#gt;"; break;
      default: out += c;
    }
  }
  return out;
}

class Diagram {
 public:
  explicit Diagram(const CheckReport& report) : view_(report) {}

  std::string draw() {
    out_ = "sequenceDiagram\n";
    for (std::size_t no = 0; no < view_.tasks(); ++no)
      out_ += fmt::format("  participant T{} as {}\n", no, escaped(view_.task(no)));
    if (view_.is_doomed_from_start()) across("doomed from the start");
    for (std::size_t i = 0; i < view_.size(); ++i) {
      if (view_.has_loop() && i == view_.loop_begin())
        out_ +=
            fmt::format("  loop {}\n", view_.is_trap() ? "forever, nothing leads out" : "round and round");
      if (view_.is_fatal(i))
        across(fmt::format("step {} is fatal: after it no schedule leads out", view_.way().fatal_step));
      step(i);
    }
    if (view_.has_loop()) out_ += "  end\n";
    return std::move(out_);
  }

 private:
  void across(const std::string& text) {
    out_ += view_.tasks() > 1 ? fmt::format("  Note over T0,T{}: {}\n", view_.tasks() - 1, escaped(text))
                              : fmt::format("  Note over T0: {}\n", escaped(text));
  }

  /// Who is meant by a step that no task takes: the interrupted or picked one, or nobody.
  std::size_t target(std::size_t i) const {
    return view_[i].action.task < view_.tasks() ? view_[i].action.task : view_.tasks();
  }

  void step(std::size_t i) {
    const WrittenStep& step = view_[i];
    const std::size_t actor = view_.actor(i);
    const std::string where = step.cpu >= 0 ? fmt::format(" [CPU {}]", step.cpu) : "";
    const std::string text = fmt::format("{}. {}{}", step.step, step_text(step), where);
    if (actor >= view_.tasks()) {
      const std::string words = fmt::format("{}. {}: {}{}", step.step, step.task, step_text(step), where);
      if (target(i) < view_.tasks())
        out_ += fmt::format("  Note over T{}: {}\n", target(i), escaped(words));
      else
        across(words);
      return;
    }
    bool told = false;
    for (std::size_t no = 0; no < view_.tasks(); ++no) {
      if (no == actor || (view_.raised(i, no).empty() && !view_.wakes(i, no))) continue;
      out_ +=
          fmt::format("  T{}->>T{}: {}\n", actor, no, told ? fmt::format("{}.", step.step) : escaped(text));
      told = true;
    }
    if (!told) out_ += fmt::format("  Note over T{}: {}\n", actor, escaped(text));
  }

  TraceView view_;
  std::string out_;
};

}  // namespace

std::string trace_to_mermaid(const CheckReport& report) {
  return Diagram(report).draw();
}

}  // namespace unzap
