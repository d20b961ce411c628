// SPDX-License-Identifier: Apache-2.0
#include "linux/preemption.hpp"

#include <vector>

#include "util/text.hpp"

namespace unzap {
namespace {

/// The words of preempt= and of sched/preempt: sched_dynamic_mode(), kernel/sched/core.c. A kernel with
/// PREEMPT_RT has another word for that, and is never switched to it.
std::optional<Preemption> dynamic_mode(std::string_view word) {
  const auto mode = from_name<Preemption>(word);
  return mode == Preemption::rt ? std::nullopt : mode;
}

/// The mode in "(full)", alone or at the start of `text`.
std::optional<Preemption> in_parentheses(std::string_view text) {
  if (!text.starts_with('(')) return std::nullopt;
  return dynamic_mode(text.substr(1, text.find(')') - 1));
}

/// An RT kernel has the option of another model, too.
void set_built(PreemptionFacts& facts, Preemption model) {
  if (facts.built != Preemption::rt) facts.built = model;
}

void set_static(PreemptionFacts& facts, Preemption model) {
  set_built(facts, model);
  if (model != Preemption::rt && !facts.dynamic) facts.dynamic = false;
}

/// What follows "PREEMPT" in the same word.
void read_suffix(PreemptionFacts& facts, std::string_view suffix) {
  if (suffix.empty()) return set_static(facts, Preemption::full);
  if (suffix.starts_with("_RT") || suffix.starts_with("_{RT")) return set_built(facts, Preemption::rt);
  if (suffix == "LAZY" || suffix == "_LAZY") return set_static(facts, Preemption::lazy);
  if (suffix.starts_with("_DYNAMIC")) facts.dynamic = true;
  if (!suffix.starts_with('(')) return;
  facts.dynamic = true;
  if (const auto mode = in_parentheses(suffix)) facts.running = *mode;
}

struct ConfigRow {
  std::string_view option;
  Preemption model;
};
constexpr ConfigRow k_models[] = {
    {"PREEMPT_NONE", Preemption::none}, {"PREEMPT_VOLUNTARY", Preemption::voluntary},
    {"PREEMPT", Preemption::full},      {"PREEMPT_LAZY", Preemption::lazy},
    {"PREEMPT_RT", Preemption::rt},
};
/// Selected by the models if PREEMPT_DYNAMIC is off (PREEMPT_BUILD: in any case).
constexpr ConfigRow k_static_models[] = {
    {"PREEMPT_NONE_BUILD", Preemption::none},
    {"PREEMPT_VOLUNTARY_BUILD", Preemption::voluntary},
};

}  // namespace

std::optional<PreemptionInForce> preemption_in_force(const PreemptionFacts& facts) {
  if (facts.built == Preemption::rt) return PreemptionInForce{Preemption::rt, PreemptionSource::built};
  if (facts.running) return PreemptionInForce{*facts.running, PreemptionSource::running};
  if (facts.booted && facts.dynamic != false)
    return PreemptionInForce{*facts.booted, PreemptionSource::booted};
  const bool may_be_chosen = facts.dynamic == true && !facts.command_line_seen;
  if (facts.built && !may_be_chosen) return PreemptionInForce{*facts.built, PreemptionSource::built};
  return std::nullopt;
}

void read_version(PreemptionFacts& facts, std::string_view version) {
  const std::vector<std::string_view> words = split_words(trim(version));
  for (std::size_t i = 0; i < words.size(); ++i) {
    const std::string_view next = i + 1 < words.size() ? words[i + 1] : "";
    if (words[i] == "PREEMPT" && next == "RT")
      set_built(facts, Preemption::rt);
    else if (words[i] == "PREEMPT" && in_parentheses(next))
      read_suffix(facts, next);
    else if (words[i].starts_with("PREEMPT"))
      read_suffix(facts, words[i].substr(7));
    else if (words[i] == "VOLUNTARY")
      set_static(facts, Preemption::voluntary);
    else if (words[i] == "NONE")
      set_static(facts, Preemption::none);
  }
}

void read_command_line(PreemptionFacts& facts, std::string_view command_line) {
  constexpr std::string_view key = "preempt=";
  facts.command_line_seen = true;
  for (const std::string_view word : split_words(trim(command_line)))
    if (const auto mode = word.starts_with(key) ? dynamic_mode(word.substr(key.size())) : std::nullopt)
      facts.booted = *mode;
}

bool read_log_line(PreemptionFacts& facts, std::string_view line) {
  constexpr std::string_view key = "Dynamic Preempt: ";
  if (!line.starts_with(key)) return false;
  facts.dynamic = true;
  if (const auto mode = dynamic_mode(trim(line.substr(key.size())))) facts.running = *mode;
  return true;
}

bool read_debugfs(PreemptionFacts& facts, std::string_view sched_preempt) {
  std::optional<Preemption> chosen;
  for (const std::string_view word : split_words(trim(sched_preempt))) {
    const bool in_force = word.starts_with('(') && word.ends_with(')');
    const auto mode = in_force ? in_parentheses(word) : dynamic_mode(word);
    if (!mode || (in_force && chosen)) return false;
    if (in_force) chosen = mode;
  }
  if (!chosen) return false;
  facts.dynamic = true;
  facts.running = *chosen;
  return true;
}

bool read_config_line(PreemptionFacts& facts, std::string_view line) {
  constexpr std::string_view prefix = "CONFIG_", on = "=y";
  line = trim(line);
  if (line == "# CONFIG_PREEMPT_DYNAMIC is not set") {
    facts.dynamic = false;
    return true;
  }
  if (!line.starts_with(prefix) || !line.ends_with(on)) return false;
  const std::string_view option = line.substr(prefix.size(), line.size() - prefix.size() - on.size());
  if (option == "PREEMPT_DYNAMIC") {
    facts.dynamic = true;
    return true;
  }
  for (const ConfigRow& row : k_models)
    if (option == row.option) set_built(facts, row.model);
  for (const ConfigRow& row : k_static_models)
    if (option == row.option) set_static(facts, row.model);
  return option.starts_with("PREEMPT");
}

}  // namespace unzap
