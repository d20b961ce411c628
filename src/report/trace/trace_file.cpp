// SPDX-License-Identifier: Apache-2.0
#include "report/trace/trace_file.hpp"

#include "report/check/check_report.hpp"
#include "util/text.hpp"

namespace unzap {

std::string trace_to_json(const CheckReport& report);      // what `unzap replay` reads
std::string trace_to_itf(const CheckReport& report);       // for the tools of Apalache and Quint
std::string trace_to_perfetto(const CheckReport& report);  // Chrome trace events: ui.perfetto.dev
std::string trace_to_dot(const CheckReport& report);
std::string trace_to_mermaid(const CheckReport& report);

namespace {

std::string trace_to_text(const CheckReport& report) {
  return check_to_text(report, {.width = 160, .verbose = true});
}

// A longer end of the name comes before a shorter one that it contains.
constexpr TraceFormat k_formats[] = {
    {".txt", trace_to_text},  {".itf.json", trace_to_itf}, {".perfetto.json", trace_to_perfetto},
    {".json", trace_to_json}, {".dot", trace_to_dot},      {".mmd", trace_to_mermaid},
};

}  // namespace

std::string trace_extensions() {
  std::string out;
  for (const TraceFormat& one : k_formats) out += (out.empty() ? "" : ", ") + std::string(one.extension);
  return out;
}

Result<const TraceFormat*> trace_format_of(const std::string& path) {
  for (const TraceFormat& one : k_formats)
    if (path.ends_with(one.extension)) return &one;
  return Error{ErrorKind::usage, "no format of a trace goes with the end of this name", printable(path),
               "let it end with one of " + trace_extensions()};
}

bool has_steps(const CheckReport& report) {
  return report.counterexample &&
         !(report.counterexample->stem.empty() && report.counterexample->loop.empty());
}

}  // namespace unzap
