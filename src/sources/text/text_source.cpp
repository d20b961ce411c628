// SPDX-License-Identifier: Apache-2.0
#include "sources/text/text_source.hpp"

#include <string>
#include <utility>

#include "sources/text/builder.hpp"
#include "sources/text/kernel_log.hpp"
#include "sources/text/lines.hpp"
#include "sources/text/listings.hpp"
#include "sources/text/proc_files.hpp"
#include "sources/text/stacks.hpp"
#include "sources/text/strace.hpp"
#include "sources/text/symptoms.hpp"
#include "util/scan.hpp"

namespace unzap {
namespace {

using namespace text;

/// Offers each line to the parsers, in the order in which they are sure of themselves.
class TextReader {
 public:
  TextReader(std::string_view text, const std::string& label) : lines_(text), builder_(label) {}

  Snapshot read() {
    while (const Line* line = lines_.next()) {
      if (!take_symptom(*line) && !take(*line)) ++unused_;
      if (!line->text.empty()) remember(*line);
    }
    log_.finish();
    stacks_.close();
    files_.finish();
    if (lines_.cut_lines() > 0)
      builder_.problem(0, std::to_string(lines_.cut_lines()) + " lines longer than " +
                              std::to_string(k_line_length) + " bytes were cut off");
    if (lines_.binary_lines() > 0)
      builder_.problem(0, std::to_string(lines_.binary_lines()) + " lines hold bytes that are not text");
    return builder_.finish(unused_);
  }

 private:
  /// What a kubelet or a runtime says stands in the log of another program.
  bool take_symptom(const Line& line) {
    if (line.from_kernel || line.text.empty()) return false;
    auto symptom = symptom_of(line.raw);
    if (!symptom) return false;
    builder_.symptom(line.number, std::move(*symptom));
    return true;
  }

  bool take(const Line& line) {
    if (line.text.empty()) return true;
    if (line.from_other) return false;
    leave_after_gap(line);
    if (stacks_.take(line, title_, listings_.last_row(title_line_))) return true;
    if (take_glued_prompt(line)) return true;
    if (log_.take(line)) return true;
    if (line.from_kernel) return log_.covers(line);
    if (take_elision(line.text)) return true;
    if (const auto command = parse_command_line(line.text)) return take_command(*command, line);
    if (contains(line.text, "/proc/") || contains(line.text, "/cgroup.") ||
        contains(line.text, "freezer.state"))
      if (files_.take_header(line)) {
        log_.leave();
        return true;
      }
    if (strace_.take(line)) return true;
    if (files_.take_content(line)) return true;
    if (listings_.take(line)) {
      if (!stacks_.is_open() || stacks_.in_trace()) stacks_.close();
      return true;
    }
    return log_.covers(line);
  }

  /// Reports are written in one go: what comes much later is another one, although its head is missing.
  void leave_after_gap(const Line& line) {
    constexpr double k_longest_pause_seconds = 20;
    if (!line.at) return;
    if (at_ && (*line.at - *at_ > k_longest_pause_seconds || *at_ - *line.at > k_longest_pause_seconds)) {
      log_.leave();
      stacks_.close();
    }
    at_ = line.at;
  }

  bool take_command(const CommandLine& command, const Line& line) {
    log_.leave();
    if (!command.prompt.empty()) files_.shell_is_back(line.number);
    stacks_.close();
    files_.command(command, line.number);
    listings_.command(command.command);
    prompt_.assign(command.prompt);
    return true;
  }

  /// wchan has no newline at its end: the next prompt stands on the same line.
  bool take_glued_prompt(const Line& line) {
    constexpr std::size_t k_shortest_prompt = 5;  // "# " alone stands in many places
    if (prompt_.size() < k_shortest_prompt || line.text.starts_with(prompt_)) return false;
    const std::size_t at = line.text.find(trim(prompt_));
    if (at == std::string_view::npos || at == 0) return false;
    Line part = line;
    part.text = part.raw = trim(line.text.substr(0, at));
    const bool content = take(part);
    part.text = part.raw = line.text.substr(at);
    const auto command = parse_command_line(part.text);
    return command ? take_command(*command, part) : content;
  }

  /// "[...]", "<snip>": what stands on both sides does not belong together.
  bool take_elision(std::string_view text) {
    if (text != "[..]" && text != "[...]" && text != "[…]" && text != "..." && text != "…" &&
        text != "<snip>" && text != "[snip]" && text != "(...)" && text != "--")
      return false;
    log_.leave();
    stacks_.close();
    return true;
  }

  void remember(const Line& line) {
    title_.assign(line.text.substr(0, 64));
    title_line_ = line.number;
  }

  LineReader lines_;
  Builder builder_;
  Stacks stacks_{builder_};
  KernelLog log_{builder_, stacks_};
  ProcFiles files_{builder_, stacks_};
  Listings listings_{builder_};
  StraceLines strace_{builder_};
  std::string prompt_;  ///< of the last command
  std::string title_;   ///< the line before
  std::size_t title_line_ = 0;
  Reading<double> at_;  ///< time stamp of the line before
  std::size_t unused_ = 0;
};

}  // namespace

Snapshot read_text(std::string_view text, const std::string& label) {
  return TextReader(text, label).read();
}

}  // namespace unzap
