// SPDX-License-Identifier: Apache-2.0
#include "linux/task_status.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "linux/task_state.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

template <class Int>
Reading<Int> reading(std::optional<Int> value) {
  return value ? Reading<Int>(*value) : Reading<Int>();
}

template <class T>
void replace(Reading<T>& field, const Reading<T>& read) {
  if (read) field = read;
}

}  // namespace

bool is_status_line(std::string_view line) {
  for (const std::string_view key :
       {"SigPnd:", "ShdPnd:", "SigBlk:", "SigIgn:", "SigCgt:", "NSpid:", "NStgid:", "TracerPid:",
        "CoreDumping:", "voluntary_ctxt_switches:", "nonvoluntary_ctxt_switches:", "VmRSS:", "VmSize:",
        "VmPeak:", "FDSize:", "Ngid:", "SigQ:"})
    if (line.starts_with(key)) return true;
  return false;
}

bool StatusBlock::take_number(std::string_view key, std::string_view value) {
  struct Small {
    std::string_view key;
    Reading<std::int32_t> StatusBlock::*field;
  };
  struct Large {
    std::string_view key;
    Reading<std::uint64_t> StatusBlock::*field;
    int base;
  };
  constexpr Small k_small[] = {{"Pid", &StatusBlock::tid},
                               {"Tgid", &StatusBlock::tgid},
                               {"PPid", &StatusBlock::ppid},
                               {"TracerPid", &StatusBlock::tracer_pid},
                               {"Threads", &StatusBlock::threads}};
  constexpr Large k_large[] = {{"SigPnd", &StatusBlock::pending_private, 16},
                               {"ShdPnd", &StatusBlock::pending_shared, 16},
                               {"SigBlk", &StatusBlock::blocked, 16},
                               {"SigIgn", &StatusBlock::ignored, 16},
                               {"voluntary_ctxt_switches", &StatusBlock::voluntary, 10},
                               {"nonvoluntary_ctxt_switches", &StatusBlock::nonvoluntary, 10}};
  const std::string_view number = value.substr(0, value.find_first_of(" \t,"));
  for (const Small& known : k_small)
    if (known.key == key) {
      if (this->*known.field) return false;
      this->*known.field = reading(parse_number<std::int32_t>(number));
      return true;
    }
  for (const Large& known : k_large)
    if (known.key == key) {
      if (this->*known.field) return false;
      this->*known.field = reading(parse_number<std::uint64_t>(number, known.base));
      last_seen |= key.starts_with("non");
      return true;
    }
  return false;
}

bool StatusBlock::take_text(std::string_view key, std::string_view value) {
  if (key == "Name") {
    if (name) return false;
    name = std::string(value);
  } else if (key == "State") {
    if (state || value.empty() || !is_task_state(value[0])) return false;
    state = value[0];
  } else if (key == "CoreDumping") {
    core_dumping = value == "1";
  } else if (key == "NSpid") {
    if (ns_pids) return false;
    constexpr std::size_t k_deepest = 33;  // namespaces nest 32 deep
    std::vector<std::int32_t> pids;
    for (const std::string_view word : split_words(value))
      if (const auto pid = parse_number<std::int32_t>(word); pid && pids.size() < k_deepest)
        pids.push_back(*pid);
    ns_pids = std::move(pids);
  } else if (key.starts_with("Vm") || key.starts_with("Rss")) {
    vm_seen = true;
  } else {
    return false;
  }
  return true;
}

bool StatusBlock::take(std::string_view line) {
  const std::size_t colon = line.find(':');
  if (colon == std::string_view::npos || colon > 32) return false;
  const std::string_view key = line.substr(0, colon);
  const std::string_view value = trim(line.substr(colon + 1));
  if (take_number(key, value) || take_text(key, value)) return any = true;
  constexpr std::array<std::string_view, 32> k_others = {"Umask",
                                                         "Ngid",
                                                         "Uid",
                                                         "Gid",
                                                         "FDSize",
                                                         "Groups",
                                                         "NStgid",
                                                         "NSpgid",
                                                         "NSsid",
                                                         "Kthread",
                                                         "HugetlbPages",
                                                         "THP_enabled",
                                                         "untag_mask",
                                                         "SigQ",
                                                         "SigCgt",
                                                         "CapInh",
                                                         "CapPrm",
                                                         "CapEff",
                                                         "CapBnd",
                                                         "CapAmb",
                                                         "NoNewPrivs",
                                                         "Seccomp",
                                                         "Seccomp_filters",
                                                         "Speculation_Store_Bypass",
                                                         "SpeculationIndirectBranch",
                                                         "Cpus_allowed",
                                                         "Cpus_allowed_list",
                                                         "Mems_allowed",
                                                         "Mems_allowed_list",
                                                         "x86_Thread_features",
                                                         "x86_Thread_features_locked",
                                                         "ShadowStack"};
  return std::find(k_others.begin(), k_others.end(), key) != k_others.end();
}

Reading<std::uint64_t> StatusBlock::switches() const {
  if (!voluntary || !nonvoluntary) return {};
  return *voluntary + *nonvoluntary;
}

void put_status(const StatusBlock& block, Task& task) {
  replace(task.tgid, block.tgid);
  replace(task.ppid, block.ppid);
  replace(task.tracer_pid, block.tracer_pid);
  replace(task.threads, block.threads);
  replace(task.ns_pids, block.ns_pids);
  replace(task.pending_private, block.pending_private);
  replace(task.pending_shared, block.pending_shared);
  replace(task.blocked, block.blocked);
  replace(task.ignored, block.ignored);
  replace(task.core_dumping, block.core_dumping);
  if (block.vm_seen || block.whole()) task.has_mm = block.vm_seen;
}

bool parse_status(std::string_view text, Task& task, Reading<std::uint64_t>& switches) {
  StatusBlock block;
  while (!text.empty()) block.take(take_line(text));
  if (!block.state) return false;
  put_status(block, task);
  task.state = block.state;
  task.has_mm = block.vm_seen;  // no Vm lines: past exit_mm, or a kernel thread
  replace(switches, block.switches());
  return true;
}

}  // namespace unzap
