// SPDX-License-Identifier: Apache-2.0
#include "sources/live_kernel/live_kernel.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <map>
#include <optional>

#include "kernel_image/btf.hpp"
#include "kernel_image/decompress.hpp"
#include "kernel_image/host_facts.hpp"
#include "kernel_image/isa.hpp"
#include "kernel_image/kallsyms.hpp"
#include "linux/preemption.hpp"
#include "sources/live_kernel/bpf_memory.hpp"
#include "sources/live_kernel/kcore.hpp"
#include "util/read_file.hpp"
#include "util/run_apart.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_kallsyms = std::size_t{64} << 20;
constexpr std::size_t k_max_btf = std::size_t{64} << 20;
constexpr std::size_t k_max_small = std::size_t{4} << 20;
constexpr std::size_t k_max_answer = std::size_t{16} << 20;
constexpr std::uint64_t k_max_function_bytes = 16384;
constexpr std::string_view k_zap = "zap_pid_ns_processes";

/// What the process that looks sends back: names and bytes, in no order.
using Parts = std::map<std::string, std::string>;

std::string pack(const Parts& parts) {
  std::string out;
  for (const auto& [name, bytes] : parts) out += fmt::format("{} {}\n", name, bytes.size()) + bytes;
  return out;
}

Parts unpack(std::string_view text) {
  Parts out;
  while (!text.empty()) {
    const std::size_t end = text.find('\n');
    if (end == std::string_view::npos) break;
    const std::size_t space = text.substr(0, end).rfind(' ');
    if (space == std::string_view::npos) break;
    const auto size = parse_number<std::size_t>(text.substr(space + 1, end - space - 1));
    if (!size || *size > text.size() - end - 1) break;
    out.emplace(text.substr(0, space), text.substr(end + 1, *size));
    text.remove_prefix(end + 1 + *size);
  }
  return out;
}

void keep_file(Parts& parts, const std::string& name, const std::string& path,
               std::size_t limit = k_max_small) {
  if (Result<FileText> file = read_file(path, limit); file && !file->cut) parts[name] = std::move(file->text);
}

/// Kernel memory, from the core file or through BPF; the way that works is asked again.
class KernelMemory {
 public:
  explicit KernelMemory(std::string kcore) : kcore_(std::move(kcore)) {}

  Result<std::string> read(std::uint64_t address, std::uint64_t size) {
    Result<std::string> code = read_kcore(kcore_, address, size);
    if (code) {
      from_ = kcore_;
      return code;
    }
    if (!bpf_) {
      Result<BpfMemory> opened = BpfMemory::open();
      if (!opened) return both_failed(code.error(), opened.error());
      bpf_.emplace(std::move(*opened));
    }
    from_ = "kernel memory, read by a BPF program";
    Result<std::string> again = bpf_->read(address, size);
    if (!again) return both_failed(code.error(), again.error());
    return again;
  }
  const std::string& from() const { return from_; }

 private:
  static Error both_failed(const Error& kcore, const Error& bpf) {
    return {bpf.kind, fmt::format("{}; and {}", kcore.text(), bpf.text()), "", ""};
  }
  std::string kcore_;
  std::string from_;
  std::optional<BpfMemory> bpf_;
};

void keep_problem(Parts& parts, const Error& error) {
  parts["problem"] = error.text();
  if (error.kind == ErrorKind::permission)
    parts["not permitted"] = "yes";
  else
    parts.erase("not permitted");
}

/// The symbols that are needed and the bytes of their code: "symbols" is a short /proc/kallsyms in which each
/// function is followed by the place of its end.
void look_at_code(const LiveKernelOptions& options, Parts& parts) {
  Result<FileText> text = read_file(options.procfs + "/kallsyms", k_max_kallsyms);
  if (!text) return keep_problem(parts, text.error());
  Symbols of_modules;
  const Result<Symbols> symbols = parse_proc_kallsyms(text->text, kernel_symbols(), of_modules);
  if (!symbols) return keep_problem(parts, symbols.error());
  // A live patch is a module with a function of the same name, and the old one jumps to it.
  const bool live_patched = of_modules.address_of(k_zap).has_value();
  KernelMemory memory(options.procfs + "/kcore");
  std::string list;
  for (const auto& [name, own_address] : symbols->named()) {
    const bool replaced = live_patched && std::string_view(name).starts_with(k_zap);
    if (replaced && name != k_zap) continue;
    const Symbols& table = replaced ? of_modules : *symbols;
    const std::uint64_t address = replaced ? *of_modules.address_of(k_zap) : own_address;
    list += fmt::format("{:x} T {}\n", address, name);
    const auto size = table.size_at(address, k_max_function_bytes);
    if (!size) continue;
    list += fmt::format("{:x} T end_of_{}\n", address + *size, name);
    const bool is_read = std::string_view(name).starts_with(k_zap) || name.find("wait") != std::string::npos;
    if (!is_read) continue;
    Result<std::string> code = memory.read(address, *size);
    if (!code) {
      keep_problem(parts, code.error());
      continue;
    }
    parts[fmt::format("code {:x}", address)] = std::move(*code);
  }
  parts["symbols"] = std::move(list);
  parts["code from"] = memory.from();
  if (live_patched) parts["live patch"] = "yes";
}

/// Everything that may block: runs in a process of its own.
std::string look(const LiveKernelOptions& options) {
  Parts parts;
  keep_file(parts, "release", options.procfs + "/sys/kernel/osrelease");
  keep_file(parts, "version", options.procfs + "/sys/kernel/version");
  keep_file(parts, "disabled", options.procfs + "/sys/kernel/io_uring_disabled");
  keep_file(parts, "command line", options.procfs + "/cmdline");
  keep_file(parts, "preempt", options.sysfs + "/kernel/debug/sched/preempt");
  keep_file(parts, "guard", options.sysfs + "/module/unzap_guard/initstate");
  keep_file(parts, "config.gz", options.procfs + "/config.gz");
  if (!parts.contains("config.gz"))
    keep_file(parts, "config", options.boot + "/config-" + std::string(trim(parts["release"])));
  if (const Result<FileText> btf = read_file(options.sysfs + "/kernel/btf/vmlinux", k_max_btf); btf)
    if (const auto offset = btf_member_offset(bytes_of(btf->text), "task_struct", "flags"))
      parts["flags offset"] = fmt::format("{}", *offset);
  look_at_code(options, parts);
  return pack(parts);
}

std::string text_part(const Parts& parts, const std::string& name) {
  const auto found = parts.find(name);
  return found == parts.end() ? std::string() : std::string(trim(found->second));
}

void read_config(const LiveKernelOptions& options, const Parts& parts, KernelFacts& out) {
  if (const auto packed = parts.find("config.gz"); packed != parts.end()) {
    const Result<std::string> text = decompress_all(Compression::gzip, bytes_of(packed->second), k_max_small);
    if (text) out.config = parse_config(*text, options.procfs + "/config.gz");
  } else if (const auto plain = parts.find("config"); plain != parts.end()) {
    out.config = parse_config(plain->second, options.boot + "/config-" + out.release);
  }
}

std::string place_of(PreemptionSource from, const LiveKernelOptions& options) {
  switch (from) {
    case PreemptionSource::running: return options.sysfs + "/kernel/debug/sched/preempt";
    case PreemptionSource::booted: return options.procfs + "/cmdline";
    // Nobody asked for another one at boot; debugfs could have changed it since, and is not mounted.
    case PreemptionSource::built: return "as built; no preempt= on the command line";
  }
  return {};
}

void read_preemption(const LiveKernelOptions& options, const Parts& parts, KernelFacts& out) {
  if (out.config.preempt_dynamic == false) return;
  PreemptionFacts facts;
  facts.built = out.config.preemption;
  facts.dynamic = out.config.preempt_dynamic;
  read_debugfs(facts, text_part(parts, "preempt"));
  if (parts.contains("command line")) read_command_line(facts, text_part(parts, "command line"));
  const auto found = preemption_in_force(facts);
  if (!found || (found->from == PreemptionSource::built && facts.dynamic != true)) return;
  out.preempt_mode = found->model;
  out.preempt_mode_from = place_of(found->from, options);
}

void read_code(const Parts& parts, KernelFacts& out) {
  const std::string problem = text_part(parts, "problem");
  if (parts.contains("not permitted")) out.unread = Absence::not_permitted;
  const auto list = parts.find("symbols");
  if (list == parts.end()) {
    out.code.reason = problem.empty() ? "the symbols of the running kernel could not be read" : problem;
    return;
  }
  Symbols none;
  const Result<Symbols> symbols = parse_proc_kallsyms(list->second, kernel_symbols(), none);
  if (!symbols) {
    out.code.reason = symbols.error().text();
    return;
  }
  out.symbols_from = "/proc/kallsyms";
  if (parts.contains("live patch")) out.symbols_from += ", a live patch's function";
  out.code_from = text_part(parts, "code from");
  complete_config(out.config, *symbols);
  const ReadCode read = [&](std::uint64_t address, std::uint64_t) -> Result<std::string> {
    const auto code = parts.find(fmt::format("code {:x}", address));
    if (code != parts.end()) return code->second;
    return Error{ErrorKind::permission, problem.empty() ? "the kernel's code was not read" : problem, "", ""};
  };
  judge_kernel(out, *symbols, read, parse_number<std::uint64_t>(text_part(parts, "flags offset")));
}

}  // namespace

KernelFacts facts_of_running_kernel(const LiveKernelOptions& options) {
  KernelFacts out;
  out.subject = "the running kernel";
  out.machine = native_machine();
  const Result<std::string> answer = run_apart(
      "looking at the running kernel", [&options] { return look(options); }, options.timeout_seconds,
      k_max_answer);
  if (!answer) {
    out.code.reason = answer.error().text();
    out.unread = Absence::timed_out;
    return out;
  }
  const Parts parts = unpack(*answer);
  out.release = printable(text_part(parts, "release"), 128);
  out.version = printable(text_part(parts, "version"), 256);
  if (const auto disabled = parse_number<int>(text_part(parts, "disabled")))
    out.io_uring_disabled = *disabled;
  out.guard_loaded = text_part(parts, "guard") == "live";
  if (const long cpus = ::sysconf(_SC_NPROCESSORS_ONLN); cpus > 0) out.cpus = static_cast<int>(cpus);
  read_config(options, parts, out);
  read_code(parts, out);
  read_preemption(options, parts, out);
  return out;
}

void look_at_kernel(const LiveKernelOptions& options, Host& host) {
  put_kernel(facts_of_running_kernel(options), host);
}

}  // namespace unzap
