// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/details.hpp"

#include <fmt/format.h>
#include <signal.h>

#include <algorithm>
#include <array>
#include <optional>
#include <string_view>
#include <utility>

#include "linux/cgroup.hpp"
#include "linux/frames.hpp"
#include "linux/namespace_link.hpp"
#include "linux/task_stat.hpp"
#include "linux/task_status.hpp"
#include "snapshot/container.hpp"
#include "sources/procfs/ancestry.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

// Places in detail_items(). cgroup stands last: it takes a lock that a jam of cgroups holds.
// The rest of a task's files is not read once one of them blocks, so what proves whose member it is comes
// before what takes its exec_update_lock (lock_trace(), fs/proc/base.c).
enum Item : std::size_t { k_stat, k_status, k_pid_ns, k_mnt_ns, k_wchan, k_syscall, k_stack, k_cgroup };

struct OpenQuestion {
  std::string_view fact;
  std::string_view leaves_open;
};

constexpr std::array<OpenQuestion, 7> k_open_questions{{
    {"stack", "where in the kernel a stuck task waits, and with it most causes"},
    {"syscall", "which system call it is in"},
    {"wchan", "the function it sleeps in"},
    {"ns/pid", "which pid namespace it belongs to"},
    {"ns/mnt", "whether it still holds its mount namespace"},
    {"perf_event", "where a task is that runs in the kernel"},
    {"/dev/kmsg", "soft lockup, RCU stall and hung task reports"},
}};

/// Set while a task's stack file was read with success and held no frame; settle_absences says what that
/// means.
bool is_empty(const Reading<Stack>& stack) {
  return stack && stack->frames.empty();
}

bool is_zombie(const Task& task) {
  return task.state.is('Z') || task.state.is('X');
}

/// True when a look found the task on a CPU, or when it cannot be asleep: a dying task that re-arms its wait
/// in a loop shows S half of the time while it never leaves the CPU.
bool seems_running(const Task& task) {
  if (task.state.is('R') || task.syscall.is("running")) return true;
  const bool seen_running = std::any_of(task.samples.begin(), task.samples.end(),
                                        [](const TaskSample& sample) { return sample.state == 'R'; });
  if (seen_running) return true;
  const auto use = rate(task);
  return use && use->system_percent > 0;
}

Reading<std::uint64_t> namespace_of(const ReadResult& link) {
  if (!link.text) return *link.text.absence();
  if (const auto inode = parse_namespace_link(*link.text)) return *inode;
  return Absence::not_in_this_kernel;
}

Reading<std::string> word_of(const ReadResult& file) {
  if (!file.text) return file.text;
  return std::string(trim(*file.text));
}

void apply_stack(const ReadResult& answer, Task& task, std::vector<Problem>& problems) {
  if (!answer.text) {
    task.stack = *answer.text.absence();
    return;
  }
  const std::string where = task.where + "/stack";
  std::optional<Stack> stack = parse_stack_file(*answer.text, where);
  if (stack) {
    task.stack = std::move(*stack);
  } else {
    task.stack = Absence::not_in_this_kernel;
    problems.push_back({where, "is not a stack file"});
  }
}

void apply_cgroup(const ReadResult& answer, Task& task, std::map<std::string, CgroupPaths>& cgroups) {
  if (!answer.text) {
    task.cgroup = *answer.text.absence();
    task.container = *answer.text.absence();
    return;
  }
  const CgroupPaths paths = parse_cgroup(*answer.text);
  const std::string& best = paths.best();
  if (best.empty()) return;
  task.cgroup = best;
  // Tasks of one path may differ in the hierarchy of the v1 freezer, which then tells them apart.
  const auto [known, fresh] = cgroups.emplace(best, paths);
  if (!fresh && known->second.freezer != paths.freezer && paths.freezer.size() > 1) {
    task.cgroup = paths.freezer;
    cgroups.emplace(paths.freezer, paths);
  }
  if (const std::string id(container_id(best)); !id.empty()) task.container = id;
}

bool same_task(const StatLine& line, const Task& task) {
  return !task.start_ticks || *task.start_ticks == *line.start_ticks;
}

bool is_gone(const ReadResult& result) {
  return result.text.absence() && *result.text.absence() == Absence::gone;
}

}  // namespace

std::string Gaps::text() const {
  if (refused_.empty()) return {};
  std::string facts;
  std::string open;
  for (const auto& [fact, count] : refused_) {
    facts += fmt::format("{}{}", facts.empty() ? "" : ", ", fact);
    if (count > 0) facts += fmt::format(" ({} task{})", count, count == 1 ? "" : "s");
    for (const OpenQuestion& question : k_open_questions)
      if (question.fact == fact) open += fmt::format("{}{}", open.empty() ? "" : "; ", question.leaves_open);
  }
  return fmt::format("not permitted: {}. That leaves open: {}. Run as root to see them", facts,
                     open.empty() ? "what they hold" : open);
}

const std::vector<ReadItem>& detail_items() {
  static const std::vector<ReadItem> items{{ReadKind::file, "stat"},       {ReadKind::file, "status"},
                                           {ReadKind::ancestry, "ns/pid"}, {ReadKind::link, "ns/mnt"},
                                           {ReadKind::file, "wchan"},      {ReadKind::file, "syscall"},
                                           {ReadKind::file, "stack"},      {ReadKind::file, "cgroup"}};
  return items;
}

bool apply_stat(const ReadResult& stat, Task& task) {
  if (const Absence* why = stat.text.absence()) {
    task.state = *why;
    return true;
  }
  const auto line = parse_stat(*stat.text);
  if (!line) return false;
  task.start_ticks = line->start_ticks;
  task.comm = std::string(line->comm);
  task.state = line->state;
  task.ppid = line->ppid;
  task.flags = line->flags;
  task.processor = line->processor;
  task.threads = line->threads;
  // Nothing else of that field is whole: it lacks the signals above 31 (do_task_stat(), fs/proc/array.c).
  if (line->pending.value_or(0) & signal_bit(SIGKILL)) task.pending_private = *line->pending;
  task.samples = {{stat.at_seconds, line->state, *line->utime_ticks, *line->stime_ticks, Absence::not_asked}};
  return true;
}

bool apply_details(const std::vector<ReadResult>& answers, Task& task, Gaps& gaps,
                   std::map<std::string, CgroupPaths>& cgroups, std::vector<Problem>& problems) {
  if (is_gone(answers[k_stat])) return false;
  if (answers[k_stat].text) {
    const auto line = parse_stat(*answers[k_stat].text);
    if (line && !same_task(*line, task)) return false;
    if (line) apply_stat(answers[k_stat], task);
  }
  if (const std::string* status = answers[k_status].text.get()) {
    const Reading<char> state = task.state;  // of one look with the sample; status may be milliseconds later
    Reading<std::uint64_t> switches;
    if (!parse_status(*status, task, switches))
      problems.push_back({task.where + "/status", "is not a status file"});
    else if (!task.samples.empty())
      task.samples.back().switches = switches;
    if (state) task.state = state;
  } else {
    const Absence why = *answers[k_status].text.absence();
    task.ns_pids = why;
    task.tracer_pid = why;
    task.has_mm = why;
    if (!task.pending_private) task.pending_private = why;
    task.pending_shared = task.blocked = task.ignored = why;
    task.core_dumping = why;
  }
  task.wchan = word_of(answers[k_wchan]);
  task.syscall = word_of(answers[k_syscall]);
  apply_stack(answers[k_stack], task, problems);
  apply_pid_ns(answers[k_pid_ns], task);
  task.mnt_ns = namespace_of(answers[k_mnt_ns]);
  apply_cgroup(answers[k_cgroup], task, cgroups);
  for (std::size_t i = 0; i < answers.size(); ++i)
    if (answers[i].text.absence() && *answers[i].text.absence() == Absence::not_permitted)
      gaps.add(detail_items()[i].path);
  for (const ReadResult& answer : answers)
    if (!answer.blocked_file.empty()) task.blocked_read = answer.blocked_file;
  return true;
}

void apply_pid_ns(const ReadResult& answer, Task& task) {
  const std::optional<Ancestry> found = answer.text ? parse_ancestry(*answer.text) : std::nullopt;
  if (!found) {
    const Absence why = answer.text ? Absence::not_in_this_kernel : *answer.text.absence();
    task.pid_ns = why;
    task.pid_ns_chain = why;
    return;
  }
  task.pid_ns = found->inode;
  task.pid_ns_chain = found->chain;
}

bool add_second_sample(const ReadResult& stat, const ReadResult& status, Task& task) {
  if (is_gone(stat)) return false;
  if (!stat.text) return true;  // refused or late: no second sample, and no rate
  const auto line = parse_stat(*stat.text);
  if (!line) return true;
  if (!same_task(*line, task)) return false;
  TaskSample sample{stat.at_seconds, line->state, *line->utime_ticks, *line->stime_ticks, Absence::not_asked};
  if (status.text) {
    Task ignored;
    parse_status(*status.text, ignored, sample.switches);
  }
  task.samples.push_back(std::move(sample));
  return true;
}

void settle_absences(Task& task) {
  if (is_empty(task.stack)) {
    if (is_zombie(task))
      task.stack = Absence::gone;
    else if (task.state.is('D') && !seems_running(task))
      task.stack = Absence::not_in_this_kernel;  // its unwinder found nothing
    else
      task.stack = Absence::task_running;
  }
  if (task.wchan.is("0")) {
    const Absence* stack = task.stack.absence();
    if (is_zombie(task))
      task.wchan = Absence::gone;
    else if (stack && *stack == Absence::not_permitted)
      task.wchan = Absence::not_permitted;  // the kernel says 0 to those who may not know
    else if (seems_running(task))
      task.wchan = Absence::task_running;
  }
}

}  // namespace unzap
