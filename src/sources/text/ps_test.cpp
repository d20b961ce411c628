// SPDX-License-Identifier: Apache-2.0
#include <fmt/format.h>
#include <gtest/gtest.h>

#include "sources/text/ps_parse.hpp"
#include "sources/text/pstree.hpp"

namespace unzap::text {
namespace {

struct Row {
  const char* name;
  const char* layout;  ///< header line, or command, or empty: to be guessed
  const char* row;
  const char* expected;
};

std::string dump(const std::optional<PsRow>& row) {
  if (!row) return "none";
  std::string out;
  const auto number = [&](const char* name, const auto& value) {
    if (value) out += fmt::format(" {}={}", name, *value);
  };
  number("pid", row->pid);
  number("tid", row->tid);
  number("ppid", row->ppid);
  number("state", row->state);
  number("multi", row->multi_threaded);
  number("%cpu", row->cpu_percent);
  number("cpu", row->processor);
  if (!row->wchan.empty()) out += fmt::format(" wchan={}", row->wchan);
  out += fmt::format(" {}'{}'", row->comm_is_kernels ? "k" : "", row->comm);
  if (row->defunct) out += " defunct";
  if (row->in_tree) out += fmt::format(" tree@{}", *row->depth);
  return out.substr(1);
}

std::optional<PsRow> parse(const Row& row) {
  std::optional<PsLayout> layout = parse_ps_header(row.layout);
  if (!layout) layout = parse_ps_command(row.layout);
  if (!layout)
    if (const PsLayout* guess = guess_ps_layout(row.row)) layout = *guess;
  return layout ? parse_ps_row(row.row, *layout) : std::nullopt;
}

constexpr Row k_rows[] = {
    {"aux", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND",
     "u  308234  0.3  0.0  0  0 ?  Zl  01:55  0:00 [npm run zombie] <defunct>",
     "pid=308234 state=Z multi=true %cpu=0.3 k'npm run zombie' defunct"},
    {"aux, guessed", "", "root 1538051 0.0 0.0 1238400 12488 ? Sl Jan22 8:21 /usr/bin/shim-v2 -id x",
     "pid=1538051 state=S multi=true %cpu=0 'shim-v2'"},
    {"aux, date of two words", "USER PID %CPU %MEM VSZ RSS TTY STAT START TIME COMMAND",
     "root 7 0.0 0.0 1 1 ? Ss Jan 22 8:21 /pause", "pid=7 state=S multi=false %cpu=0 'pause'"},
    {"aux, tree, guessed", "",
     "nobody   1538149  0.7  0.0  0 0 ?  Zsl  Jan22 141:02  \\_ [exporter] <defunct>",
     "pid=1538149 state=Z multi=true %cpu=0.7 k'exporter' defunct tree@5"},
    {"ef", "UID PID PPID C STIME TTY TIME CMD", "root 1489145 1489110 0 Feb09 ? 00:00:25 [java] <defunct>",
     "pid=1489145 ppid=1489110 k'java' defunct"},
    {"ef, guessed", "", "root 1489110 1489091 0 Feb09 ? 00:00:00 [start.sh]",
     "pid=1489110 ppid=1489091 k'start.sh'"},
    {"eLf, guessed", "", "root 10 2 11 0 5 Feb09 ? 00:00:00 java -jar x", "pid=10 tid=11 ppid=2 'java'"},
    {"axl, guessed", "", "4  0 2744003 2729299 20 0 391476 26240 -  Dsl  ?  0:01 gdn",
     "pid=2744003 ppid=2729299 state=D multi=true 'gdn'"},
    {"axl, cut", "ps axl | grep D", "4     0 2744003 2729299  20   0 391476 26240 -      Dsl  ?",
     "pid=2744003 ppid=2729299 state=D multi=true ''"},
    {"axjf, guessed", "", "1 7 7 7 ? -1 Ss 0 0:00 /sbin/init", "pid=7 ppid=1 state=S multi=false 'init'"},
    {"ax, guessed", "", " 20542 ?        Ds     0:00 [dumb-init]",
     "pid=20542 state=D multi=false k'dumb-init'"},
    {"columns in any order", "PPID S CMD WCHAN", " 91484 S [entrypoint.sh]   zap_pid_ns_processes",
     "ppid=91484 state=S wchan=zap_pid_ns_processes k'entrypoint.sh'"},
    {"blanks in a command in the middle", "PID STAT COMMAND WCHAN", "7 D npm run done  do_wait",
     "pid=7 state=D multi=false wchan=do_wait 'npm'"},
    {"format of a command", "ps -eo pid,tid,ppid,stat,psr,wchan:32,comm", "7 8 1 Dl 3 do_exit npm start",
     "pid=7 tid=8 ppid=1 state=D multi=true cpu=3 wchan=do_exit k'npm start'"},
    {"long date", "ps -eo pid,lstart,comm", "7 Wed Jul  3 16:39:34 2024 sh", "pid=7 k'sh'"},
    {"top", "PID USER PR NI VIRT RES SHR S %CPU %MEM TIME+ COMMAND",
     "30 root 20 0 0 0 0 R 99.7 0.0 0:37.88 ksoftirqd/3", "pid=30 state=R %cpu=99.7 'ksoftirqd/3'"},
    {"defunct without brackets", "PID STAT COMMAND", "7 Z npm start <defunct>",
     "pid=7 state=Z multi=false k'npm start' defunct"},
    {"login shell", "PID STAT COMMAND", "7 Ss -bash", "pid=7 state=S multi=false 'bash'"},
    {"no number", "PID STAT COMMAND", "seven Ss bash", "none"},
    {"no state", "PID STAT COMMAND", "7 what bash", "none"},
    {"number too large", "PID STAT COMMAND", "99999999999 S bash", "none"},
    {"docker ps is not a listing", "CONTAINER ID IMAGE COMMAND CREATED STATUS",
     "59019b44f438 x \"/bin\" 2h Up", "none"},
    {"ordinary text", "", "I have seen 3 of these", "none"},
    {"empty", "", "", "none"},
};

TEST(ParsePsRow, Rows) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(parse(row)), row.expected);
  }
}

struct TreeRow {
  const char* name;
  const char* input;
  const char* expected;
};

constexpr TreeRow k_trees[] = {
    {"ascii", "systemd(1)-+-sshd(12)---{sshd}(13)", "0:1'systemd' 13:12'sshd' 24:13'sshd't +"},
    {"a form", "  |-containerd,23,23 -x y", "4:23'containerd' +"},
    {"unicode", "  \xe2\x94\x94\xe2\x94\x80(docker-init,7,7,pid)", "4:7'docker-init' +"},
    {"name with a dash", "|-docker-init(7)---python3.9(8)", "2:7'docker-init' 19:8'python3.9' +"},
    {"without branches", "systemd,1,1", "0:1'systemd'"},
    {"prose", "the process (12) is stuck", "0:12'the process '"},
    {"no numbers", "|-foo-bar", " +"},
    {"empty", "", ""},
};

TEST(ParseTreeLine, Rows) {
  for (const TreeRow& row : k_trees) {
    SCOPED_TRACE(row.name);
    const TreeLine line = parse_tree_line(row.input);
    std::string out;
    for (const TreeNode& node : line.nodes)
      out += fmt::format("{}{}:{}'{}'{}", out.empty() ? "" : " ", node.column, node.tid, node.comm,
                         node.thread ? "t" : "");
    EXPECT_EQ(out + (line.has_branch ? " +" : ""), row.expected);
  }
}

}  // namespace
}  // namespace unzap::text
