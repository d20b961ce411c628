// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "linux/frames.hpp"
#include "sources/text/builder.hpp"
#include "sources/text/lines.hpp"

namespace unzap::text {

/// Whom the frames that follow belong to.
struct StackOwner {
  TaskRef task = k_none;
  EventRef event = k_none;
  StackOrigin origin = StackOrigin::unknown;
  bool needs_trace_mark = false;  ///< frames before "Call Trace:" are not its backtrace (lockdep, KASAN)
  Reading<std::int32_t> tgid;     ///< of a stack file whose thread is not named
};

/// Puts frame lines together to stacks and gives each to its task and event.
class Stacks {
 public:
  explicit Stacks(Builder& builder) : builder_(builder) {}

  /// The frames that follow belong to `owner`; what was open is finished.
  void open(const StackOwner& owner, std::size_t line);
  /// "Call Trace:".
  void trace_begins(std::size_t line);
  /// "RIP: 0010:f+0x1/0x2": where a task was when it was interrupted.
  void interrupted_at(const FrameText& frame, std::size_t line);
  /// Reads a frame or section mark; false when the line is neither. `title` is the line before, which names
  /// the task of a stack that nobody has opened. `row` is the task of a listing's row that is the line
  /// before, or k_none.
  bool take(const Line& line, std::string_view title, TaskRef row = k_none);
  /// Hands over what is open.
  void close();
  /// Frames from here to the next open() are not a backtrace of a task ("Allocated by task 7:").
  void ignore();
  bool is_open() const { return open_; }
  bool in_trace() const { return open_ && (traced_ || !stack_.frames.empty()); }
  const StackOwner& owner() const { return owner_; }

 private:
  bool accepts(const FrameText& frame) const;
  void open_untitled(const FrameText& frame, std::size_t line);
  void name_owner(std::size_t line, std::string_view title, TaskRef row);
  void push(const FrameText& frame, bool interrupt, std::size_t line);

  Builder& builder_;
  StackOwner owner_;
  Stack stack_;
  std::size_t line_ = 0;  ///< where it was opened
  bool open_ = false;
  bool ignoring_ = false;
  bool traced_ = false;     ///< "Call Trace:" was seen
  bool interrupt_ = false;  ///< between <IRQ> and </IRQ>
  bool has_offsets_ = false;
  bool has_rip_ = false;
  bool ended_ = false;           ///< the outermost frame was seen
  bool may_have_ended_ = false;  ///< ret_from_fork: outermost, or ret_from_fork_asm follows
};

/// A line that names the task whose stack follows ("===1015===", "2161", "npm start (306207):").
struct Title {
  Reading<std::int32_t> tid;
  std::string_view comm;
};
Title parse_title(std::string_view text);

}  // namespace unzap::text
