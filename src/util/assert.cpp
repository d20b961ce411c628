// SPDX-License-Identifier: Apache-2.0
#include "util/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace unzap {

void assertion_failed(const char* file, int line, const char* condition, const std::string& message) {
  std::fflush(stdout);
  // Not by fmt::print, which throws when nobody can read it.
  std::fprintf(stderr,
               "unzap: internal error: %s\n  assertion `%s` failed at %s:%d\n"
               "  This is a defect of unzap, not of your input; please report it with the command you ran.\n",
               message.c_str(), condition, file, line);
  std::fflush(stderr);
  std::_Exit(k_exit_internal);
}

}  // namespace unzap
