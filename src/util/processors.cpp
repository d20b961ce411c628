// SPDX-License-Identifier: Apache-2.0
#include "util/processors.hpp"

#include <sched.h>

#include <algorithm>

namespace unzap {

unsigned usable_processors() {
  cpu_set_t mine;
  CPU_ZERO(&mine);
  if (sched_getaffinity(0, sizeof(mine), &mine) != 0) return 1;
  return std::clamp(static_cast<unsigned>(CPU_COUNT(&mine)), 1U, 32U);
}

}  // namespace unzap
