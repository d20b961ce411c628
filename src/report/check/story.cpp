// SPDX-License-Identifier: Apache-2.0
#include "report/check/story.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "report/check/roles.hpp"
#include "report/trace/trace_view.hpp"
#include "report/writer.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

std::string listed(const std::vector<std::string>& names) {
  std::string out;
  for (std::size_t i = 0; i < names.size(); ++i) {
    if (i > 0) out += i + 1 == names.size() ? " and " : ", ";
    out += names[i];
  }
  return out;
}

std::string steps_text(std::size_t count) {
  return count == 1 ? "1 step" : fmt::format("{} steps", count);
}

class Teller {
 public:
  Teller(const Story& story, std::size_t width, bool color)
      : story_(story), report_(story.report), view_(story.report), way_(view_.way()), out_(width, color) {}

  std::string tell() {
    out_.item(0, story_.scenario.name + ": ", story_.scenario.summary, Tone::heading);
    out_.gap();
    std::string story(trim(story_.scenario.story));
    std::replace(story.begin(), story.end(), '\n', ' ');
    out_.paragraph(0, story);
    tell_actors();
    if (!way_.stem.empty()) {
      tell_way();
      tell_end();
    } else {
      tell_proof();
    }
    tell_fixes();
    tell_commands();
    return out_.text();
  }

 private:
  void heading(std::string_view text) {
    out_.gap();
    out_.item(0, text, "", Tone::heading);
  }

  void tell_actors() {
    heading("Who takes part");
    const kernel::Machine machine = machine_of(report_.asked);
    const kernel::Config& config = machine.config();
    for (kernel::TaskNo no = 0; no < config.tasks.size(); ++no)
      out_.item(2, config.tasks[no].comm + ": ", role_of(config, no), Tone::plain);
  }

  /// "exit_notify() (kernel/exit.c)": the file where a function is named first.
  std::string function_of(const WrittenStep& step) {
    const bool is_new = named_.insert(step.function).second;
    return is_new && !step.file.empty() ? fmt::format("{}() ({})", step.function, step.file)
                                        : step.function + "()";
  }

  /// What steps [from, to) of one actor did, a clause for each function.
  std::string clauses(std::size_t from, std::size_t to) {
    std::string out;
    for (std::size_t i = from, end = from; i < to; i = end) {
      std::string words;
      for (end = i; end < to && view_[end].function == view_[i].function; ++end)
        if (!view_[end].text.empty()) words += (words.empty() ? "" : "; ") + view_[end].text;
      out += (out.empty() ? "" : " ") + function_of(view_[i]) + (words.empty() ? "." : ": " + words + ".");
    }
    return out;
  }

  bool is_told(std::size_t i) const { return actor_of(view_[i].action) != Actor::scheduler; }

  /// "v5.15.160 (preemption none, 2 CPUs)"
  std::string machine_text() const {
    const CheckRequest& asked = report_.asked;
    const int cpus = asked.scenario.cpus;
    return fmt::format("{} (preemption {}, {} CPU{})", asked.kernel, kernel::name(asked.preempt), cpus,
                       cpus == 1 ? "" : "s");
  }

  /// A paragraph for each stretch in which one actor acts; the choices of the scheduler are seen from that.
  void tell_way() {
    heading(fmt::format("What happens on {}, in {}", machine_text(), steps_text(way_.stem.size())));
    if (view_.is_doomed_from_start())
      out_.item(2, "Doomed from the start: ", "whatever is done, something is left over in the end.",
                Tone::bad);
    for (std::size_t from = 0, to = 0; from < view_.loop_begin(); from = to) {
      to = from + 1;
      if (!is_told(from)) continue;
      if (view_.is_fatal(from)) {
        tell_fatal(from);
        continue;
      }
      for (; to < view_.loop_begin() && !view_.is_fatal(to); ++to)
        if (is_told(to) &&
            !(same_actor(view_[to].action, view_[from].action) && view_[to].cpu == view_[from].cpu))
          break;
      out_.item(2, who(from), clauses_of_told(from, to));
    }
  }

  std::string clauses_of_told(std::size_t from, std::size_t to) {
    while (to > from && !is_told(to - 1)) --to;  // the scheduler only ends a stretch
    return clauses(from, to);
  }

  std::string who(std::size_t i) const {
    const WrittenStep& step = view_[i];
    std::string name = step.task;
    if (actor_of(step.action) == Actor::interrupt) name = "an interrupt";
    if (actor_of(step.action) == Actor::outside) name = "the world outside";
    return step.cpu >= 0 ? fmt::format("{}, on CPU {}: ", name, step.cpu) : name + ": ";
  }

  void tell_fatal(std::size_t i) {
    const char* const outcome = way_.fatal_exact
                                    ? "Before it everything could still end; after it no schedule leads out."
                                    : "After it at the latest no schedule leads out.";
    out_.item(2, fmt::format("The fatal step, number {}: ", way_.fatal_step),
              fmt::format("{} {} {}", who(i), clauses(i, i + 1), outcome), Tone::bad);
  }

  std::vector<std::string> tasks_that(TaskFate fate) const {
    const bool with_place = fate == TaskFate::hung || fate == TaskFate::waits;
    std::vector<std::string> out;
    for (const CheckTask& task : way_.tasks) {
      if (task.fate != fate) continue;
      const std::string place = task.stack.empty() ? "?" : task.stack.front();
      out.push_back(with_place ? fmt::format("{} (in {}())", task.task, place) : task.task);
    }
    return out;
  }

  std::string why_open() const {
    return fmt::format("{}. `unzap check` takes its time.", report_.stop ? name(*report_.stop) : "");
  }

  void tell_end() {
    heading(view_.is_trap() ? "Why nothing helps" : "What goes on for no use");
    if (view_.has_loop())
      out_.paragraph(2, fmt::format("{} goes round, in {}: {}", view_[view_.loop_begin()].task,
                                    steps_text(way_.loop.size()), clauses(view_.loop_begin(), view_.size())));
    if (!view_.is_trap()) return tell_busy_wait();
    const std::pair<TaskFate, const char*> fates[] = {
        {TaskFate::hung, "blocked forever, where no signal reaches"},
        {TaskFate::waits, "dying, and asleep forever"},
        {TaskFate::starved, "runnable, and never run again"},
        {TaskFate::zombie, "dead, and never reaped"}};
    for (const auto& [fate, words] : fates)
      if (const auto tasks = tasks_that(fate); !tasks.empty())
        out_.paragraph(2, fmt::format("{} {} {}.", listed(tasks), tasks.size() == 1 ? "is" : "are", words));
    out_.paragraph(
        2, way_.trap_states == 1
               ? "Nothing at all is possible any more: "
                 "no task can go on, no interrupt and nobody outside changes that."
               : fmt::format("Whatever a task, the scheduler, an interrupt or the world outside can still do "
                             "leads back into these {} states. Waiting does not help.",
                             way_.trap_states));
    if (way_.minimal)
      out_.paragraph(2,
                     "None of the steps above can be left out: "
                     "without it the rest does not run, or leads into no trap.");
  }

  void tell_busy_wait() {
    if (report_.verdict == CheckVerdict::busy_wait)
      out_.paragraph(
          2,
          "It never sleeps, and wastes a CPU until another task, an interrupt or the world outside ends it. "
          "Everything can still end.");
    else
      out_.paragraph(2, "It never sleeps, and wastes a CPU. Whether everything can still end is not known: " +
                            why_open());
  }

  void tell_proof() {
    heading("What is proved for " + machine_text());
    if (report_.verdict == CheckVerdict::inconclusive) {
      out_.paragraph(2, "Nothing in the time that a story takes: " + why_open());
      return;
    }
    out_.paragraph(
        2, fmt::format("From each of the {} states that can be reached, everything can still end, "
                       "and no task goes round without sleeping: "
                       "whatever the scheduler, the interrupts and the world outside do, nothing is lost.",
                       report_.figures.states));
    for (std::size_t i = 0; i < report_.witnesses.size(); ++i)
      if (report_.witnesses[i] > 0)
        out_.item(2, "- ", fmt::format("{}: in {} states", kernel::k_witnesses[i], report_.witnesses[i]));
  }

  void tell_fixes() {
    std::vector<const StoryFix*> helps;
    for (const StoryFix& fix : story_.fixes)
      if (fix.verdict == CheckVerdict::proved || (fix.verdict == CheckVerdict::busy_wait && view_.is_trap()))
        helps.push_back(&fix);
    if (report_.verdict == CheckVerdict::proved || report_.verdict == CheckVerdict::inconclusive) return;
    heading("What helps");
    for (const StoryFix* fix : helps)
      out_.item(2,
                fmt::format("{}{}: ", kernel::info(fix->fix).name,
                            fix->verdict == CheckVerdict::proved ? " (proved)" : " (a busy wait is left)"),
                fmt::format("{}.", kernel::info(fix->fix).text), Tone::good);
    std::vector<std::string> open;
    for (const StoryFix& fix : story_.fixes)
      if (fix.verdict == CheckVerdict::inconclusive) open.emplace_back(kernel::info(fix.fix).name);
    if (!open.empty())
      out_.paragraph(
          2, "Not decided in the time that a story takes: " + listed(open) + "; `unzap check --with` does.");
    else if (helps.empty())
      out_.paragraph(2, "None of the fixes that the model knows ends this.");
  }

  void tell_commands() {
    heading("See for yourself");
    for (const kernel::Expectation& expected : story_.scenario.expectations)
      out_.verbatim(2, "", fmt::format("{}   # {}", command_of(story_.scenario, expected), expected.verdict));
  }

  const Story& story_;
  const CheckReport& report_;
  const TraceView view_;
  const Counterexample& way_;
  TextWriter out_;
  std::set<std::string> named_;
};

}  // namespace

std::string command_of(const kernel::Scenario& scenario, const kernel::Expectation& expected) {
  std::string out = fmt::format("unzap check {} --kernel {} --preempt {}", scenario.name, expected.kernel,
                                expected.preempt);
  for (const std::string& one : expected.with) out += " --with " + one;
  for (const std::string& one : expected.without) out += " --without " + one;
  return out;
}

std::string story_to_text(const Story& story, std::size_t width, bool color) {
  return Teller(story, width, color).tell();
}

}  // namespace unzap
