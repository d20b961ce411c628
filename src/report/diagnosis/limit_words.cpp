// SPDX-License-Identifier: Apache-2.0
// The words for what a diagnosis leaves open.
#include <fmt/format.h>

#include "report/diagnosis/words.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

std::string tasks(std::size_t count) {
  return fmt::format("{} task{}", count, count == 1 ? "" : "s");
}

std::string unexplained(const Symptom& symptom) {
  const std::string who =
      symptom.container.empty() ? std::string("a container") : "container " + symptom.container;
  const std::string of = symptom.pod.empty() ? "" : " of pod " + symptom.pod;
  const std::string option = !symptom.container.empty() ? " --container " + symptom.container
                             : !symptom.pod.empty()     ? " --pod " + symptom.pod
                                                        : "";
  return fmt::format("{}: says that {}{} does not end, and not why; on its node, as root: unzap diagnose{}",
                     symptom.where, printable(who, 96), printable(of, 64), option);
}

std::string chosen(const Limit& limit) {
  const std::string others =
      limit.count == 0 ? "" : fmt::format("; {} findings about others are left out", limit.count);
  const bool nothing = limit.kind == Limit::nothing_chosen;
  return fmt::format("{}{}{}", nothing ? "nothing was found about " : "only what is about ", limit.chosen,
                     others);
}

}  // namespace

std::string words(const BlindSpots& spots) {
  std::string out;
  const auto add = [&out](const std::string& text) { out += (out.empty() ? "not seen: " : "; ") + text; };
  // proc_pid_stack() and lock_trace(), fs/proc/base.c.
  if (spots.stacks > 0)
    add(
        fmt::format("the kernel stacks of {} (needs CAP_SYS_ADMIN and CAP_SYS_PTRACE of the first user "
                    "namespace: root of the host)",
                    tasks(spots.stacks)));
  // proc_ns_get_link(), fs/proc/namespaces.c: PTRACE_MODE_READ_FSCREDS.
  if (spots.namespaces > 0)
    add(fmt::format("the pid namespaces of {} (needs CAP_SYS_PTRACE)", tasks(spots.namespaces)));
  if (spots.late > 0) add(fmt::format("files of {} that did not answer in time", tasks(spots.late)));
  if (spots.other_tasks) add("tasks outside of what this /proc shows or lets us see");
  return out;
}

std::string words(const Limit& limit) {
  switch (limit.kind) {
    case Limit::hidden: return words(limit.blind_spots);
    case Limit::stacks_refused:
      return fmt::format("{} kernel stack{} could not be read (not permitted): run as root", limit.count,
                         limit.count == 1 ? "" : "s");
    case Limit::tasks_missing:
      return "not every task of the host was seen: what is missing may be what is stuck";
    case Limit::empty_input: return "no task and no kernel report was found in the input";
    case Limit::one_look: return "one look only: a task that spins cannot be told from one that is busy";
    case Limit::out_of_time:
      return fmt::format(
          "the diagnosis was stopped after {:g} s: {} of {} causes were not looked for, and of the last one "
          "perhaps not every case; --timeout gives it more time",
          limit.seconds, limit.count, limit.all);
    case Limit::too_many_jams:
      return fmt::format("more than {} jams of the cause {}: the rest is not told", limit.count,
                         name(limit.cause));
    case Limit::outranked:
      return fmt::format("{} is not listed: {}{}", name(limit.cause), limit.why,
                         limit.by ? fmt::format(" ({})", name(*limit.by)) : "");
    case Limit::unexplained: return unexplained(limit.symptom);
    case Limit::more_unexplained: return fmt::format("{} more containers are said not to end", limit.count);
    case Limit::only_chosen:
    case Limit::nothing_chosen: return chosen(limit);
  }
  return "";
}

std::string words(const Unproved& gap) {
  const std::string who =
      gap.others == 0 ? gap.who
                      : fmt::format("{} and {} other{}", gap.who, gap.others, gap.others == 1 ? "" : "s");
  switch (gap.kind) {
    case Unproved::namespace_of_init:
      return fmt::format("which pid namespace {} takes down: its ns/pid was not read ({})", who,
                         gap.absence ? name(*gap.absence) : "?");
    case Unproved::membership:
      return fmt::format(
          "that {} belongs to the namespace of {}: no ns/pid of it was read, so its container, its depth or "
          "its parent stand in for the proof",
          who, gap.init);
    case Unproved::runtime_by_name:
      return fmt::format("that {} is a container runtime's is inferred from its name", who);
    case Unproved::runtime_unknown: return fmt::format("that {} is a container runtime's is not known", who);
  }
  return "";
}

}  // namespace unzap
