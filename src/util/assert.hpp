// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <string>

namespace unzap {

/// Exit code for a defect of unzap itself (EX_SOFTWARE of sysexits.h).
inline constexpr int k_exit_internal = 70;

/// Prints what failed and where, asks for a report, and leaves with k_exit_internal.
[[noreturn]] void assertion_failed(const char* file, int line, const char* condition,
                                   const std::string& message);

}  // namespace unzap

/// An assertion that stays on in every build. The message is a fmt format string with its arguments and
/// names the state, task or line that broke the assumption.
#define UNZAP_ASSERT(condition, ...)                                                         \
  do {                                                                                       \
    if (!(condition)) [[unlikely]]                                                           \
      ::unzap::assertion_failed(__FILE__, __LINE__, #condition, ::fmt::format(__VA_ARGS__)); \
  } while (false)
