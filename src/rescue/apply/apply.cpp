// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/apply.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <signal.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include "rescue/apply/module.hpp"
#include "rescue/apply/verify.hpp"
#include "util/assert.hpp"

namespace unzap {
namespace {

double monotonic_now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

/// One application: its clock, its steps, its record.
class Course {
 public:
  Course(const Plan& plan, const ApplyOptions& options, Audit& audit)
      : plan_(plan), options_(options), audit_(audit), begin_(monotonic_now()) {}

  double seconds() const { return monotonic_now() - begin_; }
  const Plan& plan() const { return plan_; }
  const Action& action() const { return *plan_.action; }
  const ApplyOptions& options() const { return options_; }

  /// Keeps a step; an error when the record cannot be kept.
  std::optional<Error> note(std::string_view event, const std::string& text) {
    applied_.steps.push_back({seconds(), text});
    if (options_.progress) options_.progress(text);
    return audit_.write(event,
                        {{"cause", plan_.cause},
                         {"target", plan_.culprit ? plan_.culprit->label() : ""},
                         {"start_ticks", plan_.culprit ? std::to_string(plan_.culprit->id.start_ticks) : ""},
                         {"text", text}});
  }

  Applied end(Outcome outcome, std::string why) {
    applied_.outcome = outcome;
    applied_.why = std::move(why);
    applied_.seconds = seconds();
    // What was done cannot be taken back by now; a record that is full does not change the outcome.
    (void)audit_.write("end", {{"outcome", std::string(name(outcome))},
                               {"why", applied_.why},
                               {"seconds", fmt::format("{:.3f}", applied_.seconds)}});
    return applied_;
  }

 private:
  const Plan& plan_;
  const ApplyOptions& options_;
  Audit& audit_;
  double begin_;
  Applied applied_;
};

/// Why the target is not what it was when the plan was made; empty when it still is.
std::string changed(const RescueTarget& target, bool must_be_exiting) {
  const auto now = look_at(target.id);
  if (!now) return target.label() + " is gone, or another task has its number now";
  if (must_be_exiting && (now->flags & k_pf_exiting) == 0) return target.label() + " is not exiting";
  if (now->state == 'Z' || now->state == 'X') return target.label() + " is dead already";
  return "";
}

std::string labels(const std::vector<Awaited>& awaited) {
  std::string out;
  for (std::size_t i = 0; i < awaited.size() && i < 6; ++i)
    out += (i == 0 ? "" : ", ") + awaited[i].target.label();
  if (awaited.size() > 6) out += fmt::format(" and {} more", awaited.size() - 6);
  return out;
}

/// Waits until everybody who is watched has come free.
Applied watch(Course& course, const std::vector<Awaited>& everybody) {
  const double deadline = monotonic_now() + course.options().verify_seconds;
  std::vector<Awaited> left = not_yet_free(everybody);
  while (!left.empty() && monotonic_now() < deadline) {
    ::usleep(10'000);
    left = not_yet_free(left);
  }
  if (!left.empty())
    return course.end(
        Outcome::not_freed,
        fmt::format("not free after {:.1f} s: {}; diagnose again: something else may hold them too",
                    course.options().verify_seconds, labels(left)));
  (void)course.note("free", fmt::format("free: {}", labels(everybody)));
  const auto rcu = rcu_completes(std::max(0.5, deadline - monotonic_now()));
  if (rcu == false)
    return course.end(Outcome::not_freed,
                      "they are free, but an RCU grace period still does not end: another CPU spins");
  (void)course.note("rcu", rcu ? "an RCU grace period ends (membarrier)"
                               : "this kernel cannot be asked for a grace period");
  return course.end(Outcome::freed, "");
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
  if (const std::string why = changed(target, true); !why.empty()) return course.end(Outcome::refused, why);
  if (auto failed = course.note(
          "act", fmt::format("{} is still what it was; handing it to unzap_rescue", target.label())))
    return *failed;
  const std::vector<Awaited> everybody = begin_to_await(course.plan().watched);
  const auto result =
      hand_to_module(module->file(), fmt::format("{},{}", target.id.tid, target.id.start_ticks));
  if (!result) return result.error();
  (void)course.note("result", "unzap_rescue " + result->said);
  if (!result->said.starts_with("cleared:")) {
    // It stays loaded when RCU does not end; the next run hands its target to it then.
    if (result->loaded_by_us) unload_module(0.5);
    return course.end(Outcome::refused, "the module " + result->said);
  }
  Applied applied = watch(course, everybody);
  const bool unloaded = result->loaded_by_us && unload_module(2);
  applied.steps.push_back({course.seconds(), unloaded ? "unzap_rescue is unloaded"
                                             : result->loaded_by_us
                                                 ? "unzap_rescue stays loaded: it could not be unloaded yet"
                                                 : "unzap_rescue stays loaded: it was so before"});
  return applied;
}

Result<Applied> write_file_of(Course& course) {
  const Action& action = course.action();
  if (auto failed = course.note("act", action.text)) return *failed;
  const std::vector<Awaited> everybody = begin_to_await(course.plan().watched);
  const int fd = ::open(action.file.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC);
  const bool written = fd >= 0 && ::write(fd, action.value.data(), action.value.size()) ==
                                      static_cast<ssize_t>(action.value.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (!written)
    return Error{error == EACCES || error == EPERM ? ErrorKind::permission : ErrorKind::io,
                 fmt::format("cannot write: {}", std::strerror(error)), action.file, ""};
  return watch(course, everybody);
}

Result<Applied> signal_task(Course& course) {
  const Action& action = course.action();
  const RescueTarget& target = *action.target;
  // A handle to the process first, then the look: from there on its number cannot pass to another.
  const int handle = static_cast<int>(::syscall(SYS_pidfd_open, target.tgid, 0));
  if (const std::string why = changed(target, false); handle < 0 || !why.empty()) {
    if (handle >= 0) ::close(handle);
    return course.end(Outcome::refused, why.empty() ? target.label() + " is gone" : why);
  }
  if (auto failed = course.note("act", action.text)) {
    ::close(handle);
    return *failed;
  }
  const std::vector<Awaited> everybody = begin_to_await(course.plan().watched);
  const bool sent = ::syscall(SYS_pidfd_send_signal, handle, action.signal, nullptr, 0) == 0;
  const int error = errno;
  ::close(handle);
  if (!sent)
    return Error{error == EPERM ? ErrorKind::permission : ErrorKind::io,
                 fmt::format("cannot send the signal: {}", std::strerror(error)), target.label(), ""};
  return watch(course, everybody);
}

}  // namespace

std::string_view name(Outcome outcome) {
  switch (outcome) {
    case Outcome::freed: return "freed";
    case Outcome::not_freed: return "not freed";
    case Outcome::refused: return "refused";
  }
  return "?";
}

Result<Applied> apply(const Plan& plan, const Means& means, const ApplyOptions& options, Audit& audit) {
  UNZAP_ASSERT(plan.ready(), "a plan that is not ready is not applied: {}", plan.cause);
  Course course(plan, options, audit);
  if (auto failed = course.note("begin", plan.action->text)) return *failed;
  switch (plan.action->kind) {
    case ActionKind::clear_notify_signal: return clear_flag(course, means);
    case ActionKind::write_file: return write_file_of(course);
    case ActionKind::signal_task: return signal_task(course);
  }
  UNZAP_ASSERT(false, "an action of unknown kind");
  return course.end(Outcome::refused, "");
}

}  // namespace unzap
