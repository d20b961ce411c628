// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/advice.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <optional>
#include <utility>

#include "util/assert.hpp"

namespace unzap {
namespace {

enum class Section : std::uint8_t { refuted_by, next_evidence, remedies, references };

constexpr std::array<std::string_view, 4> k_titles = {"What would refute it", "What to collect next",
                                                      "What to do", "References"};

std::optional<Section> section_of(std::string_view title) {
  const auto at = std::find(k_titles.begin(), k_titles.end(), title);
  if (at == k_titles.end()) return std::nullopt;
  return static_cast<Section>(at - k_titles.begin());
}

/// Cuts `from` at the first `mark` and gives what stands before it; nothing when it is not there.
std::optional<std::string_view> cut(std::string_view& from, std::string_view mark) {
  const std::size_t at = from.find(mark);
  if (at == std::string_view::npos) return std::nullopt;
  const std::string_view before = from.substr(0, at);
  from.remove_prefix(at + mark.size());
  return before;
}

/// The text without its backticks; nothing when one is left open, or when a mark of Markdown stands outside
/// of them, where the page would not show it.
std::optional<std::string> plain(std::string_view text) {
  std::string out;
  bool code = false;
  for (const char c : text) {
    if (c == '`') {
      code = !code;
      continue;
    }
    if (!code && (c == '<' || c == '>' || c == '*' || c == '$')) return std::nullopt;
    out += c;
  }
  if (code || out.empty()) return std::nullopt;
  return out;
}

/// "**id**: Text. *Risk: what.*"
std::optional<Remedy> remedy_of(std::string_view item) {
  if (!item.starts_with("**") || !item.ends_with(".*")) return std::nullopt;
  item = item.substr(2, item.size() - 4);
  const auto id = cut(item, "**: ");
  const auto text = cut(item, ". *Risk: ");
  if (!id || !text) return std::nullopt;
  const auto words = plain(*text);
  const auto risk = plain(item);
  if (!words || !risk) return std::nullopt;
  return Remedy{std::string(*id), *words, *risk == "none" ? "" : *risk};
}

/// Goes through a page line by line.
class PageReader {
 public:
  Result<AdviceByCase> read(std::string_view page) {
    while (!page.empty() && error_.empty()) {
      ++line_;
      std::string_view rest = page;
      const auto line = cut(rest, "\n");
      take(line ? *line : page);
      page = line ? rest : std::string_view();
    }
    finish_item();
    for (std::size_t i = 0; i < k_titles.size() && error_.empty(); ++i)
      if (!seen_[i]) error_ = fmt::format("the section \"{}\" is missing", k_titles[i]);
    if (!error_.empty())
      return Error{ErrorKind::bad_data, error_, fmt::format("line {}", line_),
                   "see src/diagnosis/advice.hpp for what a page has to have"};
    return std::move(advice_);
  }

 private:
  void take(std::string_view line) {
    if (line.starts_with("  ") && !item_.empty()) {
      item_ += line.substr(1);
      return;
    }
    finish_item();
    if (line.starts_with("## ")) return open_section(line.substr(3));
    if (!section_) return;
    if (line.starts_with("### ")) case_ = line.substr(4);
    if (line.starts_with("- ")) {
      item_ = line.substr(2);
      item_line_ = line_;
    }
    const bool other_list = line.starts_with("* ") || line.starts_with("1. ") || line.starts_with(" ");
    if (other_list) error_ = "an item begins with \"- \" and goes on in lines indented by two blanks";
  }

  void open_section(std::string_view title) {
    section_ = section_of(title);
    case_.clear();
    if (!section_) return;
    bool& seen = seen_[static_cast<std::size_t>(*section_)];
    if (seen) error_ = fmt::format("the section \"{}\" stands here twice", title);
    seen = true;
  }

  void finish_item() {
    if (item_.empty() || !error_.empty()) return;
    const std::string item = std::exchange(item_, {});
    const int here = std::exchange(line_, item_line_);
    error_ = add(item);
    if (error_.empty()) line_ = here;
  }

  /// What is wrong with the item, or nothing.
  std::string add(const std::string& item) {
    PageAdvice& advice = advice_[case_];
    if (section_ == Section::remedies) {
      const auto remedy = remedy_of(item);
      if (!remedy) return "a remedy is **id**: Text. *Risk: what.*, with code in backticks, not: " + item;
      advice.remedies.push_back(*remedy);
      return "";
    }
    const auto text = plain(item);
    if (!text) return "backticks have to be in pairs, and < > * $ inside them: " + item;
    list(advice).push_back(*text);
    return "";
  }

  std::vector<std::string>& list(PageAdvice& advice) const {
    if (section_ == Section::refuted_by) return advice.refuted_by;
    return section_ == Section::next_evidence ? advice.next_evidence : advice.references;
  }

  AdviceByCase advice_;
  std::optional<Section> section_;
  std::array<bool, k_titles.size()> seen_{};
  std::string case_;
  std::string item_;
  std::string error_;
  int line_ = 0;
  int item_line_ = 0;
};

std::vector<AdviceByCase> parse_all() {
  std::vector<AdviceByCase> out;
  for (const EmbeddedFile& page : cause_pages()) {
    auto advice = parse_advice(page.text);
    UNZAP_ASSERT(advice, "docs/causes/{}.md: {}", page.name, advice.error().text());
    out.push_back(std::move(*advice));
  }
  return out;
}

const AdviceByCase& advice_of(CauseId id) {
  static const std::vector<AdviceByCase> all = parse_all();
  return all[static_cast<std::size_t>(id)];
}

template <class T>
void append(std::vector<T>& to, const std::vector<T>& more) {
  to.insert(to.end(), more.begin(), more.end());
}

}  // namespace

Result<AdviceByCase> parse_advice(std::string_view page) {
  return PageReader().read(page);
}

void advise(Finding& finding, std::string_view in_case) {
  const AdviceByCase& page = advice_of(finding.cause);
  const auto found = page.find(in_case);
  UNZAP_ASSERT(found != page.end(), "{} has no case \"{}\"", page_of(finding.cause), in_case);
  if (finding.references.empty()) finding.references.push_back(page_of(finding.cause));
  append(finding.refuted_by, found->second.refuted_by);
  append(finding.next_evidence, found->second.next_evidence);
  append(finding.remedies, found->second.remedies);
  append(finding.references, found->second.references);
}

}  // namespace unzap
