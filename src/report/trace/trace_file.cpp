// SPDX-License-Identifier: Apache-2.0
#include "report/trace/trace_file.hpp"

#include <array>
#include <string_view>

#include "report/check/check_report.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

struct Extension {
  std::string_view text;
  TraceFormat format;
};

// A longer end of the name comes before a shorter one that it contains.
constexpr std::array<Extension, 6> k_extensions = {{{".txt", TraceFormat::text},
                                                    {".itf.json", TraceFormat::itf},
                                                    {".perfetto.json", TraceFormat::perfetto},
                                                    {".json", TraceFormat::json},
                                                    {".dot", TraceFormat::dot},
                                                    {".mmd", TraceFormat::mermaid}}};

}  // namespace

std::string trace_extensions() {
  std::string out;
  for (const Extension& one : k_extensions) out += (out.empty() ? "" : ", ") + std::string(one.text);
  return out;
}

Result<TraceFormat> trace_format_of(const std::string& path) {
  for (const Extension& one : k_extensions)
    if (path.ends_with(one.text)) return one.format;
  return Error{ErrorKind::usage, "no format of a trace goes with the end of this name", printable(path),
               "let it end with one of " + trace_extensions()};
}

std::string render_trace(const CheckReport& report, TraceFormat format) {
  switch (format) {
    case TraceFormat::text: return check_to_text(report, {.width = 160, .verbose = true});
    case TraceFormat::json: return trace_to_json(report);
    case TraceFormat::itf: return trace_to_itf(report);
    case TraceFormat::perfetto: return trace_to_perfetto(report);
    case TraceFormat::dot: return trace_to_dot(report);
    case TraceFormat::mermaid: return trace_to_mermaid(report);
  }
  return "";
}

}  // namespace unzap
