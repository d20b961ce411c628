// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sources/text/proc_parse.hpp"

namespace unzap::text {
namespace {

struct Row {
  const char* name;
  const char* input;
  const char* expected;
};

std::string dump(const std::optional<ProcPath>& path) {
  if (!path) return "none";
  std::string out = path->pid ? std::to_string(*path->pid) : std::string("*");
  if (path->in_task) out += path->tid ? "/" + std::to_string(*path->tid) : std::string("/*");
  return out + " " + std::string(path->file);
}

constexpr Row k_paths[] = {
    {"command", "# cat /proc/308312/stack", "308312 stack"},
    {"thread", "cat /proc/2522605/task/2522645/stack | head", "2522605/2522645 stack"},
    {"header", "==> /proc/1/status <==", "1 status"},
    {"grep", "/proc/1/task/7/wchan:do_wait", "1/7 wchan"},
    {"all threads", "cat /proc/7/task/*/stack", "7/* stack"},
    {"variable", "cat /proc/$i/stack; end", "* stack"},
    {"placeholder", "grep -i state /proc/<pid>/task/*/status", "*/* status"},
    {"brace", "cat /proc/${PID}/stack", "* stack"},
    {"folder of threads", "ls /proc/308234/task", "308234 task"},
    {"folder with a slash", "ls -al /proc/7/ns/", "7 ns"},
    {"no task", "cat /proc/mounts", "none"},
    {"setting", "echo 0 > /proc/sys/kernel/x", "none"},
    {"number too large", "cat /proc/99999999999/stack", "* stack"},
    {"empty", "", "none"},
};

TEST(ParseProcPath, Rows) {
  for (const Row& row : k_paths) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse_proc_path(row.input)), row.expected);
  }
}

constexpr Row k_cgroups[] = {
    {"v2", "cat /sys/fs/cgroup/test/cgroup.events", "2 /test cgroup.events"},
    {"v1", "cat /sys/fs/cgroup/freezer/docker/ab/freezer.state", "1 /docker/ab freezer.state"},
    {"quoted", "cat \"/sys/fs/cgroup/a/cgroup.freeze\"", "2 /a cgroup.freeze"},
    {"root", "cat /sys/fs/cgroup/cgroup.procs", "2 / cgroup.procs"},
    {"relative", "cat cgroup.freeze", "2  cgroup.freeze"},
    {"none", "cat /sys/fs/cgroup/memory.max", "none"},
};

TEST(ParseCgroupPath, Rows) {
  for (const Row& row : k_cgroups) {
    SCOPED_TRACE(row.name);
    const auto path = parse_cgroup_path(row.input);
    EXPECT_EQ(path ? fmt::format("{} {} {}", path->version, path->cgroup, path->file) : std::string("none"),
              row.expected);
  }
}

constexpr Row k_commands[] = {
    {"bare prompt", "# cat x", "# |cat x"},
    {"user and host", "root@h:~# ps aux", "root@h:~# |ps aux"},
    {"brackets", "[root@h ns]# uname -r", "[root@h ns]# |uname -r"},
    {"no at sign", "HOST:~/# ps aux", "HOST:~/# |ps aux"},
    {"no prompt", "sudo cat /proc/7/stack", "|sudo cat /proc/7/stack"},
    {"fish", "root@test ~# mkdir x", "root@test ~# |mkdir x"},
    {"version is not a prompt", "Linux h 5.15.0 #117-Ubuntu SMP", "none"},
    {"frame", "[<0>] do_wait+0x1/0x2", "none"},
    {"empty", "", "none"},
};

TEST(ParseCommandLine, Rows) {
  for (const Row& row : k_commands) {
    SCOPED_TRACE(row.name);
    const auto command = parse_command_line(row.input);
    EXPECT_EQ(command ? fmt::format("{}|{}", command->prompt, command->command) : std::string("none"),
              row.expected);
  }
}

}  // namespace
}  // namespace unzap::text
