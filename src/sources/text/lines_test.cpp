// SPDX-License-Identifier: Apache-2.0
#include "sources/text/lines.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

namespace unzap::text {
namespace {

struct Row {
  const char* name;
  std::string_view input;
  const char* expected;
};

std::string dump(const Stripped& line) {
  std::string out;
  if (line.from_kernel) out += "K";
  if (line.from_other) out += "O";
  if (line.at) out += fmt::format("@{}", *line.at);
  return out + "|" + std::string(line.text);
}

constexpr Row k_prefixes[] = {
    {"none", "  plain text ", "|plain text"},
    {"dmesg", "[  123.456789] task:x", "K@123.456789|task:x"},
    {"dmesg -T", "[Wed Jul  3 16:39:34 2024] rcu: \tx", "K|rcu: \tx"},
    {"dmesg iso", "[2024-07-03T16:39:34,123+02:00] a", "K|a"},
    {"dmesg -d", "[<    0.000012>] a", "|[<    0.000012>] a"},
    {"dmesg -e", "[Jul 3 16:39] a", "K|a"},
    {"mount option", "[   12.500000] tmpfs: Unknown parameter '[13.000001] BUG: x'",
     "K@12.5|tmpfs: Unknown parameter '[13.000001] BUG: x'"},
    {"mount option, bare", "tmpfs: Unknown parameter '[13.000001] BUG: x'",
     "|tmpfs: Unknown parameter '[13.000001] BUG: x'"},
    {"mount option in the journal",
     "Jun 05 12:00:00 h kernel: tmpfs: Unknown parameter 'x [13.000001] BUG: x'",
     "K|tmpfs: Unknown parameter 'x [13.000001] BUG: x'"},
    {"mount option with kernel:", "tmpfs: Unknown parameter 'x kernel: BUG: x'",
     "|tmpfs: Unknown parameter 'x kernel: BUG: x'"},
    {"path", "[   12.500000] cgroup: fork rejected by pids controller in /a [13.000001] BUG: x",
     "K@12.5|cgroup: fork rejected by pids controller in /a [13.000001] BUG: x"},
    {"stamp in a record", "4,1,12500000,-;[13.000001] BUG: x", "K@12.5|[13.000001] BUG: x"},
    {"masked host", "[DATE] [HOST] kernel: [   12.500000] a", "K@12.5|a"},
    {"dmesg -x", "kern  :err   : [  12.500000] a", "K@12.5|a"},
    {"level word", " err [12.500000] INFO: b", "K@12.5|INFO: b"},
    {"caller id", "[    7.250000][ T5174] Call Trace:", "K@7.25|Call Trace:"},
    {"caller cpu", "[    7.250000][    C0]  <IRQ>", "K@7.25|<IRQ>"},
    {"kmsg", "6,1234,5500000,-;text; more", "K@5.5|text; more"},
    {"kmsg with caller", "3,9,1000000,-,caller=T1;text", "K@1|text"},
    {"syslog level", "<6>[    1.500000] x", "K@1.5|x"},
    {"syslog level and a mount option", "<4>tmpfs: Unknown parameter '[13.000001] BUG: x'",
     "K|tmpfs: Unknown parameter '[13.000001] BUG: x'"},
    {"RFC 5424", "<4>1 2024-06-05T12:00:00.123456+00:00 node-1 kernel - - - [   12.500000] a", "K@12.5|a"},
    {"docker json-file", R"({"log":"[   12.500000] a\n","stream":"stderr","time":"2024-06-05T12:00:00Z"})",
     "K@12.5|a"},
    {"grep -n", "12:[   12.500000] a", "K@12.5|a"},
    {"grep of two files", "logs/node-1.txt:[   12.500000] a", "K@12.5|a"},
    {"grep of a syslog", "/var/log/syslog:Jun  5 12:00:00 h kernel: [   12.500000] a", "K@12.5|a"},
    {"grep, and a mount option", "12:tmpfs: Unknown parameter '[13.000001] BUG: x'",
     "|12:tmpfs: Unknown parameter '[13.000001] BUG: x'"},
    {"cat -n", "    12\t[   12.500000] a", "K@12.5|a"},
    {"journal short-delta", "[   12.500000 <    0.000001 >] h kernel: a", "K|a"},
    {"section mark is not a level", "<TASK>", "|<TASK>"},
    {"journal short", "Jun 05 12:00:00 node-1 kernel: BUG: x", "K|BUG: x"},
    {"journal with stamp", "Aug 31 17:27:34 h kernel: [  591.500000] y", "K@591.5|y"},
    {"journal iso", "2024-06-05T12:00:00+0000 h kernel: y", "K|y"},
    {"journal full", "Wed 2024-06-05 12:00:00 UTC h kernel: y", "K|y"},
    {"syslog iso", "2024-06-05T12:00:00.123456+00:00 h kernel: [    3.000000] y", "K@3|y"},
    {"another program", "Jun 05 12:00:00 h systemd[1]: Started x.", "O|Started x."},
    {"bare", "kernel: Call Trace:", "K|Call Trace:"},
    {"wall", "kernel:watchdog: BUG: soft", "K|watchdog: BUG: soft"},
    {"journal json", R"({"PRIORITY":"4","_TRANSPORT":"kernel","MESSAGE":"INFO: a"})", "K|INFO: a"},
    {"a name in brackets", "[npm start] <defunct>", "|[npm start] <defunct>"},
    {"an address is not a stamp", "[<0>] do_wait+0x1/0x2", "|[<0>] do_wait+0x1/0x2"},
    {"number out of range", "[99999999999999999999.123456] x", "|[99999999999999999999.123456] x"},
    {"cut", "[  12.", "|[  12."},
    {"empty", "", "|"},
};

TEST(StripPrefix, Rows) {
  for (const Row& row : k_prefixes) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(dump(strip_prefix(row.input)), row.expected);
  }
}

std::string lines_of(std::string_view text) {
  LineReader reader(text);
  std::string out;
  while (const Line* line = reader.next()) out += fmt::format("{}:{}\n", line->number, line->text);
  return out;
}

constexpr Row k_texts[] = {
    {"empty", "", ""},
    {"CRLF", "a\r\nb\r\n", "1:a\n2:b\n"},
    {"no newline at the end", "a\nb", "1:a\n2:b\n"},
    {"quoted", "> a\n>> b\n> > c\n", "1:a\n2:b\n3:c\n"},
    {"colour", "\x1b[31mred\x1b[0m text\n", "1:red text\n"},
    {"NUL", {"a\0b\n", 4}, "1:ab\n"},
    {"many empty lines", "a\n\n\n\nb\n", "1:a\n2:\n5:b\n"},
    {"frame broken in its offset", "[<0>] do_wait+0x5\n2/0x310\n", "1:[<0>] do_wait+0x52/0x310\n"},
    {"frame broken behind the slash", "do_wait+0x52/\n0x310\n", "1:do_wait+0x52/0x310\n"},
    {"quoted frame broken", "> [<0>]\n> do_wait+0x52/0x310\n", "1:[<0>] do_wait+0x52/0x310\n"},
    {"module broken off", "f+0x1/0x2\n[nfs]\n", "1:f+0x1/0x2 [nfs]\n"},
    {"two frames stay two", "f+0x1/0x2\ng+0x1/0x2\n", "1:f+0x1/0x2\n2:g+0x1/0x2\n"},
    {"a number under a frame is not its offset", "[<0>] f+0x1/0x2\n2070\n", "1:[<0>] f+0x1/0x2\n2:2070\n"},
    {"task line", "task:a  state:D stack:0 pid:7\nppid:2 flags:0x4000\n",
     "1:task:a  state:D stack:0 pid:7 ppid:2 flags:0x4000\n"},
    {"task line twice", "task:a state:R  running task\n  stack: 0 pid:7\nppid:2 flags:0x0\n",
     "1:task:a state:R  running task stack: 0 pid:7 ppid:2 flags:0x0\n"},
    {"whole task line", "task:a state:D stack:0 pid:7 ppid:2 flags:0x0\nppid:3\n",
     "1:task:a state:D stack:0 pid:7 ppid:2 flags:0x0\n2:ppid:3\n"},
    {"soft lockup", "watchdog: BUG: soft lockup - CPU#0 stuck for 22s!\n[npm start:7]\n",
     "1:watchdog: BUG: soft lockup - CPU#0 stuck for 22s! [npm start:7]\n"},
    {"hung task", "INFO: task a:7 blocked for more than 120\nseconds.\n",
     "1:INFO: task a:7 blocked for more than 120 seconds.\n"},
    {"a stamped line is never a rest",
     "[    1.000000] INFO: task a:7 blocked for more\n[    1.000000] seconds.\n",
     "1:INFO: task a:7 blocked for more\n2:seconds.\n"},
    {"cpu line", "CPU: 0 PID: 7 Comm: a b Tainted: G   L\n5.15.0-1 #117-Ubuntu\n",
     "1:CPU: 0 PID: 7 Comm: a b Tainted: G   L 5.15.0-1 #117-Ubuntu\n"},
};

TEST(LineReader, Rows) {
  for (const Row& row : k_texts) {
    SCOPED_TRACE(row.name);
    EXPECT_EQ(lines_of(row.input), row.expected);
  }
}

TEST(LineReader, CutsLongLines) {
  const std::string text(3 * k_line_length, 'x');
  LineReader reader(text);
  const Line* line = reader.next();
  ASSERT_NE(line, nullptr);
  EXPECT_EQ(line->text.size(), k_line_length);
  EXPECT_EQ(reader.next(), nullptr);
  EXPECT_EQ(reader.cut_lines(), 1U);
}

}  // namespace
}  // namespace unzap::text
