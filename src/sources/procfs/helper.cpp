// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/helper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

namespace unzap {
namespace {

struct Answer {
  int error = 0;
  std::string text;
};

/// Reads what `fd` has now. A record that was overwritten while we read (EPIPE) is skipped.
Answer read_all(int fd, std::size_t max_bytes, bool keep_end) {
  Answer out;
  char chunk[8192];
  for (;;) {
    const ssize_t got = ::read(fd, chunk, sizeof chunk);
    if (got < 0 && (errno == EINTR || errno == EPIPE)) continue;
    if (got < 0 && errno != EAGAIN) out.error = errno;
    if (got <= 0) break;
    out.text.append(chunk, static_cast<std::size_t>(got));
    if (keep_end && out.text.size() > 2 * max_bytes) out.text.erase(0, out.text.size() - max_bytes);
    if (!keep_end && out.text.size() >= max_bytes) break;
  }
  if (out.text.size() > max_bytes) {
    if (keep_end)
      out.text.erase(0, out.text.size() - max_bytes);
    else
      out.text.resize(max_bytes);
  }
  if (out.error != 0) out.text.clear();
  return out;
}

Answer read_file_at(int directory, const std::string& path, bool records) {
  const int fd =
      ::openat(directory, path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY | (records ? O_NONBLOCK : 0));
  if (fd < 0) return {errno, {}};
  Answer out = read_all(fd, records ? k_max_log_bytes : k_max_read_bytes, records);
  ::close(fd);
  return out;
}

Answer read_link_at(int directory, const std::string& path) {
  char target[4096];
  const ssize_t got = ::readlinkat(directory, path.c_str(), target, sizeof target);
  if (got < 0) return {errno, {}};
  return {0, std::string(target, static_cast<std::size_t>(got))};
}

Answer list_numbers_at(int directory, const std::string& path) {
  const int fd = ::openat(directory, path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  if (fd < 0) return {errno, {}};
  DIR* listing = ::fdopendir(fd);
  if (listing == nullptr) {
    ::close(fd);
    return {ENOMEM, {}};
  }
  Answer out;
  errno = 0;
  while (const dirent* entry = ::readdir(listing)) {
    const std::string_view name = entry->d_name;
    const bool number = std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; });
    if (number) out.text.append(name).push_back('\n');
    errno = 0;
  }
  out.error = errno;
  ::closedir(listing);
  return out;
}

Answer answer(int directory, ReadKind kind, const std::string& path) {
  switch (kind) {
    case ReadKind::file: return read_file_at(directory, path, false);
    case ReadKind::records: return read_file_at(directory, path, true);
    case ReadKind::link: return read_link_at(directory, path);
    case ReadKind::numbers: return list_numbers_at(directory, path);
  }
  return {EINVAL, {}};
}

/// Leaves when the other side is gone: nobody is left to answer.
void send(int socket, const Answer& reply) {
  const ReplyHead head{reply.error, static_cast<std::uint32_t>(reply.text.size())};
  std::string bytes(sizeof head, '\0');
  std::memcpy(bytes.data(), &head, sizeof head);
  bytes += reply.text;
  std::size_t sent = 0;
  while (sent < bytes.size()) {
    const ssize_t put = ::write(socket, bytes.data() + sent, bytes.size() - sent);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) ::_exit(0);
    sent += static_cast<std::size_t>(put);
  }
}

/// The next request as its zero-terminated words, or nothing when the other side is gone.
std::optional<std::vector<std::string>> receive(int socket, std::string& buffer) {
  std::uint32_t size = 0;
  for (;;) {
    if (buffer.size() >= sizeof size) {
      std::memcpy(&size, buffer.data(), sizeof size);
      if (buffer.size() >= sizeof size + size) break;
    }
    char chunk[8192];
    const ssize_t got = ::read(socket, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    buffer.append(chunk, static_cast<std::size_t>(got));
  }
  std::vector<std::string> words;
  std::size_t at = sizeof size;
  while (at < sizeof size + size) {
    words.emplace_back(buffer.c_str() + at);
    at += words.back().size() + 1;
  }
  buffer.erase(0, sizeof size + size);
  return words;
}

}  // namespace

std::string encode_request(const ReadGroup& group, std::size_t first, const std::vector<bool>& skip) {
  std::string payload = group.directory + '\0';
  for (std::size_t i = first; i < group.items.size(); ++i) {
    if (skip[i]) continue;
    payload += static_cast<char>(group.items[i].kind);
    payload += group.items[i].path + '\0';
  }
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes + payload;
}

void serve_reads(int socket, const std::string& root) {
  int root_fd = -1;
  std::string buffer;
  while (const auto words = receive(socket, buffer)) {
    if (root_fd < 0) root_fd = ::open(root.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    const std::string& name = words->front();
    const bool absolute = name.starts_with('/');
    int directory = -1;
    int error = 0;
    if (root_fd < 0 && !absolute) {
      error = errno;
    } else {
      directory = ::openat(root_fd, name.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
      if (directory < 0) error = errno;
    }
    send(socket, {error, {}});
    if (error != 0) continue;
    for (std::size_t i = 1; i < words->size(); ++i) {
      const std::string& word = (*words)[i];
      send(socket, answer(directory, static_cast<ReadKind>(word.front()), word.substr(1)));
    }
    ::close(directory);
  }
  ::_exit(0);
}

}  // namespace unzap
