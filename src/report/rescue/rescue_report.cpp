// SPDX-License-Identifier: Apache-2.0
#include "report/rescue/rescue_report.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <nlohmann/json.hpp>

#include "report/diagnosis/words.hpp"
#include "report/json_text.hpp"
#include "report/writer.hpp"

namespace unzap {
namespace {

using Met = Condition::Met;

constexpr int k_schema_version = 1;

std::string ids_and_more(const std::vector<Watched>& watched) {
  std::string out;
  for (std::size_t i = 0; i < watched.size() && i < 8; ++i) out += (i == 0 ? "" : ", ") + watched[i].label();
  if (watched.size() > 8) out += fmt::format(" and {} more", watched.size() - 8);
  return out;
}

void tell_conditions(TextWriter& out, const Plan& plan) {
  if (plan.conditions.empty()) return;
  out.gap();
  out.item(0, "what must hold", "", Tone::heading);
  for (const Condition& one : plan.conditions) {
    const Tone tone = one.in_the_way() ? Tone::bad : one.met == Met::yes ? Tone::good : Tone::warning;
    const std::string_view word = one.met == Met::yes ? "yes  " : one.met == Met::no ? "NO   " : "?    ";
    const bool harmless = one.met == Met::unknown && one.may_be_unknown;
    out.item(3, word, one.text + ": " + seen_of(one) + (harmless ? "; this is not in the way" : ""), tone);
  }
}

void tell_plan(TextWriter& out, const Plan& plan) {
  out.item(0, "RESCUE  ", fmt::format("{} ({})", plan.cause, name(plan.confidence)), Tone::heading);
  out.paragraph(3, plan.summary);
  tell_conditions(out, plan);
  out.gap();
  if (!plan.action) {
    out.item(0, "no action  ", plan.why_none, Tone::warning);
    return;
  }
  out.item(0, "plan       ",
           plan.after.empty() ? plan.id : fmt::format("{}, if {} did not help", plan.id, plan.after),
           Tone::heading);
  out.item(0, "action     ", plan.action->text, Tone::heading);
  out.item(0, "changes    ", plan.action->changes, Tone::heading);
  out.item(0, "no undo of ", plan.action->cannot_undo, Tone::heading);
  for (std::size_t i = 0; i < plan.serves.size() && i < 8; ++i)
    out.item(0, i == 0 ? "also hits  " : "           ", plan.serves[i], Tone::heading);
  if (plan.serves.size() > 8) out.item(11, "", fmt::format("and {} more", plan.serves.size() - 8));
  if (!plan.watched.empty()) out.item(0, "frees      ", ids_and_more(plan.watched), Tone::heading);
}

/// A plan in two lines or three.
void list_plan(TextWriter& out, const Plan& plan) {
  const bool ready = plan.ready();
  const std::string_view state = ready ? "ready" : plan.action ? "not ready" : "no action";
  out.item(0, "RESCUE  ",
           fmt::format("{}{}{} ({}): {}", plan.id, plan.id.empty() ? "" : "  ", plan.cause,
                       name(plan.confidence), state),
           ready ? Tone::good : Tone::warning);
  if (!plan.action) {
    out.item(0, "no action  ", plan.why_none, Tone::warning);
    return;
  }
  out.item(0, "action     ",
           plan.action->text + (plan.after.empty() ? "" : fmt::format("; if {} did not help", plan.after)),
           Tone::heading);
  if (const Condition* one = plan.obstacle())
    out.item(0, "not yet    ", one->text + ": " + seen_of(*one), Tone::bad);
}

void tell_applied(TextWriter& out, const Applied& applied) {
  out.gap();
  for (const ApplyStep& step : applied.steps)
    out.item(3, fmt::format("{:7.3f} s  ", step.at_seconds), step.text, Tone::quiet);
  out.gap();
  switch (applied.outcome) {
    case Outcome::freed:
      out.item(0, "FREED  ", fmt::format("in {:.3f} s", applied.seconds), Tone::good);
      break;
    case Outcome::refused:
      out.item(0, "REFUSED  ", applied.why + "; nothing was changed", Tone::warning);
      break;
    case Outcome::not_freed: out.item(0, "NOT FREED  ", applied.why, Tone::bad); break;
    case Outcome::unknown: out.item(0, "UNKNOWN  ", applied.why, Tone::warning); break;
  }
}

/// What to type next, under the plans of a dry run.
void tell_what_next(TextWriter& out, const RescueReport& report) {
  out.gap();
  if (report.asked.size() > 1) {
    out.paragraph(0,
                  "Nothing was changed. To do one of these: unzap rescue --apply PLAN, with the letters and "
                  "digits behind RESCUE; -v shows all that must hold, and what each changes.");
    return;
  }
  const Plan& plan = report.plans[report.asked.front()];
  if (plan.ready())
    out.paragraph(0, "This was a dry run, nothing was changed. To do it: unzap rescue --apply " + plan.id);
  else if (plan.action)
    out.paragraph(0, "Nothing was changed, and --apply would refuse: not everything holds that must.");
  if (report.plans.size() > 1)
    out.paragraph(0, fmt::format("{} more plan{}: unzap rescue without --cause and --task shows all.",
                                 report.plans.size() - 1, report.plans.size() == 2 ? "" : "s"));
}

void tell_plans(TextWriter& out, const RescueReport& report, bool in_full) {
  for (const std::size_t i : report.asked) {
    out.gap();
    if (in_full || report.asked.size() == 1)
      tell_plan(out, report.plans[i]);
    else
      list_plan(out, report.plans[i]);
  }
}

void tell_no_plan(TextWriter& out, Verdict verdict) {
  if (verdict == Verdict::unknown)
    out.item(0, "UNKNOWN  ", "unzap diagnose could not tell whether something is stuck; nothing was changed",
             Tone::warning);
  else
    out.item(0, "NOTHING TO DO  ", "nothing is stuck on this host", Tone::good);
}

Json to_json(const RescueTarget& target) {
  return {{"pid", target.tgid},
          {"tid", target.id.tid},
          {"start_ticks", target.id.start_ticks},
          {"comm", target.comm},
          {"pid_ns", target.pid_ns ? Json(*target.pid_ns) : Json(nullptr)}};
}

Json to_json(const Action& action) {
  return {{"kind", name(action.kind)},
          {"remedy", action.remedy},
          {"target", action.target ? to_json(*action.target) : Json(nullptr)},
          {"file", action.file.empty() ? Json(nullptr) : Json(action.file)},
          {"value", action.file.empty() ? Json(nullptr) : Json(action.value)},
          {"signal", action.signal == 0 ? Json(nullptr) : Json(action.signal)},
          {"text", action.text},
          {"changes", action.changes},
          {"cannot_undo", action.cannot_undo}};
}

Json to_json(const Plan& plan) {
  Json conditions = Json::array();
  for (const Condition& one : plan.conditions)
    conditions.push_back({{"text", one.text},
                          {"met", name(one.met)},
                          {"seen", seen_of(one)},
                          {"in_the_way", one.in_the_way()}});
  Json watched = Json::array();
  for (const Watched& one : plan.watched) watched.push_back(to_json(one));
  return {{"id", plan.id.empty() ? Json(nullptr) : Json(plan.id)},
          {"finding", plan.finding},
          {"after", plan.after.empty() ? Json(nullptr) : Json(plan.after)},
          {"cause", plan.cause},
          {"confidence", name(plan.confidence)},
          {"summary", plan.summary},
          {"culprit", plan.culprit ? to_json(*plan.culprit) : Json(nullptr)},
          {"pid_ns", plan.pid_ns ? Json(*plan.pid_ns) : Json(nullptr)},
          {"reaper", plan.reaper ? to_json(*plan.reaper) : Json(nullptr)},
          {"conditions", std::move(conditions)},
          {"action", plan.action ? to_json(*plan.action) : Json(nullptr)},
          {"why_none", plan.action ? Json(nullptr) : Json(plan.why_none)},
          {"frees", std::move(watched)},
          {"also_hits", plan.serves},
          {"ready", plan.ready()}};
}

Json to_json(const Applied& applied) {
  Json steps = Json::array();
  for (const ApplyStep& step : applied.steps)
    steps.push_back({{"at_seconds", step.at_seconds}, {"text", step.text}});
  return {{"outcome", name(applied.outcome)},
          {"why", applied.why.empty() ? Json(nullptr) : Json(applied.why)},
          {"seconds", applied.seconds},
          {"steps", std::move(steps)}};
}

}  // namespace

std::string seen_of(const Condition& condition) {
  if (condition.unproved.empty()) return condition.seen;
  return fmt::format("{}", fmt::join(words(condition.unproved), "; "));
}

std::string to_text(const Plan& plan, const TextOptions& options) {
  TextWriter out(options.width, options.color);
  tell_plan(out, plan);
  return out.text();
}

std::string to_text(const RescueReport& report, const TextOptions& options) {
  TextWriter out(options.width, options.color);
  if (report.applied) {
    if (report.chosen)
      tell_plan(out, report.plans[*report.chosen]);
    else
      tell_plans(out, report, false);
    tell_applied(out, *report.applied);
    return out.text();
  }
  if (report.asked.empty()) {
    tell_no_plan(out, report.verdict);
    return out.text();
  }
  tell_plans(out, report, options.verbose);
  tell_what_next(out, report);
  return out.text();
}

std::string to_json(const RescueReport& report) {
  Json plans = Json::array();
  for (const Plan& plan : report.plans) plans.push_back(to_json(plan));
  Json document = {{"schema_version", k_schema_version},
                   {"verdict", name(report.verdict)},
                   {"plans", std::move(plans)},
                   {"chosen", report.chosen ? Json(*report.chosen) : Json(nullptr)},
                   {"applied", report.applied ? to_json(*report.applied) : Json(nullptr)}};
  return json_text(std::move(document), 2);
}

}  // namespace unzap
