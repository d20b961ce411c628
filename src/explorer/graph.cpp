// SPDX-License-Identifier: Apache-2.0
#include "explorer/graph.hpp"

#include <algorithm>
#include <array>
#include <deque>
#include <limits>
#include <unordered_map>

namespace unzap::explorer {
namespace {

/// Marks every state that can reach a goal or an unexplored state: backwards from those.
std::vector<bool> can_end(const Graph& graph) {
  const std::size_t n = graph.size();
  std::vector<std::uint64_t> first(n + 1, 0);
  for (const Edge& edge : graph.edges) ++first[edge.to + 1];
  for (std::size_t i = 0; i < n; ++i) first[i + 1] += first[i];
  std::vector<StateId> predecessor(graph.edges.size());
  std::vector<std::uint64_t> fill(first.begin(), first.end() - 1);
  for (std::size_t from = 0; from < graph.expanded; ++from)
    for (std::uint64_t e = graph.first_edge[from]; e < graph.first_edge[from + 1]; ++e)
      predecessor[fill[graph.edges[e].to]++] = static_cast<StateId>(from);

  std::vector<bool> marked(n, false);
  std::vector<StateId> todo;
  for (std::size_t i = 0; i < n; ++i)
    if (graph.goal[i] || i >= graph.expanded) {
      marked[i] = true;
      todo.push_back(static_cast<StateId>(i));
    }
  while (!todo.empty()) {
    const StateId at = todo.back();
    todo.pop_back();
    for (std::uint64_t e = first[at]; e < first[at + 1]; ++e)
      if (!marked[predecessor[e]]) {
        marked[predecessor[e]] = true;
        todo.push_back(predecessor[e]);
      }
  }
  return marked;
}

/// Tarjan's algorithm without recursion over the doomed states, which are closed under successors.
class Components {
 public:
  Components(const Graph& graph, const std::vector<bool>& member)
      : graph_(graph),
        order_(graph.size(), k_unseen),
        low_(graph.size(), 0),
        component_(graph.size(), k_unseen) {
    for (std::size_t i = 0; i < graph.size(); ++i)
      if (member[i] && order_[i] == k_unseen) visit(static_cast<StateId>(i));
  }

  /// The components that no edge leaves.
  std::vector<Trap> terminal() const {
    std::vector<Trap> traps;
    for (const std::vector<StateId>& states : found_) {
      bool left = false;
      std::size_t edges = 0;
      for (const StateId s : states)
        for (std::uint64_t e = graph_.first_edge[s]; e < graph_.first_edge[s + 1]; ++e) {
          ++edges;
          left = left || component_[graph_.edges[e].to] != component_[s];
        }
      if (left) continue;
      Trap trap{states, edges == 0};
      std::sort(trap.states.begin(), trap.states.end());
      traps.push_back(std::move(trap));
    }
    std::sort(traps.begin(), traps.end(),
              [](const Trap& a, const Trap& b) { return a.states.front() < b.states.front(); });
    return traps;
  }

 private:
  static constexpr std::uint32_t k_unseen = std::numeric_limits<std::uint32_t>::max();
  struct Visit {
    StateId state;
    std::uint64_t next_edge;
  };

  void enter(StateId s) {
    order_[s] = low_[s] = count_++;
    open_.push_back(s);
    visits_.push_back({s, graph_.first_edge[s]});
  }

  void visit(StateId root) {
    enter(root);
    while (!visits_.empty()) {
      Visit& at = visits_.back();
      const StateId s = at.state;
      if (at.next_edge < graph_.first_edge[s + 1]) {
        const StateId to = graph_.edges[at.next_edge++].to;
        if (order_[to] == k_unseen)
          enter(to);
        else if (component_[to] == k_unseen)
          low_[s] = std::min(low_[s], order_[to]);
        continue;
      }
      visits_.pop_back();
      if (!visits_.empty()) low_[visits_.back().state] = std::min(low_[visits_.back().state], low_[s]);
      if (low_[s] == order_[s]) close(s);
    }
  }

  void close(StateId root) {
    std::vector<StateId> states;
    StateId s;
    do {
      s = open_.back();
      open_.pop_back();
      component_[s] = static_cast<std::uint32_t>(found_.size());
      states.push_back(s);
    } while (s != root);
    found_.push_back(std::move(states));
  }

  const Graph& graph_;
  std::vector<std::uint32_t> order_, low_, component_;
  std::uint32_t count_ = 0;
  std::vector<StateId> open_;
  std::vector<Visit> visits_;
  std::vector<std::vector<StateId>> found_;
};

/// A cycle of busy moves of `actor`, found depth first from states in order of distance.
std::vector<StateId> busy_cycle(const Graph& graph, std::uint8_t actor) {
  enum : std::uint8_t { white, grey, black };
  std::vector<std::uint8_t> colour(graph.size(), white);
  std::vector<std::pair<StateId, std::uint64_t>> path;
  for (std::size_t root = 0; root < graph.expanded; ++root) {
    if (colour[root] != white) continue;
    path.assign(1, {static_cast<StateId>(root), graph.first_edge[root]});
    colour[root] = grey;
    while (!path.empty()) {
      auto& [s, next] = path.back();
      if (s >= graph.expanded || next == graph.first_edge[s + 1]) {
        colour[s] = black;
        path.pop_back();
        continue;
      }
      const Edge& edge = graph.edges[next++];
      if (edge.label.actor != actor || !edge.label.busy || colour[edge.to] == black) continue;
      if (colour[edge.to] == grey) {
        std::vector<StateId> cycle;
        auto at =
            std::find_if(path.begin(), path.end(), [&](const auto& step) { return step.first == edge.to; });
        for (; at != path.end(); ++at) cycle.push_back(at->first);
        return cycle;
      }
      colour[edge.to] = grey;
      const StateId to = edge.to;
      path.emplace_back(to, to < graph.expanded ? graph.first_edge[to] : 0);
    }
  }
  return {};
}

}  // namespace

Analysis analyse(const Graph& graph) {
  Analysis out;
  out.doomed = can_end(graph);
  out.doomed.flip();
  out.doomed_count = static_cast<std::size_t>(std::count(out.doomed.begin(), out.doomed.end(), true));
  if (out.doomed_count > 0) out.traps = Components(graph, out.doomed).terminal();

  std::array<bool, 256> moves_busily{};
  for (const Edge& edge : graph.edges)
    if (edge.label.busy) moves_busily[edge.label.actor] = true;
  for (unsigned actor = 0; actor < moves_busily.size(); ++actor) {
    if (!moves_busily[actor]) continue;
    std::vector<StateId> cycle = busy_cycle(graph, static_cast<std::uint8_t>(actor));
    if (!cycle.empty()) out.busy_waits.push_back({static_cast<std::uint8_t>(actor), std::move(cycle)});
  }
  return out;
}

bool waits_busily(const Graph& graph, std::uint8_t actor, const std::vector<StateId>& within) {
  // Peel off states without a busy move of the actor that stays inside; what is left holds a cycle.
  std::vector<StateId> left = within;
  for (bool changed = true; changed && !left.empty();) {
    std::vector<StateId> stays;
    for (const StateId s : left)
      for (std::uint64_t e = graph.first_edge[s]; e < graph.first_edge[s + 1]; ++e)
        if (graph.edges[e].label.actor == actor && graph.edges[e].label.busy &&
            std::binary_search(left.begin(), left.end(), graph.edges[e].to)) {
          stays.push_back(s);
          break;
        }
    changed = stays.size() != left.size();
    left = std::move(stays);
  }
  return !left.empty();
}

std::vector<StateId> path_to(const Graph& graph, StateId target) {
  std::vector<StateId> path;
  for (StateId s = target; s != k_no_state; s = graph.parent[s]) path.push_back(s);
  std::reverse(path.begin(), path.end());
  return path;
}

std::vector<StateId> cycle_through(const Graph& graph, StateId through, const std::vector<StateId>& within) {
  std::unordered_map<StateId, StateId> from;
  std::deque<StateId> todo{through};
  while (!todo.empty()) {
    const StateId s = todo.front();
    todo.pop_front();
    for (std::uint64_t e = graph.first_edge[s]; e < graph.first_edge[s + 1]; ++e) {
      const StateId to = graph.edges[e].to;
      if (to == through) {
        std::vector<StateId> cycle{s};
        while (cycle.back() != through) cycle.push_back(from.at(cycle.back()));
        std::reverse(cycle.begin(), cycle.end());
        return cycle;
      }
      if (!std::binary_search(within.begin(), within.end(), to)) continue;
      if (from.emplace(to, s).second) todo.push_back(to);
    }
  }
  return {};
}

}  // namespace unzap::explorer
