// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/verdict.hpp"
#include "linux/first_fixed.hpp"

#include <fmt/format.h>

namespace unzap {
namespace {

constexpr int k_enosys = 38;
constexpr int k_io_uring_for_nobody = 2;

/// The preemption model that runs, as far as it is known.
std::optional<Preemption> preemption_of(const KernelFacts& facts) {
  return facts.preempt_mode ? facts.preempt_mode : facts.config.preemption;
}

/// What a spinning reaper does to a kernel.
void judge_spin(const KernelFacts& facts, KernelAnswer& out) {
  const std::optional<Preemption> preemption = preemption_of(facts);
  const bool gives_way = preemption && preempts_kernel_code(*preemption);
  const bool one_cpu = facts.cpus == 1;
  if (facts.config.preempt_rcu == false) {
    out.verdict = KernelVerdict::can_lock_up;
    out.reason =
        "the reaper spins without ever scheduling, CONFIG_PREEMPT_RCU is off, so its CPU ends no RCU grace "
        "period, and every mount namespace that is torn down waits for one";
    if (facts.config.preempt_count == true)
      out.notes.push_back(
          "CONFIG_PREEMPT_COUNT is on: later 6.1 kernels then end the grace period from the tick");
  } else if (facts.config.preempt_rcu == true && one_cpu && !gives_way) {
    out.verdict = KernelVerdict::can_lock_up;
    out.reason = "the reaper spins without ever scheduling, and this machine has one CPU: nothing else runs";
  } else if (facts.config.preempt_rcu == true) {
    out.verdict = KernelVerdict::wastes_cpu;
    out.reason =
        "the reaper spins, but CONFIG_PREEMPT_RCU is on: grace periods end, the container's last "
        "process can leave, and with it the spin ends";
    if (!preemption)
      out.notes.push_back(
          "whether the kernel preempts kernel code is not known: if not, a container that may run on one CPU "
          "only never goes away");
    else if (!gives_way)
      out.notes.push_back(
          fmt::format("preemption is {}: what else is queued on the CPU of the reaper waits, and a container "
                      "that may run on one CPU only never goes away",
                      name(*preemption)));
  } else {
    out.verdict = KernelVerdict::can_lock_up;
    out.reason = "the reaper spins; whether RCU is preemptible is not known, so the worst is assumed";
  }
}

void judge_vulnerable(const KernelFacts& facts, KernelAnswer& out) {
  if (facts.config.io_uring == false) {
    out.verdict = KernelVerdict::not_affected;
    out.reason =
        "the fix is missing, but io_uring is not built in, and nothing else is known that leaves a notify "
        "signal with an init that exits";
  } else if (facts.io_uring_disabled.value_or(0) >= k_io_uring_for_nobody) {
    out.verdict = KernelVerdict::not_affected;
    out.reason = "the fix is missing, but kernel.io_uring_disabled is 2: no ring can be made";
    out.notes.push_back("rings that were made before the sysctl was set live on: unzap risk shows them");
  } else if (facts.guard_loaded == true) {
    out.verdict = KernelVerdict::not_affected;
    out.reason =
        "the fix is missing, but the module unzap_guard is loaded and clears TIF_NOTIFY_SIGNAL before each "
        "wait of a reaper for its children";
    out.notes.push_back(
        "unzap_guard covers only the first of the reaper's two wait loops: the second one can burn a CPU, it "
        "locks nothing up");
    out.notes.push_back("the guard is gone after the next boot, or when it is unloaded");
  } else {
    judge_spin(facts, out);
    if (facts.io_uring_disabled == 1)
      out.notes.push_back(
          "kernel.io_uring_disabled is 1: only who has CAP_SYS_ADMIN or is in kernel.io_uring_group makes "
          "rings");
  }
}

void advise_upgrade(const KernelFacts& facts, KernelAnswer& out) {
  const std::vector<FirstFixed> known = first_fixed_for(facts.release, facts.version);
  for (const FirstFixed& row : known)
    out.advice.push_back({"upgrade",
                          fmt::format("{} has {} in {} and later.", row.distribution, row.fix, row.version),
                          "", std::string(row.source)});
  if (known.empty())
    out.advice.push_back({"upgrade",
                          "Upgrade the kernel. No first fixed version is known for this series; look for "
                          "\"clear TIF_NOTIFY_SIGNAL "
                          "along with TIF_SIGPENDING\" in the vendor's changelog, and ask unzap about the "
                          "new image before it is rolled out.",
                          "unzap patched --image FILE", ""});
}

void advise_vulnerable(const KernelFacts& facts, KernelAnswer& out) {
  advise_upgrade(facts, out);
  if (const std::string obstacle = guard_obstacle(facts.config); obstacle.empty())
    out.advice.push_back({"guard",
                          "Until then load unzap_guard: it clears the flag in every dying init before it "
                          "waits for its children, and this kernel can load it. The second wait loop, which "
                          "can burn a CPU but locks nothing up, it does not cover.",
                          "make -C kmod && insmod kmod/unzap_guard.ko", ""});
  else
    out.advice.push_back({"guard", "The module unzap_guard cannot be loaded: " + obstacle + ".", "", ""});
  out.advice.push_back(
      {"sysctl",
       "Forbid new rings on the whole node (kernels from 6.6 on; 1: only for who is not privileged).",
       "sysctl -w kernel.io_uring_disabled=2", ""});
  out.advice.push_back({"uv",
                        "Node.js and other users of libuv: switch io_uring off in the "
                        "container's environment.",
                        "UV_USE_IO_URING=0", ""});
  out.advice.push_back({"seccomp", "Run containers with a seccomp profile that denies io_uring.",
                        "unzap patched --seccomp > no-io-uring.json", ""});
  out.advice.push_back({"init",
                        "Give containers an init that makes no rings and reaps (tini, dumb-init, docker run "
                        "--init, shareProcessNamespace of a pod).",
                        "", ""});
}

}  // namespace

std::string guard_obstacle(const ConfigFacts& config) {
  if (config.modules != true)
    return config.modules ? "the kernel loads no modules (CONFIG_MODULES is off)"
                          : "whether the kernel loads modules is not known";
  if (config.kprobes != true)
    return config.kprobes ? "the kernel has no kprobes (CONFIG_KPROBES is off)"
                          : "whether the kernel has kprobes is not known";
  if (config.module_sig_force == true)
    return "the kernel takes signed modules only (CONFIG_MODULE_SIG_FORCE is on)";
  return {};
}

KernelAnswer answer_for(const KernelFacts& facts) {
  KernelAnswer out;
  switch (facts.code.fix) {
    case ZapFix::no_notify_signal:
      out.verdict = KernelVerdict::not_affected;
      out.reason =
          "this kernel has no TIF_NOTIFY_SIGNAL: its wait ends for a pending signal only, and that is "
          "cleared";
      break;
    case ZapFix::fix_2026:
      out.verdict = KernelVerdict::fixed;
      out.reason = "the reaper waits with PF_NO_NOTIFY_SIGNAL set: a notify signal cannot end its sleep";
      break;
    case ZapFix::fix_2024:
      out.verdict = KernelVerdict::fixed;
      out.reason = "the reaper clears TIF_NOTIFY_SIGNAL before each wait for its children";
      out.notes.push_back(
          "only the first of its two wait loops is covered: a later kernel (fix-2026) covers both; the "
          "second one can burn a CPU, it locks nothing up");
      break;
    case ZapFix::none: judge_vulnerable(facts, out); break;
    case ZapFix::unknown:
      if (facts.config.io_uring == false) {
        judge_vulnerable(facts, out);
        break;
      }
      out.reason =
          facts.code.reason.empty() ? "the code of zap_pid_ns_processes was not read" : facts.code.reason;
      break;
  }
  if (out.verdict == KernelVerdict::can_lock_up || out.verdict == KernelVerdict::wastes_cpu)
    advise_vulnerable(facts, out);
  return out;
}

std::string_view seccomp_profile() {
  static const std::string k_profile = fmt::format(
      "{{\n"
      "  \"defaultAction\": \"SCMP_ACT_ALLOW\",\n"
      "  \"architectures\": [\"SCMP_ARCH_X86_64\", \"SCMP_ARCH_X86\", \"SCMP_ARCH_X32\", "
      "\"SCMP_ARCH_AARCH64\", \"SCMP_ARCH_ARM\"],\n"
      "  \"syscalls\": [\n"
      "    {{\n"
      "      \"names\": [\"io_uring_setup\", \"io_uring_enter\", \"io_uring_register\"],\n"
      "      \"action\": \"SCMP_ACT_ERRNO\",\n"
      "      \"errnoRet\": {}\n"
      "    }}\n"
      "  ]\n"
      "}}\n",
      k_enosys);
  return k_profile;
}

}  // namespace unzap
