// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "util/result.hpp"

namespace unzap {

/// Who may read a file that is written.
enum class Access : unsigned char {
  by_umask,  ///< 0666 less the umask
  owner,     ///< 0600
};

/// Why write_file would refuse, as far as one can know before: there is such a file and `overwrite` is
/// false (usage), something else than a file has this name, its folder is missing or may not be written to.
std::optional<Error> cannot_write_file(const std::string& path, bool overwrite);

/// Writes a file as a whole or not at all, always as a new file of our own: one that is overwritten gives up
/// its name, so its mode, owner and other names do not matter. Never through a link, into a device or a pipe.
///
/// Until it is whole, the file has no name (O_TMPFILE), and whatever ends us leaves nothing behind. Where the
/// file system has no such files, it is written next to `path`; SIGINT, SIGTERM, SIGHUP and SIGQUIT take it
/// away again, SIGKILL cannot. An overwritten file is renamed to, so a second name exists for that moment
/// too. A limit of file size is an error, not a signal. Nothing on success. Call it from one thread only.
std::optional<Error> write_file(const std::string& path, std::string_view data, bool overwrite,
                                Access access = Access::by_umask);

}  // namespace unzap
