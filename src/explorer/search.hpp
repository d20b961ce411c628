// SPDX-License-Identifier: Apache-2.0
#pragma once

// A breadth-first search by several workers that comes out exactly as with one.
//
// The problem. States are numbered in the order in which they are discovered, and the numbers mean something:
// the parent of a state lies on a shortest path to it, the state that a report shows is the nearest of its
// kind, and tests compare two runs digit by digit. When two workers expand states at the same time, chance
// decides which of them comes upon a new state first. To guard the order with a lock, or to sort what was
// found, would cost what the second worker brings.
//
// The idea. Let chance decide who is first, and give every lookup a claim, which says where it comes from:
// the number of the parent in the upper half, and which of the parent's actions it was in the lower one. A
// single worker, who takes parents in order and actions in order, makes lookups with ascending claims. So in
// its search a state is discovered by the smallest claim of all lookups that come upon it. In the search by
// many each new state remembers the smallest claim that it has met: one atomic minimum. Once every lookup of
// the round is made, that is the true minimum, whoever came first, and it says who would have discovered the
// state.
//
// A round, then, has four parts, and the workers meet between them:
//
//   1. expand: workers take chunks of 64 parents and look up all successors. A new state gets a provisional
//      number, which depends on chance. Each chunk writes down its lookups in order ("hits").
//   2. count: a hit discovers its state if its claim is the one that the state remembers. Each chunk counts
//      its own; nobody else can change that any more.
//   3. share out numbers: a chunk's first number is the number of states known before, plus what the chunks
//      before it have counted. One worker does this alone: an addition for each chunk.
//   4. settle: each chunk gives its discoveries the next numbers, in order, and encodes parents and edges.
//      What was encoded is then joined in order (edges.hpp).
//
// An example, with chunks of one parent. Seven states are known, 0 to 6; 5 and 6 are to be expanded. 5 leads
// to X and Y, 6 leads to Y and Z. Worker B is fast:
//
//   B looks up Y from 6: new, claim (6,0)          A looks up X from 5: new, claim (5,0)
//   B looks up Z from 6: new, claim (6,1)          A looks up Y from 5: known, its claim sinks to (5,1)
//
//   chunk of 5: (5,0) is X's claim, (5,1) is Y's: two discoveries      X = 7, Y = 8
//   chunk of 6: (6,0) is not Y's claim, (6,1) is Z's: one discovery    Z = 9
//
// Y's parent is 5, as if B had waited for A.
//
// Why it is right. Before a round all its parents have their numbers, and they are what one worker would have
// given them (at the start there is one state, and it is 0). Both searches make the same lookups in that
// round, so they find the same new states, with the same smallest claims, and number them in the order of
// those claims: within a chunk by part 4, between chunks by part 3. So the numbers after the round agree too.
//
// A table that fills up in the middle of a round costs nothing but the round: no number has been given yet,
// so what was found is forgotten, the table grows, and the round is run again (drop_round). A limit of states
// cuts the round at the parent where one worker would have stopped (cut_at).
//
// Why it ends. Each round expands at least one state, and no state is expanded twice. A round is at most
// 8,192 parents and stays within one distance from the start (explore.hpp), so a limit is noticed soon.
//
// What it costs. 12 bytes for each lookup of a round, 8 for each new state, an atomic minimum only where two
// lookups of one round meet, and three or four meetings of the workers a round; rounds of fewer than 256
// parents are done by one. On the kernel model two workers do 1.86 to 1.90 times as much as one
// (docs/performance.md).

#include <algorithm>
#include <array>
#include <atomic>
#include <cstdint>
#include <numeric>
#include <utility>
#include <vector>

#include "explorer/graph.hpp"
#include "explorer/model.hpp"
#include "explorer/store.hpp"
#include "explorer/team.hpp"

namespace unzap::explorer {

template <class M>
using StoreOf = Store<typename M::State, state_block_of<M>()>;

/// The work of a breadth-first search: expands states in rounds, by all workers at once, with the same result
/// as one worker has who takes the states one after another.
template <Model M>
class Search {
 public:
  using State = typename M::State;

  /// `invariants`: asks each new state whether it breaks one of the model's.
  Search(const M& model, StoreOf<M>& store, Graph& graph, unsigned workers, bool keep_edges, bool invariants)
      : model_(model),
        store_(store),
        graph_(graph),
        keep_edges_(keep_edges),
        invariants_(invariants),
        team_(workers),
        workers_(workers) {
    Lookup first{};
    first.state = model.initial();
    if (store_.folds()) store_.fold(first, nullptr);
    store_.prepare(first);
    store_.look(first);
    const auto ref = store_.find_or_add(0, first, describer()).ref;
    store_.begin_settling(1);
    count_witnesses(workers_[0], store_.found(ref).witnesses);
    graph_.goal.push_back(store_.found(ref).goal);
    if (store_.found(ref).broken) broken_ = 0;
    store_.settle(store_.found(ref), 0);
    store_.end_settling(1);
  }

  /// Expands the states [first, last); if more than `max_states` (0: no limit) are found, it stops before the
  /// first state that one worker would have to expand with more than that known.
  void round(std::size_t first, std::size_t last, std::size_t max_states) {
    first_ = first;
    last_ = last;
    chunk_count_ = (last - first + k_chunk - 1) / k_chunk;
    if (chunks_.size() < chunk_count_) chunks_.resize(chunk_count_);
    do {
      store_.make_room(expected(last - first), sharer());
      share_out_chunks();
      full_ = false;
      together([this](unsigned worker) { expand_chunks(worker); });
      if (full_) store_.drop_round(sharer());
    } while (full_);
    over_chunks([this](unsigned, Chunk& chunk, std::size_t begin) { count_new(chunk, begin); });
    if (max_states != 0) cut_at(max_states);
    settle();
  }

  /// How many new states the next round of `parents` parents may bring: a guess that costs little when it is
  /// wrong.
  std::size_t expected(std::size_t parents) const {
    const double by_rate = static_cast<double>(parents) * growth_ * 1.5;
    return static_cast<std::size_t>(std::min(by_rate, static_cast<double>(store_.size()))) + 256;
  }
  /// Edges seen, kept or not.
  std::size_t transitions() const { return transitions_; }

  /// Of the states that break an invariant the one with the smallest number; k_no_state: none was found.
  StateId broken() const { return broken_; }

  /// States that show each witness bit.
  std::array<std::size_t, 32> witness_counts() const {
    std::array<std::size_t, 32> sum{};
    for (const Worker& worker : workers_)
      for (std::size_t bit = 0; bit < sum.size(); ++bit) sum[bit] += worker.witness_counts[bit];
    return sum;
  }

 private:
  using Ref = typename StoreOf<M>::Ref;
  using Found = typename StoreOf<M>::Found;
  using Lookup = typename StoreOf<M>::Lookup;
  static constexpr std::size_t k_chunk = 64;      // parents that a worker takes at once
  static constexpr std::size_t k_pending = 64;    // lookups in flight, to hide the latency of memory
  static constexpr std::size_t k_together = 256;  // parents for which it pays to wake the others

  /// A successor that was looked up.
  struct Hit {
    Ref ref;
    std::uint32_t action;
    Label label;
  };
  /// Consecutive parents and their successors.
  struct alignas(64) Chunk {
    unsigned worker = 0;    ///< who expanded it
    std::vector<Hit> hits;  ///< without edges only those that may discover a state
    std::array<std::uint32_t, k_chunk> hits_of, edges_of;
    std::array<std::uint32_t, k_chunk> fresh_of;  ///< how many states each parent discovered
    std::size_t fresh = 0;                        ///< the sum of those
    StateId first_id = 0;                         ///< the id of the first of them
    Parents::Part parents;                        ///< of those
    std::vector<StateId> goals;                   ///< among those
    StateId broken = k_no_state;                  ///< the first among those that breaks an invariant
    EdgeList::Part edges;
  };
  struct Pending {
    Lookup lookup;
    Label label;
  };
  struct alignas(64) Worker {
    typename StoreOf<M>::Open parent;
    std::array<Pending, k_pending> pending;
    std::size_t pending_count = 0;
    std::array<std::size_t, 32> witness_counts{};
    alignas(64) std::atomic<std::size_t> next_chunk{0};  // of its own share of a round
    std::size_t end_chunk = 0;
  };

  static std::uint64_t claim_of(std::size_t parent, std::uint32_t action) {
    return static_cast<std::uint64_t>(parent) << 32 | action;
  }

  auto describer() const {
    return [this](const State& state, Found& fresh) {
      fresh.goal = model_.is_goal(state);
      fresh.witnesses = model_.witnesses(state);
      fresh.broken = invariants_ && !violated(model_, state).empty();
    };
  }

  static void count_witnesses(Worker& worker, std::uint32_t bits) {
    for (std::size_t bit = 0; bits != 0; ++bit, bits >>= 1) worker.witness_counts[bit] += bits & 1U;
  }

  /// Runs `job(worker)` on all workers, or here alone when there is little to do.
  template <class Job>
  void together(const Job& job) {
    if (pays_to_wake())
      team_.run(job);
    else
      job(0);
  }
  /// For work in parts: hands them out to all workers.
  auto sharer() {
    return [this](std::size_t parts, const auto& job) {
      std::atomic<std::size_t> next{0};
      const auto take = [&](unsigned) {
        for (std::size_t part = next++; part < parts; part = next++) job(part);
      };
      team_.run(take);
    };
  }
  /// Runs `job(chunk's worker, chunk, its first parent)` for every chunk, each by the worker who expanded it:
  /// what was found is still in that processor's cache.
  template <class Job>
  void over_chunks(const Job& job) {
    const bool alone = !pays_to_wake();
    together([&](unsigned worker) {
      for (std::size_t i = 0; i < chunk_count_; ++i)
        if (alone || chunks_[i].worker == worker) job(chunks_[i].worker, chunks_[i], first_ + i * k_chunk);
    });
  }
  bool pays_to_wake() const { return last_ - first_ >= k_together; }

  /// Gives each worker chunks that follow each other: parents that lie together lead to the same states, and
  /// what another worker has just written takes long to get.
  void share_out_chunks() {
    for (std::size_t w = 0; w < workers_.size(); ++w) {
      workers_[w].next_chunk = chunk_count_ * w / workers_.size();
      workers_[w].end_chunk = chunk_count_ * (w + 1) / workers_.size();
    }
  }
  /// Expands the worker's chunks, and then what the others have left.
  void expand_chunks(unsigned worker) {
    for (std::size_t turn = 0; turn < workers_.size(); ++turn) {
      Worker& of = workers_[(worker + turn) % workers_.size()];
      for (std::size_t i = of.next_chunk++; i < of.end_chunk && !full_; i = of.next_chunk++)
        expand_chunk(worker, chunks_[i], first_ + i * k_chunk);
    }
  }
  void expand_chunk(unsigned worker, Chunk& chunk, std::size_t begin) {
    chunk.worker = worker;
    chunk.hits.clear();
    chunk.hits_of.fill(0);
    chunk.edges_of.fill(0);
    for (std::size_t at = begin; at < std::min(begin + k_chunk, last_) && !full_; ++at)
      expand(worker, chunk, at, begin);
    look_up_pending(worker, chunk, begin);
  }

  void expand(unsigned worker, Chunk& chunk, std::size_t at, std::size_t begin) {
    Worker& mine = workers_[worker];
    std::uint32_t action = 0;
    const bool folds = store_.folds();
    store_.open(static_cast<StateId>(at), mine.parent);
    model_.for_each_successor(mine.parent.state,
                              [&](const typename M::Action&, const State& next, Label label) {
                                Pending& one = mine.pending[mine.pending_count++];
                                one.lookup.state = next;
                                one.lookup.claim = claim_of(at, action++);
                                one.label = label;
                                if (folds && !store_.fold(one.lookup, &mine.parent)) full_ = true;
                                if (mine.pending_count == k_pending) look_up_pending(worker, chunk, begin);
                              });
    chunk.edges_of[at - begin] = action;
  }

  void look_up_pending(unsigned worker, Chunk& chunk, std::size_t begin) {
    Worker& mine = workers_[worker];
    const std::size_t count = std::exchange(mine.pending_count, 0);
    for (std::size_t i = 0; i < count; ++i) store_.prepare(mine.pending[i].lookup);
    for (std::size_t i = 0; i < count; ++i) store_.look(mine.pending[i].lookup);
    for (std::size_t i = 0; i < count && !full_; ++i) {
      const Pending& one = mine.pending[i];
      const auto answer = store_.find_or_add(worker, one.lookup, describer());
      if (answer.ref == Index::k_no_ref) full_ = true;
      if (!keep_edges_ && !answer.leads) continue;
      chunk.hits.push_back({answer.ref, static_cast<std::uint32_t>(one.lookup.claim), one.label});
      ++chunk.hits_of[(one.lookup.claim >> 32) - begin];
    }
  }

  /// Whether `hit`, of the parent `at`, is the one that discovers its state.
  bool discovers(const Hit& hit, std::size_t at) {
    return StoreOf<M>::provisional(hit.ref) && store_.found(hit.ref).claim == claim_of(at, hit.action);
  }
  /// Calls `visit(parent, hit)` for the hits of a chunk whose first parent is `begin`, in order.
  template <class Visit>
  void over_hits(const Chunk& chunk, std::size_t begin, const Visit& visit) {
    const Hit* hit = chunk.hits.data();
    for (std::size_t i = 0; i < parents_in(begin); ++i)
      for (std::uint32_t left = chunk.hits_of[i]; left > 0; --left) visit(begin + i, *hit++);
  }
  std::size_t parents_in(std::size_t begin) const { return std::min(k_chunk, last_ - begin); }

  void count_new(Chunk& chunk, std::size_t begin) {
    chunk.fresh_of.fill(0);
    over_hits(chunk, begin,
              [&](std::size_t at, const Hit& hit) { chunk.fresh_of[at - begin] += discovers(hit, at); });
    chunk.fresh = std::accumulate(chunk.fresh_of.begin(), chunk.fresh_of.end(), std::size_t{0});
  }

  /// Ends the round before the first parent that one worker would not have expanded any more.
  void cut_at(std::size_t max_states) {
    std::size_t known = store_.size();
    for (std::size_t i = 0; i < chunk_count_; ++i) {
      const std::size_t begin = first_ + i * k_chunk;
      if (known + chunks_[i].fresh <= max_states) {
        known += chunks_[i].fresh;
        continue;
      }
      std::size_t cut = last_;
      over_hits(chunks_[i], begin, [&](std::size_t at, const Hit& hit) {
        if (known > max_states) return;
        known += discovers(hit, at);
        if (known > max_states) cut = at + 1;
      });
      last_ = cut;
      chunk_count_ = (last_ - first_ + k_chunk - 1) / k_chunk;
      count_new(chunks_[i], begin);
      return;
    }
  }

  void settle() {
    std::size_t fresh = 0;
    for (std::size_t i = 0; i < chunk_count_; ++i) {
      Chunk& chunk = chunks_[i];
      chunk.first_id = static_cast<StateId>(store_.size() + fresh);
      fresh += chunk.fresh;
      for (std::size_t p = 0; p < parents_in(first_ + i * k_chunk); ++p) transitions_ += chunk.edges_of[p];
    }
    store_.begin_settling(fresh);
    over_chunks([this](unsigned worker, Chunk& chunk, std::size_t begin) {
      number_new(workers_[worker], chunk, begin);
    });
    if (keep_edges_)
      over_chunks([this](unsigned, Chunk& chunk, std::size_t begin) { encode_edges(chunk, begin); });
    graph_.goal.resize(store_.size() + fresh, false);
    for (std::size_t i = 0; i < chunk_count_; ++i) {
      for (const StateId id : chunks_[i].goals) graph_.goal[id] = true;
      broken_ = std::min(broken_, chunks_[i].broken);
      graph_.parent.append(chunks_[i].parents);
      if (keep_edges_) graph_.edges.append(chunks_[i].edges);
    }
    store_.end_settling(fresh);
    store_.release(last_);
    graph_.expanded = last_;
    growth_ = static_cast<double>(fresh) / static_cast<double>(last_ - first_);
  }

  void number_new(Worker& mine, Chunk& chunk, std::size_t begin) {
    StateId id = chunk.first_id;
    chunk.goals.clear();
    chunk.broken = k_no_state;
    chunk.parents.clear();
    for (std::size_t p = 0; p < parents_in(begin); ++p) chunk.parents.add(chunk.fresh_of[p]);
    over_hits(chunk, begin, [&](std::size_t at, const Hit& hit) {
      if (!discovers(hit, at)) return;
      Found& fresh = store_.found(hit.ref);
      count_witnesses(mine, fresh.witnesses);
      if (fresh.goal) chunk.goals.push_back(id);
      if (fresh.broken) chunk.broken = std::min(chunk.broken, id);
      store_.settle(fresh, id++);
    });
  }

  void encode_edges(Chunk& chunk, std::size_t begin) {
    chunk.edges.begin(static_cast<StateId>(begin), chunk.first_id);
    const Hit* hit = chunk.hits.data();
    for (std::size_t i = 0; i < parents_in(begin); ++i) {
      chunk.edges.begin_state(chunk.hits_of[i]);
      for (std::uint32_t left = chunk.hits_of[i]; left > 0; --left, ++hit) {
        const StateId to = StoreOf<M>::provisional(hit->ref) ? store_.found(hit->ref).id : hit->ref;
        chunk.edges.add(hit->label, discovers(*hit, begin + i), to);
      }
    }
  }

  const M& model_;
  StoreOf<M>& store_;
  Graph& graph_;
  const bool keep_edges_, invariants_;
  Team team_;
  std::vector<Worker> workers_;
  std::vector<Chunk> chunks_;
  std::size_t transitions_ = 0;
  std::size_t first_ = 0, last_ = 0, chunk_count_ = 0;
  StateId broken_ = k_no_state;
  double growth_ = 2;  // new states per parent, in the round before
  std::atomic<bool> full_{false};
};

}  // namespace unzap::explorer
