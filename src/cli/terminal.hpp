// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

namespace unzap {

/// When to colour what goes to standard output.
enum class ColorChoice : unsigned char { automatic, always, never };

/// Makes descriptors 0 to 2 safe to use: one that is closed is filled with /dev/null, so that no file that is
/// opened later takes its number; and a reader who leaves, or a limit of file size, gives an error instead of
/// a signal. Called once, first.
void prepare_standard_streams();

/// `always` and `never` are obeyed; otherwise colour needs a terminal, TERM other than "dumb", and no
/// NO_COLOR.
bool use_color(ColorChoice choice);

/// Columns of the terminal on standard output, or 100.
std::size_t output_width();

/// Writes the text of a verb, through a last gate: whatever in it is not visible text, a line feed or, where
/// colour is used, a colour, is made visible (text_repaired). 0, or 74 when standard output is closed or
/// full; a reader who left is not a reason to say so.
int write_output(std::string_view text);
/// The last step of a verb: write_output(), then `code`, unless writing failed.
int finish(std::string_view text, int code);
/// The same for data that is not text: as it is.
int write_bytes(std::string_view data);

/// Talk for the user on standard error, one line: "unzap: <text>".
void say(std::string_view text);

/// Several lines for the user on standard error, as they are: what is to be said yes or no to.
void talk(std::string_view lines);

/// True when somebody can be asked: standard input and standard error are a terminal.
bool can_ask();

/// Asks on standard error and reads a line from standard input; true for "y" and "yes".
bool says_yes(std::string_view question);

/// A line on standard error that says what takes time: only on a terminal, only after a second, and taken
/// away in the end.
class ProgressLine {
 public:
  explicit ProgressLine(bool quiet);
  ~ProgressLine();
  ProgressLine(const ProgressLine&) = delete;
  ProgressLine& operator=(const ProgressLine&) = delete;
  void show(std::string_view text);

 private:
  bool enabled_;
  bool shown_ = false;
  double start_seconds_;
};

}  // namespace unzap
