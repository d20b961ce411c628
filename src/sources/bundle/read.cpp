// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "sources/bundle/bundle.hpp"
#include "sources/bundle/compression.hpp"
#include "sources/bundle/fields.hpp"
#include "sources/bundle/values.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

using namespace bundle;

constexpr std::string_view k_head = "unzap-bundle ";
constexpr std::size_t k_shown_bytes = 60;  // of a line, in a message

/// "key: value" or "key! why".
struct Line {
  std::string_view key;
  std::string_view value;
  bool absent = false;
};

std::optional<Line> split(std::string_view text) {
  const std::size_t end = text.find_first_not_of("abcdefghijklmnopqrstuvwxyz_");
  if (end == 0 || end == std::string_view::npos || (text[end] != ':' && text[end] != '!')) return {};
  std::string_view value = text.substr(end + 1);
  if (!value.empty() && value.front() != ' ') return {};
  value.remove_prefix(std::min<std::size_t>(1, value.size()));
  return Line{text.substr(0, end), value, text[end] == '!'};
}

/// How many there are of what a stranger could ask us to keep without end.
struct Counts {
  std::size_t samples = 0;
  std::size_t frames = 0;
};

/// Offered every field of a section, takes the line into the one whose key it has.
class FieldReader {
 public:
  /// `seen` has a bit for each field of this section that had its line already.
  FieldReader(const Line& line, std::uint64_t& seen, Counts& counts)
      : line_(line), seen_(seen), counts_(counts) {}

  template <class T>
  void operator()(std::string_view key, Reading<T>& reading) {
    if (!is_next(key)) return;
    T value{};
    if (take_absence(reading)) return;
    expect(parse(line_.value, value));
    reading = std::move(value);
  }
  template <class T>
  void operator()(std::string_view key, T& value) {
    if (is_next(key)) expect(!line_.absent && parse(line_.value, value));
  }
  void mask(std::string_view key, Reading<std::uint64_t>& reading) {
    if (!is_next(key) || take_absence(reading)) return;
    std::uint64_t value = 0;
    expect(parse_mask(line_.value, value));
    reading = value;
  }
  void samples(std::string_view key, std::vector<TaskSample>& samples) {
    if (line_.key != key) return;
    matched_ = true;
    limit(++counts_.samples, k_max_bundle_samples, "samples");
    samples.emplace_back();
    expect(!line_.absent && parse(line_.value, samples.back()));
  }
  void stack(std::string_view key, std::string_view frame_key, Reading<Stack>& stack) {
    if (line_.key == frame_key) {
      matched_ = true;
      if (!stack) return refuse(fmt::format("'{}' without a '{}' above it", frame_key, key));
      limit(++counts_.frames, k_max_bundle_frames, "frames");
      stack.get()->frames.emplace_back();
      expect(!line_.absent && parse(line_.value, stack.get()->frames.back()));
    } else if (is_next(key) && !take_absence(stack)) {
      Stack value;
      expect(parse_head(line_.value, value));
      stack = std::move(value);
    }
  }

  void code(std::string_view key, std::string_view step_key, Reading<WaitFix>& fix) {
    if (line_.key == step_key) {
      matched_ = true;
      if (!fix) return refuse(fmt::format("'{}' without a '{}' above it", step_key, key));
      limit(fix.get()->steps.size() + 1, k_max_bundle_steps, "instructions");
      fix.get()->steps.emplace_back();
      expect(!line_.absent && parse(line_.value, fix.get()->steps.back()));
    } else if (is_next(key) && !take_absence(fix)) {
      WaitFix value;
      expect(parse_head(line_.value, value));
      fix = std::move(value);
    }
  }

  bool matched() const { return matched_; }
  /// What is wrong with the line; empty: nothing.
  const std::string& refusal() const { return refusal_; }

 private:
  bool is_next(std::string_view key) {
    const std::uint64_t bit = std::uint64_t{1} << index_++;
    if (line_.key != key) return false;
    matched_ = true;
    if ((seen_ & bit) != 0) refuse(fmt::format("'{}' a second time", key));
    seen_ |= bit;
    return refusal_.empty();
  }
  template <class T>
  bool take_absence(Reading<T>& reading) {
    if (!line_.absent) return false;
    Absence why{};
    expect(parse(line_.value, why));
    reading = why;
    return true;
  }
  void expect(bool good) {
    if (!good)
      refuse(fmt::format("no {} for '{}': '{}'", line_.absent ? "reason" : "value", line_.key,
                         printable(line_.value, k_shown_bytes)));
  }
  void limit(std::size_t count, std::size_t most, std::string_view what) {
    if (count > most) refuse(fmt::format("more than {} {}", most, what));
  }
  void refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
  }

  const Line& line_;
  std::uint64_t& seen_;
  Counts& counts_;
  unsigned index_ = 0;
  bool matched_ = false;
  std::string refusal_;
};

enum class Section : unsigned char { none, host, task, event, cgroup, problem, symptom, end };

constexpr std::pair<std::string_view, Section> k_sections[] = {
    {"[host]", Section::host},     {"[task]", Section::task},       {"[event]", Section::event},
    {"[cgroup]", Section::cgroup}, {"[problem]", Section::problem}, {"[symptom]", Section::symptom},
    {"[end]", Section::end}};

/// Takes the text of a bundle line by line into a snapshot.
class TextReader {
 public:
  explicit TextReader(std::string label) : label_(std::move(label)) {}
  Result<Snapshot> read(std::string_view text);

 private:
  /// What is wrong with the line; empty: nothing.
  std::string take(std::string_view line);
  /// Nothing for the head line of this version.
  std::optional<Error> take_head(std::string_view line) const;
  std::string open_section(std::string_view line);
  std::string take_field(const Line& line);
  void offer_fields(FieldReader& reader);
  Error error(std::string message, std::string remedy) const {
    return {ErrorKind::bad_data, std::move(message), fmt::format("{}:{}", label_, number_),
            std::move(remedy)};
  }

  std::string label_;
  std::size_t number_ = 0;
  Snapshot snapshot_;
  Section section_ = Section::none;
  bool host_seen_ = false;
  std::uint64_t seen_ = 0;
  Counts counts_;
};

std::optional<Error> TextReader::take_head(std::string_view line) const {
  const std::string shown = printable(line, k_shown_bytes);
  if (!line.starts_with(k_head))
    return error(fmt::format("is not a bundle: it begins with '{}'", shown),
                 "give what unzap record wrote; decompress a capture first (zstd -d)");
  const auto version = parse_number<int>(line.substr(k_head.size()));
  if (version == k_bundle_version) return std::nullopt;
  if (!version || *version < k_bundle_version)
    return error(fmt::format("there is no such version: '{}'", shown), "record it again");
  return error(
      fmt::format("is a bundle of version {}, and this unzap reads version {}", *version, k_bundle_version),
      "read it with the unzap that recorded it");
}

std::string TextReader::open_section(std::string_view line) {
  const auto* const found = std::find_if(std::begin(k_sections), std::end(k_sections),
                                         [&](const auto& known) { return known.first == line; });
  if (found == std::end(k_sections))
    return fmt::format("there is no section '{}'", printable(line, k_shown_bytes));
  section_ = found->second;
  seen_ = 0;
  const auto add = [](auto& list, std::size_t most, std::string_view what) {
    if (list.size() >= most) return fmt::format("more than {} {}", most, what);
    list.emplace_back();
    return std::string();
  };
  switch (section_) {
    case Section::task: return add(snapshot_.tasks, k_max_bundle_tasks, "tasks");
    case Section::event: return add(snapshot_.events, k_max_bundle_others, "events");
    case Section::cgroup: return add(snapshot_.cgroups, k_max_bundle_others, "cgroups");
    case Section::problem: return add(snapshot_.problems, k_max_bundle_others, "problems");
    case Section::symptom: return add(snapshot_.symptoms, k_max_bundle_others, "symptoms");
    case Section::host:
      if (host_seen_) return "[host] a second time";
      host_seen_ = true;
      return "";
    case Section::none:
    case Section::end: return "";
  }
  return "";
}

void TextReader::offer_fields(FieldReader& reader) {
  switch (section_) {
    case Section::host: return host_fields(reader, snapshot_);
    case Section::task: return task_fields(reader, snapshot_.tasks.back());
    case Section::event: return event_fields(reader, snapshot_.events.back());
    case Section::cgroup: return cgroup_fields(reader, snapshot_.cgroups.back());
    case Section::problem: return problem_fields(reader, snapshot_.problems.back());
    case Section::symptom: return symptom_fields(reader, snapshot_.symptoms.back());
    case Section::none:
    case Section::end: return;
  }
}

std::string TextReader::take_field(const Line& line) {
  if (section_ == Section::none) return "a key before the first section";
  FieldReader reader(line, seen_, counts_);
  offer_fields(reader);
  return reader.matched() ? reader.refusal()
                          : fmt::format("there is no key '{}' here", printable(line.key, k_shown_bytes));
}

std::string TextReader::take(std::string_view line) {
  if (line.empty() || line.front() == '#') return "";
  if (section_ == Section::end) return "text after [end]";
  if (line.front() == '[') return open_section(line);
  const auto parts = split(line);
  if (!parts) return fmt::format("neither 'key: value' nor 'key! why': '{}'", printable(line, k_shown_bytes));
  return take_field(*parts);
}

Result<Snapshot> TextReader::read(std::string_view text) {
  if (text.size() > k_max_bundle_text_bytes)
    return Error{ErrorKind::bad_data, fmt::format("is larger than {} MiB", k_max_bundle_text_bytes >> 20),
                 label_, "no bundle is that large"};
  while (!text.empty() || number_ == 0) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    std::string_view line = text.substr(0, end);
    text.remove_prefix(std::min(end + 1, text.size()));
    ++number_;
    if (line.ends_with('\r')) line.remove_suffix(1);
    if (line.size() > k_max_bundle_line_bytes)
      return error(fmt::format("a line of more than {} KiB", k_max_bundle_line_bytes >> 10),
                   "record it again");
    if (number_ == 1) {
      if (const auto wrong = take_head(line)) return *wrong;
    } else if (std::string wrong = take(line); !wrong.empty()) {
      return error(std::move(wrong), "record it again, or correct this line");
    }
  }
  if (section_ != Section::end) return error("is cut off: there is no [end]", "copy it again");
  if (!host_seen_) return error("there is no [host]", "record it again");
  return std::move(snapshot_);
}

}  // namespace

bool looks_like_bundle(std::string_view bytes) {
  return is_compressed(bytes) || bytes.starts_with(k_head);
}

Result<Snapshot> read_bundle(std::string_view bytes, const std::string& label) {
  if (!is_compressed(bytes)) return TextReader(label).read(bytes);
  const Result<std::string> text = decompress(bytes, k_max_bundle_text_bytes, label);
  if (!text) return text.error();
  return TextReader(label).read(*text);
}

}  // namespace unzap
