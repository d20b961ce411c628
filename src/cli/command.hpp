// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <string>
#include <vector>

#include "cli/terminal.hpp"
#include "util/result.hpp"

namespace unzap {

/// One verb: its part of the command line, and what to do when it was given. `run` returns the exit code.
struct Command {
  CLI::App* app = nullptr;
  std::function<int()> run;
};

/// Adds a verb to the program. The options live as long as the returned `run`.
using AddCommand = Command (*)(CLI::App& program);

/// Options that every verb has.
struct CommonOptions {
  std::string format = "text";
  bool json = false;  ///< --json: short for --format json
  std::string color = "auto";
  bool quiet = false;
  bool verbose = false;

  bool wants_json() const { return json || format == "json"; }
  ColorChoice color_choice() const;
};
/// `formats`: what --format takes.
void add_common_options(CLI::App& verb, CommonOptions& options,
                        const std::vector<std::string>& formats = {"text", "json"});

/// Says what failed on standard error; the exit code of the error's kind.
int fail(const Error& error);

/// The whole program: parses, runs the verb, maps every failure to its exit code. Never throws.
int run_program(int argc, const char* const* argv, const std::vector<AddCommand>& commands) noexcept;

}  // namespace unzap
