// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "snapshot/task.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// The number of the open file that a system call works on, by the text of /proc/<pid>/syscall: of calls that
/// read, write, flush or resize one. Nothing of others, and of processors whose numbers are not known here.
std::optional<std::int32_t> file_of_call(std::string_view syscall);

/// "/data xfs 7:0 /dev/loop0" of the mount with this number; nothing when `mountinfo` does not list it.
std::optional<std::string> mount_of(std::string_view mountinfo, std::int32_t mount);

/// Fills in which file system the tasks in D among `chosen` wait at: fdinfo of the file that their system
/// call works on has the number of its mount, mountinfo the rest (proc_fd_link() and seq_show(),
/// fs/proc/fd.c; show_mountinfo(), fs/proc_namespace.c). None of them looks into the file system; mountinfo
/// takes the lock of mount namespaces, and has its deadline as everything has.
void read_file_systems(Reader& reader, const std::set<std::size_t>& chosen, std::vector<Task>& tasks);

}  // namespace unzap
