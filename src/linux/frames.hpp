// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "snapshot/stack.hpp"

namespace unzap {

/// How sure it is that a line is a line of a kernel stack.
enum class FrameForm : unsigned char {
  none,    ///< it is not
  weak,    ///< a symbol alone: only where a trace is known to be
  cut,     ///< the beginning of a frame that breaks off inside its offset
  strong,  ///< "[<..>] f", "f+0x1/0x2", "f file.c:1 [inline]"
};

/// One line of a kernel stack as it is written.
struct FrameText {
  FrameForm form = FrameForm::none;
  std::string_view function;  ///< empty together with `outermost`: an address without a symbol
  std::uint64_t offset = 0;
  std::uint64_t size = 0;
  std::string_view module;
  std::string_view more;        ///< "b / c" of "[<0>] a / b / c"
  bool guess = false;           ///< "? "
  bool bracketed = false;       ///< has "[<address>]"
  bool hidden_address = false;  ///< that is "[<0>]": only /proc/<pid>/stack writes it
  bool outermost = false;       ///< "0xffffffffffffffff": the end mark of older kernels
};

/// Reads a line of a stack; section marks (<IRQ>) must be gone.
FrameText parse_frame(std::string_view text);

/// The frame as the snapshot holds it.
Frame to_frame(const FrameText& text, bool interrupt);

/// Section marks that stand at the front of a trace line ("<IRQ>", "</TASK>", "<EOI>").
struct Marks {
  bool any = false;
  bool interrupt = false;  ///< what the last of them says about the frames that follow
};

/// Takes the marks off the front of `text`; `interrupt` is the state so far.
Marks eat_marks(std::string_view& text, bool interrupt);

/// True for a function that is the outermost frame of any stack: what follows belongs to another one.
bool is_outermost(std::string_view function);

/// The text of a /proc/<pid>/stack file; nothing when a line that is not blank is not a frame.
std::optional<Stack> parse_stack_file(std::string_view text, std::string where);

}  // namespace unzap
