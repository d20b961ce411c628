// SPDX-License-Identifier: Apache-2.0
// The words for what a finding holds as values. All reports of a diagnosis take them from here.
#pragma once

#include <string>

#include "diagnosis/finding.hpp"

namespace unzap {

/// "waits in synchronize_rcu_expedited"; empty when the role is none.
std::string words(const Role& role);
/// "npm start[300]", "pid namespace of npm start[300]", "CPU 3", "the answer of a FUSE server".
std::string words(const NodeRef& node);
/// "waits in exp_funnel_lock <- synchronize_rcu_expedited"; empty when there is none.
std::string words(const Reason& reason);
/// The far end of a link, and behind it why it is waited for: "CPU 3: runs it and nothing else (inferred)".
std::string awaited(const Link& link);

}  // namespace unzap
