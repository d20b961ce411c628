// SPDX-License-Identifier: Apache-2.0
#include "util/result.hpp"

namespace unzap {

int exit_code(ErrorKind kind) {
  switch (kind) {
    case ErrorKind::usage: return 64;
    case ErrorKind::bad_data: return 65;
    case ErrorKind::no_input: return 66;
    case ErrorKind::io: return 74;
    case ErrorKind::permission: return 77;
  }
  return k_exit_internal;
}

std::string Error::text() const {
  std::string out;
  if (!place.empty()) out += place + ": ";
  out += message;
  if (!remedy.empty()) out += "; " + remedy;
  return out;
}

}  // namespace unzap
