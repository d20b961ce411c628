// SPDX-License-Identifier: Apache-2.0
//
// From a way into a trap to a counterexample that one can read.
//
// A search ends with a state from which nothing leads out, and with some way there: 49 steps for npm-zombie,
// thousands for a random schedule. A reader wants three things of it: no step that does not matter, what is
// wrong in the trap, and the step that made it so. They are found in this order, each once.
//
// Cut. explorer/shrink.hpp leaves steps out as long as the rest still ends in a trap. It need not be the
// same trap: a worker that spins on CPU 1 instead of CPU 0 is as good an answer. So what is known of the
// first trap is of no use afterwards, and nothing is looked at before the way is as short as it gets.
//
// Look. From the end of the way all that can be reached is explored, with the bare machine. For a true trap
// that is the trap itself: one strongly connected component, no goal, usually a handful of states (four for
// npm-zombie). Whatever holds in every one of them holds forever: a task that is TASK_UNINTERRUPTIBLE in all
// is hung, one that is queued in all is starved, one that has a cycle of its own without sleeping spins. The
// assertion on the component is the proof that the cut way still is a counterexample, whatever the larger
// search did or left out.
//
// The fatal step. A state is doomed when no goal can be reached from it; then the same holds for all of its
// successors. Along a way, states are open, open, ..., doomed, doomed: the change happens once, so halving
// finds it, with 6 questions for 49 steps. A question is answered by the search if it kept its states
// (IsDoomed), else by a search from that state, which may give up; giving up counts as open, moves the answer
// towards the end, and is told: fatal_exact is false, and the reports say "at the latest". For npm-zombie it
// is step 23, exit_notify() of the leader of init, which makes the io-wq worker child_reaper: from then on
// the worker must wait for children in zap_pid_ns_processes(), with a flag set that it will never clear.
//
// What it costs: shrinking runs the way once for each step that is tried, and asks is_trapped() for those
// that run through to their end. Most do not, since a later action is not possible any more.
#include "check/trap.hpp"

#include "check/victims.hpp"
#include "explorer/fate.hpp"
#include "explorer/shrink.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

using explorer::Fate;
using explorer::From;
using explorer::StateId;
using kernel::Machine;
using kernel::State;

// Behind a state in a trap there are few others; behind one that is not, walks find a goal soon.
constexpr std::size_t k_look_states = 50'000;
// For the one question which step is fatal.
constexpr std::size_t k_far_look_states = 500'000;

bool is_trapped(const Machine& machine, const State& state, const IsDoomed& is_doomed) {
  if (is_doomed && !is_doomed(state).value_or(true)) return false;
  return explorer::fate_of(machine, state, k_look_states) == Fate::trapped;
}

/// Takes out of a way into a trap what is not needed for one; the trap need not be the same then. A way that
/// cannot be cut stays, and is not called minimal.
Counterexample cut(const Machine& machine, const Steps& way, const IsDoomed& is_doomed) {
  std::vector<kernel::Action> actions;
  for (const auto& step : way) actions.push_back(step.action);
  auto shrunk = explorer::shrink(machine, machine.initial(), actions,
                                 [&](const State& end) { return is_trapped(machine, end, is_doomed); });
  Counterexample out;
  out.minimal = shrunk.minimal;
  out.stem = shrunk.minimal ? std::move(shrunk.steps) : way;
  return out;
}

/// What the trap at the end of the stem is like: who spins and who hangs there, and how it goes round.
void look_into_trap(const Machine& machine, Counterexample& out) {
  const From<Machine> from(machine, out.stem.empty() ? machine.initial() : out.stem.back().state);
  const auto found = explorer::explore(from);
  const explorer::Analysis analysis = explorer::analyse(found.graph);
  UNZAP_ASSERT(analysis.traps.size() == 1 && analysis.traps.front().states.size() == found.graph.size(),
               "a way of {} steps does not end in a trap", out.stem.size());
  const explorer::Trap& trap = analysis.traps.front();
  out.trap = trap.deadlock ? TrapKind::deadlock : TrapKind::livelock;
  out.trap_states = trap.states.size();
  std::vector<State> states;
  for (const StateId id : trap.states) states.push_back(found.store[id]);
  std::vector<bool> busy(machine.config().tasks.size(), false);
  for (std::size_t no = 0; no < busy.size(); ++no)
    busy[no] = explorer::waits_busily(found.graph, static_cast<std::uint8_t>(no), trap.states);
  out.tasks = tasks_in(machine, states, busy);
  out.containers = containers_in(machine, states, busy);
  out.picture = TrapPicture{machine.config(), states.front(), states[states.size() > 1 ? 1 : 0], busy};
  std::vector<StateId> round = explorer::cycle_through(found.graph, 0, trap.states);
  if (round.empty()) return;
  round.push_back(0);
  out.loop = explorer::Follower(from, found).along(from.start(), round, explorer::k_no_actor);
  UNZAP_ASSERT(out.loop.size() + 1 == round.size(), "a cycle of {} steps does not run again", round.size());
}

/// The first step after which no schedule leads out: once that is so it stays so, hence halving.
void find_fatal_step(const Machine& machine, const IsDoomed& is_doomed, Counterexample& out) {
  const State start = machine.initial();
  const auto fate_after = [&](std::size_t steps) {
    const State& state = steps == 0 ? start : out.stem[steps - 1].state;
    if (is_doomed)
      if (const std::optional<bool> known = is_doomed(state)) return *known ? Fate::doomed : Fate::open;
    return explorer::fate_of(machine, state, k_far_look_states);
  };
  const auto is_lost = [](Fate fate) { return fate == Fate::doomed || fate == Fate::trapped; };
  std::size_t open = 0,
              doomed = out.stem.size();  // doomed after this many steps; not known to be after `open`
  const Fate first = doomed == 0 ? Fate::trapped : fate_after(0);
  if (is_lost(first)) return;
  out.fatal_exact = first == Fate::open;
  while (doomed - open > 1) {
    const std::size_t middle = open + (doomed - open) / 2;
    const Fate fate = fate_after(middle);
    (is_lost(fate) ? doomed : open) = middle;
    if (!is_lost(fate)) out.fatal_exact = fate == Fate::open;
  }
  out.fatal_step = doomed;
}

}  // namespace

Counterexample lockup_of(const Machine& machine, const Steps& way, const IsDoomed& is_doomed) {
  Counterexample out = cut(machine, way, is_doomed);
  look_into_trap(machine, out);
  find_fatal_step(machine, is_doomed, out);
  replay_or_die(machine, out);
  return out;
}

}  // namespace unzap
