// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

namespace unzap::bundle {

/// Hands out masks: for each kind of name ("comm", "group", "container") the same name has the same one.
/// Each function returns what may leave the house.
class Masks {
 public:
  const std::string& of(const std::string& kind, std::string_view name);

  /// Each part of a cgroup's path masked by itself: what lies below what stays visible. The names of the
  /// kernel's own files and hierarchies stay.
  std::string group_path(std::string_view path);
  /// Any other path: parts that the kernel or a runtime gave stay, numbers below a proc, too.
  std::string path(std::string_view path);
  /// Where a fact was read: "/proc/10/stack", "/sys/fs/cgroup/a/cgroup.events", "capture.txt:17".
  std::string place(std::string_view place);
  /// A symbol or a module of the kernel.
  std::string symbol(std::string_view name, const std::string& kind);
  /// The name of a kernel thread: what the kernel calls it stays, what it works for does not.
  std::string kernel_thread(std::string_view comm);
  /// A sentence of the kernel or of ours: its words and counts stay.
  std::string sentence(std::string_view text);

  /// Adds a name that is to be found in sentences, with its mask.
  void note_name(std::string_view name, const std::string& mask);

 private:
  std::size_t take_name(std::string_view text, std::size_t at, std::string& out) const;
  std::string token(std::string_view token);
  std::string piece(std::string_view piece);

  std::map<std::string, std::map<std::string, std::string, std::less<>>> masks_;
  std::map<std::string, std::string, std::less<>> names_;  ///< that are found in sentences
  std::set<std::size_t, std::greater<>> lengths_;          ///< of these names, the longest first
};

/// "6.1.0-18-amd64": numbers and known flavours stay, the rest is x.
std::string release_class(std::string_view release);

/// "#1 SMP PREEMPT_DYNAMIC Debian" of "#1 SMP PREEMPT_DYNAMIC (builder@host) Debian 6.1.90-1 (2024-05-03)".
std::string kernel_version_class(std::string_view version);

/// The number of the call in a syscall file, or "running"; without its arguments.
std::string syscall_number(std::string_view text);

}  // namespace unzap::bundle
