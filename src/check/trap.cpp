// SPDX-License-Identifier: Apache-2.0
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

/// The first step after which no schedule leads out: once that is so it stays so, hence halving.
void find_fatal_step(const Machine& machine, const Steps& stem, const IsDoomed& is_doomed,
                     CheckReport& report) {
  const State start = machine.initial();
  const auto fate_after = [&](std::size_t steps) {
    const State& state = steps == 0 ? start : stem[steps - 1].state;
    if (is_doomed)
      if (const std::optional<bool> known = is_doomed(state)) return *known ? Fate::doomed : Fate::open;
    return explorer::fate_of(machine, state, k_far_look_states);
  };
  report.fatal_exact = true;
  std::size_t open = 0, doomed = stem.size();  // doomed after so many steps; not known to be after `open`
  const Fate first = doomed == 0 ? Fate::trapped : fate_after(0);
  if (first == Fate::doomed || first == Fate::trapped) {
    report.fatal_step = 0;
    return;
  }
  report.fatal_exact = first == Fate::open;
  while (doomed - open > 1) {
    const std::size_t middle = open + (doomed - open) / 2;
    const Fate fate = fate_after(middle);
    const bool lost = fate == Fate::doomed || fate == Fate::trapped;
    (lost ? doomed : open) = middle;
    if (!lost) report.fatal_exact = fate == Fate::open;
  }
  report.fatal_step = doomed;
}

}  // namespace

void tell_way_into_trap(const Machine& machine, const Steps& stem, CheckReport& report,
                        const IsDoomed& is_doomed) {
  const From<Machine> from(machine, stem.empty() ? machine.initial() : stem.back().state);
  const auto found = explorer::explore(from);
  const explorer::Analysis analysis = explorer::analyse(found.graph);
  UNZAP_ASSERT(analysis.traps.size() == 1 && analysis.traps.front().states.size() == found.graph.size(),
               "a way of {} steps does not end in a trap", stem.size());
  const explorer::Trap& trap = analysis.traps.front();
  report.verdict = CheckVerdict::lockup;
  report.trap_kind = trap.deadlock ? "deadlock" : "livelock";
  report.trap_states = trap.states.size();
  std::vector<State> states;
  for (const StateId id : trap.states) states.push_back(found.store[id]);
  std::vector<bool> busy(machine.config().tasks.size(), false);
  for (std::size_t no = 0; no < busy.size(); ++no)
    busy[no] = explorer::waits_busily(found.graph, static_cast<std::uint8_t>(no), trap.states);
  report.tasks = tasks_in(machine, states, busy);
  report.containers = containers_in(machine, states, busy);
  report.picture = TrapPicture{machine.config(), states.front(), states[states.size() > 1 ? 1 : 0], busy};
  find_fatal_step(machine, stem, is_doomed, report);
  std::vector<StateId> round = explorer::cycle_through(found.graph, 0, trap.states);
  if (!round.empty()) round.push_back(0);
  report.trace.clear();
  report.loop.clear();
  const Steps loop = explorer::Follower(from, found).along(from.start(), round, explorer::k_no_actor);
  UNZAP_ASSERT(round.empty() || loop.size() + 1 == round.size(), "a cycle of {} steps does not run again",
               round.size());
  tell_lasso(machine, stem, loop, report);
}

void shorten(const Machine& machine, CheckReport& report, const IsDoomed& is_doomed) {
  std::vector<kernel::Action> way;
  for (const CheckStep& step : report.trace) way.push_back(step.action);
  const auto shrunk = explorer::shrink(machine, machine.initial(), way,
                                       [&](const State& end) { return is_trapped(machine, end, is_doomed); });
  report.minimal = shrunk.minimal;
  if (shrunk.minimal && shrunk.steps.size() < way.size())
    tell_way_into_trap(machine, shrunk.steps, report, is_doomed);
}

}  // namespace unzap
