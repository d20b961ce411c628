// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <fmt/format.h>

#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "rescue/apply/apply.hpp"
#include "util/clock.hpp"

namespace unzap {

/// One application: its clock, its steps, its record. Each thing that is done is noted once.
class Course {
 public:
  Course(const Plan& plan, const ApplyOptions& options, Audit& audit)
      : plan_(plan), options_(options), audit_(audit), begin_(monotonic_seconds()) {}

  double seconds() const { return monotonic_seconds() - begin_; }
  const Plan& plan() const { return plan_; }
  const Action& action() const { return *plan_.action; }
  const ApplyOptions& options() const { return options_; }

  /// Keeps a step; an error when the record cannot be kept. Before the act that ends it; after it nothing
  /// can be taken back, and the answer says so instead.
  std::optional<Error> note(std::string_view event, const std::string& text) {
    show(text);
    return audit_.write(event, {{"plan", plan_.id}, {"text", text}});
  }
  /// A step after the act.
  void told(std::string_view event, const std::string& text) {
    if (note(event, text) && std::exchange(kept_, false)) show("the record could not be kept from here on");
  }

  Applied end(Outcome outcome, std::string why) {
    applied_.outcome = outcome;
    applied_.why = std::move(why);
    applied_.seconds = seconds();
    if (audit_.write("end", {{"plan", plan_.id},
                             {"outcome", std::string(name(outcome))},
                             {"why", applied_.why},
                             {"seconds", fmt::format("{:.3f}", applied_.seconds)}}) &&
        kept_)
      show("the end could not be written into the record");
    return applied_;
  }

 private:
  void show(const std::string& text) {
    applied_.steps.push_back({seconds(), text});
    if (options_.progress) options_.progress(text);
  }

  const Plan& plan_;
  const ApplyOptions& options_;
  Audit& audit_;
  double begin_;
  bool kept_ = true;
  Applied applied_;
};

}  // namespace unzap
