// SPDX-License-Identifier: Apache-2.0
// What some causes know besides the stack: each a hook of a StackRule, named in the catalogue.
#pragma once

#include <vector>

#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

/// block-io-wait: the file system by the task's mountinfo, and its device in the command that thaws it, for
/// where the host has it mounted the container's mount point does not tell.
void say_which_mount(Finding& finding, const Picture& picture, const SiteHits& hits);

/// coredump-wait: also who is dumping by CoreDumping of its status. Since 6.12 (and 6.1.175) parked threads
/// sleep in state I, and a dumper that writes may show any state.
void add_dumping(const Picture& picture, std::vector<Hit>& hits);
void say_who_dumps(Finding& finding, const Picture& picture, const SiteHits& hits);

/// fuse-request: that SIGKILL came after exit_signals(), so that no wait is woken by it.
void say_where_kill_went(Finding& finding, const Picture& picture, const SiteHits& hits);

/// exit-path-wait: exiting tasks only, and those that wait below do_exit() in a function that no table names.
void keep_exiting(const Picture& picture, std::vector<Hit>& hits);
void say_where_in_exit(Finding& finding, const Picture& picture, const SiteHits& hits);

/// mm-lock-wait: also the owner of an address space of which the source says that a read hangs.
void add_hanging_reads(const Picture& picture, std::vector<Hit>& hits);
void say_whose_read_hangs(Finding& finding, const Picture& picture, const SiteHits& hits);

}  // namespace unzap
