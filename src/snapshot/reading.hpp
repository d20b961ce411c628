// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string_view>
#include <utility>
#include <variant>

namespace unzap {

/// Why a fact is missing. None of these means zero, empty or false.
enum class Absence : std::uint8_t {
  not_asked,           ///< the source does not carry it, or nobody looked
  not_permitted,       ///< the kernel refused (EACCES, EPERM)
  gone,                ///< the task vanished while we looked (ENOENT, ESRCH)
  not_in_this_kernel,  ///< no such file or field in this kernel
  task_running,        ///< the kernel cannot show it for a task that is on a CPU (stack, wchan, syscall)
  timed_out,           ///< the read did not come back in time
};

/// "not asked", "not permitted", ...
constexpr std::string_view name(Absence why) {
  switch (why) {
    case Absence::not_asked: return "not asked";
    case Absence::not_permitted: return "not permitted";
    case Absence::gone: return "gone";
    case Absence::not_in_this_kernel: return "not in this kernel";
    case Absence::task_running: return "task running";
    case Absence::timed_out: return "timed out";
  }
  return "?";
}

/// A fact as one source saw it: the value, or why there is none. Default: not_asked.
template <class T>
class Reading {
 public:
  Reading() : state_(Absence::not_asked) {}
  Reading(T value) : state_(std::move(value)) {}
  Reading(Absence why) : state_(why) {}

  /// The value, or nullptr when it is absent.
  const T* get() const { return std::get_if<T>(&state_); }
  T* get() { return std::get_if<T>(&state_); }
  /// Why there is no value, or nullptr when there is one.
  const Absence* absence() const { return std::get_if<Absence>(&state_); }

  explicit operator bool() const { return get() != nullptr; }
  const T& operator*() const { return std::get<T>(state_); }
  const T* operator->() const { return &std::get<T>(state_); }
  /// The value, or `other` when absent: only where the caller has decided that absence may read as `other`.
  T value_or(T other) const { return get() ? *get() : std::move(other); }
  /// True when there is a value and it equals `value`. Absent is not equal.
  bool is(const T& value) const { return get() && *get() == value; }

  bool operator==(const Reading&) const = default;

 private:
  std::variant<Absence, T> state_;
};

}  // namespace unzap
