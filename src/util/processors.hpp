// SPDX-License-Identifier: Apache-2.0
#pragma once

namespace unzap {

/// How many CPUs this process may use: 1 to 32, 1 when the kernel does not say.
unsigned usable_processors();

}  // namespace unzap
