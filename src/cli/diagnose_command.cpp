// SPDX-License-Identifier: Apache-2.0
#include "cli/diagnose_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>

#include "cli/host.hpp"
#include "diagnosis/diagnose.hpp"
#include "report/report.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/text/text_source.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_input_bytes = std::size_t{256} << 20;

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap diagnose                     this host, now; as root it sees the kernel stacks\n"
    "  dmesg | unzap diagnose -           a kernel log\n"
    "  unzap diagnose capture.txt         what somebody pasted: log, /proc files, ps\n"
    "  unzap diagnose node.unzap          what unzap record took along from another host\n"
    "  unzap diagnose --json | jq -r '.findings[0].cause'\n"
    "EXIT STATUS\n"
    "  0 nothing is stuck   1 something is stuck   2 could not tell\n"
    "  64 usage   65 bad input   66 no such input   74 input or output failed   77 not permitted";

struct DiagnoseOptions {
  CommonOptions common;
  HostOptions host;
  std::string file;  ///< empty: this host
};

int exit_code_of(Verdict verdict) {
  switch (verdict) {
    case Verdict::healthy: return 0;
    case Verdict::stuck: return 1;
    case Verdict::unknown: return 2;
  }
  return k_exit_internal;
}

/// What is looked at, and whether it was recorded: a bundle is diagnosed as what it was when it was taken.
struct Input {
  Snapshot snapshot;
  bool recorded = false;
};

Result<Input> read_recorded(std::string_view bytes, const std::string& label) {
  Result<Snapshot> snapshot = read_bundle(bytes, label);
  if (!snapshot) return snapshot.error();
  return Input{std::move(*snapshot), true};
}

Result<Input> input_of_file(const DiagnoseOptions& options) {
  const bool standard_input = options.file == "-";
  if (standard_input && !options.common.quiet && ::isatty(STDIN_FILENO) == 1)
    say("reading standard input; end it with Ctrl-D");
  Result<FileText> input = read_file(options.file, k_max_input_bytes);
  if (!input) return input.error();
  // Evidence names places in the input; the folder that it lies in would only fill the screen.
  const std::string label = standard_input ? "stdin" : options.file.substr(options.file.rfind('/') + 1);
  if (looks_like_bundle(input->text)) return read_recorded(input->text, label);
  Snapshot snapshot = read_text(input->text, label);
  if (input->cut) {
    const std::string text = fmt::format("only the first {} MiB were read", k_max_input_bytes >> 20);
    snapshot.problems.insert(snapshot.problems.begin(), {label, text});
    if (!options.common.quiet) say(label + ": " + text);
  }
  return Input{std::move(snapshot)};
}

Result<Input> input_of_host(const DiagnoseOptions& options) {
  Result<Snapshot> snapshot = snapshot_of_host(options.host, options.common.quiet);
  if (!snapshot) return snapshot.error();
  return Input{std::move(*snapshot)};
}

int run_diagnose(const DiagnoseOptions& options) {
  if (!options.file.empty() && !options.host.procfs.empty())
    return fail({ErrorKind::usage, "FILE is a capture and --path.procfs a host", "", "give one of them"});
  Result<Input> input = options.file.empty() ? input_of_host(options) : input_of_file(options);
  if (!input) return fail(input.error());
  Snapshot& snapshot = input->snapshot;
  const Diagnosis diagnosis = diagnose(snapshot);
  if (input->recorded) snapshot.origin = Origin::bundle;
  const TextOptions text{use_color(options.common.color_choice()), output_width(), options.common.verbose};
  const int written = write_output(options.common.wants_json() ? to_json(diagnosis, snapshot)
                                                               : to_text(diagnosis, snapshot, text));
  return written != 0 ? written : exit_code_of(diagnosis.verdict);
}

}  // namespace

Command add_diagnose_command(CLI::App& program) {
  const auto options = std::make_shared<DiagnoseOptions>();
  CLI::App* verb = program.add_subcommand("diagnose", "What is stuck, on whom, why, and what to do about it");
  verb->footer(k_footer);
  add_common_options(*verb, options->common);
  verb->add_option("FILE", options->file,
                   "A capture or bundle to read instead of this host; - is standard input")
      ->type_name("");
  add_host_options(*verb, options->host);
  return {verb, [options] { return run_diagnose(*options); }};
}

}  // namespace unzap
