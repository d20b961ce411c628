// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <utility>
#include <variant>

#include "util/names.hpp"

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

constexpr auto names_of(Absence) {
  return name_table<Absence>({{Absence::not_asked, "not asked"},
                              {Absence::not_permitted, "not permitted"},
                              {Absence::gone, "gone"},
                              {Absence::not_in_this_kernel, "not in this kernel"},
                              {Absence::task_running, "task running"},
                              {Absence::timed_out, "timed out"}});
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
