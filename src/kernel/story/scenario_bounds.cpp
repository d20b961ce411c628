// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario_bounds.hpp"

#include <fmt/format.h>

#include <algorithm>

namespace unzap::kernel {
namespace {

std::string place(std::string_view text, std::size_t at, const std::string& path) {
  const std::string_view before = text.substr(0, at);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t last = before.rfind('\n');
  const std::size_t column = at - (last == std::string_view::npos ? 0 : last + 1) + 1;
  return fmt::format("{}:{}:{}", path, line, column);
}

/// Goes over the text once and counts levels and the parts of keys.
class Depth {
 public:
  explicit Depth(std::string_view text) : text_(text) {}

  /// Where it goes too deep, or npos.
  std::size_t too_deep() {
    while (at_ < text_.size()) {
      if (level_ > k_max_scenario_depth || parts_ > k_max_scenario_depth) return at_ - 1;
      if (!step()) break;
    }
    return std::string_view::npos;
  }

 private:
  /// False when the parser will stop here: a string without an end.
  bool step() {
    const char c = text_[at_];
    if (c == '"' || c == '\'') return pass_string(c);
    ++at_;
    switch (c) {
      case '#': at_ = std::min(text_.find('\n', at_), text_.size()); break;
      case '[':
      case '{':
        ++level_;
        parts_ = 0;
        break;
      case ']':
      case '}':
        if (level_ > 0) --level_;
        parts_ = 0;
        break;
      case '.': ++parts_; break;  // also that of a number, which no other follows
      case '\n':
      case ',':
      case '=': parts_ = 0; break;
      default: break;
    }
    return true;
  }

  bool pass_string(char quote) {
    const std::string three(3, quote);
    const bool many_lines = text_.substr(at_, 3) == three;
    at_ += many_lines ? 3 : 1;
    while (at_ < text_.size()) {
      if (quote == '"' && text_[at_] == '\\') {
        at_ += 2;
      } else if (text_[at_] == '\n' && !many_lines) {
        return false;
      } else if (!many_lines && text_[at_] == quote) {
        ++at_;
        return true;
      } else if (many_lines && text_.substr(at_, 3) == three) {
        at_ += 3;  // up to two more are the end of what it says
        for (int more = 0; more < 2 && at_ < text_.size() && text_[at_] == quote; ++more) ++at_;
        return true;
      } else {
        ++at_;
      }
    }
    return false;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::size_t level_ = 0;
  std::size_t parts_ = 0;
};

}  // namespace

std::optional<Error> refused_before_parsing(std::string_view text, const std::string& path) {
  if (text.size() > k_max_scenario_bytes)
    return Error{ErrorKind::bad_data,
                 fmt::format("longer than {} KiB: this is not a scenario", k_max_scenario_bytes >> 10), path,
                 "`unzap scenarios` shows what one looks like"};
  const auto letter =
      std::find_if(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; });
  if (letter != text.end())
    return Error{ErrorKind::bad_data, "a character outside ASCII",
                 place(text, static_cast<std::size_t>(letter - text.begin()), path),
                 "write scenarios in ASCII"};
  const std::size_t deep = Depth(text).too_deep();
  if (deep == std::string_view::npos) return std::nullopt;
  return Error{ErrorKind::bad_data,
               fmt::format("more than {} levels, or parts of a key", k_max_scenario_depth),
               place(text, deep, path), "no key of a scenario lies deeper than [init.io_uring]"};
}

}  // namespace unzap::kernel
