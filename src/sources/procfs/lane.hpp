// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "sources/procfs/helper.hpp"
#include "util/fd.hpp"
#include "util/left_behind.hpp"

namespace unzap {

/// What is asked in one request: some items of one group.
struct Piece {
  std::size_t group = 0;           ///< its place in the run
  std::vector<std::size_t> items;  ///< places in the group, in the order of the answers
};

/// The question that a helper did not answer.
struct Blocked {
  std::size_t group = 0;
  bool opening = false;     ///< of the folder; then `items` are all that were asked of it
  std::size_t item = 0;     ///< when not opening
  std::int32_t thread = 0;  ///< within ReadKind::threads: at which thread, or 0
  std::vector<std::size_t> items;
};

/// A helper process, and what it has been asked. It is replaced by abandoning it and asking anew.
class Lane {
 public:
  Lane();
  ~Lane();
  Lane(const Lane&) = delete;
  Lane& operator=(const Lane&) = delete;

  bool running() const { return helper_.running(); }
  int socket() const { return socket_.get(); }
  pid_t helper() const { return helper_.pid(); }
  /// How many pieces are asked and not answered to their end.
  std::size_t asked() const { return asked_.size(); }
  bool has_to_send() const { return !out_.empty(); }

  /// Forks the helper. 0, or the errno of what was refused.
  int start(const std::string& root);
  /// Kills and forgets the helper, without waiting for it. Its process id, for a later look whether it is
  /// gone.
  pid_t abandon();

  void ask(Piece piece, const ReadGroup& group);
  /// Sends what the socket takes.
  void send();
  /// Receives what is there. False when the helper is gone.
  bool receive();

  /// One answer out of what was received: the opening of a piece's folder, or an item of it.
  struct Reply {
    std::size_t group = 0;
    bool opening = false;
    std::size_t item = 0;            ///< when not opening
    std::vector<std::size_t> items;  ///< when the opening failed: what is answered with it
    int error = 0;
    std::string text;
  };
  /// The next answer that is there whole. False when there is none.
  bool take(Reply& reply);

  /// When it last gave a sign of life: an answer, or a file begun. `now` is that time if it did since the
  /// last call.
  double alive_since(double now);
  void set_alive(double now) { alive_seconds_ = now; }
  /// True when a question is begun and not answered; false: the helper has not come to run.
  bool has_begun() const;

  /// The question at which the helper is, taken out of what is asked; what is left goes to `rest`, to be
  /// asked anew.
  Blocked give_up(std::deque<Piece>& rest);

 private:
  std::size_t steps_left(const Piece& piece) const;

  Fd socket_;
  LeftBehind helper_;
  Progress* progress_ = nullptr;  ///< shared with the helper
  std::deque<Piece> asked_;
  bool opened_ = false;      ///< the folder of the front piece
  std::uint64_t taken_ = 0;  ///< steps of the helper that are answered
  std::uint64_t reads_ = 0;  ///< as last seen
  double alive_seconds_ = 0;
  std::string out_;
  std::string in_;
  std::size_t in_at_ = 0;  ///< what of in_ is taken
};

}  // namespace unzap
