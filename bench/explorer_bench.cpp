// SPDX-License-Identifier: Apache-2.0
// explorer_bench MODEL WORKERS safety|exact|compact [SCENARIO]: one search, and one line of what it took:
// states, transitions, seconds, bytes held, bytes of those for edges.
#include <fmt/format.h>

#include <cstdlib>
#include <string_view>

#include "bench/models.hpp"
#include "explorer/explore.hpp"
#include "kernel/machine.hpp"

namespace {

using namespace unzap;

template <class M>
int run(const M& model, unsigned workers, explorer::Memory memory) {
  const auto found = explorer::explore(model, {}, {}, workers, memory);
  fmt::print("{} {} {:.6f} {} {}\n", found.progress.states, found.progress.transitions,
             found.progress.seconds, found.progress.bytes, found.progress.edge_bytes);
  return 0;
}

int run_kernel(const char* file, kernel::Preempt preempt, unsigned workers, explorer::Memory memory) {
  const auto scenario = kernel::load_scenario(file);
  if (!scenario) return 1;
  kernel::Scenario larger = *scenario;
  larger.cpus = 3;
  return run(kernel::Machine(larger, kernel::find_kernel("v5.15.160")->variant, preempt), workers, memory);
}

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) return 64;
  const std::string_view model = argv[1], keeps = argv[3];
  const auto workers = static_cast<unsigned>(std::atoi(argv[2]));
  const explorer::Memory memory{keeps == "compact" ? explorer::Keep::fingerprints : explorer::Keep::states,
                                keeps != "safety"};
  if (model == "peterson4") return run(bench::Peterson{}, workers, memory);
  if (model == "leader9") return run(bench::Leader{}, workers, memory);
  if (model == "buffer5") return run(bench::Buffer{}, workers, memory);
  if (model == "kernel" && argc > 4) return run_kernel(argv[4], kernel::Preempt::full, workers, memory);
  return 64;
}
