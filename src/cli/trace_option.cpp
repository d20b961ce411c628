// SPDX-License-Identifier: Apache-2.0
#include "cli/trace_option.hpp"

#include <fmt/format.h>

#include "util/text.hpp"
#include "util/write_file.hpp"

namespace unzap {

void add_trace_option(CLI::App& verb, std::vector<std::string>& paths) {
  verb.add_option("--trace", paths,
                  "Write the counterexample to FILE, in the format that its name ends with: " +
                      trace_extensions() + "; may be given again")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
}

Result<std::vector<TraceFile>> trace_files_of(const std::vector<std::string>& paths) {
  std::vector<TraceFile> files;
  for (const std::string& path : paths) {
    if (path == "-")
      return Error{ErrorKind::usage, "--trace takes the name of a file", "",
                   "standard output is for the answer; --json has the steps too"};
    const auto format = trace_format_of(path);
    if (!format) return format.error();
    if (const auto problem = cannot_write_file(path, true)) return *problem;
    files.push_back({path, *format});
  }
  return files;
}

int write_traces(const std::vector<TraceFile>& files, const CheckReport& report, bool quiet) {
  for (const TraceFile& file : files) {
    if (!has_steps(report)) {
      if (!quiet) say(fmt::format("{}: not written; there is no counterexample", printable(file.path)));
      continue;
    }
    if (const auto problem = write_file(file.path, file.format->render(report), true)) return fail(*problem);
  }
  return 0;
}

}  // namespace unzap
