// SPDX-License-Identifier: Apache-2.0
#include "cli/diagnose_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <memory>
#include <optional>

#include "cli/host.hpp"
#include "cli/selection.hpp"
#include "cli/watch.hpp"
#include "diagnosis/diagnose.hpp"
#include "report/diagnosis/formats.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/text/text_source.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_input_bytes = std::size_t{256} << 20;

constexpr const char* k_examples =
    "EXAMPLE\n"
    "  unzap diagnose                     this host, now; as root it sees the kernel stacks\n"
    "  unzap diagnose --container 3f2a9c  one container of this host; --pod UID, --pid PID\n"
    "  dmesg | unzap diagnose -           a kernel log\n"
    "  unzap diagnose capture.txt         what somebody pasted: log, /proc files, ps\n"
    "  unzap diagnose node.unzap          what unzap record took along from another host\n"
    "  unzap diagnose --json | jq -r '.findings[0].cause'\n"
    "  unzap diagnose --watch 30 --format jsonl   what changes on this host, until it is ended\n"
    "  unzap diagnose --format dot FILE | dot -Tsvg > jam.svg\n"
    "FORMATS\n";
constexpr const char* k_exit_status =
    "EXIT STATUS\n"
    "  0 nothing is stuck   1 something is stuck   2 could not tell\n"
    "  64 usage   65 bad input   66 no such input   74 input or output failed   77 not permitted";

struct DiagnoseOptions {
  CommonOptions common;
  HostOptions host;
  Selection selection;
  std::string file;          ///< empty: this host
  double watch_seconds = 0;  ///< 0: one look

  const DiagnosisFormat& format() const { return *diagnosis_format(common.json ? "json" : common.format); }
};

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
  Result<Snapshot> snapshot =
      snapshot_of_host(options.host, options.common.quiet, Purpose::diagnose, options.selection.any());
  if (!snapshot) return snapshot.error();
  return Input{std::move(*snapshot)};
}

std::vector<std::string> format_names() {
  std::vector<std::string> out;
  for (const DiagnosisFormat& one : diagnosis_formats()) out.emplace_back(one.name);
  return out;
}

std::string formats_help() {
  std::string out;
  for (const DiagnosisFormat& one : diagnosis_formats())
    out += fmt::format("  {:<6} {}\n", one.name, one.help);
  return out;
}

/// "text or jsonl": those that --watch can write.
std::string formats_that_watch(std::string_view between) {
  std::string out;
  for (const DiagnosisFormat& one : diagnosis_formats())
    if (one.render_changes != nullptr) out += fmt::format("{}{}", out.empty() ? "" : between, one.name);
  return out;
}

/// What is wrong with the options taken together.
std::optional<Error> conflict(const DiagnoseOptions& options) {
  const auto usage = [](std::string message, std::string remedy) {
    return Error{ErrorKind::usage, std::move(message), "", std::move(remedy)};
  };
  if (!options.file.empty() && !options.host.procfs.empty())
    return usage("FILE is a capture and --path.procfs a host", "give one of them");
  if (options.watch_seconds <= 0) return std::nullopt;
  if (options.selection.any())
    return usage("--watch looks at the whole host", "omit --container, --pod and --pid");
  if (!options.file.empty())
    return usage("--watch looks at a host, and FILE does not change", "give one of them");
  if (options.format().render_changes == nullptr)
    return usage("--watch writes " + formats_that_watch(" or "),
                 "give --format " + formats_that_watch(" or --format "));
  return std::nullopt;
}

/// A failure in the words of whoever reads this format.
int report_failure(const Error& error, const DiagnosisFormat& format) {
  if (format.render_failure == nullptr) return fail(error);
  const Rendered rendered = format.render_failure(error.text());
  return finish(rendered.text, rendered.exit_code.value_or(exit_code(error.kind)));
}

int report(const Diagnosis& diagnosis, const Snapshot& snapshot, const DiagnoseOptions& options) {
  const DiagnosisFormat& format = options.format();
  const bool color = format.colored && use_color(options.common.color_choice());
  const Rendered rendered =
      format.render(diagnosis, snapshot, {color, output_width(), options.common.verbose});
  return finish(rendered.text, rendered.exit_code.value_or(exit_code_of(diagnosis.verdict)));
}

int run_diagnose(const DiagnoseOptions& options) {
  if (const auto wrong = conflict(options)) return fail(*wrong);
  if (options.watch_seconds > 0)
    return watch_host(options.host, {options.watch_seconds, options.format(), options.common.quiet});
  Result<Input> input = options.file.empty() ? input_of_host(options) : input_of_file(options);
  if (!input) return report_failure(input.error(), options.format());
  Snapshot& snapshot = input->snapshot;
  Diagnosis diagnosis = diagnose(snapshot, diagnosis_seconds(options.host));
  Selection selection = options.selection;
  if (options.file.empty()) {
    const auto found = found_on_host(selection, snapshot);
    if (!found) return report_failure(found.error(), options.format());
    selection = *found;
  }
  keep_selected(diagnosis, selection, snapshot);
  if (input->recorded) snapshot.origin = Origin::bundle;
  return report(diagnosis, snapshot, options);
}

}  // namespace

Command add_diagnose_command(CLI::App& program) {
  const auto options = std::make_shared<DiagnoseOptions>();
  CLI::App* verb = program.add_subcommand("diagnose", "What is stuck, on whom, why, and what to do about it");
  verb->footer(k_examples + formats_help() + k_exit_status);
  add_common_options(*verb, options->common, format_names());
  verb->add_option("FILE", options->file,
                   "A capture or bundle to read instead of this host; - is standard input")
      ->type_name("");
  add_host_options(*verb, options->host);
  add_selection_options(*verb, options->selection);
  verb->add_option("--watch", options->watch_seconds,
                   "Repeat every SECONDS and print what changed, until SIGINT or SIGTERM")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 86400.0));
  return {verb, [options] { return run_diagnose(*options); }};
}

}  // namespace unzap
