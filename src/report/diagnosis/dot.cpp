// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>
#include <optional>
#include <set>
#include <vector>

#include "diagnosis/picture.hpp"
#include "report/diagnosis/report.hpp"
#include "report/diagnosis/words.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_edges = 400;
constexpr std::size_t k_most_label_bytes = 80;

/// A string of the DOT language. What a terminal could act on is shown as \xNN.
std::string quoted(std::string_view text) {
  std::string out = "\"";
  for (const char c : printable(text, k_most_label_bytes)) {
    if (c == '"' || c == '\\') out += '\\';
    out += c;
  }
  return out + "\"";
}

std::string_view shape_of(NodeKind kind) {
  switch (kind) {
    case NodeKind::task: return "box";
    case NodeKind::pid_namespace: return "folder";
    case NodeKind::rcu_grace_period: return "hexagon";
    case NodeKind::cpu: return "component";
    case NodeKind::cgroup: return "tab";
    default: return "ellipse";
  }
}

/// Which tasks the findings name.
struct Named {
  std::set<const Task*> culprits;
  std::set<const Task*> victims;

  Named(const Diagnosis& diagnosis, const Picture& picture) {
    for (const Finding& finding : diagnosis.findings) {
      if (finding.culprit) culprits.insert(picture.scene.task_of(*finding.culprit));
      for (const Party& victim : finding.victims) victims.insert(picture.scene.task_of(victim));
    }
  }
  bool has(const Node& node) const {
    return node.task != nullptr && (culprits.contains(node.task) || victims.contains(node.task));
  }
  std::string_view color(const Node& node) const {
    if (node.task == nullptr) return "";
    if (culprits.contains(node.task)) return ", style=filled, fillcolor=\"#f4a6a0\"";
    return victims.contains(node.task) ? ", style=filled, fillcolor=\"#fbe0b5\"" : "";
  }
};

/// All edges, or of many those that the findings are about.
std::vector<const Edge*> chosen_edges(const Picture& picture, const Named& named) {
  std::vector<const Edge*> out;
  const bool many = picture.graph.edges().size() > k_most_edges;
  for (const Edge& edge : picture.graph.edges()) {
    const bool about =
        named.has(picture.graph.nodes()[edge.from]) || named.has(picture.graph.nodes()[edge.to]);
    if (out.size() < k_most_edges && (!many || about)) out.push_back(&edge);
  }
  return out;
}

/// The node of the task that a container hangs on: the dying init, else the first victim, else the culprit.
std::optional<std::size_t> node_of(const Finding& finding, const Picture& picture) {
  const Party* party = finding.reaper             ? &*finding.reaper
                       : !finding.victims.empty() ? &finding.victims.front()
                       : finding.culprit          ? &*finding.culprit
                                                  : nullptr;
  const Task* task = party != nullptr ? picture.scene.task_of(*party) : nullptr;
  return task != nullptr ? picture.graph.node_of(*task) : std::nullopt;
}

/// A node for the runtime of each finding: who keeps the container, and waits for its end.
std::string runtimes(const Diagnosis& diagnosis, const Picture& picture, const std::set<std::size_t>& shown) {
  std::string out;
  for (std::size_t i = 0; i < diagnosis.findings.size(); ++i) {
    const Finding& finding = diagnosis.findings[i];
    if (!finding.container) continue;
    const ContainerRef& container = *finding.container;
    std::string label = container.runtime.empty() ? "a runtime" : container.runtime;
    if (!container.ns.empty()) label += " " + container.ns;
    if (container.process && container.process->pid)
      label += fmt::format(", {}[{}]", container.process->comm, *container.process->pid);
    std::string held = "container " + container.id.substr(0, 12);
    if (!container.pod.empty()) held += " of pod " + container.pod;
    out += fmt::format("  r{} [label={}, shape=house];\n  c{} [label={}, shape=box3d];\n", i, quoted(label),
                       i, quoted(held));
    out += fmt::format("  r{} -> c{} [label=\"its end\", style=dashed];\n", i, i);
    const auto node = node_of(finding, picture);
    if (node && shown.contains(*node)) {
      out += fmt::format("  c{} -> n{} [style=dashed];\n", i, *node);
    } else if (finding.culprit) {
      const Party& culprit = *finding.culprit;
      out += fmt::format("  c{} -> k{} [label={}];\n  k{} [label={}, style=filled, fillcolor=\"#f4a6a0\"];\n",
                         i, i, quoted(words(culprit.role)), i,
                         quoted(fmt::format("{}[{}]", culprit.comm, culprit.tid.value_or(0))));
    }
  }
  return out;
}

}  // namespace

std::string to_dot(const Diagnosis& diagnosis, const Snapshot& snapshot) {
  const Picture picture(snapshot);
  const Named named(diagnosis, picture);
  const std::vector<const Edge*> edges = chosen_edges(picture, named);
  std::string title =
      fmt::format("{}: {}", snapshot.host.name.value_or("this host"), name(diagnosis.verdict));
  if (!diagnosis.findings.empty())
    title += fmt::format(", {} ({})", name(diagnosis.findings.front().cause),
                         name(diagnosis.findings.front().confidence));
  if (edges.size() < picture.graph.edges().size())
    title += fmt::format("; {} of {} edges", edges.size(), picture.graph.edges().size());
  std::string out = fmt::format(
      "digraph unzap {{\n  label={};\n  labelloc=t;\n  rankdir=LR;\n  node [shape=box, "
      "fontname=\"sans-serif\"];\n"
      "  edge [fontname=\"sans-serif\", fontsize=10];\n",
      quoted(title));
  std::set<std::size_t> shown;
  for (const Edge* edge : edges) shown.insert({edge->from, edge->to});
  for (const std::size_t number : shown) {
    const Node& node = picture.graph.nodes()[number];
    out += fmt::format("  n{} [label={}, shape={}{}];\n", number, quoted(words(node.ref)),
                       shape_of(node.ref.kind), named.color(node));
  }
  out += runtimes(diagnosis, picture, shown);
  for (const Edge* edge : edges)
    out += fmt::format("  n{} -> n{} [label={}{}];\n", edge->from, edge->to, quoted(words(edge->reason)),
                       edge->inferred ? ", style=dashed" : "");
  return out + "}\n";
}

}  // namespace unzap
