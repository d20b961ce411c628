// SPDX-License-Identifier: Apache-2.0
#include "kernel/machine/program.hpp"

#include "kernel/linux/programs.hpp"
#include "kernel/machine/step.hpp"
#include "util/assert.hpp"

namespace unzap::kernel {
namespace {

constexpr std::span<const Program> (*k_files[])() = {
    coredump_programs,        exit_programs,      freezer_programs,       fuse_programs,
    io_uring_programs,        io_work_programs,   io_worker_programs,     io_wq_programs,
    mount_namespace_programs, outside_programs,   pid_namespace_programs, rcu_programs,
    signal_programs,          task_work_programs, wait_programs,
};

constexpr std::size_t k_routines = static_cast<std::size_t>(Routine::count_);

std::array<const Program*, k_routines> by_routine() {
  std::array<const Program*, k_routines> out{};
  for (const auto& file : k_files)
    for (const Program& one : file()) {
      UNZAP_ASSERT(!out[static_cast<std::size_t>(one.routine)], "{} has two programs", one.function);
      out[static_cast<std::size_t>(one.routine)] = &one;
    }
  for (std::size_t no = 1; no < k_routines; ++no) UNZAP_ASSERT(out[no], "routine {} has no program", no);
  return out;
}

/// What holds for a step that goes on with another row.
Facts joined(Facts first, const Facts& second) {
  first.might_sleep |= second.might_sleep;
  first.cond_resched |= second.cond_resched;
  first.own_container &= second.own_container;
  first.once_group_exits |= second.once_group_exits;
  first.once_exiting |= second.once_exiting;
  return first;
}

}  // namespace

const Program& program(Routine routine) {
  static const std::array<const Program*, k_routines> k_programs = by_routine();
  UNZAP_ASSERT(routine > Routine::none && routine < Routine::count_, "no such routine: {}",
               static_cast<int>(routine));
  return *k_programs[static_cast<std::size_t>(routine)];
}

Programs::Programs(const Variant& variant) {
  for (std::size_t no = 1; no < k_routines; ++no) load(program(static_cast<Routine>(no)), variant);
}

void Programs::load(const Program& program, const Variant& variant) {
  const auto no = static_cast<std::size_t>(program.routine);
  UNZAP_ASSERT(steps_.size() < k_tail, "more steps than a byte counts");
  base_[no] = static_cast<std::uint8_t>(steps_.size());
  first_[no] = k_tail;
  std::uint8_t following = k_tail;
  for (const StepRow* row = program.steps.end(); row != program.steps.begin();) {
    --row;
    if (!row->when.holds(variant)) continue;
    UNZAP_ASSERT(row->routine == program.routine || row->routine == Routine::none,
                 "{} has a step of another routine", program.function);
    if (steps_.size() <= base_[no] + std::size_t{row->name}) steps_.resize(base_[no] + row->name + 1U);
    Loaded& step = steps_[base_[no] + std::size_t{row->name}];
    UNZAP_ASSERT(!step.run, "{} has its step {} twice in one kernel", program.function, row->name);
    step = {row->run, following, row->facts.joins_next, row->facts.might_sleep, row->facts};
    if (row->facts.joins_next) step.facts = joined(row->facts, at(program.routine, following).facts);
    first_[no] = following = row->name;
  }
}

}  // namespace unzap::kernel
