// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <functional>
#include <mutex>
#include <string_view>
#include <thread>
#include <unordered_map>
#include <vector>

#include "explorer/fate.hpp"
#include "explorer/model.hpp"

namespace unzap::explorer {

/// How a walk drawn at random ended.
enum class WalkEnd : std::uint8_t {
  goal,       ///< it came to a goal
  doomed,     ///< it came to a state from which no schedule reaches a goal
  broken,     ///< it came to a state that breaks an invariant of the model
  undecided,  ///< none of these within its steps
};

/// One walk.
template <Model M>
struct RandomWalk {
  WalkEnd end = WalkEnd::undecided;
  bool busy = false;                        ///< an actor came back to a state by busy moves of its own alone
  std::vector<typename M::Action> actions;  ///< all of it
};

struct WalkLimits {
  std::size_t steps = 10000;        ///< of one walk
  std::size_t look_states = 50000;  ///< behind a state, to say what can become of it
  bool invariants = false;          ///< ask every state whether it breaks one
};

/// Walks from the initial state. Each step is drawn uniformly from the actions that are possible, whoever's
/// they are. A walk ends at a goal, or when it is known to be doomed: where it comes back to a state that it
/// was in before (and at most every time that its length has doubled since), where nothing is possible, and
/// where its steps are used up, what can be reached is looked at.
template <Model M>
class Walker {
 public:
  using State = typename M::State;

  Walker(const M& model, WalkLimits limits) : model_(model), limits_(limits) {}

  RandomWalk<M> walk(std::uint64_t seed) const {
    RandomWalk<M> out;
    Random random(seed);
    State at = model_.initial();
    Past past;
    std::size_t look_at = 0;
    for (std::size_t step = 0;; ++step) {
      if (limits_.invariants && !violated(model_, at).empty()) return finish(out, WalkEnd::broken);
      if (model_.is_goal(at)) return finish(out, WalkEnd::goal);
      const bool seen = past.visit(at, step, out.busy);
      if (step == limits_.steps || (seen && step >= look_at)) {
        if (is_doomed(at)) return finish(out, WalkEnd::doomed);
        if (step == limits_.steps) return out;
        look_at = 2 * step;
      }
      if (!take_one(at, random, past, out)) return finish(out, WalkEnd::doomed);
    }
  }

 private:
  /// What the walk remembers of its states: when it was there last, and since when one actor alone has moved
  /// busily.
  struct Past {
    std::unordered_map<std::uint64_t, std::size_t> last;
    std::size_t alone_since = 0;
    std::uint8_t alone = k_no_actor;

    bool visit(const State& at, std::size_t step, bool& busy) {
      const std::uint64_t print = XXH3_64bits(&at, sizeof(at));
      const auto [where, is_new] = last.try_emplace(print, step);
      if (!is_new && alone != k_no_actor && where->second >= alone_since) busy = true;
      where->second = step;
      return !is_new;
    }
    void moved(Label label, std::size_t step) {
      if (label.busy && label.actor == alone) return;
      alone = label.busy ? label.actor : k_no_actor;
      alone_since = step;
    }
  };

  static RandomWalk<M> finish(RandomWalk<M>& walk, WalkEnd end) {
    walk.end = end;
    return std::move(walk);
  }

  bool is_doomed(const State& at) const {
    const Fate fate = fate_of(model_, at, limits_.look_states);
    return fate == Fate::doomed || fate == Fate::trapped;
  }

  /// False when nothing is possible.
  bool take_one(State& at, Random& random, Past& past, RandomWalk<M>& out) const {
    std::size_t count = 0;
    model_.for_each_successor(at, [&](const typename M::Action&, const State&, Label) { ++count; });
    if (count == 0) return false;
    const std::size_t drawn = random.below(count);
    std::size_t i = 0;
    State next = at;
    Label label;
    model_.for_each_successor(at, [&](const typename M::Action& action, const State& to, Label l) {
      if (i++ != drawn) return;
      out.actions.push_back(action);
      next = to;
      label = l;
    });
    past.moved(label, out.actions.size() - 1);
    at = next;
    return true;
  }

  const M& model_;
  WalkLimits limits_;
};

/// What many walks came to.
template <Model M>
struct Simulation {
  std::size_t runs = 0;  ///< done; fewer than asked for when it was interrupted
  std::size_t goals = 0, busy = 0, doomed = 0, broken = 0, undecided = 0;
  std::size_t steps = 0;  ///< of all walks together
  std::size_t shortest_run =
      0;                   ///< which walk has the fewest steps of the broken ones, or else of the doomed
  RandomWalk<M> shortest;  ///< that walk, when `broken` or `doomed` is not 0

  void count(const RandomWalk<M>& walk) {
    ++(walk.end == WalkEnd::broken   ? broken
       : walk.end == WalkEnd::doomed ? doomed
       : walk.busy                   ? busy
       : walk.end == WalkEnd::goal   ? goals
                                     : undecided);
  }
  /// Whether `walk`, the one with the number `run`, is to be shown rather than `shortest`.
  bool prefers(const RandomWalk<M>& walk, std::size_t run) const {
    if (worth(walk.end) != worth(shortest.end)) return worth(walk.end) > worth(shortest.end);
    if (worth(walk.end) == 0) return false;
    if (walk.actions.size() != shortest.actions.size()) return walk.actions.size() < shortest.actions.size();
    return run < shortest_run;
  }

 private:
  static int worth(WalkEnd end) { return end == WalkEnd::broken ? 2 : end == WalkEnd::doomed ? 1 : 0; }
};

/// Called after each walk with the number of those that are done; answering false interrupts.
using WalkWatch = std::function<bool(std::size_t)>;

/// `runs` walks; walk i has its numbers from `seed` and i alone, so the answer is the same whatever the
/// number of workers. Each walk counts once: as broken or doomed; else as busy, if it was that on its way;
/// else by its end.
template <Model M>
Simulation<M> simulate(const M& model, std::size_t runs, std::uint64_t seed, WalkLimits limits,
                       unsigned workers = 1, const WalkWatch& watch = {}) {
  Simulation<M> out;
  std::mutex mutex;
  std::atomic<std::size_t> next{0};
  std::atomic<bool> go_on{true};
  const Walker<M> walker(model, limits);
  const auto work = [&] {
    while (go_on) {
      const std::size_t run = next++;
      if (run >= runs) return;
      RandomWalk<M> walk = walker.walk(Random(seed ^ Random(run).next()).next());
      const std::lock_guard lock(mutex);
      ++out.runs;
      out.steps += walk.actions.size();
      out.count(walk);
      if (out.prefers(walk, run)) {
        out.shortest = std::move(walk);
        out.shortest_run = run;
      }
      if (watch && !watch(out.runs)) go_on = false;
    }
  };
  std::vector<std::thread> team;
  for (unsigned i = 1; i < workers; ++i) team.emplace_back(work);
  work();
  for (std::thread& one : team) one.join();
  return out;
}

}  // namespace unzap::explorer
