// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/kernel_facts.hpp"

#include <fmt/format.h>

#include <array>

#include "kernel_image/btf.hpp"
#include "kernel_image/image.hpp"
#include "kernel_image/kallsyms.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::uint64_t k_max_function_bytes = 16384;
constexpr std::size_t k_max_banner_bytes = 512;
constexpr std::string_view k_zap = "zap_pid_ns_processes";
constexpr std::string_view k_wait4 = "kernel_wait4";

constexpr std::string_view k_symbols[] = {k_zap,
                                          "zap_pid_ns_processes.cold",
                                          k_wait4,
                                          "do_wait",
                                          "do_wait.",
                                          "__do_wait",
                                          "__do_wait.",
                                          "create_io_thread",
                                          "io_wq_enqueue",
                                          "__rcu_read_lock",
                                          "sched_dynamic_update",
                                          "load_module",
                                          "register_kprobe",
                                          "do_exit"};

/// The function called `wanted`, or what the compiler made of it: "do_wait.isra.0", not its ".cold" part.
std::optional<std::string> find_function(const Symbols& symbols, std::string_view wanted) {
  for (const auto& [symbol, address] : symbols.named()) {
    const bool made_of =
        symbol.starts_with(std::string(wanted) + ".") && symbol.find(".cold") == std::string::npos;
    if (symbol == wanted || made_of) return symbol;
  }
  return std::nullopt;
}

Error unreadable(std::string why) {
  return {ErrorKind::bad_data, std::move(why), "", ""};
}

/// The code of a symbol up to the next one.
Result<std::string> code_of(const Symbols& symbols, std::string_view symbol, const ReadCode& read) {
  const auto address = symbols.address_of(symbol);
  if (!address) return unreadable(fmt::format("the kernel has no {}", symbol));
  const auto size = symbols.size_at(*address, k_max_function_bytes);
  if (!size)
    return unreadable(fmt::format("the end of {} is not known: no symbol follows within {} bytes", symbol,
                                  k_max_function_bytes));
  return read(*address, *size);
}

Result<Code> read_function(const Isa& isa, const Symbols& symbols, const std::string& symbol,
                           const ReadCode& read) {
  const Result<std::string> code = code_of(symbols, symbol, read);
  if (!code) return code.error();
  std::vector<CodePart> parts{{*symbols.address_of(symbol), bytes_of(*code)}};
  const std::string cold = symbol + ".cold";
  std::string cold_code;
  if (symbols.address_of(cold)) {
    Result<std::string> more = code_of(symbols, cold, read);
    if (!more) return more.error();
    cold_code = std::move(*more);
    parts.push_back({*symbols.address_of(cold), bytes_of(cold_code)});
  }
  return isa.read_code(symbol, parts);
}

ZapCode not_readable(std::string reason) {
  return {ZapFix::unknown, std::move(reason), {}};
}

ZapCode judge_code(const Isa& isa, const Symbols& symbols, const ReadCode& read,
                   std::optional<std::uint64_t> flags_offset) {
  ZapFunctions functions;
  functions.isa = &isa;
  Result<Code> zap = read_function(isa, symbols, std::string(k_zap), read);
  if (!zap) return not_readable(zap.error().text());
  functions.zap = std::move(*zap);
  if (!symbols.address_of(k_wait4))
    return not_readable("the kernel has no kernel_wait4: it is older than 4.14");
  functions.wait4 = *symbols.address_of(k_wait4);
  for (const std::string_view wanted :
       {std::string_view("do_wait"), std::string_view("__do_wait"), k_wait4}) {
    const auto symbol = find_function(symbols, wanted);
    if (!symbol) continue;
    Result<Code> wait = read_function(isa, symbols, *symbol, read);
    if (!wait) return not_readable(wait.error().text());
    functions.waits.push_back(std::move(*wait));
  }
  functions.has_io_threads = symbols.address_of("create_io_thread").has_value();
  functions.flags_offset = flags_offset;
  return judge_zap(functions);
}

/// What is known of the symbols of an image.
struct ImageSymbols {
  Symbols symbols;
  std::string from;
};

Result<ImageSymbols> symbols_of(const Elf& elf) {
  if (auto table = elf.symbols(kernel_symbols()); table && table->address_of(k_zap))
    return ImageSymbols{std::move(*table), "the symbol table of the image"};
  Error last = unreadable("the image has no segment that is loaded");
  KallsymsEffort effort;
  for (const ByteView memory : elf.loaded()) {
    Result<Kallsyms> tables = find_kallsyms(memory, kernel_symbols(), effort);
    if (tables && tables->symbols.address_of(k_zap))
      return ImageSymbols{std::move(tables->symbols),
                          fmt::format("the kallsyms tables of the image ({} symbols)", tables->count)};
    // A segment without any table says less than one whose table is not understood.
    if (!tables && (last.message.find("no kallsyms") != std::string::npos || last.remedy.empty()))
      last = tables.error();
    if (tables)
      last =
          unreadable("the kallsyms tables of the image have no zap_pid_ns_processes (CONFIG_PID_NS is off?)");
  }
  return last;
}

/// The banner and the config, of the file or within the memory of the kernel.
void read_what_it_says(const KernelImage& image, std::span<const ByteView> memories, KernelFacts& out) {
  std::string config = image.config;
  std::string config_from = image.config_name;
  for (const ByteView memory : memories) {
    if (out.release.empty()) {
      const Banner banner = find_banner(memory);
      out.release = banner.release;
      out.version = banner.version;
    }
    if (!config.empty()) continue;
    config = embedded_config(memory);
    config_from = "the config within the image";
  }
  if (!config.empty()) out.config = parse_config(config, config_from);
}

}  // namespace

SymbolNames kernel_symbols() {
  return k_symbols;
}

Banner find_banner(ByteView memory) {
  constexpr std::string_view k_begin = "Linux version ";
  const std::string_view text = text_of(memory);
  for (std::size_t at = text.find(k_begin); at != std::string_view::npos; at = text.find(k_begin, at + 1)) {
    std::string_view line = text.substr(at + k_begin.size(), k_max_banner_bytes);
    if (line.empty() || line[0] < '0' || line[0] > '9') continue;
    line = line.substr(0, line.find_first_of(std::string_view("\n\0", 2)));
    const std::size_t number = line.rfind(" #");
    return {printable(line.substr(0, line.find(' ')), 128),
            number == std::string_view::npos ? "" : printable(line.substr(number + 1), 256)};
  }
  return {};
}

void complete_config(ConfigFacts& config, const Symbols& symbols) {
  bool any = false;
  const auto complete = [&](std::optional<bool>& fact, std::string_view symbol) {
    if (fact) return;
    fact = symbols.address_of(symbol).has_value();
    any = true;
  };
  complete(config.io_uring, "io_wq_enqueue");
  complete(config.preempt_rcu, "__rcu_read_lock");
  complete(config.preempt_dynamic, "sched_dynamic_update");
  complete(config.modules, "load_module");
  complete(config.kprobes, "register_kprobe");
  if (any)
    config.source += config.source.empty() ? "the functions that the kernel has"
                                           : ", and the functions that the kernel has";
}

void judge_kernel(KernelFacts& facts, const Symbols& symbols, const ReadCode& read,
                  std::optional<std::uint64_t> flags_offset) {
  facts.address = symbols.address_of(k_zap);
  if (facts.address) facts.size = symbols.size_at(*facts.address, k_max_function_bytes).value_or(0);
  if (const Isa* isa = find_isa(facts.machine))
    facts.code = judge_code(*isa, symbols, read, flags_offset);
  else
    facts.code =
        not_readable(fmt::format("the code of {} is not read yet, only x86-64", name(facts.machine)));
}

Result<KernelFacts> facts_of_image(ByteView bytes, std::string subject) {
  const Result<KernelImage> image = open_kernel_image(bytes);
  if (!image) return image.error();
  KernelFacts out;
  out.subject = std::move(subject);
  out.packing = image->packing;
  out.package = image->package;
  if (image->flat_arm64) {
    const ByteView memory = image->vmlinux();
    out.machine = Machine::arm64;
    read_what_it_says(*image, std::span(&memory, 1), out);
    out.code = not_readable(
        "arm64 image: its code is not judged, only that of x86-64 (a relocatable one has no addresses in its "
        "kallsyms tables until it runs)");
    return out;
  }
  const Result<Elf> elf = Elf::open(image->vmlinux());
  if (!elf) return elf.error();
  out.machine = elf->machine();
  read_what_it_says(*image, elf->loaded(), out);
  const Result<ImageSymbols> symbols = symbols_of(*elf);
  if (!symbols) {
    out.code = not_readable(symbols.error().text());
    return out;
  }
  out.symbols_from = symbols->from;
  out.code_from = "the image";
  complete_config(out.config, symbols->symbols);
  const ReadCode read = [&elf](std::uint64_t address, std::uint64_t size) -> Result<std::string> {
    const auto code = elf->memory(address, size);
    if (!code)
      return unreadable(
          fmt::format("the image has no bytes at {:x}, where its symbols place the code", address));
    return std::string(text_of(*code));
  };
  const auto btf = elf->section(".BTF");
  judge_kernel(out, symbols->symbols, read,
               btf ? btf_member_offset(*btf, "task_struct", "flags") : std::nullopt);
  return out;
}

}  // namespace unzap
