// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

namespace unzap {

/// How one item is read.
enum class ReadKind : char {
  file = 'f',     ///< the whole text, at most k_max_read_bytes
  link = 'l',     ///< where a symbolic link points; it is not followed
  numbers = 'n',  ///< the entries of a folder that are numbers, one a line
  records = 'r',  ///< /dev/kmsg: all records that are there now, the last k_max_log_bytes
};

struct ReadItem {
  ReadKind kind = ReadKind::file;
  std::string path;  ///< below the group's directory
};

/// Items below one directory. The directory is opened once, so that all of them speak of the same task.
struct ReadGroup {
  std::string directory;  ///< below the root, or absolute
  std::vector<ReadItem> items;
};

inline constexpr std::size_t k_max_read_bytes = std::size_t{1} << 18;
inline constexpr std::size_t k_max_log_bytes = std::size_t{4} << 20;

/// The head of a reply; `size` bytes of text follow it. One reply for the opening of the directory, and if
/// that went well one for each item, in order.
struct ReplyHead {
  std::int32_t error = 0;  ///< errno, or 0
  std::uint32_t size = 0;
};

/// The bytes that ask a helper for the items of `group` from number `first` on, without those whose place in
/// `skip` is true.
std::string encode_request(const ReadGroup& group, std::size_t first, const std::vector<bool>& skip);

/// The life of a helper process: answers requests from `socket` until it closes. A helper exists to be left
/// behind: a read in the kernel may block for ever and cannot be cancelled, and a thread that blocks so would
/// keep the whole process, and the terminal it writes to, from ever going away.
[[noreturn]] void serve_reads(int socket, const std::string& root);

}  // namespace unzap
