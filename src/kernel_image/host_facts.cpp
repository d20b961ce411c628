// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/host_facts.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <optional>

namespace unzap {
namespace {

constexpr std::string_view k_kernel_half = "0xffff";  // where the addresses of an x86-64 kernel begin
constexpr std::size_t k_address_length = 18;          // "0x" and 16 digits

/// The text with "..." for the digits of each kernel address.
std::string without_addresses(std::string text) {
  for (std::size_t at = text.find(k_kernel_half); at != std::string::npos;
       at = text.find(k_kernel_half, at + 1)) {
    const std::size_t end = text.find_first_not_of("0123456789abcdef", at + 2);
    if (std::min(end, text.size()) - at != k_address_length) continue;
    text.replace(at, k_address_length, std::string(k_kernel_half) + "...");
  }
  return text;
}

std::optional<WaitFix::Kind> kind_of(ZapFix fix) {
  switch (fix) {
    case ZapFix::unknown: return std::nullopt;
    case ZapFix::none: return WaitFix::Kind::none;
    case ZapFix::fix_2024: return WaitFix::Kind::fix_2024;
    case ZapFix::fix_2026: return WaitFix::Kind::fix_2026;
    case ZapFix::no_notify_signal: return WaitFix::Kind::no_notify_signal;
  }
  return std::nullopt;
}

ZapFix fix_of(WaitFix::Kind kind) {
  switch (kind) {
    case WaitFix::Kind::none: return ZapFix::none;
    case WaitFix::Kind::fix_2024: return ZapFix::fix_2024;
    case WaitFix::Kind::fix_2026: return ZapFix::fix_2026;
    case WaitFix::Kind::no_notify_signal: return ZapFix::no_notify_signal;
  }
  return ZapFix::unknown;
}

Reading<WaitFix> wait_fix_of(const KernelFacts& facts) {
  const auto kind = kind_of(facts.code.fix);
  if (!kind) return facts.unread;
  WaitFix out{*kind, facts.code_from, {}};
  for (const CodeEvidence& piece : facts.code.evidence)
    out.steps.push_back(
        {piece.function, piece.offset, piece.bytes, without_addresses(piece.text), piece.meaning});
  return out;
}

/// A fact that neither config nor symbols told, or that there was no time to look for.
template <class To, class From>
Reading<To> reading_of(const std::optional<From>& fact, const KernelFacts& facts) {
  if (fact) return static_cast<To>(*fact);
  return facts.unread == Absence::timed_out ? Absence::timed_out : Absence::not_in_this_kernel;
}

template <class To, class From>
std::optional<To> known(const Reading<From>& reading) {
  return reading ? std::optional<To>(static_cast<To>(*reading)) : std::nullopt;
}

Machine machine_of(const Reading<std::string>& text) {
  for (const Machine machine : {Machine::x86_64, Machine::arm64})
    if (text.is(std::string(name(machine)))) return machine;
  return Machine::other;
}

/// Why the snapshot does not say what the code does, for an answer.
std::string reason_of(Absence why) {
  switch (why) {
    case Absence::not_asked:
      return "the kernel's code was not looked at; record the host again with this unzap (record -o FILE)";
    case Absence::not_permitted:
      return "the kernel's code may not be read without root (/proc/kallsyms and /proc/kcore, or CAP_BPF)";
    case Absence::timed_out: return "the kernel's code did not come back in time; --timeout gives it longer";
    case Absence::gone:
    case Absence::task_running:
    case Absence::not_in_this_kernel: break;
  }
  return "the code of zap_pid_ns_processes was not found, or is not understood; on that host unzap patched "
         "says what was not";
}

}  // namespace

void put_kernel(const KernelFacts& facts, Host& host) {
  host.wait_fix = wait_fix_of(facts);
  const ConfigFacts& config = facts.config;
  KernelSetup& out = host.setup;
  out.machine = std::string(name(facts.machine));
  out.io_uring = reading_of<bool>(config.io_uring, facts);
  out.io_uring_disabled = reading_of<std::int32_t>(facts.io_uring_disabled, facts);
  out.guard_loaded = reading_of<bool>(facts.guard_loaded, facts);
  out.preempt_rcu = reading_of<bool>(config.preempt_rcu, facts);
  out.preempt_count = reading_of<bool>(config.preempt_count, facts);
  out.modules = reading_of<bool>(config.modules, facts);
  out.kprobes = reading_of<bool>(config.kprobes, facts);
  out.module_sig_force = reading_of<bool>(config.module_sig_force, facts);
  if (host.preemption) return;
  if (facts.preempt_mode)
    host.preemption = *facts.preempt_mode;
  else if (config.preemption && config.preempt_dynamic == false)
    host.preemption = *config.preemption;
}

KernelFacts kernel_of(const Host& host, std::string subject) {
  KernelFacts out;
  out.subject = std::move(subject);
  out.release = host.kernel_release.value_or("");
  out.version = host.kernel_version.value_or("");
  out.machine = machine_of(host.setup.machine);
  if (const WaitFix* fix = host.wait_fix.get()) {
    out.code.fix = fix_of(fix->kind);
    out.code_from = fix->source;
    for (const CodeStep& step : fix->steps)
      out.code.evidence.push_back(
          {step.function, 0, step.bytes, step.instruction, step.meaning, step.offset});
  } else {
    out.unread = *host.wait_fix.absence();
    out.code.reason = reason_of(out.unread);
  }
  const KernelSetup& setup = host.setup;
  out.config.io_uring = known<bool>(setup.io_uring);
  out.config.preempt_rcu = known<bool>(setup.preempt_rcu);
  out.config.preempt_count = known<bool>(setup.preempt_count);
  out.config.modules = known<bool>(setup.modules);
  out.config.kprobes = known<bool>(setup.kprobes);
  out.config.module_sig_force = known<bool>(setup.module_sig_force);
  out.io_uring_disabled = known<int>(setup.io_uring_disabled);
  out.guard_loaded = known<bool>(setup.guard_loaded);
  out.preempt_mode = known<Preemption>(host.preemption);
  out.cpus = known<int>(host.cpus);
  return out;
}

}  // namespace unzap
