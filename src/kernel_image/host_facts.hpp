// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>

#include "kernel_image/kernel_facts.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap {

/// What a snapshot carries of a kernel: fills wait_fix and setup of `host` from the facts, and preemption
/// where the host did not state it. Instructions go without addresses: those of a running kernel tell where
/// it was loaded.
void put_kernel(const KernelFacts& facts, Host& host);

/// The way back: the facts about the kernel of a host, as far as its snapshot carries them. What `host` does
/// not know has no value, and code.reason says why. `subject`: "the kernel of node.unzap".
KernelFacts kernel_of(const Host& host, std::string subject);

}  // namespace unzap
