// SPDX-License-Identifier: Apache-2.0
#include "cli/diagnose_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>

#include "diagnosis/diagnose.hpp"
#include "report/report.hpp"
#include "sources/procfs/procfs_source.hpp"
#include "sources/text/text_source.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_input_bytes = std::size_t{256} << 20;
// Diagnosis takes a wait that did not move for a second as lasting; the source looks that long only when a
// task is in trouble.
constexpr double k_window_seconds = 1.1;

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap diagnose                     this host, now; as root it sees the kernel stacks\n"
    "  dmesg | unzap diagnose -           a kernel log\n"
    "  unzap diagnose capture.txt         what somebody pasted: log, /proc files, ps\n"
    "  unzap diagnose --json | jq -r '.findings[0].cause'\n"
    "EXIT STATUS\n"
    "  0 nothing is stuck   1 something is stuck   2 could not tell\n"
    "  64 usage   65 bad input   66 no such input   74 input or output failed   77 not permitted";

struct DiagnoseOptions {
  CommonOptions common;
  std::string file;    ///< empty: this host
  std::string procfs;  ///< empty: /proc
  double timeout_seconds = 10;
};

int exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy: return 0;
    case Verdict::stuck: return 1;
    case Verdict::unknown: return 2;
  }
  return k_exit_internal;
}

Result<Snapshot> snapshot_of_file(const DiagnoseOptions& options) {
  const bool standard_input = options.file == "-";
  if (standard_input && !options.common.quiet && ::isatty(STDIN_FILENO) == 1)
    say("reading standard input; end it with Ctrl-D");
  Result<FileText> input = read_file(options.file, k_max_input_bytes);
  if (!input) return input.error();
  // Evidence names places in the input; the folder that it lies in would only fill the screen.
  const std::string label = standard_input ? "stdin" : options.file.substr(options.file.rfind('/') + 1);
  Snapshot snapshot = read_text(input->text, label);
  if (input->cut) {
    const std::string text = fmt::format("only the first {} MiB were read", k_max_input_bytes >> 20);
    snapshot.problems.insert(snapshot.problems.begin(), {label, text});
    if (!options.common.quiet) say(label + ": " + text);
  }
  return snapshot;
}

Result<Snapshot> snapshot_of_host(const DiagnoseOptions& options) {
  ProgressLine progress(options.common.quiet);
  ProcfsOptions source;
  if (!options.procfs.empty()) source.root = options.procfs;
  source.sample_seconds = k_window_seconds;
  source.total_timeout_seconds = options.timeout_seconds;
  source.read_timeout_seconds = std::min(source.read_timeout_seconds, options.timeout_seconds / 2);
  source.progress = [&progress](const std::string& text) { progress.show(text); };
  return read_procfs(source);
}

int run_diagnose(const DiagnoseOptions& options) {
  if (!options.file.empty() && !options.procfs.empty())
    return fail({ErrorKind::usage, "FILE is a capture and --path.procfs a host", "", "give one of them"});
  const Result<Snapshot> snapshot =
      options.file.empty() ? snapshot_of_host(options) : snapshot_of_file(options);
  if (!snapshot) return fail(snapshot.error());
  const Diagnosis diagnosis = diagnose(*snapshot);
  const TextOptions text{use_color(options.common.color_choice()), output_width(), options.common.verbose};
  const int written = write_output(options.common.wants_json() ? to_json(diagnosis, *snapshot)
                                                               : to_text(diagnosis, *snapshot, text));
  return written != 0 ? written : exit_code_of(diagnosis.verdict);
}

}  // namespace

Command add_diagnose_command(CLI::App& program) {
  const auto options = std::make_shared<DiagnoseOptions>();
  CLI::App* verb = program.add_subcommand("diagnose", "What is stuck, on whom, why, and what to do about it");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  verb->add_option("FILE", options->file, "A capture to read instead of this host; - is standard input")
      ->type_name("");
  verb->add_option("--path.procfs", options->procfs,
                   "Where the procfs to look at is mounted (default: /proc)")
      ->type_name("DIR");
  verb->add_option("--timeout", options->timeout_seconds,
                   "Stop looking at this host after so long (default: 10)")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 3600.0));
  return {verb, [options] { return run_diagnose(*options); }};
}

}  // namespace unzap
