// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <cmath>

#include "sources/bundle/bundle.hpp"
#include "sources/bundle/compression.hpp"
#include "sources/bundle/fields.hpp"
#include "sources/bundle/values.hpp"

namespace unzap {
namespace {

using namespace bundle;

/// Writes the fields of one section after the other; remembers the first thing that a reader would refuse.
class FieldWriter {
 public:
  template <class T>
  void operator()(std::string_view key, const Reading<T>& reading) {
    if (reading) line(key, ": ", value_text(*reading));
    write_absence(key, reading);
  }
  template <class T>
  void operator()(std::string_view key, const T& value) {
    line(key, ": ", value_text(value));
  }
  void operator()(std::string_view key, const std::string& value) {
    if (!value.empty()) line(key, ": ", text_of(value));
  }
  void operator()(std::string_view key, const std::vector<std::int32_t>& value) {
    if (!value.empty()) line(key, ": ", text_of(value));
  }
  void mask(std::string_view key, const Reading<std::uint64_t>& reading) {
    if (reading) line(key, ": ", mask_text(*reading));
    write_absence(key, reading);
  }
  void samples(std::string_view key, const std::vector<TaskSample>& samples) {
    count(samples_, samples.size(), k_max_bundle_samples, "samples");
    for (const TaskSample& sample : samples) {
      check_finite(sample.at_seconds);
      line(key, ": ", text_of(sample));
    }
  }
  void stack(std::string_view key, std::string_view frame_key, const Reading<Stack>& stack) {
    write_absence(key, stack);
    if (!stack) return;
    line(key, ": ", head_of(*stack));
    count(frames_, stack->frames.size(), k_max_bundle_frames, "frames");
    for (const Frame& frame : stack->frames) line(frame_key, ": ", text_of(frame));
  }

  void code(std::string_view key, std::string_view step_key, const Reading<WaitFix>& fix) {
    write_absence(key, fix);
    if (!fix) return;
    line(key, ": ", head_of(*fix));
    std::size_t steps = 0;
    count(steps, fix->steps.size(), k_max_bundle_steps, "instructions");
    for (const CodeStep& step : fix->steps) line(step_key, ": ", text_of(step));
  }

  void section(std::string_view name) { out_.append("\n[").append(name).append("]\n"); }
  void count(std::size_t& so_far, std::size_t more, std::size_t most, std::string_view what) {
    so_far += more;
    if (so_far > most) refuse(fmt::format("the snapshot has more than {} {}", most, what));
  }
  std::string& text() { return out_; }
  const std::string& refusal() const { return refusal_; }

 private:
  template <class T>
  std::string value_text(const T& value) {
    if constexpr (std::is_same_v<T, double>) check_finite(value);
    return text_of(value);
  }
  template <class T>
  void write_absence(std::string_view key, const Reading<T>& reading) {
    const Absence* why = reading.absence();
    if (why && *why != Absence::not_asked) line(key, "! ", text_of(*why));
  }
  void line(std::string_view key, std::string_view mark, std::string_view value) {
    out_.append(key).append(value.empty() ? mark.substr(0, 1) : mark).append(value).append("\n");
    if (key.size() + mark.size() + value.size() > k_max_bundle_line_bytes)
      refuse(fmt::format("'{}' of the snapshot is longer than {} KiB", key, k_max_bundle_line_bytes >> 10));
  }
  void check_finite(double value) {
    if (!std::isfinite(value)) refuse("a number of the snapshot is not finite");
  }
  void refuse(std::string why) {
    if (refusal_.empty()) refusal_ = std::move(why);
  }

  std::string out_ =
      fmt::format("unzap-bundle {}\n# unzap diagnose FILE says what is stuck here\n", k_bundle_version);
  std::string refusal_;
  std::size_t samples_ = 0;
  std::size_t frames_ = 0;
};

}  // namespace

Result<std::string> write_bundle(const Snapshot& snapshot, const BundleOptions& options) {
  FieldWriter writer;
  writer.section("host");
  host_fields(writer, snapshot);
  const auto write_all = [&](std::string_view name, const auto& list, std::size_t most, auto fields) {
    std::size_t counted = 0;
    writer.count(counted, list.size(), most, name);
    for (const auto& one : list) {
      writer.section(name);
      fields(one);
    }
  };
  write_all("task", snapshot.tasks, k_max_bundle_tasks, [&](auto& one) { task_fields(writer, one); });
  write_all("event", snapshot.events, k_max_bundle_others, [&](auto& one) { event_fields(writer, one); });
  write_all("cgroup", snapshot.cgroups, k_max_bundle_others, [&](auto& one) { cgroup_fields(writer, one); });
  write_all("problem", snapshot.problems, k_max_bundle_others,
            [&](auto& one) { problem_fields(writer, one); });
  write_all("symptom", snapshot.symptoms, k_max_bundle_others,
            [&](auto& one) { symptom_fields(writer, one); });
  writer.section("end");
  std::string refusal = writer.refusal();
  if (refusal.empty() && writer.text().size() > k_max_bundle_text_bytes)
    refusal = fmt::format("the snapshot is larger than {} MiB", k_max_bundle_text_bytes >> 20);
  if (!refusal.empty())
    return Error{ErrorKind::bad_data, refusal + ", which no bundle holds", "", "diagnose it directly"};
  return options.compressed ? compress(writer.text()) : std::move(writer.text());
}

}  // namespace unzap
