// SPDX-License-Identifier: Apache-2.0
#include "cli/rescue_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/embedded.hpp"
#include "cli/host.hpp"
#include "cli/selection.hpp"
#include "diagnosis/blind_spots.hpp"
#include "diagnosis/catalogue.hpp"
#include "diagnosis/diagnose.hpp"
#include "report/diagnosis/words.hpp"
#include "report/rescue/rescue_report.hpp"
#include "sources/bundle/bundle.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_bundle_bytes = std::size_t{256} << 20;

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap rescue                       the plans, each with its id and what must hold; changes nothing\n"
    "  unzap rescue --apply 4c0h2n7k9qtw  do this plan and no other: look again, act, watch, keep a record\n"
    "  unzap rescue --apply               at a terminal: show the first plan, and ask\n"
    "  unzap rescue --apply 4c0h2n7k9qtw --module unzap_rescue.ko    with a module that was built elsewhere\n"
    "  unzap rescue node.unzap            the plans for a host that unzap record took along\n"
    "EXIT STATUS\n"
    "  0 nothing is stuck, or it was freed   1 something is stuck: planned, refused or not freed   2 could "
    "not tell\n"
    "  64 usage   65 bad input   66 no such input, finding or module   74 input or output failed   77 not "
    "permitted";

struct RescueOptions {
  CommonOptions common;
  HostOptions host;
  Selection selection;
  std::string file, module, cause, task;
  std::string audit = "/var/log/unzap-rescue.jsonl";
  std::string plan;  ///< of --apply; empty: none was given
  bool apply = false;
  bool dry_run = false;
  bool allow_host_process = false;
  bool thaw_others = false;
};

Result<Snapshot> snapshot_for(const RescueOptions& options) {
  if (options.file.empty())
    return snapshot_of_host(options.host, options.common.quiet, Purpose::diagnose, options.selection.any());
  const auto input = read_file(options.file, k_max_bundle_bytes);
  if (!input) return input.error();
  if (!looks_like_bundle(input->text))
    return Error{
        ErrorKind::bad_data, "this is not a bundle", options.file,
        "a plan needs what unzap record takes along; for a pasted text see what unzap diagnose advises"};
  auto snapshot = read_bundle(input->text, options.file);
  if (snapshot) snapshot->origin = Origin::bundle;
  return snapshot;
}

/// "TID" or "TID,STARTTIME".
bool names(const std::string& text, const Plan& plan) {
  if (!plan.culprit) return false;
  const TaskId& id = plan.culprit->id;
  return text == std::to_string(id.tid) || text == fmt::format("{},{}", id.tid, id.start_ticks);
}

/// The plans that were asked for by cause and task.
Result<std::vector<std::size_t>> asked_for(const std::vector<Plan>& plans, const RescueOptions& options) {
  std::vector<std::size_t> out;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    if (!options.cause.empty() && plans[i].cause != options.cause) continue;
    if (options.task.empty() || names(options.task, plans[i])) out.push_back(i);
  }
  if (!options.task.empty() && out.empty())
    return Error{ErrorKind::no_input, "no finding names this task as its culprit; nothing was changed",
                 options.task, "unzap rescue touches nobody else; unzap diagnose shows the findings"};
  if (!options.cause.empty() && out.empty() && !plans.empty())
    return Error{ErrorKind::no_input, "nothing of this cause was found; nothing was changed", options.cause,
                 "unzap diagnose shows the findings"};
  return out;
}

/// Of these the first with an action, else the first: ready or not, for nobody wants another one because of
/// that.
std::optional<std::size_t> first_of(const RescueReport& report) {
  const auto found = std::find_if(report.asked.begin(), report.asked.end(),
                                  [&](std::size_t i) { return report.plans[i].action.has_value(); });
  if (found != report.asked.end()) return *found;
  return report.asked.empty() ? std::nullopt : std::optional(report.asked.front());
}

ApplyOptions apply_options(const RescueOptions& options) {
  ApplyOptions out;
  for (const EmbeddedFile& file : module_sources())
    out.sources.push_back({file.name == "reaper" ? "reaper.h" : "unzap_rescue.c", file.text});
  if (!options.common.quiet && !options.common.wants_json())
    out.progress = [](const std::string& text) { say(text); };
  return out;
}

TextOptions text_options(const RescueOptions& options) {
  return {use_color(options.common.color_choice()), output_width(), options.common.verbose};
}

int answer(const RescueReport& report, const RescueOptions& options) {
  if (const int failed = write_output(options.common.wants_json() ? to_json(report)
                                                                  : to_text(report, text_options(options)));
      failed != 0)
    return failed;
  if (!report.applied) return exit_code_of(report.verdict);
  switch (report.applied->outcome) {
    case Outcome::freed: return 0;
    case Outcome::unknown: return 2;
    case Outcome::not_freed:
    case Outcome::refused: return 1;
  }
  return 1;
}

int refuse(RescueReport report, std::string why, const RescueOptions& options) {
  Applied refused;
  refused.why = std::move(why);
  report.applied = std::move(refused);
  return answer(report, options);
}

/// One look at the host, and what could be done.
struct Look {
  Means means;
  RescueReport report;
};

Result<Look> look(const RescueOptions& options) {
  const Result<Snapshot> snapshot = snapshot_for(options);
  if (!snapshot) return snapshot.error();
  Diagnosis diagnosis = diagnose(*snapshot, diagnosis_seconds(options.host));
  const auto selection = options.file.empty() ? found_on_host(options.selection, *snapshot)
                                              : Result<Selection>(options.selection);
  if (!selection) return selection.error();
  keep_selected(diagnosis, *selection, *snapshot);
  Look out;
  out.means = look_at_means(options.module);
  out.means.allow_host_process = options.allow_host_process;
  out.means.thaw_others = options.thaw_others;
  if (options.file.empty() && options.host.procfs.empty())
    look_at_targets(diagnosis, *snapshot, {}, out.means);
  out.report.verdict = diagnosis.verdict;
  if (diagnosis.verdict == Verdict::unknown)
    if (const BlindSpots hidden = blind_spots(*snapshot); hidden.any()) say(words(hidden));
  if (diagnosis.verdict != Verdict::healthy) out.report.plans = make_plans(diagnosis, *snapshot, out.means);
  auto asked = asked_for(out.report.plans, options);
  if (!asked) return asked.error();
  out.report.asked = std::move(*asked);
  out.report.chosen = first_of(out.report);
  return out;
}

/// What became of the plan `before`, as far as it can be told from the plans of a fresh look.
std::string what_differs(const Plan& before, const std::vector<Plan>& plans) {
  const RescueTarget* old = before.action->target ? &*before.action->target : nullptr;
  for (const Plan& now : plans) {
    if (!now.action || now.cause != before.cause || now.action->remedy != before.action->remedy) continue;
    const RescueTarget* target = now.action->target ? &*now.action->target : nullptr;
    if (old != nullptr && target != nullptr && target->id.tid == old->id.tid &&
        target->id.start_ticks != old->id.start_ticks)
      return old->label() + " ended, and another task has its number now";
    if (old != nullptr && target != nullptr && target->id == old->id)
      return old->label() + " is there as before, but it holds up another namespace now";
    if (old == nullptr && now.action->file == before.action->file)
      return before.action->file + " is there as before, but another task or namespace waits for it";
  }
  if (old != nullptr)
    return fmt::format("{} is no longer the culprit of a {} with this remedy", old->label(), before.cause);
  return fmt::format("no {} leads to {} any more", before.cause, before.action->file);
}

/// Does the plan with this id, when a fresh look gives it too. `before`: the plan that was shown, if it was.
int apply_plan(Look now, const std::string& id, const Plan* before, const RescueOptions& options) {
  RescueReport& report = now.report;
  const auto found = std::find_if(report.asked.begin(), report.asked.end(),
                                  [&](std::size_t i) { return report.plans[i].id == id; });
  if (found == report.asked.end()) {
    report.chosen.reset();
    std::string why = fmt::format("there is no plan {} in a fresh look", id);
    if (report.asked.empty())
      why += ": what was stuck is not stuck any more, or was not found again";
    else if (before != nullptr)
      why += ": " + what_differs(*before, report.plans);
    else
      why +=
          ": its target, what it is stuck in, or who is dying is not what it was; the plans now stand above";
    return refuse(std::move(report), std::move(why), options);
  }
  report.chosen = *found;
  const Plan& plan = report.plans[*found];
  if (const Condition* one = plan.obstacle())
    return refuse(report, fmt::format("the plan is not ready: {}: {}", one->text, seen_of(*one)), options);
  auto audit = Audit::open(options.audit);
  if (!audit) return fail(audit.error());
  auto applied = apply(plan, now.means, apply_options(options), *audit);
  if (!applied) return fail(applied.error());
  report.applied = std::move(*applied);
  return answer(report, options);
}

/// Shows the plan, asks, and does it when a look after the answer still gives the same plan.
int ask_and_apply(const Look& first, const RescueOptions& options) {
  const RescueReport& report = first.report;
  if (!report.chosen) return answer(report, options);
  const Plan& plan = report.plans[*report.chosen];
  if (!plan.action) return answer(report, options);
  if (const Condition* one = plan.obstacle())
    return refuse(report, fmt::format("the plan is not ready: {}: {}", one->text, seen_of(*one)), options);
  talk(to_text(plan, text_options(options)) + "\n");
  if (!says_yes("Do this now? Nothing has been changed yet. [y/N] "))
    return refuse(report, "the answer was no", options);
  auto second = look(options);
  if (!second) return fail(second.error());
  return apply_plan(std::move(*second), plan.id, &plan, options);
}

/// What is wrong with how --apply was called, before anything is looked at.
std::optional<Error> misused(const RescueOptions& options) {
  if (!options.cause.empty() && !cause_named(options.cause))
    return Error{ErrorKind::usage, fmt::format("there is no cause '{}'", options.cause), "",
                 "unzap explain lists them"};
  if (!options.apply) return std::nullopt;
  if (options.dry_run) return Error{ErrorKind::usage, "--apply and --dry-run exclude each other", "", ""};
  if (!options.plan.empty() && !is_plan_id(options.plan))
    return Error{
        ErrorKind::usage, fmt::format("'{}' is not an id of a plan", options.plan), "",
        "unzap rescue shows the plans, each with its id of 12 letters and digits; a bundle can be planned "
        "for, not applied"};
  if (!options.file.empty() || !options.host.procfs.empty())
    return Error{ErrorKind::usage, "--apply acts on this host", "", "omit FILE and --path.procfs"};
  if (options.plan.empty() && !can_ask())
    return Error{ErrorKind::usage,
                 "--apply without the id of a plan asks, and there is no terminal to ask at", "",
                 "look at the plans with unzap rescue, then give the id: unzap rescue --apply PLAN"};
  return std::nullopt;
}

int run_rescue(const RescueOptions& options) {
  if (auto error = misused(options)) return fail(*error);
  auto now = look(options);
  if (!now) return fail(now.error());
  if (!options.apply) return answer(now->report, options);
  if (options.plan.empty()) return ask_and_apply(*now, options);
  return apply_plan(std::move(*now), options.plan, nullptr, options);
}

}  // namespace

Command add_rescue_command(CLI::App& program) {
  const auto options = std::make_shared<RescueOptions>();
  CLI::App* verb =
      program.add_subcommand("rescue", "Free what is stuck: the plan, and with --apply its execution");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  verb->add_option("FILE", options->file, "A bundle to plan for instead of this host; - is standard input")
      ->type_name("");
  const CLI::Option* apply =
      verb->add_option("--apply", options->plan,
                       "Do the plan with this id, if a fresh look still gives it; without an id, at a "
                       "terminal: show the first plan and ask. Without --apply nothing is changed")
          ->type_name("[PLAN]")
          ->expected(0, 1);
  verb->add_flag("--dry-run", options->dry_run, "Plan only; the default");
  verb->add_option("--module", options->module, "A prebuilt unzap_rescue.ko; else it is built here")
      ->type_name("FILE");
  verb->add_option("--cause", options->cause, "Only a finding of this cause")->type_name("ID");
  verb->add_option("--task", options->task,
                   "Only the finding whose culprit is this thread; TID or TID,STARTTIME")
      ->type_name("TID");
  verb->add_flag(
      "--allow-host-process", options->allow_host_process,
      "A signal may go to a process on which others depend: a service manager, a runtime, a shim, one "
      "with other living children");
  verb->add_option("--audit", options->audit,
                   "Where to keep the record of what is done (default: /var/log/unzap-rescue.jsonl)")
      ->type_name("FILE");
  verb->add_flag("--thaw-others", options->thaw_others,
                 "Let those run again, too, that were frozen together with what is stuck");
  add_host_options(*verb, options->host);
  add_selection_options(*verb, options->selection);
  return {verb, [options, apply] {
            options->apply = apply->count() > 0;
            return run_rescue(*options);
          }};
}

}  // namespace unzap
