// SPDX-License-Identifier: Apache-2.0
#include "util/assert.hpp"

#include <cstdio>
#include <cstdlib>

namespace unzap {

void assertion_failed(const char* file, int line, const char* condition, const std::string& message) {
  std::fflush(stdout);
  fmt::print(stderr,
             "unzap: internal error: {}\n  assertion `{}` failed at {}:{}\n"
             "  This is a defect of unzap, not of your input; please report it with the command you ran.\n",
             message, condition, file, line);
  std::fflush(stderr);
  std::_Exit(k_exit_internal);
}

}  // namespace unzap
