// SPDX-License-Identifier: Apache-2.0
#include "cli/patched_command.hpp"

#include <fmt/format.h>

#include <filesystem>
#include <memory>
#include <optional>

#include "cli/recorded.hpp"
#include "kernel_image/host_facts.hpp"
#include "kernel_image/verdict.hpp"
#include "report/kernel/patched_report.hpp"
#include "sources/live_kernel/live_kernel.hpp"
#include "util/map_file.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_pipe_bytes = std::size_t{128} << 20;
constexpr std::size_t k_max_config_bytes = std::size_t{4} << 20;

constexpr const char* k_footer =
    "Decides by the instructions of zap_pid_ns_processes, never by a version number.\n"
    "EXAMPLE\n"
    "  unzap patched                                the running kernel; needs root\n"
    "  unzap patched --image /boot/vmlinuz-6.1.0-47-amd64\n"
    "  unzap patched --image linux-image-6.1.0-47-amd64-unsigned_6.1.170-3_amd64.deb --json | jq -r .fix\n"
    "  unzap patched node.unzap                     the kernel of a host that unzap record took along\n"
    "  unzap patched --seccomp > no-io-uring.json   a profile for containers that run without one\n"
    "EXIT STATUS\n"
    "  0 fixed or not affected   1 vulnerable   2 could not tell\n"
    "  64 usage   65 bad image   66 no such file   74 input or output failed   77 not permitted";

struct PatchedOptions {
  CommonOptions common;
  std::string bundle;  ///< empty: the running kernel, or an image
  std::string image;   ///< empty: the running kernel
  std::string config;  ///< empty: what comes with the image or lies next to it
  bool seccomp = false;
  std::string procfs;
  double timeout_seconds = 5;
};

int exit_code_of(KernelVerdict verdict) {
  switch (verdict) {
    case KernelVerdict::fixed:
    case KernelVerdict::not_affected: return 0;
    case KernelVerdict::can_lock_up:
    case KernelVerdict::wastes_cpu: return 1;
    case KernelVerdict::unknown: return 2;
  }
  return k_exit_internal;
}

/// config-X beside vmlinuz-X, where distributions put it; or empty.
std::string config_beside(const std::string& image) {
  const std::filesystem::path path(image);
  const std::string file = path.filename().string();
  for (const std::string_view prefix : {std::string_view("vmlinuz-"), std::string_view("vmlinux-")}) {
    if (!file.starts_with(prefix)) continue;
    const std::filesystem::path config = path.parent_path() / ("config-" + file.substr(prefix.size()));
    std::error_code ignored;
    if (std::filesystem::is_regular_file(config, ignored)) return config.string();
  }
  return {};
}

/// Puts the facts of a config file in the place of those that the image itself shows.
Result<bool> use_config(const std::string& path, KernelFacts& facts) {
  const Result<FileText> text = read_file(path, k_max_config_bytes);
  if (!text) return text.error();
  ConfigFacts config = parse_config(text->text, path);
  if (!config.io_uring)
    return Error{ErrorKind::bad_data, "this is not a kernel config", path,
                 "give the config-* that belongs to the image"};
  facts.config = std::move(config);
  return true;
}

Result<KernelFacts> facts_of_file(const PatchedOptions& options) {
  const Result<MappedFile> file = MappedFile::open(options.image, k_max_pipe_bytes);
  if (!file) return file.error();
  const std::string label =
      options.image == "-" ? "stdin" : std::filesystem::path(options.image).filename().string();
  Result<KernelFacts> facts = facts_of_image(file->bytes(), label);
  if (!facts) {
    Error error = facts.error();
    if (error.place.empty()) error.place = label;
    return error;
  }
  const std::string config = !options.config.empty() ? options.config : config_beside(options.image);
  const bool has_own = facts->config.preempt_count.has_value();  // only a config says this
  if (options.config.empty() && (config.empty() || has_own)) return facts;
  const Result<bool> used = use_config(config, *facts);
  if (!used) return used.error();
  return facts;
}

KernelFacts facts_of_host(const PatchedOptions& options) {
  LiveKernelOptions live;
  if (!options.procfs.empty()) live.procfs = options.procfs;
  live.timeout_seconds = options.timeout_seconds;
  return facts_of_running_kernel(live);
}

Result<KernelFacts> facts_of_bundle(const std::string& file) {
  const Result<Recorded> recorded =
      read_recorded(file, "for the kernel in a file: unzap patched --image FILE");
  if (!recorded) return recorded.error();
  return kernel_of(recorded->snapshot.host, "the kernel of " + recorded->label);
}

Result<KernelFacts> facts_for(const PatchedOptions& options) {
  if (!options.image.empty()) return facts_of_file(options);
  return options.bundle.empty() ? facts_of_host(options) : facts_of_bundle(options.bundle);
}

/// What is wrong with the options taken together.
std::optional<Error> conflict(const PatchedOptions& options) {
  if (options.image.empty() && !options.config.empty())
    return Error{ErrorKind::usage, "--config belongs to --image", "", "give the image, too"};
  if (options.bundle.empty() || (options.image.empty() && options.procfs.empty())) return std::nullopt;
  return Error{ErrorKind::usage, "FILE is a recorded host, and another kernel is asked for as well", "",
               "give one of them"};
}

int run_patched(const PatchedOptions& options) {
  if (options.seccomp) return write_output(seccomp_profile());
  if (const auto wrong = conflict(options)) return fail(*wrong);
  const Result<KernelFacts> read = facts_for(options);
  if (!read) return fail(read.error());
  const KernelFacts& facts = *read;
  const KernelAnswer answer = answer_for(facts);
  const TextOptions text{use_color(options.common.color_choice()), output_width(), options.common.verbose};
  return finish(options.common.wants_json() ? patched_json(facts, answer) : patched_text(facts, answer, text),
                exit_code_of(answer.verdict));
}

}  // namespace

Command add_patched_command(CLI::App& program) {
  const auto options = std::make_shared<PatchedOptions>();
  CLI::App* verb =
      program.add_subcommand("patched", "Whether a kernel has the fix, and whether it can lock up");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  verb->add_option("FILE", options->bundle,
                   "A bundle to answer from instead of the running kernel; - is standard input")
      ->type_name("");
  verb->add_option("--image", options->image,
                   "A vmlinux, vmlinuz or Debian kernel package instead of the running kernel")
      ->type_name("FILE");
  verb->add_option("--config", options->config, "The config of the image (default: within it, or next to it)")
      ->type_name("FILE");
  verb->add_flag("--seccomp", options->seccomp,
                 "Print a seccomp profile in which io_uring does not exist, and leave");
  verb->add_option("--path.procfs", options->procfs, "Where procfs is mounted (default: /proc)")
      ->type_name("DIR");
  verb->add_option("--timeout", options->timeout_seconds,
                   "Stop looking at the running kernel after SECONDS (default: 5)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0));
  return {verb, [options] { return run_patched(*options); }};
}

}  // namespace unzap
