// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// What kind of answer a cause is; decides what it counts for in the verdict.
enum class CauseKind : std::uint8_t {
  teardown,    ///< something that keeps a container from ending
  stuck_else,  ///< a look-alike in which something is stuck, but no teardown is shown: soft-lockup, hung-task
  harmless,    ///< a look-alike in which nothing is stuck: oom-kill, zombie-under-live-parent
};

/// One cause that the diagnosis knows.
struct Cause {
  std::string_view id;       ///< stable: the JSON, the pages and the tests use it
  std::string_view summary;  ///< one line, for lists
  Rule rule;
  std::string_view page;  ///< path of its page below the source tree
  CauseKind kind = CauseKind::teardown;
};

/// All causes. The order is the last tie-break of the ranking: what explains most stands first.
const std::vector<Cause>& catalogue();
/// The entry of a cause id, or nullptr.
const Cause* cause(std::string_view id);

}  // namespace unzap
