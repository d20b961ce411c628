// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `exit-path-wait`: an exiting task waits somewhere inside do_exit() that is none of the better known
/// places: its terminal, fsnotify, a work queue, or a function that no table names. For the latter `possible`
/// on a live host.
Findings exit_path_wait(const WaitGraph& graph);

}  // namespace unzap
