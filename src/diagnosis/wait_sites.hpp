// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/cause_id.hpp"
#include "diagnosis/link.hpp"
#include "snapshot/stack.hpp"

namespace unzap {

/// What a waiting task waits for, as far as its stack tells.
enum class WaitsFor : std::uint8_t {
  rcu_grace_period,
  outside,    ///< something that is not a task of this host: a server, a device, a reference count
  cgroup,     ///< a freezer
  dying,      ///< tasks on their way out to be gone
  same_kind,  ///< a lock or a queue that other tasks of this host hold; which task is not on the stack
};

/// One known place to wait: a stack that has `functions` in this order (innermost first, anything between
/// them) waits there. A function that ends in '*' is a prefix; "[nfs]" is any function of that module.
struct WaitSite {
  std::vector<std::string_view> functions;
  CauseId cause;
  WaitsFor kind = WaitsFor::outside;
  WaitObject object;        ///< what it waits for
  bool weak = false;        ///< says little by itself: used only when no other site is on the stack
  bool never_idle = false;  ///< a weak one, but always uninterruptible: a stack without a state will do
};

/// The table, in order of preference among sites that are equally deep.
const std::vector<WaitSite>& wait_sites();

/// The site at which this stack waits: of all that match, the one whose first function is innermost, because
/// what is further out only leads there. Null when none does, and when the innermost function is one where
/// idle tasks sleep. Frames that are guesses or belong to interrupts do not count.
const WaitSite* wait_site(const Stack& stack);

/// True when all that speaks for the site is a prefix that fits the innermost function: that may as well be
/// the idle loop of a thread with such a name.
bool only_by_prefix(const Stack& stack, const WaitSite& site);

/// The functions of `stack` that matched, innermost first: fuse_flush, filp_close.
std::vector<std::string> matched_functions(const Stack& stack, const WaitSite& site);

}  // namespace unzap
