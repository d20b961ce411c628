// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/verify.hpp"

#include <fmt/format.h>
#include <linux/membarrier.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>

#include "rescue/apply/child.hpp"
#include "sources/procfs/parse.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_small_file = 8192;

}  // namespace

std::optional<TaskNow> look_at(const TaskId& id) {
  const std::string folder =
      fmt::format("/proc/{}", id.tid);  // a thread that is no leader is found here, too
  const auto stat = read_file(folder + "/stat", k_small_file);
  if (!stat) return std::nullopt;
  const auto parsed = parse_stat(stat->text);
  if (!parsed || !parsed->start_ticks.is(id.start_ticks)) return std::nullopt;
  TaskNow now{parsed->state, parsed->flags.value_or(0), 0};
  if (const auto status = read_file(folder + "/status", k_small_file)) {
    Task ignored;
    Reading<std::uint64_t> switches;
    if (parse_status(status->text, ignored, switches)) now.switches = switches.value_or(0);
    if (now.state == 'Z' && ignored.threads.value_or(2) > 1)
      now.state = 'z';  // its other threads are still there
  }
  return now;
}

std::vector<Awaited> begin_to_await(const std::vector<RescueTarget>& targets) {
  std::vector<Awaited> out;
  for (const RescueTarget& target : targets)
    if (const auto now = look_at(target.id))
      out.push_back({target, (now->flags & k_pf_exiting) != 0, now->switches});
  return out;
}

std::vector<Awaited> not_yet_free(const std::vector<Awaited>& awaited) {
  std::vector<Awaited> out;
  for (const Awaited& one : awaited) {
    const auto now = look_at(one.target.id);
    if (!now || now->state == 'Z' || now->state == 'X') continue;
    if (one.exiting || now->switches == one.switches) out.push_back(one);
  }
  return out;
}

std::optional<bool> rcu_completes(double seconds) {
  constexpr int k_no_such_call = 2;
  const auto status = in_child(seconds, [] {
    if (::syscall(SYS_membarrier, MEMBARRIER_CMD_GLOBAL, 0, 0) == 0) return 0;
    return k_no_such_call;
  });
  if (!status) return false;
  if (*status == k_no_such_call) return std::nullopt;
  return true;
}

}  // namespace unzap
