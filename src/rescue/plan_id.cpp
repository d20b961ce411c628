// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>

#include <algorithm>

#include "rescue/plan.hpp"
#include "util/sha256.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_id_length = 12;
constexpr std::string_view k_digits = "0123456789abcdefghjkmnpqrstvwxyz";  // no i, l, o, u: easily misread

/// Each field with its length before it, so that no two lists of fields give one text.
void add(std::string& text, std::string_view field) {
  text += fmt::format("{}:", field.size());
  text += field;
}

void add(std::string& text, const std::optional<RescueTarget>& task) {
  if (!task) return add(text, "nobody");
  add(text, task->pid_ns ? std::to_string(*task->pid_ns) : "?");
  add(text, fmt::format("{} {} {}", task->tgid, task->id.tid, task->id.start_ticks));
}

}  // namespace

std::string plan_id(const Plan& plan) {
  if (!plan.action) return "";
  const Action& action = *plan.action;
  std::string text;
  add(text, "unzap plan 1");
  add(text, plan.cause);
  add(text, plan.pid_ns ? std::to_string(*plan.pid_ns) : "?");
  add(text, plan.reaper);
  add(text, plan.culprit);
  add(text, std::to_string(static_cast<int>(action.kind)));
  add(text, action.remedy);
  add(text, action.target);
  add(text, action.file);
  add(text, action.value);
  add(text, std::to_string(action.signal));
  add(text, action.guard ? action.guard->text() : "");
  const auto digest = sha256(text);
  std::string out;
  for (std::size_t i = 0; i < k_id_length; ++i) {
    const std::size_t bit = 5 * i;
    const unsigned pair = static_cast<unsigned>(digest[bit / 8] << 8 | digest[bit / 8 + 1]);
    out += k_digits[(pair >> (11 - bit % 8)) & 31];
  }
  return out;
}

bool is_plan_id(std::string_view text) {
  return text.size() == k_id_length && std::all_of(text.begin(), text.end(), [](char one) {
           return k_digits.find(one) != std::string_view::npos;
         });
}

}  // namespace unzap
