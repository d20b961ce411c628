// SPDX-License-Identifier: Apache-2.0
#include "check/victims.hpp"

#include <algorithm>

#include "explorer/explore.hpp"

namespace unzap {
namespace {

using kernel::Machine;
using kernel::State;

/// How far the question whether all would end may be followed; beyond it nobody is called a victim.
constexpr std::size_t k_most_states = 1'000'000;

bool gone(const Machine& machine, const State& s, std::size_t container) {
  for (kernel::TaskNo no = 0; no < machine.config().tasks.size(); ++no)
    if (machine.config().tasks[no].container == container &&
        s.tasks[no].exit_state != kernel::ExitState::released)
      return false;
  return true;
}

bool spins(const Machine& machine, const std::vector<bool>& busy, std::size_t container) {
  for (kernel::TaskNo no = 0; no < busy.size(); ++no)
    if (busy[no] && machine.config().tasks[no].container == container) return true;
  return false;
}

/// With the flags of the spinning tasks cleared, everything ends in every schedule.
bool all_would_end(const Machine& machine, State s, const std::vector<bool>& busy) {
  for (kernel::TaskNo no = 0; no < busy.size(); ++no)
    if (busy[no]) s.tasks[no].tif = 0;
  const auto found = explorer::explore(machine.started_at(s), {.max_states = k_most_states});
  return found.graph.complete() && explorer::analyse(found.graph).doomed_count == 0;
}

}  // namespace

std::vector<CheckContainer> containers_in(const Machine& machine, const std::vector<State>& trap,
                                          const std::vector<bool>& busy) {
  const kernel::Config& config = machine.config();
  if (config.containers.size() < 2) return {};
  const bool somebody_spins = std::find(busy.begin(), busy.end(), true) != busy.end();
  const bool others_would_end = somebody_spins && all_would_end(machine, trap.front(), busy);
  std::vector<CheckContainer> out;
  for (std::size_t no = 0; no < config.containers.size(); ++no) {
    CheckContainer container;
    container.name = config.tasks[config.containers[no].leader].comm;
    const bool is_gone =
        std::all_of(trap.begin(), trap.end(), [&](const State& s) { return gone(machine, s, no); });
    container.fate = others_would_end ? ContainerFate::victim : ContainerFate::stuck;
    if (spins(machine, busy, no)) container.fate = ContainerFate::spins;
    if (is_gone) container.fate = ContainerFate::gone;
    out.push_back(std::move(container));
  }
  return out;
}

}  // namespace unzap
