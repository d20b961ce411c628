// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>

#include "util/assert.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_send_ahead_bytes = 32768;
constexpr double k_progress_seconds = 0.2;

Absence absence_of(int error) {
  if (error == EACCES || error == EPERM) return Absence::not_permitted;
  if (error == ENOENT || error == ESRCH) return Absence::gone;
  return Absence::not_in_this_kernel;
}

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// In the child: keep nothing of the parent but the socket, die with the parent, then serve.
[[noreturn]] void become_helper(int socket, const std::string& root) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::signal(SIGPIPE, SIG_DFL);
  ::signal(SIGINT, SIG_DFL);
  ::signal(SIGTERM, SIG_DFL);
  ::prctl(PR_SET_NAME, "unzap-reader");
  const int null = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (int fd = 0; fd < 3; ++fd) ::dup2(null, fd);
  constexpr int k_socket = 3;
  if (socket != k_socket) ::dup2(socket, k_socket);
  ::close_range(k_socket + 1, ~0U, 0);
  serve_reads(k_socket, root);
}

}  // namespace

double monotonic_seconds() {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC, &now);
  return static_cast<double>(now.tv_sec) + 1e-9 * static_cast<double>(now.tv_nsec);
}

/// One run: what was asked, what was answered, and where the helper is. Answers come in the order of the
/// questions, so a place (group, item) says which one is outstanding.
struct Reader::Batch {
  const std::vector<ReadGroup>& groups;
  const std::string& what;
  std::vector<std::vector<ReadResult>> results = {};
  std::size_t group = 0;        ///< of the next reply
  bool opening = true;          ///< the next reply is about the directory
  std::size_t item = 0;         ///< of the next reply, when not opening
  std::size_t send_next = 0;    ///< group to be sent next
  std::size_t first_item = 0;   ///< of the group to be sent next, or of the one that is being opened
  std::vector<bool> skip = {};  ///< of the group of the next reply, when not opening
  std::string out = {};
  std::string in = {};
  double waiting_since = 0;

  bool done() const { return group >= groups.size(); }
  void next_group() {
    ++group;
    opening = true;
    first_item = 0;
  }
};

Reader::Reader(std::string root, ReadLimits limits, std::function<void(const std::string&)> progress)
    : root_(std::move(root)),
      limits_(limits),
      progress_(std::move(progress)),
      end_seconds_(monotonic_seconds() + limits.total_seconds),
      last_report_seconds_(monotonic_seconds()) {}

Reader::~Reader() {
  if (socket_ >= 0) ::close(socket_);
  if (helper_ > 0) {
    // It may block this very moment: a wait for it could be for ever.
    ::kill(helper_, SIGKILL);
    abandoned_.push_back(helper_);
  }
  // A killed helper is gone at once unless it blocks: those go to init when this process ends.
  for (int tries = 0; tries < 20 && !abandoned_.empty(); ++tries) {
    std::erase_if(abandoned_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    if (!abandoned_.empty()) ::usleep(1000);
  }
}

bool Reader::start_helper() {
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return false;
  const pid_t pid = ::fork();
  if (pid == 0) become_helper(pair[1], root_);
  ::close(pair[1]);
  if (pid < 0) {
    ::close(pair[0]);
    return false;
  }
  ::fcntl(pair[0], F_SETFL, O_NONBLOCK);
  socket_ = pair[0];
  helper_ = pid;
  if (first_helper_ < 0) first_helper_ = pid;
  return true;
}

void Reader::abandon_helper() {
  ::close(socket_);
  socket_ = -1;
  ::kill(helper_, SIGKILL);
  if (::waitpid(helper_, nullptr, WNOHANG) >= 0) abandoned_.push_back(helper_);
  helper_ = -1;
}

std::vector<bool> Reader::skipped(const ReadGroup& group) const {
  std::vector<bool> skip(group.items.size(), false);
  if (timed_out_.empty()) return skip;
  for (std::size_t i = 0; i < skip.size(); ++i) {
    const auto known = timed_out_.find(file_name(group.items[i].path));
    skip[i] = known != timed_out_.end() && known->second >= limits_.max_same_name;
  }
  return skip;
}

void Reader::report(const Batch& batch) {
  const double now = monotonic_seconds();
  if (!progress_ || now - last_report_seconds_ < k_progress_seconds) return;
  last_report_seconds_ = now;
  progress_(fmt::format("{}: {} of {}{}", batch.what, batch.group, batch.groups.size(),
                        abandoned_.empty() ? "" : fmt::format(", {} blocked", abandoned_.size())));
}

/// Sends what fits, waits for an answer, takes it. False when the helper is gone.
bool Reader::exchange(Batch& batch) {
  while (batch.send_next < batch.groups.size() && batch.out.size() < k_send_ahead_bytes) {
    const ReadGroup& group = batch.groups[batch.send_next];
    const std::size_t first = batch.send_next == batch.group ? batch.first_item : 0;
    batch.out += encode_request(group, first, skipped(group));
    ++batch.send_next;
  }
  pollfd poll_set{socket_, POLLIN, 0};
  if (!batch.out.empty()) poll_set.events |= POLLOUT;
  const double now = monotonic_seconds();
  const double wait = std::min({batch.waiting_since + limits_.read_seconds, end_seconds_,
                                progress_ ? now + k_progress_seconds : end_seconds_}) -
                      now;
  if (::poll(&poll_set, 1, static_cast<int>(std::ceil(std::max(0.0, wait) * 1000))) < 0)
    return errno == EINTR;
  if (poll_set.revents & POLLOUT) {
    const ssize_t sent = ::send(socket_, batch.out.data(), batch.out.size(), MSG_NOSIGNAL);
    if (sent > 0) batch.out.erase(0, static_cast<std::size_t>(sent));
  }
  if (poll_set.revents & (POLLIN | POLLHUP | POLLERR)) {
    char chunk[65536];
    const ssize_t got = ::recv(socket_, chunk, sizeof chunk, 0);
    if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
    if (got > 0) batch.in.append(chunk, static_cast<std::size_t>(got));
    take_replies(batch);
  }
  return true;
}

void Reader::take_replies(Batch& batch) {
  const double now = monotonic_seconds();
  std::size_t at = 0;
  ReplyHead head;
  while (!batch.done() && batch.in.size() - at >= sizeof head) {
    std::memcpy(&head, batch.in.data() + at, sizeof head);
    if (batch.in.size() - at < sizeof head + head.size) break;
    const std::string text = batch.in.substr(at + sizeof head, head.size);
    at += sizeof head + head.size;
    batch.waiting_since = now;
    std::vector<ReadResult>& results = batch.results[batch.group];
    if (batch.opening && head.error != 0) {
      for (std::size_t i = batch.first_item; i < results.size(); ++i)
        results[i] = {absence_of(head.error), head.error, now};
      batch.next_group();
      continue;
    }
    if (batch.opening) {
      batch.opening = false;
      batch.item = batch.first_item;
      batch.skip = skipped(batch.groups[batch.group]);
    } else {
      results[batch.item] = {head.error == 0 ? Reading<std::string>(text) : absence_of(head.error),
                             head.error, now};
      ++batch.item;
    }
    for (; batch.item < results.size() && batch.skip[batch.item]; ++batch.item)
      results[batch.item] = {Absence::timed_out, 0, now};
    if (batch.item >= results.size()) batch.next_group();
  }
  batch.in.erase(0, at);
}

/// The outstanding answer does not come: it is timed_out, and the next helper starts behind it.
void Reader::give_up_item(Batch& batch) {
  abandon_helper();
  const ReadGroup& group = batch.groups[batch.group];
  std::vector<ReadResult>& results = batch.results[batch.group];
  const double now = monotonic_seconds();
  if (batch.opening) {
    for (std::size_t i = batch.first_item; i < results.size(); ++i) results[i] = {Absence::timed_out, 0, now};
    ++timed_out_["(the folder itself)"];
    batch.next_group();
  } else {
    results[batch.item] = {Absence::timed_out, 0, now};
    ++timed_out_[file_name(group.items[batch.item].path)];
    batch.first_item = batch.item + 1;
    batch.opening = true;
    if (batch.first_item >= results.size()) batch.next_group();
  }
  batch.send_next = batch.group;
  batch.out.clear();
  batch.in.clear();
}

void Reader::give_up_rest(Batch& batch) {
  const double now = monotonic_seconds();
  if (socket_ >= 0) abandon_helper();
  std::size_t first = batch.opening ? batch.first_item : batch.item;
  for (; batch.group < batch.groups.size(); ++batch.group, first = 0) {
    for (std::size_t i = first; i < batch.results[batch.group].size(); ++i) {
      batch.results[batch.group][i] = {Absence::timed_out, 0, now};
      ++timed_out_[file_name(batch.groups[batch.group].items[i].path)];
    }
  }
}

std::vector<std::vector<ReadResult>> Reader::run(const std::vector<ReadGroup>& groups,
                                                 const std::string& what) {
  Batch batch{.groups = groups, .what = what, .waiting_since = monotonic_seconds()};
  batch.results.reserve(groups.size());
  for (const ReadGroup& group : groups) batch.results.emplace_back(group.items.size());
  while (!batch.done()) {
    const double now = monotonic_seconds();
    if (now >= end_seconds_ || abandoned() > limits_.max_abandoned) {
      give_up_rest(batch);
      break;
    }
    if (socket_ < 0) {
      if (!start_helper()) {
        give_up_rest(batch);
        break;
      }
      batch.waiting_since = now;
    }
    const bool alive = exchange(batch);
    if (!batch.done() && (!alive || monotonic_seconds() - batch.waiting_since >= limits_.read_seconds))
      give_up_item(batch);
    report(batch);
  }
  return std::move(batch.results);
}

double Reader::seconds_left() const {
  return std::max(0.0, end_seconds_ - monotonic_seconds());
}

}  // namespace unzap
