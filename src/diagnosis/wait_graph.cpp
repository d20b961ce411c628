// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/wait_graph.hpp"

#include <algorithm>
#include <queue>
#include <unordered_map>

namespace unzap {
namespace {

/// More of them say nothing new of one edge.
constexpr std::size_t k_most_proofs = 16;

}  // namespace

std::size_t WaitGraph::add(NodeRef ref, const Task* task) {
  nodes_.push_back({std::move(ref), task});
  out_.emplace_back();
  in_.emplace_back();
  return nodes_.size() - 1;
}

std::size_t WaitGraph::task_node(const Task& task) {
  const auto [at, fresh] = task_nodes_.try_emplace(&task, nodes_.size());
  if (fresh) add(NodeRef::of(task), &task);
  return at->second;
}

std::size_t WaitGraph::thing(const NodeRef& ref) {
  const auto [at, fresh] = things_.try_emplace(ref, nodes_.size());
  if (fresh) add(ref);
  return at->second;
}

void WaitGraph::connect(std::size_t from, std::size_t to, Reason reason, std::vector<Proof> proofs,
                        bool inferred) {
  if (from == to) return;
  const auto [at, fresh] = edge_between_.try_emplace({from, to}, edges_.size());
  if (!fresh) {
    Edge& known = edges_[at->second];
    known.inferred = known.inferred && inferred;
    if (known.proofs.size() < k_most_proofs)
      known.proofs.insert(known.proofs.end(), proofs.begin(), proofs.end());
    return;
  }
  out_[from].push_back(edges_.size());
  in_[to].push_back(edges_.size());
  edges_.push_back({from, to, std::move(reason), inferred, std::move(proofs)});
}

std::optional<std::size_t> WaitGraph::node_of(const Task& task) const {
  const auto at = task_nodes_.find(&task);
  return at == task_nodes_.end() ? std::nullopt : std::optional<std::size_t>(at->second);
}

std::vector<const Edge*> WaitGraph::out(std::size_t node) const {
  std::vector<const Edge*> found;
  for (const std::size_t number : out_[node]) found.push_back(&edges_[number]);
  return found;
}

std::vector<const Edge*> WaitGraph::into(std::size_t node) const {
  std::vector<const Edge*> found;
  for (const std::size_t number : in_[node]) found.push_back(&edges_[number]);
  return found;
}

std::vector<const Edge*> WaitGraph::path(std::size_t from, std::size_t to) const {
  // Only what is reached is touched: there are as many questions as jams.
  std::unordered_map<std::size_t, const Edge*> came;
  std::queue<std::size_t> next;
  next.push(from);
  while (!next.empty()) {
    const std::size_t node = next.front();
    next.pop();
    for (const std::size_t number : out_[node]) {
      const Edge& edge = edges_[number];
      // The start may be entered once more: that is how a cycle is found.
      if (!came.emplace(edge.to, &edge).second) continue;
      if (edge.to != to) {
        if (edge.to != from) next.push(edge.to);
        continue;
      }
      std::vector<const Edge*> steps = {&edge};
      while (steps.back()->from != from) steps.push_back(came[steps.back()->from]);
      std::reverse(steps.begin(), steps.end());
      return steps;
    }
  }
  return {};
}

std::vector<const Edge*> WaitGraph::cycle_through(std::size_t node) const {
  return path(node, node);
}

std::vector<const Edge*> WaitGraph::way(const Task& from, const Task& to) const {
  const auto start = node_of(from);
  const auto end = node_of(to);
  if (!start || !end || *start == *end) return {};
  return path(*start, *end);
}

}  // namespace unzap
