// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

#include "check/check.hpp"
#include "util/result.hpp"

namespace unzap {

/// How a counterexample is written to a file. A new format is a row in trace_file.cpp and a source.
struct TraceFormat {
  std::string_view extension;                 ///< the end of the file's name, ".itf.json"
  std::string (*render)(const CheckReport&);  ///< the file; the report has steps to show
};

/// The format of a file by the end of its name, the longest that fits; a usage error that lists them. The
/// formats live as long as the program.
Result<const TraceFormat*> trace_format_of(const std::string& path);
/// ".txt, .json, ..."
std::string trace_extensions();

/// True when a report has steps that a trace could show.
bool has_steps(const CheckReport& report);

}  // namespace unzap
