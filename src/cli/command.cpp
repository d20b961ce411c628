// SPDX-License-Identifier: Apache-2.0
#include "cli/command.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <exception>
#include <new>
#include <system_error>

#include "util/assert.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr const char* k_exit_codes =
    "EXIT STATUS\n"
    "  0 nothing stuck   1 something is stuck   2 could not tell\n"
    "  64 usage   65 bad input   66 no such input   70 a defect of unzap   74 input or output failed\n"
    "  77 not permitted";

/// The options of `app` and the names of its verbs, as they are written.
std::vector<std::string> known_words(const CLI::App& app) {
  std::vector<std::string> out;
  for (const CLI::Option* option : app.get_options())
    for (const std::string& name : option->get_lnames()) out.push_back("--" + name);
  for (const CLI::App* verb : app.get_subcommands([](const CLI::App*) { return true; }))
    out.push_back(verb->get_name());
  return out;
}

/// What the user may have meant: the known word nearest to one that is not known; else where help is.
std::string hint(const CLI::App& program, int argc, const char* const* argv) {
  const auto given = program.get_subcommands();
  const CLI::App* chosen = given.empty() ? &program : given.front();
  const std::vector<std::string> known = known_words(*chosen);
  for (int i = 1; i < argc; ++i) {
    const std::string_view word = std::string_view(argv[i]).substr(0, std::string_view(argv[i]).find('='));
    if (std::find(known.begin(), known.end(), word) != known.end()) continue;
    const bool may_be_verb = chosen == &program && i == 1;
    if (!word.starts_with("--") && !may_be_verb) continue;
    if (const std::string meant = nearest(word, known); !meant.empty() && meant != word)
      return fmt::format("did you mean {}?", meant);
  }
  return chosen == &program ? "see unzap --help" : fmt::format("see unzap {} --help", chosen->get_name());
}

int usage_error(const CLI::App& program, const CLI::ParseError& error, int argc, const char* const* argv) {
  std::string message = error.what();
  if (program.get_subcommands().empty() && argc < 2) message = "a verb is missing";
  if (program.get_subcommands().empty() && argc >= 2 && argv[1][0] != '-')
    message = fmt::format("there is no verb '{}'", argv[1]);
  std::replace(message.begin(), message.end(), '\n', ' ');
  return fail({ErrorKind::usage, message, "", hint(program, argc, argv)});
}

int internal_error(const char* what) {
  say(fmt::format("internal error: {}", what));
  say("this is a defect of unzap, not of your input; please report it with the command you ran");
  return k_exit_internal;
}

/// Memory or a thread that this machine did not give: no defect, and said without asking for more.
int machine_is_short_of(const char* what) {
  talk("unzap: this machine denied ");
  talk(what);
  talk("; raise the limits of this process (ulimit -u, -v; pids.max and memory.max of its cgroup)\n");
  return exit_code(ErrorKind::io);
}

int run_checked(int argc, const char* const* argv, const std::vector<AddCommand>& add_commands) {
  CLI::App program{"Why will this container not die, and how do I free it without a reboot?", "unzap"};
  program.set_version_flag("-V,--version", std::string("unzap ") + UNZAP_VERSION,
                           "Print the version and exit");
  program.set_help_flag("-h,--help", "Show this help and leave");
  program.require_subcommand(1);
  program.get_formatter()->column_width(28);
  program.footer(k_exit_codes);
  std::vector<Command> commands;
  for (const AddCommand& add : add_commands) commands.push_back(add(program));
  try {
    program.parse(argc, argv);
  } catch (const CLI::CallForHelp&) {
    return write_output(program.help());
  } catch (const CLI::CallForVersion& version) {
    return write_output(std::string(version.what()) + "\n");
  } catch (const CLI::ParseError& error) {
    return usage_error(program, error, argc, argv);
  }
  for (const Command& command : commands)
    if (command.app->parsed()) return command.run();
  return internal_error("a verb was accepted and none was run");
}

}  // namespace

ColorChoice CommonOptions::color_choice() const {
  if (color == "always") return ColorChoice::always;
  return color == "never" ? ColorChoice::never : ColorChoice::automatic;
}

void add_common_options(CLI::App& verb, CommonOptions& options, const std::vector<std::string>& formats) {
  verb.set_help_flag("-h,--help", "Show this help and leave");
  verb.add_option("--format", options.format,
                  fmt::format("How to show the result: {}", fmt::join(formats, ", ")))
      ->check(CLI::IsMember(formats))
      ->type_name("FORMAT");
  verb.add_flag("--json", options.json, "Short for --format json");
  verb.add_option("--color", options.color, "Colour: auto (a terminal, and no NO_COLOR), always or never")
      ->check(CLI::IsMember({"auto", "always", "never"}))
      ->type_name("WHEN");
  verb.add_flag("-q,--quiet", options.quiet, "Print only errors on standard error");
  verb.add_flag("-v,--verbose", options.verbose, "Show everything, not only what fits a screen");
}

int fail(const Error& error) {
  say(error.text());
  return exit_code(error.kind);
}

int run_program(int argc, const char* const* argv, const std::vector<AddCommand>& commands) noexcept {
  try {
    prepare_standard_streams();
    return run_checked(argc, argv, commands);
  } catch (const std::bad_alloc&) {
    return machine_is_short_of("memory");
  } catch (const std::system_error& error) {
    if (error.code() == std::errc::resource_unavailable_try_again) return machine_is_short_of("a thread");
    return internal_error(error.what());
  } catch (const std::exception& exception) {
    return internal_error(exception.what());
  } catch (...) {
    return internal_error("an exception of unknown kind");
  }
}

}  // namespace unzap
