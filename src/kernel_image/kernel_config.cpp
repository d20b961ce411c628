// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/kernel_config.hpp"

#include <set>

#include "kernel_image/decompress.hpp"
#include "linux/preemption.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_config = std::size_t{4} << 20;
constexpr std::string_view k_begin = "IKCFG_ST";
constexpr std::string_view k_end = "IKCFG_ED";

template <class Visit>
void for_each_line(std::string_view text, const Visit& visit) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    visit(trim(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// The options that are `y`.
std::set<std::string_view> options_that_are_on(std::string_view text) {
  std::set<std::string_view> out;
  for_each_line(text, [&out](std::string_view line) {
    if (line.starts_with("CONFIG_") && line.ends_with("=y")) out.insert(line.substr(7, line.size() - 9));
  });
  return out;
}

}  // namespace

ConfigFacts parse_config(std::string_view text, std::string source) {
  const std::set<std::string_view> on = options_that_are_on(text);
  ConfigFacts out;
  out.source = std::move(source);
  // A text without the options that every kernel has is not a config.
  if (!on.contains("64BIT") && !on.contains("X86_64") && !on.contains("MMU")) return out;
  const auto is_on = [&on](std::string_view option) { return on.contains(option); };
  out.io_uring = is_on("IO_URING");
  out.preempt_rcu = is_on("PREEMPT_RCU");
  out.preempt_count = is_on("PREEMPT_COUNT");
  out.preempt_dynamic = is_on("PREEMPT_DYNAMIC");
  out.modules = is_on("MODULES");
  out.kprobes = is_on("KPROBES");
  out.module_sig_force = is_on("MODULE_SIG_FORCE");
  PreemptionFacts preemption;
  for_each_line(text, [&preemption](std::string_view line) { read_config_line(preemption, line); });
  out.preemption = preemption.built;
  return out;
}

std::string embedded_config(ByteView memory) {
  const std::string_view text = text_of(memory);
  const std::size_t begin = text.find(k_begin);
  if (begin == std::string_view::npos) return {};
  const std::size_t end = text.find(k_end, begin);
  if (end == std::string_view::npos) return {};
  const ByteView packed = memory.subspan(begin + k_begin.size(), end - begin - k_begin.size());
  Result<std::string> config = decompress_all(Compression::gzip, packed, k_max_config);
  return config ? std::move(*config) : std::string();
}

}  // namespace unzap
