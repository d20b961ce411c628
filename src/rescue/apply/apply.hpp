// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "rescue/apply/audit.hpp"
#include "rescue/plan.hpp"
#include "util/names.hpp"
#include "util/result.hpp"

namespace unzap {

/// The text of one file that the module is built from.
struct ModuleSource {
  std::string_view file;  ///< "unzap_rescue.c"
  std::string_view text;
};

struct ApplyOptions {
  std::vector<ModuleSource> sources;                 ///< of unzap_rescue, for a build here
  double verify_seconds = 5;                         ///< how long to wait for the outcome
  std::function<void(const std::string&)> progress;  ///< one line about each step; may be empty
  HostPlaces places = {};                            ///< tests have others
};

/// One thing that was done or looked at, in order.
struct ApplyStep {
  double at_seconds = 0;  ///< since apply() began
  std::string text;

  bool operator==(const ApplyStep&) const = default;
};

/// What became of it.
enum class Outcome : std::uint8_t {
  freed,      ///< done; everybody who was stuck is gone or got on, and so is the dying namespace
  not_freed,  ///< done, and not everything came as it should: `why`, with who still stands where
  refused,    ///< the target is not what it was, nobody is stuck any more, or the module found something
              ///< different; nothing was changed
  unknown,    ///< done, and what became of it could not be told
};
constexpr auto names_of(Outcome) {
  return name_table<Outcome>({{Outcome::freed, "freed"},
                              {Outcome::not_freed, "not freed"},
                              {Outcome::refused, "refused"},
                              {Outcome::unknown, "unknown"}});
}

struct Applied {
  Outcome outcome = Outcome::refused;
  std::string why;     ///< empty when freed
  double seconds = 0;  ///< from the begin to the end of the verification
  std::vector<ApplyStep> steps;
};

/// Does what the plan says: looks at the target once more, acts, watches for the outcome. The only code of
/// unzap that writes to a host. The plan must be ready(). An Error: it could not be tried, and nothing was
/// changed.
Result<Applied> apply(const Plan& plan, const Means& means, const ApplyOptions& options, Audit& audit);

}  // namespace unzap
