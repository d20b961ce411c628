// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <variant>

#include "util/assert.hpp"

namespace unzap {

/// What kind of failure, and with it the exit code of the program (sysexits.h).
enum class ErrorKind : std::uint8_t {
  usage,       ///< 64: the command line asks for something that does not exist
  bad_data,    ///< 65: an input was read and cannot be understood
  no_input,    ///< 66: an input does not exist
  io,          ///< 74: reading or writing failed
  permission,  ///< 77: not allowed
};

/// The exit code that belongs to a kind.
int exit_code(ErrorKind kind);

/// A failed operation: what, where, and what to do about it.
struct Error {
  ErrorKind kind = ErrorKind::bad_data;
  std::string message;  ///< one sentence without a final full stop
  std::string place;    ///< "file", "file:line:column", or empty
  std::string remedy;   ///< what the user can do; may be empty

  /// "place: message; remedy", leaving out what is empty.
  std::string text() const;
  bool operator==(const Error&) const = default;
};

/// A value, or the Error that stands in its place.
///
///     Result<Scenario> load(...);
///     auto scenario = load(path);
///     if (!scenario) return scenario.error();
///     use(*scenario);
template <class T>
class [[nodiscard]] Result {
 public:
  Result(T value) : state_(std::in_place_index<0>, std::move(value)) {}
  Result(Error error) : state_(std::in_place_index<1>, std::move(error)) {}

  explicit operator bool() const { return state_.index() == 0; }
  T& operator*() { return checked(); }
  const T& operator*() const { return const_cast<Result*>(this)->checked(); }
  T* operator->() { return &checked(); }
  const T* operator->() const { return &const_cast<Result*>(this)->checked(); }
  const Error& error() const {
    UNZAP_ASSERT(state_.index() == 1, "error() of a Result that holds a value");
    return std::get<1>(state_);
  }

 private:
  T& checked() {
    UNZAP_ASSERT(state_.index() == 0, "value of a failed Result: {}", std::get<1>(state_).text());
    return std::get<0>(state_);
  }
  std::variant<T, Error> state_;
};

}  // namespace unzap
