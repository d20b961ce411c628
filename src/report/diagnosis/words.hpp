// SPDX-License-Identifier: Apache-2.0
// The words for what a finding holds as values. All reports of a diagnosis take them from here.
#pragma once

#include <string>
#include <vector>

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

/// "not seen: the kernel stacks of 3 tasks (needs ...)", and which right is missing; empty when there is
/// none.
std::string words(const BlindSpots& spots);
std::string words(const Limit& limit);
/// "which pid namespace init[7] takes down: its ns/pid was not read (not_permitted)".
std::string words(const Unproved& gap);

/// All of them, each by itself.
template <class Value>
std::vector<std::string> words(const std::vector<Value>& values) {
  std::vector<std::string> out;
  for (const Value& value : values) out.push_back(words(value));
  return out;
}

}  // namespace unzap
