// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "util/embedded.hpp"

namespace unzap {

/// scenarios/*.toml, by name.
std::span<const EmbeddedFile> scenario_files();
/// What the module unzap_rescue is built from: kmod/unzap_rescue.c and kmod/reaper.h, by name.
std::span<const EmbeddedFile> module_sources();

}  // namespace unzap
