// SPDX-License-Identifier: Apache-2.0
#include "report/trace/trace_read.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/trace/trace_view.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

using Json = nlohmann::json;

/// What is wrong, and where; never leaves this file.
struct Wrong {
  std::string where, what;
};

/// A value of the file, with the path that leads to it.
class Node {
 public:
  Node(const Json& json, std::string where) : json_(json), where_(std::move(where)) {}

  Node operator[](const char* key) const {
    if (!json_.is_object()) fail("an object is expected here");
    const auto at = json_.find(key);
    if (at == json_.end()) fail(fmt::format("`{}` is missing", key));
    return {*at, where_ + "/" + key};
  }
  bool has(const char* key) const {
    return json_.is_object() && json_.contains(key) && !json_[key].is_null();
  }

  std::string text() const {
    if (!json_.is_string()) fail("a string is expected here");
    return json_.get<std::string>();
  }
  std::size_t number(std::size_t most) const {
    if (!json_.is_number_unsigned() || json_.get<std::uint64_t>() > most)
      fail(fmt::format("a number from 0 to {} is expected here", most));
    return json_.get<std::size_t>();
  }
  bool truth() const {
    if (!json_.is_boolean()) fail("true or false is expected here");
    return json_.get<bool>();
  }
  std::uint64_t digest() const {
    const std::string digits = text();
    if (digits.size() != 16 || digits.find_first_not_of("0123456789abcdef") != std::string::npos)
      fail("16 hexadecimal digits are expected here");
    return std::stoull(digits, nullptr, 16);
  }
  template <class Each>
  void for_each(std::size_t most, const Each& each) const {
    if (!json_.is_array()) fail("a list is expected here");
    if (json_.size() > most) fail(fmt::format("more than {} entries", most));
    for (std::size_t i = 0; i < json_.size(); ++i) each(Node(json_[i], fmt::format("{}/{}", where_, i)));
  }
  template <class Each>
  void for_each_member(const Each& each) const {
    if (!json_.is_object()) fail("an object is expected here");
    for (const auto& [key, value] : json_.items()) each(key, Node(value, where_ + "/" + printable(key, 64)));
  }
  /// The value of an enum that has this name; `wanted` says what is expected.
  template <class Enum>
  Enum named(const char* wanted) const {
    const auto value = from_name<Enum>(text());
    if (!value) fail(wanted);
    return *value;
  }
  [[noreturn]] void fail(std::string what) const {
    throw Wrong{where_.empty() ? "/" : where_, std::move(what)};
  }

 private:
  const Json& json_;
  std::string where_;
};

constexpr const char* k_verdicts = "lockup, busy-wait or broken is expected here";
constexpr std::size_t k_max_steps = 1'000'000;
// A trace has six levels, and 20 bytes for a value.
constexpr std::size_t k_max_depth = 16;
constexpr std::size_t k_max_values = 400'000;

std::vector<CheckMoment> moments(const Node& list, std::size_t tasks) {
  std::vector<CheckMoment> out;
  list.for_each(tasks, [&](const Node& one) {
    CheckMoment moment;
    moment.state = one["state"].named<MomentState>("no such state of a task");
    if (one.has("cpu")) moment.cpu = static_cast<int>(one["cpu"].number(kernel::k_max_cpus - 1));
    moment.function = one["function"].text();
    one["pending"].for_each(8, [&](const Node& flag) {
      const std::uint8_t bit = pending_bit(flag.text());
      if (bit == 0) flag.fail("no such flag");
      moment.pending |= bit;
    });
    out.push_back(std::move(moment));
  });
  return out;
}

kernel::Action action(const Node& one) {
  kernel::Action out;
  out.event = one["event"].named<kernel::Event>("no such event");
  if (one.has("cpu")) out.cpu = static_cast<std::uint8_t>(one["cpu"].number(kernel::k_max_cpus - 1));
  if (one.has("task")) out.task = static_cast<kernel::TaskNo>(one["task"].number(kernel::k_no_task - 1U));
  if (out.event == kernel::Event::environment)
    out.what = one["what"].named<kernel::Environment>("the environment does no such thing");
  return out;
}

std::vector<WrittenStep> steps(const Node& list, std::size_t tasks) {
  std::vector<WrittenStep> out;
  list.for_each(k_max_steps, [&](const Node& one) {
    WrittenStep step;
    step.step = one["step"].number(k_max_steps);
    step.action = action(one["action"]);
    if (one.has("cpu")) step.cpu = static_cast<int>(one["cpu"].number(kernel::k_max_cpus - 1));
    step.task = one["task"].text();
    step.function = one["function"].text();
    step.file = one["file"].text();
    step.text = one["text"].text();
    step.digest = one["digest"].digest();
    step.after = moments(one["after"], tasks);
    out.push_back(std::move(step));
  });
  return out;
}

/// The switches of the preset where the trace, being older, does not tell.
kernel::Variant variant(const Node& root, const std::string& kernel) {
  kernel::Variant out;
  if (const auto preset = kernel::find_kernel(kernel)) out = preset->variant;
  root["switches"].for_each_member([&](const std::string& name, const Node& on) {
    const auto one = kernel::find_switch(name);
    if (!one) on.fail("this program knows no such switch");
    out.set(*one, on.truth());
  });
  return out;
}

RecordedTrace trace_of(const Node& root) {
  if (root["format"].text() != "unzap-trace") root["format"].fail("`unzap-trace` is expected here");
  if (root["schema_version"].number(1'000'000) != 1)
    root["schema_version"].fail("this program reads version 1");
  RecordedTrace out;
  out.scenario = root["scenario"]["name"].text();
  out.scenario_text = root["scenario"]["text"].text();
  out.kernel = root["kernel"].text();
  const auto preempt = kernel::parse_preempt(root["preempt"].text());
  if (!preempt) root["preempt"].fail("none, voluntary or full is expected here");
  out.preempt = *preempt;
  out.variant = variant(root, out.kernel);
  const auto verdict = root["verdict"].named<CheckVerdict>(k_verdicts);
  if (verdict == CheckVerdict::proved || verdict == CheckVerdict::inconclusive)
    root["verdict"].fail(k_verdicts);
  if (verdict == CheckVerdict::broken) {
    out.invariant = kernel::find_invariant(root["invariant"].text());
    if (!out.invariant) root["invariant"].fail("this program knows no such invariant");
  }
  if (verdict == CheckVerdict::lockup) {
    out.trap = root["trap"].named<TrapKind>("livelock or deadlock is expected here");
    out.fatal_step = root["fatal_step"].number(k_max_steps);
  }
  root["tasks"].for_each(kernel::k_max_tasks, [&](const Node& one) { out.tasks.push_back(one.text()); });
  out.start_digest = root["start"]["digest"].digest();
  out.start = moments(root["start"]["tasks"], out.tasks.size());
  out.steps = steps(root["steps"], out.tasks.size());
  out.loop = steps(root["loop"], out.tasks.size());
  if (verdict == CheckVerdict::busy_wait && out.loop.empty()) root["loop"].fail("a busy wait has a loop");
  return out;
}

std::string line_and_column(std::string_view text, std::size_t byte) {
  const std::string_view before = text.substr(0, byte > 0 ? std::min(byte - 1, text.size()) : 0);
  const auto line = std::count(before.begin(), before.end(), '\n') + 1;
  const std::size_t last = before.rfind('\n');
  return fmt::format("{}:{}", line, before.size() - (last == std::string_view::npos ? 0 : last + 1) + 1);
}

/// Goes over the text once, before a parser builds a tree of it: what is wrong with it, and at which byte.
std::optional<std::pair<std::string, std::size_t>> too_much(std::string_view text) {
  std::size_t depth = 0;
  std::size_t values = 1;
  for (std::size_t at = 0; at < text.size(); ++at) {
    switch (text[at]) {
      case '"':
        for (++at; at < text.size() && text[at] != '"'; ++at) at += text[at] == '\\';
        break;
      case '[':
      case '{':
        if (++depth > k_max_depth) return std::pair(fmt::format("more than {} levels", k_max_depth), at + 1);
        ++values;
        break;
      case ']':
      case '}': depth -= depth > 0; break;
      case ',': ++values; break;
      default: break;
    }
    if (values > k_max_values) return std::pair(fmt::format("more than {} values", k_max_values), at + 1);
  }
  return std::nullopt;
}

}  // namespace

Result<RecordedTrace> trace_from_json(std::string_view text, const std::string& path) {
  const std::string remedy = "give a file that `unzap check --trace FILE.json` wrote";
  if (text.size() > k_max_trace_bytes)
    return Error{ErrorKind::bad_data,
                 fmt::format("longer than {} MiB: this is not a trace", k_max_trace_bytes >> 20), path,
                 remedy};
  if (const auto wrong = too_much(text))
    return Error{ErrorKind::bad_data, wrong->first + ": this is not a trace",
                 path + ":" + line_and_column(text, wrong->second), remedy};
  try {
    const Json json = Json::parse(text);
    return trace_of(Node(json, ""));
  } catch (const Json::parse_error& error) {
    const bool ends = error.byte > text.size();
    return Error{ErrorKind::bad_data, ends ? "the file ends in the middle" : "this is not JSON",
                 path + ":" + line_and_column(text, error.byte), remedy};
  } catch (const Json::exception&) {  // a number that is too large
    return Error{ErrorKind::bad_data, "this is not JSON that can be read", path, remedy};
  } catch (const Wrong& wrong) {
    return Error{ErrorKind::bad_data, wrong.what, path + ":" + wrong.where, remedy};
  }
}

}  // namespace unzap
