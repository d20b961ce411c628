// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

namespace lab {

/// Seconds of the monotonic clock.
double now();

/// One line for the runner outside: "LAB <text>". Written in one system call, so that lines never mix.
[[gnu::format(printf, 1, 2)]] void say(const char* format, ...);

/// Says what failed, with errno, and ends this process with 70.
[[noreturn]] void die(std::string_view what);

}  // namespace lab
