// SPDX-License-Identifier: Apache-2.0
#include <algorithm>
#include <bit>

#include "explorer/graph.hpp"

namespace unzap::explorer {
namespace {

std::uint8_t number_after(const Label& label) {
  return label.becomes == k_no_actor ? label.actor : label.becomes;
}

/// The actors that may be on a cycle of their own busy moves, as bits. A cycle has a move that does not lead
/// away from the start; where actors change their numbers on the way, that move may be under another number.
std::uint64_t candidates(const Graph& graph) {
  std::uint64_t busy = 0, back = 0;
  bool renamed = false;
  graph.edges.all([&](StateId from, const Edge& edge) {
    if (!edge.label.busy) return;
    busy |= std::uint64_t{1} << edge.label.actor;
    if (edge.to <= from) back |= std::uint64_t{1} << edge.label.actor;
    renamed = renamed || edge.label.becomes != k_no_actor;
  });
  return renamed && back != 0 ? busy : back;
}

/// For each state the actors that may be able to go on busily forever from there. Starts with everybody, and
/// takes away those who have no busy move to a state where they are still in: backwards, because most moves
/// lead to a larger number. It may stop before all are gone who can be.
std::vector<std::uint64_t> may_go_on(const Graph& graph, std::uint64_t actors) {
  constexpr int k_sweeps = 12;
  std::vector<std::uint64_t> left(graph.size(), 0);
  std::fill_n(left.begin(), graph.expanded, actors);
  bool news = true;
  for (int sweep = 0; sweep < k_sweeps && news; ++sweep) {
    news = false;
    graph.edges.backwards([&](StateId from, const Edge* edge, const Edge* end) {
      if (left[from] == 0) return;
      std::uint64_t stays = 0;
      for (; edge != end; ++edge)
        if (edge->label.busy && (left[edge->to] >> number_after(edge->label) & 1U) != 0)
          stays |= std::uint64_t{1} << edge->label.actor;
      stays &= left[from];
      news = news || stays != left[from];
      left[from] = stays;
    });
  }
  return left;
}

/// What is left of the busy moves, as a graph of pairs: a state, and the number of an actor in it.
class Pairs {
 public:
  Pairs(const Graph& graph, const std::vector<std::uint64_t>& actors) {
    for (std::size_t s = 0; s < actors.size(); ++s) {
      if (actors[s] == 0) continue;
      states_.push_back(static_cast<StateId>(s));
      actors_.push_back(actors[s]);
      begins_.push_back(size_);
      size_ += static_cast<std::uint32_t>(std::popcount(actors[s]));
    }
    first_.assign(size_ + 1, 0);
    over_edges(graph, [&](std::uint32_t from, std::uint32_t) { ++first_[from + 1]; });
    for (std::size_t i = 0; i < size_; ++i) first_[i + 1] += first_[i];
    to_.resize(first_.back());
    std::vector<std::uint32_t> next(first_.begin(), first_.end() - 1);
    over_edges(graph, [&](std::uint32_t from, std::uint32_t to) { to_[next[from]++] = to; });
    colour_.assign(size_, white);
  }

  /// A cycle that `actor` comes upon, found depth first from states in order of distance; without states when
  /// there is none that was not found before.
  BusyWait cycle_of(std::uint8_t actor) {
    for (std::size_t i = 0; i < states_.size(); ++i) {
      if ((actors_[i] >> actor & 1U) == 0) continue;
      const std::uint32_t root = pair(i, actor);
      if (colour_[root] != white) continue;
      BusyWait wait = cycle_from(root);
      if (!wait.cycle.empty()) return wait;
    }
    return {};
  }

 private:
  enum Colour : std::uint8_t { white, grey, black };

  std::uint32_t pair(std::size_t rank, std::uint8_t actor) const {
    const std::uint64_t before = (std::uint64_t{1} << actor) - 1;
    return begins_[rank] + static_cast<std::uint32_t>(std::popcount(actors_[rank] & before));
  }
  std::size_t rank_of(StateId state) const {
    return static_cast<std::size_t>(std::lower_bound(states_.begin(), states_.end(), state) -
                                    states_.begin());
  }
  std::size_t rank_of_pair(std::uint32_t pair) const {
    return static_cast<std::size_t>(std::upper_bound(begins_.begin(), begins_.end(), pair) - begins_.begin() -
                                    1);
  }
  std::uint8_t actor_of(std::uint32_t pair) const {
    const std::size_t rank = rank_of_pair(pair);
    std::uint64_t actors = actors_[rank];
    for (std::uint32_t before = pair - begins_[rank]; before > 0; --before) actors &= actors - 1;
    return static_cast<std::uint8_t>(std::countr_zero(actors));
  }

  template <class Visit>
  void over_edges(const Graph& graph, const Visit& visit) const {
    for (std::size_t i = 0; i < states_.size(); ++i)
      graph.edges.of(states_[i], [&](const Edge& edge) {
        if (!edge.label.busy || (actors_[i] >> edge.label.actor & 1U) == 0) return;
        const std::size_t to = rank_of(edge.to);
        if (to == states_.size() || states_[to] != edge.to) return;
        const std::uint8_t after = number_after(edge.label);
        if ((actors_[to] >> after & 1U) != 0) visit(pair(i, edge.label.actor), pair(to, after));
      });
  }

  BusyWait cycle_from(std::uint32_t root) {
    std::vector<std::pair<std::uint32_t, std::uint32_t>> path{{root, first_[root]}};
    colour_[root] = grey;
    while (!path.empty()) {
      auto& [at, next] = path.back();
      if (next == first_[at + 1]) {
        colour_[at] = black;
        path.pop_back();
        continue;
      }
      const std::uint32_t to = to_[next++];
      if (colour_[to] == black) continue;
      if (colour_[to] == white) {
        colour_[to] = grey;
        path.emplace_back(to, first_[to]);
        continue;
      }
      BusyWait wait{actor_of(to), {}};
      auto step = std::find_if(path.begin(), path.end(), [&](const auto& one) { return one.first == to; });
      for (; step != path.end(); ++step) wait.cycle.push_back(states_[rank_of_pair(step->first)]);
      for (const auto& [pair, unused] : path) colour_[pair] = black;
      return wait;
    }
    return {};
  }

  std::vector<StateId> states_;
  std::vector<std::uint64_t> actors_;
  std::vector<std::uint32_t> begins_, first_, to_;
  std::vector<std::uint8_t> colour_;
  std::uint32_t size_ = 0;
};

}  // namespace

std::vector<BusyWait> busy_waits(const Graph& graph) {
  std::vector<BusyWait> out;
  const std::uint64_t actors = candidates(graph);
  if (actors == 0) return out;
  const std::vector<std::uint64_t> left = may_go_on(graph, actors);
  if (std::all_of(left.begin(), left.end(), [](std::uint64_t mask) { return mask == 0; })) return out;
  Pairs pairs(graph, left);
  for (std::uint8_t actor = 0; actor < k_no_actor; ++actor) {
    if ((actors >> actor & 1U) == 0) continue;
    BusyWait wait = pairs.cycle_of(actor);
    if (!wait.cycle.empty()) out.push_back(std::move(wait));
  }
  return out;
}

}  // namespace unzap::explorer
