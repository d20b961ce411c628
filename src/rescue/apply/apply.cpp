// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/apply.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>

#include "rescue/apply/course.hpp"
#include "rescue/apply/last_look.hpp"
#include "rescue/apply/module.hpp"
#include "rescue/apply/watch.hpp"
#include "rescue/apply/write_action.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

/// What stands against the act now; empty when nothing does. `before` is how everybody stands.
std::string last_look(const Plan& plan, Standing& before) {
  before = look_before(plan.watched);
  const bool spins = plan.action->kind == ActionKind::clear_notify_signal;
  return nothing_stuck(plan, before, spins);
}

void tell_unloading(Course& course, const ModuleAnswer& answer, Applied& applied) {
  const bool unloaded = answer.loaded_by_us && unload_module(2);
  const char* const kept = answer.loaded_by_us ? "it could not be unloaded yet" : "it was so before";
  applied.steps.push_back({course.seconds(), unloaded ? "unzap_rescue is unloaded"
                                                      : fmt::format("unzap_rescue stays loaded: {}", kept)});
}

Result<Applied> clear_flag(Course& course, const Means& means) {
  const RescueTarget& target = *course.action().target;
  std::optional<ModuleFile> module;
  if (!means.module.empty()) {
    module.emplace(means.module);
  } else {
    if (auto failed = course.note("build", "building unzap_rescue without BTF, with " + means.headers))
      return *failed;
    auto built = ModuleFile::build(course.options().sources, means.headers);
    if (!built) return built.error();
    module.emplace(std::move(*built));
  }
  const Handle handle(target.tgid);  // first; the look then is at the one that is held
  if (const std::string why = changed(target, true); !handle.held() || !why.empty())
    return course.end(Outcome::refused, why.empty() ? target.label() + " is gone" : why);
  Standing before;
  if (std::string why = last_look(course.plan(), before); !why.empty())
    return course.end(Outcome::refused, std::move(why));
  if (auto failed = course.note(
          "act", fmt::format("{} is still what it was; handing it to unzap_rescue", target.label())))
    return *failed;
  const auto result =
      hand_to_module(module->file(), fmt::format("{},{}", target.id.tid, target.id.start_ticks));
  if (!result) return result.error();
  course.told("result", "unzap_rescue " + result->said);
  if (!result->said.starts_with("cleared:")) {
    // It stays loaded when RCU does not end; the next run hands its target to it then.
    if (result->loaded_by_us) unload_module(0.5);
    return course.end(Outcome::refused, "the module " + result->said);
  }
  Applied applied = watch(course, before);
  tell_unloading(course, *result, applied);
  return applied;
}

Result<Applied> write_file_of(Course& course) {
  const Action& action = course.action();
  Standing before;
  if (std::string why = last_look(course.plan(), before); !why.empty())
    return course.end(Outcome::refused, std::move(why));
  if (auto failed = course.note("act", fmt::format("writing {} into {}", action.value, action.file)))
    return *failed;
  const Written written = write_guarded(action, course.options().places);
  switch (written.result) {
    case Written::Result::refused: return course.end(Outcome::refused, written.why);
    case Written::Result::not_back: return course.end(Outcome::unknown, written.why);
    case Written::Result::failed:
      return Error{written.error == EACCES || written.error == EPERM ? ErrorKind::permission : ErrorKind::io,
                   "cannot write: " + written.why, action.file, ""};
    case Written::Result::done: break;
  }
  if (action.guard->more)
    return course.end(Outcome::not_freed,
                      "one of several cgroups that freeze it is thawed; run unzap rescue again for the next");
  return watch(course, before);
}

/// Why the signal must not be sent now; empty when it may. `ties`: what it holds up.
std::string no_signal_now(const Plan& plan, const Handle& handle, Standing& before, Ties& ties) {
  const RescueTarget& target = *plan.action->target;
  if (!handle.held()) return target.label() + " is gone";
  if (std::string why = changed(target, false); !why.empty()) return why;
  if (std::string why = last_look(plan, before); !why.empty()) return why;
  if (std::string why = new_child(plan); !why.empty()) return why;
  ties = look_at_ties(plan);
  if (ties.holds.empty()) return target.label() + " does not hold up what it did: " + ties.broken;
  return "";
}

/// Everything that must hold is asked while the target is held, and once more after the record was written,
/// which takes its time; what is sent then goes to the one that was looked at, or to nobody.
Result<Applied> signal_task(Course& course) {
  const Action& action = course.action();
  const RescueTarget& target = *action.target;
  const Handle handle(target.tgid);
  Standing before;
  Ties ties;
  if (std::string why = no_signal_now(course.plan(), handle, before, ties); !why.empty())
    return course.end(Outcome::refused, std::move(why));
  const std::string signal = fmt::format("SIG{}", ::sigabbrev_np(action.signal));
  if (auto failed = course.note("ready", fmt::format("{}; {}, which is held by a pidfd, is to get {}",
                                                     ties.holds, target.label(), signal)))
    return *failed;
  if (std::string why = no_signal_now(course.plan(), handle, before, ties); !why.empty())
    return course.end(Outcome::refused, std::move(why));
  const int error = handle.send(action.signal);
  if (error == ESRCH) return course.end(Outcome::refused, target.label() + " is gone");
  if (error != 0)
    return Error{error == EPERM ? ErrorKind::permission : ErrorKind::io,
                 fmt::format("cannot send the signal: {}", std::strerror(error)), target.label(), ""};
  course.told("act", fmt::format("{} is sent to {}", signal, target.label()));
  return watch(course, before);
}

/// Who the plan is about, for the record.
std::string identity(const std::optional<RescueTarget>& task) {
  if (!task) return "";
  return fmt::format("{} started at tick {}{}", task->label(), task->id.start_ticks,
                     task->pid_ns ? fmt::format(", pid namespace {}", *task->pid_ns) : "");
}

std::optional<Error> begin(Course& course, Audit& audit) {
  const Plan& plan = course.plan();
  const Action& action = course.action();
  return audit.write("begin", {{"plan", plan.id},
                               {"cause", plan.cause},
                               {"action", action.text},
                               {"target", identity(action.target ? action.target : plan.culprit)},
                               {"reaper", identity(plan.reaper)},
                               {"pid_ns", plan.pid_ns ? std::to_string(*plan.pid_ns) : ""}});
}

Result<Applied> act(Course& course, const Means& means) {
  switch (course.action().kind) {
    case ActionKind::clear_notify_signal: return clear_flag(course, means);
    case ActionKind::write_file: return write_file_of(course);
    case ActionKind::signal_task: return signal_task(course);
  }
  UNZAP_ASSERT(false, "an action of unknown kind");
  return course.end(Outcome::refused, "");
}

}  // namespace

Result<Applied> apply(const Plan& plan, const Means& means, const ApplyOptions& options, Audit& audit) {
  UNZAP_ASSERT(plan.ready(), "a plan that is not ready is not applied: {}", plan.cause);
  Course course(plan, options, audit);
  if (auto failed = begin(course, audit)) return *failed;
  auto applied = act(course, means);
  if (!applied)
    (void)audit.write("end", {{"plan", plan.id}, {"outcome", "failed"}, {"why", applied.error().text()}});
  return applied;
}

}  // namespace unzap
