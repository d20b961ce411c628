// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/lane.hpp"

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>
#include <utility>

#include "util/assert.hpp"

namespace unzap {
Lane::Lane() {
  void* page = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page != MAP_FAILED) progress_ = new (page) Progress;
}

Lane::~Lane() {
  if (progress_ != nullptr) ::munmap(progress_, sizeof(Progress));
}

int Lane::start(const std::string& root) {
  if (progress_ == nullptr) return ENOMEM;
  int pair[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) != 0) return errno;
  Fd ours(pair[0]);
  const Fd theirs(pair[1]);
  // One that was left behind may write to the page that it knows; the next one has its own.
  void* page = ::mmap(nullptr, sizeof(Progress), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return ENOMEM;
  ::munmap(progress_, sizeof(Progress));
  progress_ = new (page) Progress;
  const ApartOptions options{.name = "unzap-reader", .keep_only = theirs.get()};
  const auto serve = [this, &root]() -> int { serve_reads(k_kept_fd, root, *progress_); };
  if (const int error = helper_.start(options, serve); error != 0) return error;
  ::fcntl(ours.get(), F_SETFL, O_NONBLOCK);
  socket_ = std::move(ours);
  opened_ = false;
  taken_ = reads_ = 0;
  return 0;
}

pid_t Lane::abandon() {
  socket_.reset();
  out_.clear();
  in_.clear();
  in_at_ = 0;
  return helper_.abandon();
}

void Lane::ask(Piece piece, const ReadGroup& group) {
  out_ += encode_request(group, piece.items);
  asked_.push_back(std::move(piece));
}

void Lane::send() {
  const ssize_t sent = ::send(socket_.get(), out_.data(), out_.size(), MSG_NOSIGNAL);
  if (sent > 0) out_.erase(0, static_cast<std::size_t>(sent));
}

bool Lane::receive() {
  in_.erase(0, std::exchange(in_at_, 0));
  char chunk[65536];
  const ssize_t got = ::recv(socket_.get(), chunk, sizeof chunk, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN && errno != EINTR)) return false;
  if (got > 0) in_.append(chunk, static_cast<std::size_t>(got));
  return true;
}

bool Lane::take(Reply& reply) {
  ReplyHead head;
  if (asked_.empty() || in_.size() - in_at_ < sizeof head) return false;
  std::memcpy(&head, in_.data() + in_at_, sizeof head);
  if (in_.size() - in_at_ < sizeof head + head.size) return false;
  reply.text.assign(in_, in_at_ + sizeof head, head.size);
  in_at_ += sizeof head + head.size;
  Piece& piece = asked_.front();
  reply.group = piece.group;
  reply.error = head.error;
  reply.opening = !opened_;
  reply.items.clear();
  ++taken_;
  if (reply.opening) {
    opened_ = head.error == 0;
    if (!opened_) {
      taken_ += piece.items.size();
      reply.items = std::exchange(piece.items, {});
    }
  } else {
    reply.item = piece.items.front();
    piece.items.erase(piece.items.begin());
  }
  if (piece.items.empty()) {
    asked_.pop_front();
    opened_ = false;
  }
  return true;
}

double Lane::alive_since(double now) {
  const std::uint64_t reads = progress_->reads.load();
  if (reads != reads_) alive_seconds_ = now;
  reads_ = reads;
  return alive_seconds_;
}

bool Lane::has_begun() const {
  return progress_->steps.load() > taken_;
}

std::size_t Lane::steps_left(const Piece& piece) const {
  const bool open = &piece == &asked_.front() && opened_;
  return piece.items.size() + (open ? 0 : 1);
}

Blocked Lane::give_up(std::deque<Piece>& rest) {
  UNZAP_ASSERT(!asked_.empty(), "a lane without a question cannot be late");
  // Those before it were answered, but the answers did not leave the helper.
  const std::uint64_t begun = progress_->steps.load();
  std::uint64_t lost = begun > taken_ ? begun - taken_ - 1 : 0;
  Blocked blocked;
  std::size_t at = 0;
  for (; at + 1 < asked_.size() && lost >= steps_left(asked_[at]); ++at) lost -= steps_left(asked_[at]);
  Piece& piece = asked_[at];
  blocked.group = piece.group;
  const bool open = at == 0 && opened_;
  blocked.opening = !open && lost == 0;
  if (blocked.opening) {
    blocked.items = std::exchange(piece.items, {});
  } else {
    const std::size_t place = std::min<std::size_t>(lost - (open ? 0 : 1), piece.items.size() - 1);
    blocked.item = piece.items[place];
    blocked.thread = progress_->thread.load();
    piece.items.erase(piece.items.begin() + static_cast<std::ptrdiff_t>(place));
  }
  for (auto from = asked_.rbegin(); from != asked_.rend(); ++from)
    if (!from->items.empty()) rest.push_front(std::move(*from));
  asked_.clear();
  opened_ = false;
  return blocked;
}

}  // namespace unzap
