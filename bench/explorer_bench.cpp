// SPDX-License-Identifier: Apache-2.0
// explorer_bench MODEL WORKERS safety|exact|compact [SCENARIO [NAME=VALUE...]]: one search, and one line of
// what it took: states, transitions, seconds, bytes held, bytes of those for edges; with MODEL kernel also
// seconds with the analysis, traps, busy waits. NAME is one of cpus, containers, bystanders, child (of each
// bystander, named before), migrations, livepatches, workers (of the ring), kernel, preempt, reduce (none,
// symmetry, order, both), max_states.
#include <fmt/format.h>

#include <chrono>
#include <cstdlib>
#include <string>
#include <string_view>

#include "bench/models.hpp"
#include "explorer/explore.hpp"
#include "explorer/reductions.hpp"
#include "kernel/machine/machine.hpp"
#include "kernel/story/test_cast.hpp"

namespace {

using namespace unzap;

template <class M>
int run(const M& model, unsigned workers, explorer::Memory memory) {
  const auto found = explorer::explore(model, {}, {}, workers, memory);
  fmt::print("{} {} {:.6f} {} {}\n", found.progress.states, found.progress.transitions,
             found.progress.seconds, found.progress.bytes, found.progress.edge_bytes);
  return 0;
}

struct KernelJob {
  kernel::Scenario scenario;
  std::string kernel = "v5.15.160", preempt = "full", reduce = "none";
  explorer::Limits limits;
};

template <class M>
int prove(const M& model, const KernelJob& job, unsigned workers, explorer::Memory memory) {
  const auto start = std::chrono::steady_clock::now();
  const auto found = explorer::explore(model, job.limits, {}, workers, memory);
  const auto analysis = explorer::analyse(found.graph, workers);
  const double seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  fmt::print("{} {} {:.6f} {} {} {:.6f} {} {} {}\n", found.progress.states, found.progress.transitions,
             found.progress.seconds, found.progress.bytes, found.progress.edge_bytes, seconds,
             analysis.traps.size(), analysis.busy_waits.size(), explorer::name(found.stop));
  return 0;
}

/// The second container of the scenario, which it gets if it has none, that many times.
void set_bystanders(kernel::Scenario& scenario, std::uint8_t number) {
  if (number == 0) return;
  if (scenario.containers.size() < 2) kernel::add_containers(scenario, "bystander");
  scenario.containers[1].count = number;
}

bool set(KernelJob& job, std::string_view name, const std::string& value) {
  const auto number = static_cast<std::uint8_t>(std::atoi(value.c_str()));
  if (name == "cpus")
    job.scenario.cpus = number;
  else if (name == "containers")
    job.scenario.containers[0].count = number;
  else if (name == "bystanders")
    set_bystanders(job.scenario, number);
  else if (name == "child")
    kernel::add_process(job.scenario, value);
  else if (name == "migrations")
    job.scenario.environment.cgroup_migrations = number;
  else if (name == "livepatches")
    job.scenario.environment.livepatches = number;
  else if (name == "workers")
    ring_of(job.scenario).workers.assign(number, kernel::WorkerStart::idle);
  else if (name == "kernel")
    job.kernel = value;
  else if (name == "preempt")
    job.preempt = value;
  else if (name == "reduce")
    job.reduce = value;
  else if (name == "max_states")
    job.limits.max_states = std::strtoull(value.c_str(), nullptr, 10);
  else
    return false;
  return true;
}

int run_kernel(int argc, char** argv, unsigned workers, explorer::Memory memory) {
  const auto scenario = kernel::load_scenario(argv[4]);
  if (!scenario) return 1;
  KernelJob job{*scenario};
  for (int i = 5; i < argc; ++i) {
    const std::string_view word = argv[i];
    const std::size_t equals = word.find('=');
    if (equals == std::string_view::npos ||
        !set(job, word.substr(0, equals), std::string(word.substr(equals + 1))))
      return 64;
  }
  const auto preempt = kernel::parse_preempt(job.preempt);
  const auto preset = kernel::find_kernel(job.kernel);
  if (!preempt || !preset) return 64;
  const kernel::Machine machine(job.scenario, preset->variant, *preempt);
  const explorer::PartialOrder ordered(machine);
  if (job.reduce == "none") return prove(machine, job, workers, memory);
  if (job.reduce == "symmetry") return prove(explorer::Symmetric(machine), job, workers, memory);
  if (job.reduce == "order") return prove(ordered, job, workers, memory);
  if (job.reduce == "both") return prove(explorer::Symmetric(ordered), job, workers, memory);
  return 64;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  const std::string_view model = argv[1], keeps = argv[3];
  const auto workers = static_cast<unsigned>(std::atoi(argv[2]));
  const explorer::Memory memory{keeps == "compact" ? explorer::Keep::fingerprints : explorer::Keep::states,
                                keeps != "safety"};
  if (model == "peterson4") return run(bench::Peterson{}, workers, memory);
  if (model == "leader10") return run(bench::Leader{}, workers, memory);
  if (model == "buffer5") return run(bench::Buffer{}, workers, memory);
  if (model == "kernel" && argc > 4) return run_kernel(argc, argv, workers, memory);
  return 64;
}
