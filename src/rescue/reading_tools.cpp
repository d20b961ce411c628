// SPDX-License-Identifier: Apache-2.0
#include "rescue/reading_tools.hpp"

#include "linux/task_stat.hpp"
#include "util/text.hpp"

namespace unzap {

bool is_whole(const ReadResult& result) {
  return result.text && result.text->size() < k_max_read_bytes;
}

bool is_gone(const ReadResult& result) {
  return result.text.absence() != nullptr && *result.text.absence() == Absence::gone;
}

bool is_task(const ReadResult& stat, const TaskId& task) {
  if (!stat.text) return false;
  const auto line = parse_stat(*stat.text);
  return line && line->start_ticks.is(task.start_ticks);
}

std::optional<FolderId> folder_id(const ReadResult& identity) {
  if (!identity.text) return std::nullopt;
  const auto words = split_words(*identity.text);
  if (words.size() != 2) return std::nullopt;
  const auto device = parse_number<std::uint64_t>(words[0]);
  const auto inode = parse_number<std::uint64_t>(words[1]);
  if (!device || !inode) return std::nullopt;
  return FolderId{*device, *inode};
}

}  // namespace unzap
