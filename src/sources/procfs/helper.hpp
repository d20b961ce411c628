// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <atomic>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unzap {

/// How one item is read.
enum class ReadKind : char {
  file = 'f',      ///< the whole text, at most k_max_read_bytes
  link = 'l',      ///< where a symbolic link points; it is not followed
  numbers = 'n',   ///< the entries of a folder that are numbers, one a line
  records = 'r',   ///< /dev/kmsg: all records that are there now, the last k_max_log_bytes
  threads = 't',   ///< the stat file of each entry of a folder that is a number, as StatRecords; the first
                   ///< k_threads_at_once are read, the others listed, as if their read had given EAGAIN
  ancestry = 'a',  ///< the pid namespace that a link leads to and those above it; see read_ancestry
  stats = 's',     ///< the stat file of each of some entries of a folder, as StatRecords; see stats_path
  folders = 'd',   ///< the entries of a folder that are folders, one a line, at most k_max_read_bytes
  identity = 'i',  ///< of a file or folder that is not a link: "DEVICE INODE"
};

/// The head of one thread in the answer to ReadKind::threads; `size` bytes of its stat file follow it.
struct StatRecord {
  double at_seconds = 0;  ///< monotonic time of the read
  std::int32_t tid = 0;
  std::int32_t size = 0;  ///< negative: -errno, and no text
};

inline constexpr std::size_t k_threads_at_once = 512;

struct ReadItem {
  ReadKind kind = ReadKind::file;
  std::string path;  ///< below the group's directory
};

/// Items below one directory. The directory is opened once, so that all of them speak of the same task.
struct ReadGroup {
  std::string directory;  ///< below the root, or absolute
  std::vector<ReadItem> items;
  /// These files of a task were read before: they are asked for although another of its files blocks.
  bool read_before = false;
};

inline constexpr std::size_t k_max_read_bytes = std::size_t{1} << 18;
inline constexpr std::size_t k_max_log_bytes = std::size_t{4} << 20;

/// The head of a reply; `size` bytes of text follow it. One reply for the opening of the directory, and if
/// that went well one for each item, in order.
struct ReplyHead {
  std::int32_t error = 0;  ///< errno, or 0
  std::uint32_t size = 0;
};

/// Where a helper is, in memory that both sides share: answers travel together, so the number of those that
/// arrived does not tell which question blocks.
struct Progress {
  std::atomic<std::uint64_t> steps{0};  ///< questions begun: the opening of each directory, and each item
  std::atomic<std::uint64_t> reads{0};  ///< grows with each file that is read: it is alive
  std::atomic<std::int32_t> thread{0};  ///< within ReadKind::threads: whose stat is read now
};
static_assert(std::atomic<std::uint64_t>::is_always_lock_free);

/// The path of an item that asks for the stat of these threads: "task/7 8 9/stat".
std::string stats_path(const std::vector<std::int32_t>& tids);

/// The bytes that ask a helper for the items of `group` that stand at the places `items`.
std::string encode_request(const ReadGroup& group, const std::vector<std::size_t>& items);

/// The life of a helper process: answers requests from `socket` until it closes. A helper exists to be left
/// behind: a read in the kernel may block forever and cannot be cancelled, and a thread that blocks so would
/// keep the whole process, and the terminal it writes to, from ever going away.
[[noreturn]] void serve_reads(int socket, const std::string& root, Progress& progress);

}  // namespace unzap
