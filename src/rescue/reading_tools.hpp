// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>

#include "rescue/freezer_view.hpp"
#include "snapshot/task.hpp"
#include "sources/procfs/reader.hpp"

namespace unzap {

/// Read, and not cut at the most that is read.
bool is_whole(const ReadResult& result);
/// There is no such file any more: its task or folder is gone.
bool is_gone(const ReadResult& result);
/// The stat file is of this very task.
bool is_task(const ReadResult& stat, const TaskId& task);
/// The answer to ReadKind::identity.
std::optional<FolderId> folder_id(const ReadResult& identity);

}  // namespace unzap
