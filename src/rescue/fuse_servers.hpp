// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <vector>

#include "rescue/fuse_view.hpp"

namespace unzap {

/// Who has the /dev/fuse of a connection that may be stuck open, as far as the kernel tells it in fdinfo
/// (fuse_dev_show_fdinfo(), fs/fuse/dev.c, since 6.16). For the reader of a plan; decides nothing. Empty: not
/// known.
std::vector<FuseServer> fuse_servers(Reader& reader, const std::vector<FuseConnection>& connections);

}  // namespace unzap
