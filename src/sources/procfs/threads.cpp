// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/threads.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>
#include <utility>

#include "sources/procfs/details.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_chunk = 256;  // threads of a large process that are asked for at once
constexpr std::size_t k_spare = 256;  // they may become more
constexpr std::size_t k_most_reserved = std::size_t{1} << 16;  // who says more has to show it

/// Puts the threads of a host into its snapshot.
class Threads {
 public:
  Threads(Reader& reader, const std::string& root, Snapshot& snapshot)
      : reader_(reader), root_(root), snapshot_(snapshot) {}

  bool read(const std::vector<std::int32_t>& tgids);

 private:
  void add(std::int32_t tgid, std::int32_t tid, const ReadResult& stat);
  void add_records(std::int32_t tgid, std::string_view records);
  void read_rest();
  void read_one_by_one(std::int32_t tgid, std::int32_t blocked);
  void read_one_by_one(std::int32_t tgid, std::int32_t blocked, const std::vector<std::int32_t>& tids);
  void reserve();

  Reader& reader_;
  const std::string& root_;
  Snapshot& snapshot_;
  bool all_ = true;
  /// Threads that were listed and are still to be read, of processes so large that one helper alone would
  /// still read when the others have done.
  std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> rest_;
};

void Threads::add(std::int32_t tgid, std::int32_t tid, const ReadResult& stat) {
  if (stat.text.absence() && *stat.text.absence() == Absence::gone) return;
  Task& task = snapshot_.tasks.emplace_back();
  task.tid = tid;
  task.tgid = tgid;
  task.where = fmt::format("{}/{}/task/{}", root_, tgid, tid);
  if (!stat.blocked_file.empty()) task.blocked_read = stat.blocked_file;
  if (stat.text.absence()) all_ = false;
  if (!apply_stat(stat, task)) snapshot_.problems.push_back({task.where + "/stat", "is not a stat line"});
}

void Threads::add_records(std::int32_t tgid, std::string_view records) {
  StatRecord head;
  ReadResult stat;
  while (records.size() >= sizeof head) {
    std::memcpy(&head, records.data(), sizeof head);
    records.remove_prefix(sizeof head);
    if (head.size == -EAGAIN) {
      if (rest_.empty() || rest_.back().first != tgid || rest_.back().second.size() >= k_chunk)
        rest_.push_back({tgid, {}});
      rest_.back().second.push_back(head.tid);
      continue;
    }
    const std::size_t size =
        std::min<std::size_t>(head.size < 0 ? 0 : static_cast<std::size_t>(head.size), records.size());
    stat.at_seconds = head.at_seconds;
    if (head.size < 0)
      stat.text = absence_of(-head.size);
    else
      stat.text = std::string(records.substr(0, size));
    records.remove_prefix(size);
    add(tgid, head.tid, stat);
  }
}

/// A stat of this process blocks, that of `blocked`: the others may not.
void Threads::read_one_by_one(std::int32_t tgid, std::int32_t blocked) {
  const std::string directory = std::to_string(tgid);
  const auto listing = reader_.run({{directory, {{ReadKind::numbers, "task"}}}}, "listing threads");
  if (!listing[0][0].text) {
    all_ = false;
    return;
  }
  read_one_by_one(tgid, blocked, numbers_of(*listing[0][0].text));
}

void Threads::read_one_by_one(std::int32_t tgid, std::int32_t blocked,
                              const std::vector<std::int32_t>& tids) {
  ReadGroup group{std::to_string(tgid), {}};
  for (const std::int32_t tid : tids)
    if (tid != blocked) group.items.push_back({ReadKind::file, fmt::format("task/{}/stat", tid)});
  const auto stats = reader_.run({group}, "reading threads one by one");
  std::size_t at = 0;
  for (const std::int32_t tid : tids)
    add(tgid, tid,
        tid == blocked ? ReadResult{.text = Absence::timed_out, .blocked_file = "stat"} : stats[0][at++]);
}

/// The threads of large processes, shared out among all helpers.
void Threads::read_rest() {
  const auto rest = std::exchange(rest_, {});
  std::vector<ReadGroup> groups;
  for (const auto& [tgid, tids] : rest)
    groups.push_back({std::to_string(tgid), {{ReadKind::stats, stats_path(tids)}}});
  std::vector<std::pair<std::size_t, std::int32_t>> blocked;  // place in `rest`, thread
  reader_.run(groups, "reading threads of large processes",
              [&](std::size_t i, std::size_t, const ReadResult& answer) {
                if (const std::string* records = answer.text.get())
                  add_records(rest[i].first, *records);
                else if (answer.blocked_thread != 0)
                  blocked.emplace_back(i, answer.blocked_thread);
                else
                  all_ = all_ && *answer.text.absence() == Absence::gone;
              });
  for (const auto& [i, thread] : blocked) read_one_by_one(rest[i].first, thread, rest[i].second);
}

/// Room for as many threads as the host says that it has.
void Threads::reserve() {
  const auto answer = reader_.run({{".", {{ReadKind::file, "loadavg"}}}}, "counting threads");
  const std::string text = answer[0][0].text.value_or("");
  const std::size_t slash = text.find('/');
  if (slash == std::string::npos) return;
  const std::string_view rest = std::string_view(text).substr(slash + 1);
  const auto count = parse_number<std::size_t>(rest.substr(0, rest.find(' ')));
  if (count) snapshot_.tasks.reserve(std::min(*count + k_spare, k_most_reserved));
}

bool Threads::read(const std::vector<std::int32_t>& tgids) {
  std::vector<ReadGroup> groups;
  groups.reserve(tgids.size());
  for (const std::int32_t tgid : tgids)
    groups.push_back({std::to_string(tgid), {{ReadKind::threads, "task"}}});
  reserve();
  // Helpers answer side by side; an answer that comes before its turn waits for it.
  std::vector<std::optional<ReadResult>> early(tgids.size());
  std::vector<std::pair<std::int32_t, std::int32_t>> blocked;  // process, thread
  std::size_t turn = 0;
  reader_.run(groups, "reading threads", [&](std::size_t i, std::size_t, ReadResult result) {
    early[i] = std::move(result);
    for (; turn < early.size() && early[turn]; early[turn++].reset()) {
      const ReadResult& answer = *early[turn];
      if (const std::string* records = answer.text.get())
        add_records(tgids[turn], *records);
      else if (answer.blocked_thread != 0)
        blocked.emplace_back(tgids[turn], answer.blocked_thread);
      else
        all_ = all_ && *answer.text.absence() == Absence::gone;
    }
  });
  for (const auto& [tgid, thread] : blocked) read_one_by_one(tgid, thread);
  if (!rest_.empty()) read_rest();
  return all_;
}

}  // namespace

std::vector<std::int32_t> numbers_of(const std::string& lines) {
  std::vector<std::int32_t> out;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    if (const auto number = parse_number<std::int32_t>(std::string_view(lines).substr(at, end - at)))
      out.push_back(*number);
    at = end + 1;
  }
  return out;
}

bool read_threads(Reader& reader, const std::string& root, const std::vector<std::int32_t>& tgids,
                  Snapshot& snapshot) {
  return Threads(reader, root, snapshot).read(tgids);
}

}  // namespace unzap
