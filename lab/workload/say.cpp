// SPDX-License-Identifier: Apache-2.0
#include "say.hpp"

#include <unistd.h>

#include <cerrno>
#include <cstdarg>
#include <cstdio>
#include <cstring>
#include <ctime>

namespace lab {

double now() {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC, &time);
  return static_cast<double>(time.tv_sec) + 1e-9 * static_cast<double>(time.tv_nsec);
}

void say(const char* format, ...) {
  char line[512] = "LAB ";
  std::va_list arguments;
  va_start(arguments, format);
  std::vsnprintf(line + 4, sizeof line - 6, format, arguments);
  va_end(arguments);
  std::strcat(line, "\n");
  if (::write(STDOUT_FILENO, line, std::strlen(line)) < 0) return;  // nobody is left to be told
}

void die(std::string_view what) {
  say("error=\"%.*s: %s\"", static_cast<int>(what.size()), what.data(), std::strerror(errno));
  ::_exit(70);
}

}  // namespace lab
