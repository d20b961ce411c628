// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "rescue/plan.hpp"
#include "util/fd.hpp"

namespace unzap {

/// A process that is held by a descriptor: whatever becomes of its number, what is sent through the handle
/// goes to this one or to nobody.
class Handle {
 public:
  /// Of the process with this number now; look at its identity afterwards.
  explicit Handle(std::int32_t tgid);

  bool held() const { return static_cast<bool>(fd_); }
  /// 0, or the errno of what went wrong.
  int send(int signal) const;

 private:
  Fd fd_;
};

/// Why the target is not what it was when the plan was made; empty when it still is: number, start time,
/// process, pid namespace, and alive (or, with `must_be_exiting`, on its way out). To be asked while a Handle
/// of its process is held.
std::string changed(const RescueTarget& target, bool must_be_exiting);

/// A living child that the target's process has now, and that the plan does not know: nobody was asked about
/// it. Empty when there is none, or when it was allowed that others depend on the target.
std::string new_child(const Plan& plan);

/// What ties the target to the tasks that it holds up, looked at again.
struct Ties {
  std::string holds;   ///< "att-exec[57] is its zombie child, in pid namespace 4026532": what was seen
  std::string broken;  ///< why there is no tie any more; empty: at least one of them is still held up
};
Ties look_at_ties(const Plan& plan);

}  // namespace unzap
