// SPDX-License-Identifier: Apache-2.0
#include "report/trace/trace_view.hpp"

#include "check/counterexample.hpp"

namespace unzap {
namespace {

struct PendingFlag {
  std::uint8_t bit;
  std::string_view name;
};
constexpr PendingFlag k_pending[] = {{kernel::k_tif_sigpending, "TIF_SIGPENDING"},
                                     {kernel::k_tif_notify_signal, "TIF_NOTIFY_SIGNAL"}};

}  // namespace

std::vector<std::string_view> pending_names(std::uint8_t pending) {
  std::vector<std::string_view> out;
  for (const PendingFlag& flag : k_pending)
    if ((pending & flag.bit) != 0) out.push_back(flag.name);
  return out;
}

std::uint8_t pending_bit(std::string_view name) {
  for (const PendingFlag& flag : k_pending)
    if (flag.name == name) return flag.bit;
  return 0;
}

WrittenStep in_words(const kernel::Machine& machine, const kernel::State& before,
                     const kernel::Action& action, const kernel::State& after, std::size_t number) {
  const kernel::Description words = machine.describe(before, action);
  WrittenStep step;
  step.step = number;
  step.cpu = words.cpu == kernel::k_no_cpu ? -1 : words.cpu;
  step.task = words.actor;
  step.function = words.function;
  step.file = words.file;
  step.text = words.text;
  step.action = action;
  step.digest = digest_of(after);
  step.after = moments_of(machine.config(), after);
  return step;
}

Actor actor_of(const kernel::Action& action) {
  switch (action.event) {
    case kernel::Event::run: return Actor::task;
    case kernel::Event::pick:
    case kernel::Event::place: return Actor::scheduler;
    case kernel::Event::tick:
    case kernel::Event::ipi: return Actor::interrupt;
    case kernel::Event::environment: return Actor::outside;
  }
  return Actor::outside;
}

bool same_actor(const kernel::Action& a, const kernel::Action& b) {
  return actor_of(a) == actor_of(b) && (actor_of(a) != Actor::task || a.task == b.task);
}

TraceView::TraceView(const CheckReport& report) : way_(report.counterexample.value_or(Counterexample{})) {
  if (!report.counterexample) return;
  const kernel::Machine machine = machine_of(report.asked);
  start_digest_ = digest_of(way_.start);
  start_ = moments_of(machine.config(), way_.start);
  const kernel::State* at = &way_.start;
  tell(machine, at, way_.stem);
  tell(machine, at, way_.loop);
}

void TraceView::tell(const kernel::Machine& machine, const kernel::State*& at, const Steps& steps) {
  for (const auto& step : steps) {
    steps_.push_back(in_words(machine, *at, step.action, step.state, steps_.size() + 1));
    at = &step.state;
  }
}

std::size_t TraceView::actor(std::size_t i) const {
  const kernel::Action& action = steps_[i].action;
  return actor_of(action) == Actor::task ? action.task : tasks();
}

std::vector<std::string_view> TraceView::raised(std::size_t i, std::size_t no) const {
  const std::uint8_t had = before(i)[no].pending;
  return pending_names(static_cast<std::uint8_t>(before(i + 1)[no].pending & ~had));
}

bool TraceView::wakes(std::size_t i, std::size_t no) const {
  const MomentState state = before(i)[no].state;
  const bool asleep = state == MomentState::sleeps || state == MomentState::blocked;
  return asleep && before(i + 1)[no].state == MomentState::queued;
}

CheckVerdict verdict_of(const std::optional<TrapKind>& trap, const kernel::Invariant* broken) {
  if (broken) return CheckVerdict::broken;
  return trap ? CheckVerdict::lockup : CheckVerdict::busy_wait;
}

std::string step_text(const WrittenStep& step) {
  return step.text.empty() ? step.function : step.function + ": " + step.text;
}

}  // namespace unzap
