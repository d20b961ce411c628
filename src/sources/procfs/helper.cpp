// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/helper.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <optional>

#include "sources/procfs/ancestry.hpp"
#include "util/clock.hpp"
#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_send_bytes = 32768;
constexpr std::size_t k_stat_bytes = 2048;  // a stat line has 52 numbers and a name

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

Answer read_file_at(int directory, const char* path, bool records) {
  const Fd file(::openat(directory, path, O_RDONLY | O_CLOEXEC | O_NOCTTY | (records ? O_NONBLOCK : 0)));
  if (!file) return {errno, {}};
  return read_all(file.get(), records ? k_max_log_bytes : k_max_read_bytes, records);
}

Answer read_link_at(int directory, const char* path) {
  char target[4096];
  const ssize_t got = ::readlinkat(directory, path, target, sizeof target);
  if (got < 0) return {errno, {}};
  return {0, std::string(target, static_cast<std::size_t>(got))};
}

/// Calls use(entry) for each entry of the open folder. 0, or the error that ended it.
template <class Use>
int for_each_entry(int fd, const Use& use) {
  alignas(dirent64) static char buffer[k_send_bytes];
  for (;;) {
    const long got = ::syscall(SYS_getdents64, fd, buffer, sizeof buffer);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return got < 0 ? errno : 0;
    for (long at = 0; at < got;) {
      // The kernel lays the entries out for the alignment of the struct.
      const auto* entry = reinterpret_cast<const dirent64*>(buffer + at);
      at += entry->d_reclen;
      use(*entry);
    }
  }
}

/// Calls use(name) for each entry of the open folder that is a number. 0, or the error that ended it.
template <class Use>
int for_each_number(int fd, const Use& use) {
  return for_each_entry(fd, [&](const dirent64& entry) {
    const std::string_view name = entry.d_name;
    if (std::all_of(name.begin(), name.end(), [](char c) { return c >= '0' && c <= '9'; })) use(entry.d_name);
  });
}

Fd open_folder(int directory, const char* path) {
  return Fd(::openat(directory, path, O_RDONLY | O_DIRECTORY | O_CLOEXEC));
}

Answer list_numbers_at(int directory, const char* path) {
  const Fd folder = open_folder(directory, path);
  if (!folder) return {errno, {}};
  Answer out;
  out.error = for_each_number(folder.get(), [&](const char* name) { out.text.append(name).push_back('\n'); });
  return out;
}

Answer list_folders_at(int directory, const char* path) {
  const Fd folder = open_folder(directory, path);
  if (!folder) return {errno, {}};
  Answer out;
  out.error = for_each_entry(folder.get(), [&](const dirent64& entry) {
    const std::string_view name = entry.d_name;
    const bool one = entry.d_type == DT_DIR && name != "." && name != "..";
    if (one && out.text.size() < k_max_read_bytes) out.text.append(name).push_back('\n');
  });
  return out;
}

Answer identity_at(int directory, const char* path) {
  struct stat found {};
  if (::fstatat(directory, path, &found, AT_SYMLINK_NOFOLLOW) != 0) return {errno, {}};
  return {0, std::to_string(found.st_dev) + " " + std::to_string(found.st_ino)};
}

void append_record(const char* name, int size_or_error, std::string& out) {
  const StatRecord head{monotonic_seconds(), static_cast<std::int32_t>(std::strtol(name, nullptr, 10)),
                        size_or_error};
  out.append(reinterpret_cast<const char*>(&head), sizeof head);
}

void append_stat(int folder, const char* name, std::string& out) {
  char path[64];
  const std::size_t length = std::min(std::strlen(name), sizeof path - sizeof "/stat");
  std::memcpy(path, name, length);
  std::memcpy(path + length, "/stat", sizeof "/stat");
  const Fd file(::openat(folder, path, O_RDONLY | O_CLOEXEC | O_NOCTTY));
  char text[k_stat_bytes];
  ssize_t got = -1;
  if (file) {
    do got = ::read(file.get(), text, sizeof text);
    while (got < 0 && errno == EINTR);
  }
  const int error = errno;
  append_record(name, got < 0 ? -error : static_cast<std::int32_t>(got), out);
  if (got > 0) out.append(text, static_cast<std::size_t>(got));
}

void append_thread(int folder, const char* name, Progress& progress, std::string& out) {
  progress.thread.store(static_cast<std::int32_t>(std::strtol(name, nullptr, 10)));
  progress.reads.fetch_add(1);
  append_stat(folder, name, out);
}

Answer read_threads_at(int directory, const char* path, Progress& progress) {
  const Fd folder = open_folder(directory, path);
  if (!folder) return {errno, {}};
  Answer out;
  std::size_t count = 0;
  out.error = for_each_number(folder.get(), [&](const char* name) {
    if (++count <= k_threads_at_once) return append_thread(folder.get(), name, progress, out.text);
    progress.reads.fetch_add(1);
    append_record(name, -EAGAIN, out.text);
  });
  progress.thread.store(0);
  return out;
}

/// `path` as stats_path() writes it.
Answer read_stats_at(int directory, const char* path, Progress& progress) {
  const std::string_view text = path;
  const std::size_t begin = std::min(text.find('/'), text.size());
  const std::size_t end = std::max(begin, std::min(text.rfind('/'), text.size()));
  const Fd folder = open_folder(directory, std::string(text.substr(0, begin)).c_str());
  if (!folder) return {errno, {}};
  Answer out;
  for (std::size_t at = begin + 1; at < end;) {
    const std::size_t stop = std::min(text.find(' ', at), end);
    append_thread(folder.get(), std::string(text.substr(at, stop - at)).c_str(), progress, out.text);
    at = stop + 1;
  }
  progress.thread.store(0);
  return out;
}

/// Answers requests; holds what a helper needs for that.
class Server {
 public:
  Server(int socket, const std::string& root, Progress& progress)
      : socket_(socket), root_(root), progress_(progress) {}
  [[noreturn]] void serve() {
    while (const auto words = receive()) answer_request(*words);
    ::_exit(0);
  }

 private:
  std::optional<std::vector<std::string>> receive();
  void answer_request(const std::vector<std::string>& words);
  Answer answer(int directory, ReadKind kind, const char* path);
  Answer ancestry_of(int directory, const char* path);
  void send(const Answer& reply);
  void flush();

  int socket_;
  const std::string& root_;
  Progress& progress_;
  Fd root_fd_;
  std::optional<std::uint64_t> own_pid_ns_;  ///< inode; 0: not known
  std::string in_;
  std::string out_;
};

Answer Server::ancestry_of(int directory, const char* path) {
  if (!own_pid_ns_) {
    struct stat info {};
    // A procfs of a pid namespace that we are not part of has no "self" for us.
    own_pid_ns_ = ::fstatat(root_fd_.get(), "self/ns/pid", &info, 0) == 0 ? info.st_ino : 0;
  }
  AncestryText found = read_ancestry(directory, path, *own_pid_ns_);
  return {found.error, std::move(found.text)};
}

Answer Server::answer(int directory, ReadKind kind, const char* path) {
  switch (kind) {
    case ReadKind::file: return read_file_at(directory, path, false);
    case ReadKind::records: return read_file_at(directory, path, true);
    case ReadKind::link: return read_link_at(directory, path);
    case ReadKind::ancestry: return ancestry_of(directory, path);
    case ReadKind::numbers: return list_numbers_at(directory, path);
    case ReadKind::threads: return read_threads_at(directory, path, progress_);
    case ReadKind::stats: return read_stats_at(directory, path, progress_);
    case ReadKind::folders: return list_folders_at(directory, path);
    case ReadKind::identity: return identity_at(directory, path);
  }
  return {EINVAL, {}};
}

/// Leaves when the other side is gone: nobody is left to answer.
void Server::flush() {
  std::size_t sent = 0;
  while (sent < out_.size()) {
    const ssize_t put = ::write(socket_, out_.data() + sent, out_.size() - sent);
    if (put < 0 && errno == EINTR) continue;
    if (put <= 0) ::_exit(0);
    sent += static_cast<std::size_t>(put);
  }
  out_.clear();
}

void Server::send(const Answer& reply) {
  const ReplyHead head{reply.error, static_cast<std::uint32_t>(reply.text.size())};
  out_.append(reinterpret_cast<const char*>(&head), sizeof head).append(reply.text);
  if (out_.size() >= k_send_bytes) flush();
}

/// The next request as its zero-terminated words, or nothing when the other side is gone. Answers wait for
/// each other as long as there is a request at hand.
std::optional<std::vector<std::string>> Server::receive() {
  std::uint32_t size = 0;
  for (;;) {
    if (in_.size() >= sizeof size) {
      std::memcpy(&size, in_.data(), sizeof size);
      if (in_.size() >= sizeof size + size) break;
    }
    flush();
    char chunk[8192];
    const ssize_t got = ::read(socket_, chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return std::nullopt;
    in_.append(chunk, static_cast<std::size_t>(got));
  }
  std::vector<std::string> words;
  std::size_t at = sizeof size;
  while (at < sizeof size + size) {
    words.emplace_back(in_.c_str() + at);
    at += words.back().size() + 1;
  }
  in_.erase(0, sizeof size + size);
  return words;
}

void Server::answer_request(const std::vector<std::string>& words) {
  progress_.steps.fetch_add(1);
  progress_.reads.fetch_add(1);
  if (!root_fd_) root_fd_.reset(::open(root_.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  const std::string& name = words.front();
  Fd directory;
  if (root_fd_ || name.starts_with('/')) directory = open_folder(root_fd_.get(), name.c_str());
  const int error = errno;
  send({directory ? 0 : error, {}});
  if (!directory) {
    progress_.steps.fetch_add(words.size() - 1);  // none of them will be asked for
    return;
  }
  for (std::size_t i = 1; i < words.size(); ++i) {
    progress_.steps.fetch_add(1);
    progress_.reads.fetch_add(1);
    send(answer(directory.get(), static_cast<ReadKind>(words[i].front()), words[i].c_str() + 1));
  }
}

}  // namespace

std::string stats_path(const std::vector<std::int32_t>& tids) {
  std::string out = "task/";
  for (const std::int32_t tid : tids) out += (out.size() > 5 ? " " : "") + std::to_string(tid);
  return out + "/stat";
}

std::string encode_request(const ReadGroup& group, const std::vector<std::size_t>& items) {
  std::string payload = group.directory + '\0';
  for (const std::size_t i : items) {
    payload += static_cast<char>(group.items[i].kind);
    payload += group.items[i].path + '\0';
  }
  const auto size = static_cast<std::uint32_t>(payload.size());
  std::string bytes(sizeof size, '\0');
  std::memcpy(bytes.data(), &size, sizeof size);
  return bytes + payload;
}

void serve_reads(int socket, const std::string& root, Progress& progress) {
  Server(socket, root, progress).serve();
}

}  // namespace unzap
