// SPDX-License-Identifier: Apache-2.0
// What the log of a failed module build means to the user.
#include <fmt/format.h>

#include <algorithm>

#include "rescue/apply/module_build.hpp"
#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// The text between `before` and the next of `ends` after it; empty when it is not there.
std::string_view between(std::string_view text, std::string_view before, std::string_view ends) {
  const auto at = text.find(before);
  if (at == std::string_view::npos) return {};
  text.remove_prefix(at + before.size());
  return text.substr(0, text.find_first_of(ends));
}

/// "x86_64-linux-gnu-gcc-14" and "gcc-14 (Debian 14.2.0-19) 14.2.0" are in the package "gcc-14".
std::string compiler_package(std::string_view text) {
  text = text.substr(0, text.find(' '));
  for (const std::string_view name : {"gcc", "clang"})
    if (const auto at = text.rfind(name); at != std::string_view::npos && (at == 0 || text[at - 1] == '-'))
      return std::string(text.substr(at));
  return {};
}

/// CONFIG_CC_VERSION_TEXT of the headers, or empty.
std::string kernel_compiler(const std::string& headers) {
  for (const char* name : {"/.config", "/include/config/auto.conf"})
    if (const auto file = read_file(headers + name, std::size_t{4} << 20))
      if (const auto text = between(file->text, "CONFIG_CC_VERSION_TEXT=\"", "\"\n"); !text.empty())
        return printable(text, 200);
  return {};
}

/// The program that a shell or make did not find: "/bin/sh: 1: gcc-10: not found", "bash: line 1: gcc-10:
/// command not found", "make: gcc-10: No such file or directory".
std::string missing_program(std::string_view line) {
  for (const std::string_view end : {": not found", ": command not found", ": No such file or directory"}) {
    if (!line.ends_with(end) || (end.ends_with("directory") && !line.starts_with("make"))) continue;
    line.remove_suffix(end.size());
    const auto from = line.rfind(' ');
    const std::string_view name = from == std::string_view::npos ? line : line.substr(from + 1);
    if (name.find('/') == std::string_view::npos && name.find(':') == std::string_view::npos)
      return std::string(name);
  }
  return {};
}

Error failed(const std::string& why, const std::string& headers, std::string remedy) {
  return {ErrorKind::io, "the module could not be built: " + printable(why, 400), headers, std::move(remedy)};
}

std::string elsewhere() {
  return "or build it where that is there, and give it with --module FILE";
}

std::optional<Error> known_reason(std::string_view line, const std::string& headers) {
  if (const std::string program = missing_program(line); !program.empty()) {
    const std::string package = compiler_package(program);
    if (!package.empty())
      return failed(fmt::format("the kernel's own compiler, {}, is not here", program), headers,
                    fmt::format("apt install {}, {}", package, elsewhere()));
    return failed(fmt::format("{} is not here", program), headers,
                  fmt::format("install what has {}, {}", program, elsewhere()));
  }
  if (line.find("unrecognized command") != std::string_view::npos ||
      line.find("unknown argument") != std::string_view::npos) {
    const std::string compiler = kernel_compiler(headers);
    const std::string package = compiler_package(compiler);
    return failed(fmt::format("the compiler here is not the kernel's own{}: {}",
                              compiler.empty() ? "" : ", " + compiler, line),
                  headers,
                  package.empty() ? "install the compiler that the kernel was built with, " + elsewhere()
                                  : fmt::format("apt install {}, {}", package, elsewhere()));
  }
  if (line.find("version `GLIBC_") != std::string_view::npos)
    return failed(
        fmt::format("the tools of these headers need the C library of a newer system ({})", line), headers,
        "build the module on the system these headers are made for, and give it with --module FILE");
  return std::nullopt;
}

bool is_error(std::string_view line) {
  return line.find(" error: ") != std::string_view::npos || line.starts_with("ERROR: ") ||
         line.find("fatal error:") != std::string_view::npos;
}

}  // namespace

Error build_error(std::string_view log, const std::string& headers) {
  std::string_view error, stop, last;
  for (std::string_view rest = log; !rest.empty();) {
    const auto end = std::min(rest.find('\n'), rest.size());
    const std::string_view line = trim(rest.substr(0, end));
    rest.remove_prefix(std::min(end + 1, rest.size()));
    if (line.empty()) continue;
    if (auto known = known_reason(line, headers)) return *known;
    last = line;
    if (error.empty() && is_error(line)) error = line;
    if (stop.empty() && line.find("*** ") != std::string_view::npos) stop = line;
  }
  const std::string_view why = !error.empty() ? error : !stop.empty() ? stop : last;
  return failed(why.empty() ? "no output; is make here?" : std::string(why), headers,
                "are these the headers of the running kernel, and is its compiler here?");
}

}  // namespace unzap
