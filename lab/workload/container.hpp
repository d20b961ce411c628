// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <string>
#include <vector>

namespace lab {

/// What a container does: a process in a new pid and a new mount namespace, with a child.
struct Plan {
  std::string init = "plain";    ///< what its init has in flight when it calls exit_group(2): init_kinds()
  std::string child = "pause";   ///< what lives in it besides: child_kinds()
  std::string outside = "none";  ///< what somebody outside has a hand on: outside_kinds()
  int workers = 8;               ///< blocked io_uring workers of the init "busy-workers"
};
const std::vector<std::string>& init_kinds();
const std::vector<std::string>& child_kinds();
const std::vector<std::string>& outside_kinds();

/// A container that is up; its init waits for the word to exit.
struct Container {
  pid_t init = 0;
  pid_t child = 0;    ///< as this pid namespace numbers it
  pid_t outside = 0;  ///< the process outside that has a hand on it, or 0
  int go = -1;        ///< one byte lets the init exit
};

/// Starts a container and brings it to where only the word is missing.
Container start(const Plan& plan);
/// Lets its init exit.
void let_go(Container& container);

}  // namespace lab
