// SPDX-License-Identifier: Apache-2.0
#include "cli/rescue_command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <memory>

#include "cli/embedded.hpp"
#include "cli/host.hpp"
#include "diagnosis/catalogue.hpp"
#include "diagnosis/diagnose.hpp"
#include "kernel_image/verdict.hpp"
#include "report/patched_report.hpp"
#include "report/rescue_report.hpp"
#include "sources/bundle/bundle.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_bundle_bytes = std::size_t{256} << 20;

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap rescue                       the plan, with everything that must hold; changes nothing\n"
    "  unzap rescue --apply               do it: look again, act, watch, keep a record\n"
    "  unzap rescue --apply --module unzap_rescue.ko    with a module that was built elsewhere\n"
    "  unzap rescue node.unzap            the plan for a host that unzap record took along\n"
    "EXIT STATUS\n"
    "  0 nothing is stuck, or it was freed   1 something is stuck: planned, refused or not freed   2 could "
    "not tell\n"
    "  64 usage   65 bad input   66 no such input, finding or module   74 input or output failed   77 not "
    "permitted";

struct RescueOptions {
  CommonOptions common;
  HostOptions host;
  std::string file, module, cause, task;
  std::string audit = "/var/log/unzap-rescue.jsonl";
  bool apply = false;
  bool dry_run = false;
};

Result<Snapshot> snapshot_for(const RescueOptions& options) {
  if (options.file.empty()) return snapshot_of_host(options.host, options.common.quiet);
  const auto input = read_file(options.file, k_max_bundle_bytes);
  if (!input) return input.error();
  if (!looks_like_bundle(input->text))
    return Error{
        ErrorKind::bad_data, "this is no bundle", options.file,
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

/// The plan to take: the first that is ready, else the first with an action, among those that were asked for.
Result<std::optional<std::size_t>> choose(const std::vector<Plan>& plans, const RescueOptions& options) {
  std::optional<std::size_t> ready, possible, asked;
  for (std::size_t i = 0; i < plans.size(); ++i) {
    const Plan& plan = plans[i];
    if (!options.cause.empty() && plan.cause != options.cause) continue;
    if (!options.task.empty() && !names(options.task, plan)) continue;
    if (!asked) asked = i;
    if (!possible && plan.action) possible = i;
    if (!ready && plan.ready()) ready = i;
  }
  if (!options.task.empty() && !asked)
    return Error{ErrorKind::no_input, "no finding names this task as its culprit; nothing was changed",
                 options.task, "unzap rescue touches nobody else; unzap diagnose shows the findings"};
  if (!options.cause.empty() && !asked && !plans.empty())
    return Error{ErrorKind::no_input, "nothing of this cause was found; nothing was changed", options.cause,
                 "unzap diagnose shows the findings"};
  return ready ? ready : possible ? possible : asked;
}

/// A finding whose remedy depends on what the code of the kernel does.
bool blames_the_wait(const Diagnosis& diagnosis) {
  return std::any_of(diagnosis.findings.begin(), diagnosis.findings.end(),
                     [](const Finding& finding) { return finding.cause == "reaper-busy-loop"; });
}

/// What the code of this host's kernel says. Only the code counts: a guard that is loaded, or a sysctl, is no
/// fix for a thread that spins already.
KernelCode kernel_code(const HostOptions& options) {
  const KernelFacts facts = kernel_of_host(options);
  const KernelAnswer answer = answer_for(facts);
  const std::string said = fmt::format("{}: {}", patched_headline(facts, answer), answer.reason);
  switch (facts.code.fix) {
    case ZapFix::unknown: break;
    case ZapFix::none: return {KernelCode::Wait::vulnerable, said};
    case ZapFix::fix_2024:
    case ZapFix::fix_2026:
    case ZapFix::no_notify_signal: return {KernelCode::Wait::fixed, said};
  }
  return {KernelCode::Wait::unknown, "it could not be told: " + facts.code.reason};
}

ApplyOptions apply_options(const RescueOptions& options) {
  ApplyOptions out;
  for (const EmbeddedFile& file : module_sources())
    out.sources.push_back({file.name == "reaper" ? "reaper.h" : "unzap_rescue.c", file.text});
  if (!options.common.quiet && !options.common.wants_json())
    out.progress = [](const std::string& text) { say(text); };
  return out;
}

int answer(const RescueReport& report, const RescueOptions& options) {
  const TextOptions text{use_color(options.common.color_choice()), output_width(), options.common.verbose};
  if (const int failed = write_output(options.common.wants_json() ? to_json(report) : to_text(report, text));
      failed != 0)
    return failed;
  if (report.applied) return report.applied->outcome == Outcome::freed ? 0 : 1;
  return report.verdict == Verdict::healthy ? 0 : report.verdict == Verdict::stuck ? 1 : 2;
}

int run_rescue(const RescueOptions& options) {
  if (options.apply && options.dry_run)
    return fail({ErrorKind::usage, "--apply and --dry-run exclude each other", "", ""});
  if (options.apply && (!options.file.empty() || !options.host.procfs.empty()))
    return fail({ErrorKind::usage, "--apply acts on this host", "", "leave FILE and --path.procfs away"});
  if (!options.cause.empty() && cause(options.cause) == nullptr)
    return fail({ErrorKind::usage, fmt::format("there is no cause '{}'", options.cause), "",
                 "unzap explain lists them"});
  const Result<Snapshot> snapshot = snapshot_for(options);
  if (!snapshot) return fail(snapshot.error());
  const Diagnosis diagnosis = diagnose(*snapshot);
  Means means = look_at_means(options.module);
  if (options.file.empty() && blames_the_wait(diagnosis)) means.kernel_code = kernel_code(options.host);
  RescueReport report;
  report.verdict = diagnosis.verdict;
  if (diagnosis.verdict != Verdict::healthy) report.plans = make_plans(diagnosis, *snapshot, means);
  const auto chosen = choose(report.plans, options);
  if (!chosen) return fail(chosen.error());
  report.chosen = *chosen;
  if (!options.apply || !report.chosen || !report.plans[*report.chosen].ready())
    return answer(report, options);
  auto audit = Audit::open(options.audit);
  if (!audit) return fail(audit.error());
  auto applied = apply(report.plans[*report.chosen], means, apply_options(options), *audit);
  if (!applied) return fail(applied.error());
  report.applied = std::move(*applied);
  return answer(report, options);
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
  verb->add_flag("--apply", options->apply, "Do what the plan says; without it nothing is changed");
  verb->add_flag("--dry-run", options->dry_run, "Plan only; the default");
  verb->add_option("--module", options->module, "A prebuilt unzap_rescue.ko; else it is built here")
      ->type_name("FILE");
  verb->add_option("--cause", options->cause, "Only a finding of this cause")->type_name("ID");
  verb->add_option("--task", options->task,
                   "Only the finding whose culprit is this thread; TID or TID,STARTTIME")
      ->type_name("TID");
  verb->add_option("--audit", options->audit,
                   "Where to keep the record of what is done (default: /var/log/unzap-rescue.jsonl)")
      ->type_name("FILE");
  add_host_options(*verb, options->host);
  return {verb, [options] { return run_rescue(*options); }};
}

}  // namespace unzap
