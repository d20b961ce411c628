// SPDX-License-Identifier: Apache-2.0
#include "check/replay.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

#include "check/counterexample.hpp"

namespace unzap {
namespace {

using kernel::Machine;
using kernel::State;

std::string in_words(const CheckMoment& moment) {
  std::string out = moment.state;
  if (moment.cpu >= 0) out += fmt::format(" on CPU {}", moment.cpu);
  if (!moment.function.empty()) out += " in " + moment.function;
  for (std::size_t i = 0; i < moment.pending.size(); ++i)
    out += (i == 0 ? " with " : " and ") + moment.pending[i];
  return out;
}

std::vector<std::string> differences(const std::vector<std::string>& names,
                                     const std::vector<CheckMoment>& recorded,
                                     const std::vector<CheckMoment>& now) {
  std::vector<std::string> out;
  if (recorded.size() != now.size())
    out.push_back(fmt::format("{} tasks, now {}", recorded.size(), now.size()));
  for (std::size_t no = 0; no < std::min({recorded.size(), now.size(), names.size()}); ++no)
    if (!(recorded[no] == now[no]))
      out.push_back(fmt::format("{}: {}, now {}", names[no], in_words(recorded[no]), in_words(now[no])));
  return out;
}

class Replayer {
 public:
  Replayer(const RecordedTrace& trace, const CheckRequest& on)
      : trace_(trace), machine_(on.scenario, on.variant, on.preempt), at_(machine_.initial()) {
    out_.scenario = on.scenario.name;
    out_.kernel = on.kernel;
    out_.preempt = kernel::name(on.preempt);
    out_.verdict = trace.verdict;
    out_.trap_kind = trace.trap_kind;
    out_.invariant = trace.invariant;
    out_.fatal_step = trace.fatal_step;
    out_.stem = trace.steps.size();
    out_.loop = trace.loop.size();
  }

  ReplayReport run(std::size_t max_states) {
    if (digest_of(at_) != trace_.start_digest) {
      out_.fit = Fit::other_start;
      out_.differences = differences(trace_.tasks, trace_.start, moments_of(machine_.config(), at_));
      return out_;
    }
    note_broken();
    for (const CheckStep& step : trace_.steps)
      if (!take(step)) return out_;
    const State head = at_;
    for (const CheckStep& step : trace_.loop)
      if (!take(step)) return out_;
    if (!trace_.loop.empty() && digest_of(at_) != digest_of(head)) out_.fit = Fit::open_loop;
    if (out_.fit == Fit::fits) judge(head, max_states);
    return out_;
  }

 private:
  bool take(const CheckStep& step) {
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
    out_.fit = next ? Fit::elsewhere : Fit::not_possible;
    out_.recorded = step;
    if (next) {
      out_.differences = differences(trace_.tasks, step.after, moments_of(machine_.config(), *next));
      const CheckStep now = unzap::in_words(machine_, at_, step.action, *next, out_.step);
      if (now.text != step.text || now.function != step.function)
        out_.possible.push_back(fmt::format("{}: {}: {}", now.task, now.function, now.text));
    } else {
      machine_.for_each_successor(at_, [&](const kernel::Action& action, const State& to, explorer::Label) {
        const CheckStep now = unzap::in_words(machine_, at_, action, to, out_.step);
        out_.possible.push_back(fmt::format("{}: {}: {}", now.task, now.function, now.text));
      });
    }
    return false;
  }

  void note_broken() {
    if (!out_.broken) out_.broken = kernel::broken_in(machine_.config(), at_);
  }

  /// A lockup is one only if no goal can be reached any more.
  void judge(const State& head, std::size_t max_states) {
    if (!trace_.invariant.empty()) {
      if (!out_.broken || out_.broken->name != trace_.invariant) out_.fit = Fit::holds;
      return;
    }
    out_.fate = explorer::fate_of(machine_, head, max_states);
    if (!trace_.trap_kind.empty() && out_.fate == explorer::Fate::open) out_.fit = Fit::can_end;
  }

  const RecordedTrace& trace_;
  const Machine machine_;
  State at_;
  ReplayReport out_;
};

}  // namespace

std::string_view name(Fit fit) {
  switch (fit) {
    case Fit::fits: return "fits";
    case Fit::other_start: return "other-start";
    case Fit::not_possible: return "not-possible";
    case Fit::elsewhere: return "elsewhere";
    case Fit::open_loop: return "open-loop";
    case Fit::can_end: return "can-end";
    case Fit::holds: return "holds";
  }
  return "?";
}

ReplayReport replay_trace(const RecordedTrace& trace, const CheckRequest& on, std::size_t max_states) {
  return Replayer(trace, on).run(max_states);
}

}  // namespace unzap
