// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>

#include "check/check.hpp"
#include "util/result.hpp"

namespace unzap {

/// How a counterexample is written to a file.
enum class TraceFormat : std::uint8_t {
  text,      ///< .txt: the timeline
  json,      ///< .json: what `unzap replay` reads; docs/schema/trace.schema.json
  itf,       ///< .itf.json: Informal Trace Format, for Apalache's and Quint's tools
  perfetto,  ///< .perfetto.json: Chrome trace events, for ui.perfetto.dev and chrome://tracing
  dot,       ///< .dot: Graphviz
  mermaid,   ///< .mmd: a Mermaid sequence diagram
};

/// The format of a file by the end of its name, the longest that fits; a usage error that lists them.
Result<TraceFormat> trace_format_of(const std::string& path);
/// ".txt, .json, ..."
std::string trace_extensions();

/// The counterexample of `report`, which has one.
std::string render_trace(const CheckReport& report, TraceFormat format);

// One function per format; each in a source of its own.
std::string trace_to_json(const CheckReport& report);
std::string trace_to_itf(const CheckReport& report);
std::string trace_to_perfetto(const CheckReport& report);
std::string trace_to_dot(const CheckReport& report);
std::string trace_to_mermaid(const CheckReport& report);

}  // namespace unzap
