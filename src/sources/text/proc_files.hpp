// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

#include "linux/task_status.hpp"
#include "sources/text/builder.hpp"
#include "sources/text/lines.hpp"
#include "sources/text/proc_parse.hpp"
#include "sources/text/stacks.hpp"

namespace unzap::text {

/// Reads /proc and cgroup files with the commands, headers and error messages around them.
class ProcFiles {
 public:
  ProcFiles(Builder& builder, Stacks& stacks) : builder_(builder), stacks_(stacks) {}

  /// A header ("==> /proc/1/stack <=="), grep's "path:content", or an error message of a file.
  bool take_header(const Line& line);
  /// A command: what follows is its output.
  void command(const CommandLine& command, std::size_t line);
  /// A prompt has come. A stack file that has shown nothing until then was empty: its task is on a CPU.
  void shell_is_back(std::size_t line);
  /// Content of the file that was named last, or that shows by itself what it is (stat, status).
  bool take_content(const Line& line);
  /// Hands over a block that is being read.
  void finish();

 private:
  enum class File : unsigned char {
    none,
    stack,
    status,
    stat,
    wchan,
    syscall,
    cgroup,
    comm,
    task_list,
    ns,
    freezer_state,
    freeze,
    events,
    members,
    release,
    version,
  };
  static File file_of(std::string_view name);
  void enter(const ProcPath& path, std::size_t line);
  void enter(const CgroupPath& path);
  TaskRef context_task(std::size_t line);
  bool take_named(const Line& line);
  bool take_task_list(std::string_view text, std::size_t line);
  bool take_namespace(std::string_view text, std::size_t line);
  bool take_freezer(std::string_view text, std::size_t line);
  bool take_wchan(std::string_view text, std::size_t line);
  bool take_cgroup(std::string_view text, std::size_t line);
  bool take_stat(const Line& line);
  bool take_status(const Line& line);
  bool take_error(std::string_view text, const ProcPath& path, std::size_t line);
  void flush_status();

  Builder& builder_;
  Stacks& stacks_;
  File file_ = File::none;
  ProcPath path_;
  std::string cgroup_;
  std::int32_t cgroup_version_ = 2;
  std::size_t entered_ = 0;  ///< line of the command or header
  bool content_seen_ = false;
  StatusBlock status_;
  std::size_t status_line_ = 0;
};

}  // namespace unzap::text
