// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <string_view>

namespace unzap {

/// What the kernel itself said, out of the records of /dev/kmsg (Documentation/ABI/testing/dev-kmsg): a line
/// "[seconds] message" for each record of facility kern, with the record's own stamp. Whoever may open
/// /dev/kmsg may write records, but never of that facility (devkmsg_write(), kernel/printk/printk.c).
/// Left out: the rest of a message behind an embedded newline ("\x0a"; a mount option may hold one, a report
/// never needs one), dictionary lines, and what looks like the head of a report but has no level of one, such
/// as "BUG: x[7]: segfault" of a process that calls itself "BUG: x".
std::string kernel_messages(std::string_view records);

}  // namespace unzap
