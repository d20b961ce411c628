// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "diagnosis/task_facts.hpp"
#include "rescue/actions.hpp"

namespace unzap {
namespace {

using Met = Condition::Met;

/// The last number of NSpid is 1 for an init, and there is more than one for a namespace that is not the
/// host's.
Condition is_container_init(const Snapshot& snapshot, const Task& task) {
  Condition out{"its process is the init of a pid namespace other than the host's", Met::unknown,
                "NSpid of the process could not be read"};
  for (const Task& leader : snapshot.tasks) {
    if (!leader.is_leader() || leader.tgid != task.tgid || !leader.ns_pids) continue;
    const auto& numbers = *leader.ns_pids;
    const bool init = numbers.size() > 1 && numbers.back() == 1;
    return condition(out.text, init, fmt::format("NSpid: {}", fmt::join(numbers, " ")));
  }
  return out;
}

Condition does_not_sleep(const Task& task) {
  Condition out{"it did not leave its CPU between two looks", Met::unknown, "there was one look only"};
  const auto found = rate(task);
  if (!found || !found->switches) return out;
  return condition(out.text, *found->switches == 0 && found->system_percent > 50,
                   fmt::format("{} context switches and {:.0f} % system time in {:.1f} s", *found->switches,
                               found->system_percent, found->seconds));
}

std::string_view why_unread(Absence why) {
  switch (why) {
    case Absence::not_permitted: return "the kernel's code may not be read (/proc/kallsyms, /proc/kcore)";
    case Absence::timed_out:
      return "the kernel's code did not come back in time (/proc/kallsyms, /proc/kcore)";
    case Absence::not_in_this_kernel:
      return "no zap_pid_ns_processes that is understood was found by /proc/kallsyms; unzap patched says "
             "more";
    case Absence::not_asked:
    case Absence::gone:
    case Absence::task_running: break;
  }
  return name(why);
}

/// Whether what the module does is missing in the kernel's own code. What could not be read there is said,
/// and the module looks at the thread itself anyhow; nothing is said when nobody looked.
void add_code(Plan& plan, const Host& host) {
  Condition out{"the kernel's own code lacks the fix", Met::unknown, "", true};
  if (const WaitFix* fix = host.wait_fix.get()) {
    out.met = fix->sleeps() ? Met::no : Met::yes;
    out.seen = said_by_code(*fix);
  } else if (*host.wait_fix.absence() == Absence::not_asked) {
    return;
  } else {
    out.seen = fmt::format("it could not be told: {}", why_unread(*host.wait_fix.absence()));
  }
  plan.conditions.push_back(std::move(out));
}

void add_means(Plan& plan, const Means& means) {
  const auto add = [&plan](std::string text, bool met, std::string seen) {
    plan.conditions.push_back(condition(std::move(text), met, std::move(seen)));
  };
  const bool takes = means.takes_modules.value_or(false);
  add("the kernel takes modules", takes,
      takes ? "kernel.modules_disabled is 0"
            : "kernel.modules_disabled is 1, or the kernel has no modules: only a reboot is left");
  const bool locked = means.lockdown && *means.lockdown != "none";
  const bool wants_signature = locked || means.secure_boot || means.needs_signature.is(true);
  if (wants_signature) {
    const std::string why = locked              ? "the kernel is locked down (" + *means.lockdown + ")"
                            : means.secure_boot ? "Secure Boot is on"
                                                : "module.sig_enforce is on";
    // A prebuilt module may be signed; the kernel will say.
    add("the kernel takes this module", !means.module.empty(),
        means.module.empty() ? why +
                                   ": it takes signed modules only; sign unzap_rescue.ko with a key that it "
                                   "trusts and give it with --module FILE"
                             : why + ": " + means.module + " has to be signed with a key that it trusts");
  }
  if (!means.module.empty()) {
    add("there is a module", true, means.module);
  } else {
    const std::string headers =
        means.headers.empty() ? fmt::format(
                                    "no headers of {0} here: apt install linux-headers-{0}, or give a "
                                    "module that was built elsewhere with --module FILE",
                                    means.release)
        : means.make ? means.headers + " can build it"
                     : "make or gcc is missing; install them, or give a module with --module FILE";
    add("there is a module", !means.headers.empty() && means.make, headers);
  }
}

}  // namespace

void plan_clear_flag(Plan& plan, const Finding& finding, const Snapshot& snapshot, const Means& means) {
  const Task* task = plan.culprit ? task_of(snapshot, plan.culprit->id) : nullptr;
  if (task == nullptr) {
    plan.why_none = "the spinning thread's number and start time are not known";
    return;
  }
  plan.conditions.push_back(
      condition("the cause is certain", finding.confidence == Confidence::certain,
                finding.confidence == Confidence::certain
                    ? "two looks, or the kernel's own report, exclude the look-alikes"
                    : fmt::format("it is only {}; see what unzap diagnose wants to look at next",
                                  name(finding.confidence))));
  Condition exiting{"the thread is exiting", Met::unknown, "its flags could not be read"};
  if (task->flags)
    exiting =
        condition(exiting.text, (*task->flags & k_pf_exiting) != 0, fmt::format("flags {:#x}", *task->flags));
  plan.conditions.push_back(exiting);
  plan.conditions.push_back(is_container_init(snapshot, *task));
  plan.conditions.push_back(does_not_sleep(*task));
  add_code(plan, snapshot.host);
  if (wait_sleeps(snapshot.host)) {
    plan.why_none =
        "there is nothing for the module to do: in this kernel a pending notify signal does not keep a dying "
        "init from sleeping, so clearing it would change nothing. The thread spins for another reason; save "
        "what can be seen with unzap record";
    return;
  }
  if (snapshot.origin == Origin::live) add_means(plan, means);  // the means are this host's
  Action action;
  action.kind = ActionKind::clear_notify_signal;
  action.remedy = "clear-flag";
  action.target = plan.culprit;
  action.text =
      fmt::format("clear TIF_NOTIFY_SIGNAL of {} (started at tick {}) with the kernel module unzap_rescue",
                  plan.culprit->label(), plan.culprit->id.start_ticks);
  action.changes =
      "one bit of one exiting thread: its kernel_wait4() then sleeps until the members of its namespace are "
      "gone. The "
      "module looks again under the thread's lock, changes nothing if anything differs, and is unloaded at "
      "the end unless it was loaded before";
  action.cannot_undo =
      "the container's end, which then takes its course. The kernel counts as tainted by a module from "
      "outside "
      "(flag O) until the next boot, and by an unsigned one (E) where it has that flag";
  plan.action = std::move(action);
  const bool watched = std::any_of(plan.watched.begin(), plan.watched.end(),
                                   [&](const Watched& one) { return one.id == plan.culprit->id; });
  if (!watched) plan.watched.insert(plan.watched.begin(), Watched{*plan.culprit});
}

}  // namespace unzap
