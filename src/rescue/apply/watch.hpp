// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "rescue/apply/course.hpp"
#include "rescue/apply/verify.hpp"

namespace unzap {

/// Waits until everybody who was stuck has come free, then asks whether the namespace is gone and whether RCU
/// comes to an end. FREED needs all three; whatever cannot be told is not taken for it.
Applied watch(Course& course, const Standing& before);

}  // namespace unzap
