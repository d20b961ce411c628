// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/catalogue.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/rules/beyond_the_stack.hpp"
#include "diagnosis/rules/frozen_cgroup.hpp"
#include "diagnosis/rules/hung_task.hpp"
#include "diagnosis/rules/io_uring_exit.hpp"
#include "diagnosis/rules/members_not_visible.hpp"
#include "diagnosis/rules/netns_reference_leak.hpp"
#include "diagnosis/rules/oom_kill.hpp"
#include "diagnosis/rules/rcu_held_up.hpp"
#include "diagnosis/rules/reaper_busy_loop.hpp"
#include "diagnosis/rules/reaper_second_loop_spin.hpp"
#include "diagnosis/rules/runtime_does_not_reap.hpp"
#include "diagnosis/rules/soft_lockup.hpp"
#include "diagnosis/rules/traced_member.hpp"
#include "diagnosis/rules/uninterruptible_member.hpp"
#include "diagnosis/rules/unreaped_by_outside_parent.hpp"
#include "diagnosis/rules/zombie_under_live_parent.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

using enum CauseId;

const std::vector<Cause> k_catalogue = {
    {.id = reaper_busy_loop,
     .summary = "the last thread of a dying init spins in zap_pid_ns_processes() and holds RCU up",
     .rule = unzap::reaper_busy_loop,
     .rescue = RescueKind::clear_flag,
     .outranks = {{rcu_held_up, "the spinning reaper is who holds the grace period up", Scope::holder},
                  {members_not_visible, "the reaper spins"}},
     .counters = {Counter::soft_lockups, Counter::rcu_stalls, Counter::hung_tasks}},
    {.id = reaper_second_loop_spin,
     .summary = "a dying init burns a CPU in the second loop of zap_pid_ns_processes()",
     .rule = unzap::reaper_second_loop_spin},
    {.id = frozen_cgroup,
     .summary = "a freezer holds a member, or whom it waits for",
     .rule = unzap::frozen_cgroup,
     .rescue = RescueKind::thaw,
     .passes_by_itself = false},
    {.id = unreaped_by_outside_parent,
     .summary = "a zombie of the namespace has its parent outside, and that does not reap",
     .rule = unzap::unreaped_by_outside_parent,
     .rescue = RescueKind::reap_outside},
    {.id = runtime_does_not_reap,
     .summary = "a container's init is dead, and its runtime's process does not reap it",
     .rule = unzap::runtime_does_not_reap},
    {.id = traced_member,
     .summary = "a member belongs to a tracer that does not let go",
     .rule = unzap::traced_member,
     .rescue = RescueKind::end_tracer},
    {.id = fuse_request,
     .summary = "a task waits for a FUSE server",
     .stack = {.refine = say_where_kill_went},
     .rescue = RescueKind::abort_fuse},
    {.id = network_fs_wait, .summary = "a task waits for an NFS, SMB, Ceph or 9p server"},
    {.id = netns_reference_leak,
     .summary = "a network namespace cannot go",
     .rule = unzap::netns_reference_leak},
    {.id = rcu_held_up,
     .summary = "an RCU grace period is held up by something that is not a dying init",
     .rule = unzap::rcu_held_up,
     .outranks = {{soft_lockup, "the task that holds the CPU is who holds the grace period up",
                   Scope::holder}},
     .counters = {Counter::soft_lockups, Counter::hard_lockups, Counter::rcu_stalls, Counter::hung_tasks}},
    {.id = io_uring_exit,
     .summary = "io_uring's own exit or cancel path, a worker, or a ring lock",
     .rule = unzap::io_uring_exit},
    {.id = cgroup_lock,
     .summary = "cgroup mutex or destroy work",
     .stack = {.one_lock = true,
               .ending = "; the holder is not on these stacks",
               .reports = EventKind::workqueue_lockup}},
    {.id = coredump_wait,
     .summary = "threads are parked for a core dump",
     .stack = {.choose = add_dumping, .refine = say_who_dumps}},
    {.id = mm_lock_wait,
     .summary = "mmap lock or memory cgroup",
     .stack = {.choose = add_hanging_reads, .refine = say_whose_read_hangs}},
    {.id = block_io_wait,
     .summary = "journal, block layer, md, loop, write-back",
     .stack = {.refine = say_which_mount}},
    {.id = exit_path_wait,
     .summary = "another wait inside do_exit()",
     .stack = {.choose = keep_exiting, .refine = say_where_in_exit}},
    {.id = uninterruptible_member,
     .summary = "a member in D, and nothing tells why",
     .rule = unzap::uninterruptible_member,
     .placeholder = true,
     .outranks = {{members_not_visible, "a blocked member is shown"}},
     .gives_way = {"other tasks show what they wait for"},
     .counters = {Counter::hung_tasks}},
    {.id = members_not_visible,
     .summary = "the reaper waits, and the evidence does not show for whom",
     .rule = unzap::members_not_visible,
     .placeholder = true,
     .gives_way = {"what the member waits for is shown"}},
    {.id = soft_lockup,
     .summary = "look-alike: a task that is not a dying init holds a CPU",
     .rule = unzap::soft_lockup,
     .kind = CauseKind::stuck_else,
     .counters = {Counter::soft_lockups, Counter::hard_lockups}},
    {.id = hung_task,
     .summary = "look-alike: a task is blocked at a place that no cause knows",
     .rule = unzap::hung_task,
     .kind = CauseKind::stuck_else,
     .counters = {Counter::hung_tasks}},
    {.id = oom_kill,
     .summary = "look-alike: the kernel killed a process for want of memory",
     .rule = unzap::oom_kill,
     .kind = CauseKind::harmless},
    {.id = zombie_under_live_parent,
     .summary = "look-alike: a zombie whose parent runs and has not reaped it",
     .rule = unzap::zombie_under_live_parent,
     .kind = CauseKind::harmless,
     .gives_way = {"zombies are left over by it", Scope::host}},
};

}  // namespace

const std::vector<Cause>& catalogue() {
  return k_catalogue;
}

Findings ask(const Cause& cause, const Picture& picture) {
  return cause.rule != nullptr ? cause.rule(picture) : ask(cause.stack, cause.id, picture);
}

std::size_t position(CauseId id) {
  const auto at = std::find_if(k_catalogue.begin(), k_catalogue.end(),
                               [id](const Cause& known) { return known.id == id; });
  UNZAP_ASSERT(at != k_catalogue.end(), "the cause {} has a page and no row", name(id));
  return static_cast<std::size_t>(at - k_catalogue.begin());
}

const Cause& cause(CauseId id) {
  return k_catalogue[position(id)];
}

std::string page_of(CauseId id) {
  return fmt::format("docs/causes/{}.md", name(id));
}

std::optional<CauseId> cause_named(std::string_view name) {
  const auto pages = cause_pages();
  const EmbeddedFile* page = find_embedded(pages, name);
  if (page == nullptr) return std::nullopt;
  return static_cast<CauseId>(page - pages.data());
}

}  // namespace unzap
