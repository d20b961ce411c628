// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "diagnosis/rules/rule.hpp"

namespace unzap {

/// `block-io-wait`: journal, block layer, md, device mapper, loop, nbd, a local file system or write-back.
/// On a live host disks are slow without being stuck: see weight() in site_rule.hpp for what counts.
Findings block_io_wait(const WaitGraph& graph);

}  // namespace unzap
