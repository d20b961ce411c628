// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include "report/trace/trace_file.hpp"
#include "report/trace/trace_view.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_label_columns = 44;
constexpr const char* k_colours[] = {"#cfe2f3", "#d9ead3", "#fff2cc", "#ead1dc", "#d0e0e3",
                                     "#fce5cd", "#d9d2e9", "#e6e6e6", "#f4cccc"};

std::string escaped(std::string_view text) {
  std::string out;
  for (const char c : text) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out;
}

/// `text` in lines of some width, each flush left.
std::string label(std::string_view text) {
  std::string out, line;
  for (const std::string_view word : split_words(text)) {
    if (!line.empty() && line.size() + 1 + word.size() > k_label_columns) {
      out += escaped(line) + "\\l";
      line.clear();
    }
    if (!line.empty()) line += ' ';
    line += word;
  }
  return out + escaped(line) + "\\l";
}

class Drawing {
 public:
  explicit Drawing(const CheckReport& report) : report_(report), view_(report) {}

  std::string draw() {
    out_ = fmt::format("digraph \"{}\" {{\n", escaped(report_.asked.scenario.name));
    out_ += "  graph [rankdir=TB, ranksep=0.15, nodesep=0.3, labelloc=t, fontname=\"Helvetica\",\n";
    out_ += fmt::format("    label=\"{}: {} on {}, preemption {}\"];\n", escaped(report_.asked.scenario.name),
                        name(report_.verdict), escaped(report_.asked.kernel),
                        kernel::name(report_.asked.preempt));
    out_ +=
        "  node [shape=box, style=\"filled\", fontname=\"Helvetica\", fontsize=10, margin=\"0.08,0.04\"];\n";
    out_ += "  edge [arrowsize=0.6];\n  start [shape=circle, label=\"\", width=0.2, fillcolor=black];\n";
    for (std::size_t i = 0; i < view_.loop_begin(); ++i) node(i, "  ");
    if (view_.has_loop()) loop();
    edges();
    return out_ + "}\n";
  }

 private:
  void node(std::size_t i, std::string_view indent) {
    const WrittenStep& step = view_[i];
    const std::size_t actor = view_.actor(i);
    const bool known = actor < view_.tasks();
    const std::string where = step.cpu >= 0 ? fmt::format(", CPU {}", step.cpu) : "";
    out_ += fmt::format("{}s{} [label=\"{}{}\"", indent, step.step,
                        label(fmt::format("{}. {}{}", step.step, step.task, where)), label(step_text(step)));
    out_ += fmt::format(", group=\"{}\", fillcolor=\"{}\"", known ? fmt::format("t{}", actor) : "others",
                        known ? k_colours[actor % std::size(k_colours)] : "#ffffff");
    if (view_.is_fatal(i)) out_ += ", color=red, penwidth=3, xlabel=\"FATAL\"";
    if (!view_.is_fatal(i) && view_.doomed_after(i + 1)) out_ += ", color=red";
    out_ += "];\n";
  }

  void loop() {
    out_ += "  subgraph cluster_loop {\n";
    out_ += fmt::format("    style=dashed; color=red; fontcolor=red; label=\"{}\";\n",
                        view_.is_trap() ? "forever: nothing leads out" : "round and round");
    for (std::size_t i = view_.loop_begin(); i < view_.size(); ++i) node(i, "    ");
    out_ += "  }\n";
  }

  void edges() {
    std::string from = "start";
    for (std::size_t i = 0; i < view_.size(); ++i) {
      out_ += fmt::format("  {} -> s{};\n", from, view_[i].step);
      from = fmt::format("s{}", view_[i].step);
    }
    if (view_.has_loop())
      out_ +=
          fmt::format("  {} -> s{} [color=red, constraint=false];\n", from, view_[view_.loop_begin()].step);
  }

  const CheckReport& report_;
  TraceView view_;
  std::string out_;
};

}  // namespace

std::string trace_to_dot(const CheckReport& report) {
  return Drawing(report).draw();
}

}  // namespace unzap
