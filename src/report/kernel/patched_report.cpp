// SPDX-License-Identifier: Apache-2.0
#include "report/kernel/patched_report.hpp"
#include "report/json_text.hpp"

#include <fmt/format.h>

#include <cstdlib>
#include <nlohmann/json.hpp>

#include "report/writer.hpp"

namespace unzap {
namespace {

constexpr int k_schema_version = 1;
constexpr std::size_t k_lead = 2;

std::string hex_bytes(std::string_view bytes) {
  std::string out;
  for (const char byte : bytes)
    out += fmt::format("{}{:02x}", out.empty() ? "" : " ", static_cast<unsigned char>(byte));
  return out;
}

template <class T>
Json or_null(const std::optional<T>& value) {
  return value ? Json(*value) : Json(nullptr);
}
Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json or_null(const std::optional<Preemption>& model) {
  return model ? Json(name(*model)) : Json(nullptr);
}

Json evidence_json(const ZapCode& code) {
  Json out = Json::array();
  for (const CodeEvidence& piece : code.evidence)
    out.push_back({{"function", piece.function},
                   {"address", piece.address != 0 ? Json(fmt::format("{:x}", piece.address)) : Json(nullptr)},
                   {"offset", piece.offset},
                   {"bytes", hex_bytes(piece.bytes)},
                   {"instruction", piece.text},
                   {"meaning", piece.meaning}});
  return out;
}

Json config_json(const KernelFacts& facts) {
  const ConfigFacts& config = facts.config;
  return {{"io_uring", or_null(config.io_uring)},
          {"io_uring_disabled", or_null(facts.io_uring_disabled)},
          {"guard_loaded", or_null(facts.guard_loaded)},
          {"preemption", or_null(config.preemption)},
          {"preempt_mode", or_null(facts.preempt_mode)},
          {"preempt_dynamic", or_null(config.preempt_dynamic)},
          {"preempt_rcu", or_null(config.preempt_rcu)},
          {"preempt_count", or_null(config.preempt_count)},
          {"modules", or_null(config.modules)},
          {"kprobes", or_null(config.kprobes)},
          {"module_sig_force", or_null(config.module_sig_force)},
          {"source", or_null(config.source)}};
}

Json advice_json(const KernelAnswer& answer) {
  Json out = Json::array();
  for (const Advice& advice : answer.advice)
    out.push_back({{"id", advice.id},
                   {"text", advice.text},
                   {"command", or_null(advice.command)},
                   {"source", or_null(advice.source)}});
  return out;
}

Tone tone_of(KernelVerdict verdict) {
  switch (verdict) {
    case KernelVerdict::fixed:
    case KernelVerdict::not_affected: return Tone::good;
    case KernelVerdict::can_lock_up: return Tone::bad;
    case KernelVerdict::wastes_cpu:
    case KernelVerdict::unknown: return Tone::warning;
  }
  return Tone::plain;
}

std::string_view yes_no(const std::optional<bool>& fact) {
  return !fact ? "not known" : *fact ? "yes" : "no";
}

std::string kernel_line(const KernelFacts& facts) {
  std::string out = facts.release.empty() ? "a kernel without a banner" : facts.release;
  out += fmt::format(", {}", name(facts.machine));
  if (!facts.version.empty()) out += ", " + facts.version;
  if (!facts.packing.empty()) out += fmt::format(" ({})", facts.packing);
  return out;
}

std::string config_line(const KernelFacts& facts) {
  const ConfigFacts& config = facts.config;
  std::string out =
      fmt::format("io_uring built in: {}; PREEMPT_RCU: {}; PREEMPT_COUNT: {}; modules: {}; kprobes: {}",
                  yes_no(config.io_uring), yes_no(config.preempt_rcu), yes_no(config.preempt_count),
                  yes_no(config.modules), yes_no(config.kprobes));
  if (config.preemption) out += fmt::format("; preemption built: {}", name(*config.preemption));
  if (config.preempt_dynamic == true) out += ", dynamic";
  if (facts.preempt_mode)
    out += fmt::format("; runs: {} ({})", name(*facts.preempt_mode), facts.preempt_mode_from);
  if (facts.io_uring_disabled) out += fmt::format("; kernel.io_uring_disabled: {}", *facts.io_uring_disabled);
  return config.source.empty() ? out : fmt::format("{} [{}]", out, config.source);
}

/// The address; what was recorded goes without, and has the place in its function.
std::string place_of(const CodeEvidence& piece) {
  if (piece.address != 0) return fmt::format("{:x}", piece.address);
  const std::string_view sign = piece.offset < 0 ? "-" : "+";
  return fmt::format("{}{}{:#x}", piece.function, sign, std::abs(piece.offset));
}

void write_evidence(const KernelFacts& facts, TextWriter& out) {
  if (facts.address)
    out.item(0, "Evidence  ",
             fmt::format("zap_pid_ns_processes at {:x}, {} bytes; place from {}, code from {}",
                         *facts.address, facts.size, facts.symbols_from, facts.code_from),
             Tone::heading);
  else if (!facts.code_from.empty())
    out.item(0, "Evidence  ", fmt::format("code from {}", facts.code_from), Tone::heading);
  for (const CodeEvidence& piece : facts.code.evidence) {
    out.verbatim(k_lead, place_of(piece) + "  ",
                 fmt::format("{:<26} {}", hex_bytes(piece.bytes), piece.text));
    out.paragraph(2 * k_lead, fmt::format("{}: {}", piece.function, piece.meaning));
  }
}

/// The answer in one sentence, as it stands first in the text.
std::string patched_headline(const KernelFacts& facts, const KernelAnswer& answer) {
  switch (answer.verdict) {
    case KernelVerdict::fixed: return fmt::format("fixed ({})", name(facts.code.fix));
    case KernelVerdict::can_lock_up: return "vulnerable: a dying container can lock this kernel up";
    case KernelVerdict::wastes_cpu: return "vulnerable: a dying container can waste a CPU";
    case KernelVerdict::not_affected: return "not affected";
    case KernelVerdict::unknown: break;
  }
  return "unknown";
}

}  // namespace

std::string patched_json(const KernelFacts& facts, const KernelAnswer& answer) {
  Json code = {{"function", "zap_pid_ns_processes"},
               {"address", facts.address ? Json(fmt::format("{:x}", *facts.address)) : Json(nullptr)},
               {"size", facts.address ? Json(facts.size) : Json(nullptr)},
               {"symbols_from", or_null(facts.symbols_from)},
               {"code_from", or_null(facts.code_from)}};
  Json document = {{"schema_version", k_schema_version},
                   {"verdict", name(answer.verdict)},
                   {"fix", name(facts.code.fix)},
                   {"reason", answer.reason},
                   {"kernel",
                    {{"subject", facts.subject},
                     {"release", or_null(facts.release)},
                     {"version", or_null(facts.version)},
                     {"machine", name(facts.machine)},
                     {"package", or_null(facts.package)},
                     {"packing", or_null(facts.packing)},
                     {"cpus", or_null(facts.cpus)}}},
                   {"code", std::move(code)},
                   {"evidence", evidence_json(facts.code)},
                   {"config", config_json(facts)},
                   {"notes", answer.notes},
                   {"advice", advice_json(answer)}};
  return json_text(std::move(document), 2);
}

std::string patched_text(const KernelFacts& facts, const KernelAnswer& answer, const TextOptions& options) {
  TextWriter out(options.width, options.color);
  out.item(0, patched_headline(facts, answer) + ": ", answer.reason, tone_of(answer.verdict));
  out.gap();
  out.item(0, "Kernel    ", fmt::format("{}: {}", facts.subject, kernel_line(facts)), Tone::heading);
  if (!facts.package.empty()) out.item(0, "Package   ", facts.package, Tone::heading);
  write_evidence(facts, out);
  out.item(0, "Config    ", config_line(facts), Tone::heading);
  for (const std::string& note : answer.notes) out.item(0, "Note      ", note, Tone::heading);
  if (answer.advice.empty()) return out.text();
  out.gap();
  out.item(0, "What to do", "", Tone::heading);
  for (const Advice& advice : answer.advice) {
    out.item(k_lead, fmt::format("{:<10}", advice.id),
             advice.source.empty() ? advice.text : fmt::format("{} [{}]", advice.text, advice.source));
    if (!advice.command.empty()) out.verbatim(2 * k_lead, "", advice.command);
  }
  return out.text();
}

}  // namespace unzap
