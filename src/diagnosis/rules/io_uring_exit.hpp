// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `io-uring-exit`: an exiting task waits for its io_uring requests, workers, SQPOLL thread or ring lock, or
/// one of those threads waits itself. When the worker waits for something with a cause of its own (a server,
/// a disk), that cause is nearer to the leaf and comes first.
Findings io_uring_exit(const Picture& picture);

}  // namespace unzap
