// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <vector>

#include "cli/command.hpp"
#include "report/trace/trace_file.hpp"

namespace unzap {

/// A file for a counterexample, and how it is written there.
struct TraceFile {
  std::string path;
  const TraceFormat* format = nullptr;
};

/// --trace FILE, which may be given more than once.
void add_trace_option(CLI::App& verb, std::vector<std::string>& paths);

/// What was asked for; an error when a format is not known, or a file cannot be written. Asked before the
/// work begins, so that it is not done in vain.
Result<std::vector<TraceFile>> trace_files_of(const std::vector<std::string>& paths);

/// Writes them. Says so when there is no counterexample to write. 0, or the exit code of what failed.
int write_traces(const std::vector<TraceFile>& files, const CheckReport& report, bool quiet);

}  // namespace unzap
