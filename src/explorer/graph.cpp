// SPDX-License-Identifier: Apache-2.0
#include "explorer/graph.hpp"

#include <algorithm>
#include <deque>
#include <limits>
#include <thread>
#include <unordered_map>

#include "util/assert.hpp"

namespace unzap::explorer {
namespace {

/// Marks every state that can reach a goal or an unexplored state.
///
/// Lists of predecessors would take more memory than everything else. Most edges lead to states with a larger
/// number, so a few sweeps over the edges from the last state to the first mark nearly all; only for the
/// states that are left predecessors are listed.
std::vector<bool> can_end(const Graph& graph) {
  constexpr int k_sweeps = 6;
  std::vector<bool> marked = graph.goal;
  for (std::size_t i = graph.expanded; i < graph.size(); ++i) marked[i] = true;
  std::size_t news = 1;
  for (int sweep = 0; sweep < k_sweeps && news > 0; ++sweep) {
    news = 0;
    graph.edges.backwards([&](StateId from, const Edge* edge, const Edge* end) {
      if (marked[from]) return;
      if (std::none_of(edge, end, [&](const Edge& e) { return marked[e.to]; })) return;
      marked[from] = true;
      ++news;
    });
  }
  if (news == 0) return marked;

  std::vector<std::pair<StateId, StateId>> into;  // (to, from), both unmarked
  std::vector<StateId> todo;
  graph.edges.all([&](StateId from, const Edge& edge) {
    if (marked[from]) return;
    if (!marked[edge.to])
      into.emplace_back(edge.to, from);
    else if (todo.empty() || todo.back() != from)
      todo.push_back(from);
  });
  std::sort(into.begin(), into.end());
  for (const StateId s : todo) marked[s] = true;
  while (!todo.empty()) {
    const StateId at = todo.back();
    todo.pop_back();
    for (auto i = std::lower_bound(into.begin(), into.end(), std::pair{at, StateId{0}});
         i != into.end() && i->first == at; ++i)
      if (!marked[i->second]) {
        marked[i->second] = true;
        todo.push_back(i->second);
      }
  }
  return marked;
}

/// Some states and the edges between them that matter, as lists: for algorithms that go to and fro. States
/// are renamed by their rank.
struct Part {
  std::vector<std::uint32_t> first;  ///< edges of state i: [first[i], first[i + 1])
  std::vector<std::uint32_t> to;
  std::vector<StateId> name;

  std::size_t size() const { return name.size(); }
};

/// The states of `member`, which no edge leaves, with all their edges.
Part part_of(const Graph& graph, const std::vector<bool>& member) {
  Part part;
  std::vector<std::uint32_t> rank(graph.size());
  for (std::size_t i = 0; i < graph.size(); ++i) {
    if (!member[i]) continue;
    rank[i] = static_cast<std::uint32_t>(part.name.size());
    part.name.push_back(static_cast<StateId>(i));
  }
  part.first.assign(part.size() + 1, 0);
  graph.edges.all([&](StateId from, const Edge& edge) {
    if (!member[from]) return;
    part.to.push_back(rank[edge.to]);
    ++part.first[rank[from] + 1];
  });
  for (std::size_t i = 0; i < part.size(); ++i) part.first[i + 1] += part.first[i];
  return part;
}

/// Tarjan's algorithm without recursion over the doomed states, which are closed under successors.
class Components {
 public:
  explicit Components(const Part& part)
      : part_(part), order_(part.size(), k_unseen), low_(part.size(), 0), component_(part.size(), k_unseen) {
    for (std::uint32_t i = 0; i < part.size(); ++i)
      if (order_[i] == k_unseen) visit(i);
  }

  /// The components that no edge leaves.
  std::vector<Trap> terminal() const {
    std::vector<Trap> traps;
    for (const std::vector<std::uint32_t>& states : found_) {
      bool left = false;
      std::size_t edges = 0;
      for (const std::uint32_t s : states)
        for (std::uint32_t e = part_.first[s]; e < part_.first[s + 1]; ++e) {
          ++edges;
          left = left || component_[part_.to[e]] != component_[s];
        }
      if (left) continue;
      Trap trap{{}, edges == 0};
      for (const std::uint32_t s : states) trap.states.push_back(part_.name[s]);
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
    std::uint32_t state;
    std::uint32_t next_edge;
  };

  void enter(std::uint32_t s) {
    order_[s] = low_[s] = count_++;
    open_.push_back(s);
    visits_.push_back({s, part_.first[s]});
  }

  void visit(std::uint32_t root) {
    enter(root);
    while (!visits_.empty()) {
      Visit& at = visits_.back();
      const std::uint32_t s = at.state;
      if (at.next_edge < part_.first[s + 1]) {
        const std::uint32_t to = part_.to[at.next_edge++];
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

  void close(std::uint32_t root) {
    std::vector<std::uint32_t> states;
    std::uint32_t s;
    do {
      s = open_.back();
      open_.pop_back();
      component_[s] = static_cast<std::uint32_t>(found_.size());
      states.push_back(s);
    } while (s != root);
    found_.push_back(std::move(states));
  }

  const Part& part_;
  std::vector<std::uint32_t> order_, low_, component_;
  std::uint32_t count_ = 0;
  std::vector<std::uint32_t> open_;
  std::vector<Visit> visits_;
  std::vector<std::vector<std::uint32_t>> found_;
};

}  // namespace

Analysis analyse(const Graph& graph, unsigned workers) {
  UNZAP_ASSERT(graph.edges.states() == graph.expanded, "the edges were not kept");
  Analysis out;
  {
    std::jthread beside;  // the two questions have nothing to do with each other
    if (workers > 1)
      beside = std::jthread([&] { out.busy_waits = busy_waits(graph); });
    else
      out.busy_waits = busy_waits(graph);
    out.doomed = can_end(graph);
    out.doomed.flip();
    out.doomed_count = static_cast<std::size_t>(std::count(out.doomed.begin(), out.doomed.end(), true));
    if (out.doomed_count > 0) out.traps = Components(part_of(graph, out.doomed)).terminal();
  }
  return out;
}

bool waits_busily(const Graph& graph, std::uint8_t actor, const std::vector<StateId>& within) {
  // Peel off states without a busy move of the actor that stays inside; what is left holds a cycle.
  std::vector<StateId> left = within;
  for (bool changed = true; changed && !left.empty();) {
    std::vector<StateId> stays;
    for (const StateId s : left) {
      bool goes_on = false;
      graph.edges.of(s, [&](const Edge& edge) {
        goes_on = goes_on || (edge.label.actor == actor && edge.label.busy &&
                              std::binary_search(left.begin(), left.end(), edge.to));
      });
      if (goes_on) stays.push_back(s);
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
    bool closes = false;
    graph.edges.of(s, [&](const Edge& edge) {
      closes = closes || edge.to == through;
      if (closes || !std::binary_search(within.begin(), within.end(), edge.to)) return;
      if (from.emplace(edge.to, s).second) todo.push_back(edge.to);
    });
    if (!closes) continue;
    std::vector<StateId> cycle{s};
    while (cycle.back() != through) cycle.push_back(from.at(cycle.back()));
    std::reverse(cycle.begin(), cycle.end());
    return cycle;
  }
  return {};
}

}  // namespace unzap::explorer
