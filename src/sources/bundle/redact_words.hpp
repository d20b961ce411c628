// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

// What a redacted bundle may say. Each of these is a list of what is kept; what is on none is masked.

namespace unzap::bundle {

/// A word of the sentences of the kernel's reports, of our own problems, or a function of the kernel that
/// they name; letters, lower case.
bool is_plain_word(std::string_view word);
/// A part of the name of a kernel thread: "kworker", "rcu", "events".
bool is_thread_word(std::string_view word);
/// A name that container runtimes give to their own processes.
bool is_runtime_comm(std::string_view comm);
/// A part of a path that the kernel (/proc, /sys/fs/cgroup) or a container runtime gives, not the owner.
bool is_path_word(std::string_view part);
/// The name of a machine, as a snapshot gives it.
bool is_machine(std::string_view text);
/// A part of a kernel's release or version that names a distribution or a flavour: "amd64", "generic".
bool is_release_word(std::string_view word);

}  // namespace unzap::bundle
