// SPDX-License-Identifier: Apache-2.0
#include "cli/record_command.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <memory>
#include <set>

#include "cli/host.hpp"
#include "cli/selection.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/bundle/redact.hpp"
#include "util/text.hpp"
#include "util/write_file.hpp"

namespace unzap {
namespace {

constexpr const char* k_footer =
    "EXAMPLE\n"
    "  unzap record -o node.unzap             this host, now; as root it sees the kernel stacks\n"
    "  unzap diagnose node.unzap              what is stuck there; on any machine\n"
    "  unzap record --redact -o node.unzap    without names, addresses and other words that are yours\n"
    "  ssh NODE unzap record -o - | unzap diagnose -\n"
    "  zstd -dc node.unzap | less             what it says; it is text\n"
    "EXIT STATUS\n"
    "  0 recorded\n"
    "  64 usage   65 bad input   66 no such folder   74 input or output failed   77 not permitted";

struct RecordOptions {
  HostOptions host;
  Selection selection;
  std::string file;
  bool redact = false;
  bool force = false;
  bool quiet = false;
};

std::string size_text(std::size_t bytes) {
  if (bytes < 1024) return fmt::format("{} bytes", bytes);
  const double kib = static_cast<double>(bytes) / 1024;
  return kib < 1024 ? fmt::format("{:.1f} KiB", kib) : fmt::format("{:.1f} MiB", kib / 1024);
}

std::string count_text(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

/// "recorded node1: 312 threads of 80 processes, 2 kernel reports, 5.1 KiB in node.unzap".
std::string summary(const Snapshot& snapshot, const RecordOptions& options, std::size_t bytes) {
  std::set<std::int32_t> processes;
  for (const Task& task : snapshot.tasks)
    if (task.tgid) processes.insert(*task.tgid);
  std::string out = fmt::format("recorded {}: {} of {}, {}",
                                printable(snapshot.host.name.value_or("this host"), k_shown_host_bytes),
                                count_text(snapshot.tasks.size(), "thread", "threads"),
                                count_text(processes.size(), "process", "processes"),
                                count_text(snapshot.events.size(), "kernel report", "kernel reports"));
  if (options.redact) out += ", names masked";
  if (!snapshot.problems.empty())
    out +=
        fmt::format(", {} of what could not be seen", count_text(snapshot.problems.size(), "note", "notes"));
  out += fmt::format("; {}", size_text(bytes));
  return options.file == "-" ? out : out + " in " + options.file;
}

int run_record(const RecordOptions& options) {
  const bool standard_output = options.file == "-";
  if (options.file.empty())
    return fail(
        {ErrorKind::usage, "no file given", "", "say where to: -o FILE, or -o - for standard output"});
  if (standard_output && ::isatty(STDOUT_FILENO) == 1)
    return fail({ErrorKind::usage, "a bundle is not text for a terminal", "", "give -o FILE, or send it on"});
  // Before the look, which takes seconds.
  if (const auto refused = standard_output ? std::nullopt : cannot_write_file(options.file, options.force))
    return fail(*refused);
  Result<Snapshot> snapshot =
      snapshot_of_host(options.host, options.quiet, Purpose::record, options.selection.any());
  if (!snapshot) return fail(snapshot.error());
  // The whole host is taken along in any case: what a container hangs on may be outside of it.
  const auto found = found_on_host(options.selection, *snapshot);
  if (!found) return fail(found.error());
  if (found->any()) snapshot->problems.push_back({"unzap record", "recorded because of " + found->text()});
  if (options.redact) *snapshot = redacted(std::move(*snapshot));
  const Result<std::string> bundle = write_bundle(*snapshot, {});
  if (!bundle) return fail(bundle.error());
  if (standard_output) {
    if (const int failed = write_bytes(*bundle); failed != 0) return failed;
  } else if (const auto failed = write_file(options.file, *bundle, options.force, Access::owner)) {
    return fail(*failed);
  }
  if (!options.quiet) say(summary(*snapshot, options, bundle->size()));
  return 0;
}

}  // namespace

Command add_record_command(CLI::App& program) {
  const auto options = std::make_shared<RecordOptions>();
  CLI::App* verb = program.add_subcommand("record", "Save the observable state of this host to a file");
  verb->footer(k_footer);
  verb->set_help_flag("-h,--help", "Show this help and leave");
  verb->add_option("-o,--output", options->file, "Where to write the bundle; - is standard output")
      ->type_name("FILE");
  verb->add_flag("--redact", options->redact,
                 "Keep counts and the kernel's own words, and mask all else: names of hosts, tasks, cgroups, "
                 "containers, devices, files and users, addresses, arguments; each name by the same mask");
  verb->add_flag("--force", options->force, "Overwrite FILE when it is there");
  add_host_options(*verb, options->host);
  add_selection_options(*verb, options->selection);
  verb->add_flag("-q,--quiet", options->quiet, "Print only errors on standard error");
  return {verb, [options] { return run_record(*options); }};
}

}  // namespace unzap
