// SPDX-License-Identifier: Apache-2.0
#include "check/replay.hpp"

#include <optional>

#include "check/counterexample.hpp"

namespace unzap {
namespace {

using kernel::Machine;
using kernel::State;

class Replayer {
 public:
  Replayer(const RecordedTrace& trace, const CheckRequest& on)
      : trace_(trace), machine_(machine_of(on)), at_(machine_.initial()) {
    out_.on = on;
    out_.trap = trace.trap;
    out_.invariant = trace.invariant;
    out_.stem = trace.steps.size();
    out_.loop = trace.loop.size();
  }

  ReplayReport run(std::size_t max_states) {
    if (digest_of(at_) != trace_.start_digest) {
      differ(Fit::other_start, trace_.start, at_);
      return out_;
    }
    note_broken();
    for (const WrittenStep& step : trace_.steps)
      if (!take(step)) return out_;
    const State head = at_;
    for (const WrittenStep& step : trace_.loop)
      if (!take(step)) return out_;
    if (!trace_.loop.empty() && digest_of(at_) != digest_of(head)) out_.fit = Fit::open_loop;
    if (out_.fit == Fit::fits) judge(head, max_states);
    return out_;
  }

 private:
  bool take(const WrittenStep& step) {
    ++out_.step;
    std::optional<State> next;
    machine_.for_each_successor(at_, [&](const kernel::Action& action, const State& to, explorer::Label) {
      if (!next && action == step.action) next = to;
    });
    if (next && digest_of(*next) == step.digest) {
      at_ = *next;
      note_broken();
      return true;
    }
    out_.recorded = step;
    differ(next ? Fit::elsewhere : Fit::not_possible, step.after, next);
    return false;
  }

  void differ(Fit fit, const std::vector<CheckMoment>& recorded, const std::optional<State>& reached) {
    out_.fit = fit;
    out_.recorded_tasks = trace_.tasks;
    out_.recorded_moments = recorded;
    out_.before = at_;
    out_.reached = reached;
  }

  void note_broken() {
    if (!out_.broken) out_.broken = kernel::broken_in(machine_.config(), at_);
  }

  /// A lockup is one only if no goal can be reached any more.
  void judge(const State& head, std::size_t max_states) {
    if (trace_.invariant) {
      if (out_.broken != trace_.invariant) out_.fit = Fit::holds;
      return;
    }
    out_.fate = explorer::fate_of(machine_, head, max_states);
    if (trace_.trap && out_.fate == explorer::Fate::open) out_.fit = Fit::can_end;
  }

  const RecordedTrace& trace_;
  const Machine machine_;
  State at_;
  ReplayReport out_;
};

}  // namespace

ReplayReport replay_trace(const RecordedTrace& trace, const CheckRequest& on, std::size_t max_states) {
  return Replayer(trace, on).run(max_states);
}

}  // namespace unzap
