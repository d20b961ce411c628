// SPDX-License-Identifier: Apache-2.0
#include "report/trace/timeline.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <string_view>
#include <vector>

#include "report/trace/trace_view.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_min_column = 28;
constexpr std::size_t k_max_column = 70;
constexpr std::size_t k_number_width = 5;

/// `text` broken at blanks into lines of at most `width`; later lines are indented by two.
std::vector<std::string> wrap(std::string_view text, std::size_t width) {
  std::vector<std::string> lines;
  std::string line;
  std::size_t at = 0;
  while (at < text.size()) {
    const std::size_t end = std::min(text.find(' ', at), text.size());
    std::string_view word = text.substr(at, end - at);
    at = end + 1;
    const std::size_t indent = lines.empty() ? 0 : 2;
    if (!line.empty() && line.size() + 1 + word.size() > width - indent) {
      lines.push_back(std::string(indent, ' ') + line);
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word.substr(0, std::max<std::size_t>(width - 2, 1));
  }
  lines.push_back(std::string(lines.empty() ? 0 : 2, ' ') + line);
  return lines;
}

class Timeline {
 public:
  Timeline(const TraceView& view, std::size_t cpus, std::size_t width, bool color)
      : view_(view), way_(view.way()), color_(color), cpus_(std::max<std::size_t>(cpus, 1)) {
    const std::size_t room = width > k_number_width ? width - k_number_width : 0;
    column_ = std::clamp(room / cpus_ - 2, k_min_column, k_max_column);
    on_cpu_.resize(cpus_);
  }

  std::string draw() {
    head();
    if (view_.is_doomed_from_start()) across("doomed from the start: no schedule terminates", "1;31");
    for (std::size_t i = 0; i < view_.loop_begin(); ++i) {
      if (view_.is_fatal(i)) mark_fatal();
      draw_step(view_[i]);
    }
    if (view_.has_loop()) draw_loop();
    return std::move(out_);
  }

 private:
  void line(const std::string& number, std::size_t cpu, const std::string& text, std::string_view code) {
    out_ += fmt::format("{:>4} ", number);
    for (std::size_t i = 0; i < cpu; ++i) out_ += std::string(column_, ' ') + "| ";
    out_ += paint(text, code);
    if (cpu + 1 < cpus_) {
      out_ += std::string(column_ - std::min(column_, text.size()), ' ') + "|";
      for (std::size_t i = cpu + 2; i < cpus_; ++i) out_ += std::string(column_ + 1, ' ') + "|";
    }
    end_line();
  }

  void end_line() {
    while (!out_.empty() && out_.back() == ' ') out_.pop_back();
    out_ += '\n';
  }

  void head() {
    std::string titles, rule;
    for (std::size_t cpu = 0; cpu < cpus_; ++cpu) {
      titles += fmt::format("{:<{}}", fmt::format("CPU {}", cpu), column_) + (cpu + 1 < cpus_ ? "| " : "");
      rule += std::string(column_, '-') + (cpu + 1 < cpus_ ? "+-" : "");
    }
    out_ += "step " + paint(titles, "1") + "\n---- " + rule + "\n";
  }

  void across(const std::string& text, std::string_view code) {
    out_ += paint(fmt::format("{:>4} {}", ">>>>", text), code) + "\n";
  }

  void mark_fatal() {
    const char* const exact =
        "step {} is the fatal one: before it everything could still end, after it no schedule leads out";
    const char* const late = "after step {} at the latest no schedule leads out";
    across(fmt::format(fmt::runtime(way_.fatal_exact ? exact : late), way_.fatal_step), "1;31");
  }

  void draw_step(const WrittenStep& step) {
    const std::string number = std::to_string(step.step);
    const Actor actor = actor_of(step.action);
    if (step.cpu < 0) {
      across(fmt::format("{} (step {}): {}", step.task, number, step.text), "33");
      return;
    }
    const auto cpu = static_cast<std::size_t>(step.cpu);
    if (actor == Actor::scheduler) {
      on_cpu_[cpu].clear();  // the next step names the task
      return;
    }
    const bool interrupt = actor == Actor::interrupt;
    if (!interrupt && on_cpu_[cpu] != step.task) {
      on_cpu_[cpu] = step.task;
      line("", cpu, fmt::format("[{}]", step.task), "1");
    }
    const std::string text = fmt::format("{}{}{}{}", interrupt ? "-> irq " : " ", step.function,
                                         step.text.empty() ? "" : ": ", step.text);
    const std::string_view own = step.step == way_.fatal_step ? "31" : "";
    const std::string_view code = interrupt ? "33" : own;
    const std::vector<std::string> parts = wrap(text, column_ - 1);
    line(number, cpu, (interrupt ? "" : " ") + parts.front(), code);
    for (std::size_t i = 1; i < parts.size(); ++i) line("", cpu, "  " + parts[i], code);
  }

  void draw_loop() {
    if (way_.trap)
      across(fmt::format("and so on forever: a {} of {} states, nothing leads out", name(*way_.trap),
                         way_.trap_states),
             "1;31");
    else
      across("this round can go on for as long as nobody else moves:", "1;33");
    for (std::size_t i = view_.loop_begin(); i < view_.size(); ++i) draw_step(view_[i]);
    across("back to the state before", "2");
  }

  std::string paint(const std::string& text, std::string_view code) const {
    if (!color_ || code.empty()) return text;
    return fmt::format("\x1b[{}m{}\x1b[0m", code, text);
  }

  const TraceView& view_;
  const Counterexample& way_;
  bool color_;
  std::size_t cpus_;
  std::size_t column_ = k_min_column;
  std::vector<std::string> on_cpu_;
  std::string out_;
};

}  // namespace

std::string timeline(const CheckReport& report, std::size_t width, bool color) {
  return Timeline(TraceView(report), report.asked.scenario.cpus, width, color).draw();
}

}  // namespace unzap
