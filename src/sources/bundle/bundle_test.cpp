// SPDX-License-Identifier: Apache-2.0
// What is written is what is read, for every kind of snapshot there is.
#include "sources/bundle/bundle.hpp"
#include "sources/bundle/testing.hpp"

#include <gtest/gtest.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <limits>

#include "explorer/explore.hpp"
#include "kernel/story/test_cast.hpp"
#include "sources/bundle/compression.hpp"
#include "sources/bundle/values.hpp"
#include "sources/model/model_source.hpp"
#include "sources/procfs/procfs_source.hpp"
#include "sources/text/text_source.hpp"
#include "util/read_file.hpp"

using namespace std::string_literals;

namespace unzap {
namespace {

std::string plain(const Snapshot& snapshot) {
  const auto text = write_bundle(snapshot, {.compressed = false});
  return text ? *text : text.error().text();
}

void expect_round_trip(const Snapshot& snapshot) {
  for (const bool compressed : {true, false}) {
    const auto bytes = write_bundle(snapshot, {compressed});
    ASSERT_TRUE(bytes) << bytes.error().text();
    EXPECT_TRUE(looks_like_bundle(*bytes));
    const auto read = read_bundle(*bytes, "node.unzap");
    ASSERT_TRUE(read) << read.error().text();
    EXPECT_TRUE(*read == snapshot) << plain(snapshot) << "\nbecame\n" << plain(*read);
  }
}

Stack some_stack() {
  return {{{"do_wait", 0x53, 0x320, "", false, false},
           {"with space+and plus", 0, 0, "my mod]", true, false},
           {"", 0, 0, "", false, true},
           {"f", 1, std::numeric_limits<std::uint64_t>::max(), "nfs", true, true}},
          StackOrigin::hung_task,
          "/proc/1/stack"};
}

Task full_task() {
  Task task;
  task.tid = 4711;
  task.tgid = -1;
  task.ppid = 0;
  task.start_ticks = std::numeric_limits<std::uint64_t>::max();
  task.comm = " a\\b:\n\t\x1b[0m\xff \xc3\xa4 "s;
  task.state = ' ';
  task.flags = 0x40004c;
  task.processor = std::numeric_limits<std::int32_t>::min();
  task.threads = 3;
  task.multi_threaded = true;
  task.has_mm = false;
  task.cpu_percent = 0.1;
  task.wchan = ""s;
  task.syscall = "running"s;
  task.stack = some_stack();
  task.ns_pids = std::vector<std::int32_t>{4711, 1};
  task.pid_ns = 4026531836;
  task.pid_ns_chain = std::vector<std::uint64_t>{4026531836, std::numeric_limits<std::uint64_t>::max()};
  task.mnt_ns = 1;
  task.tracer_pid = 9;
  task.pending_private = 0;
  task.pending_shared = 0x100;
  task.blocked = std::numeric_limits<std::uint64_t>::max();
  task.ignored = 1;
  task.core_dumping = false;
  task.cgroup = "/"s;
  task.container = std::string(64, 'c');
  task.work_dir = "/run/a b"s;
  task.file_system = "/data xfs 7:0 /dev/loop0"s;
  task.blocked_read = "stack"s;
  task.rings = 2;
  task.blocked_seconds = 1e-300;
  task.samples = {{1.0 / 3, 'R', 5, 100, std::uint64_t{7}},
                  {-12.0, '\0', 0, std::numeric_limits<std::uint64_t>::max(), Absence::not_permitted},
                  {1e22, ' ', 1, 1, Absence::not_asked}};
  task.where = "#[task]";
  return task;
}

/// Every reading of the task absent for this reason.
Task absent_task(Absence why) {
  Task task;
  task.tid = task.tgid = task.ppid = task.processor = task.threads = task.tracer_pid = task.rings = why;
  task.start_ticks = task.flags = task.pid_ns = task.mnt_ns = why;
  task.pending_private = task.pending_shared = task.blocked = task.ignored = why;
  task.comm = task.wchan = task.syscall = task.cgroup = task.container = task.work_dir = why;
  task.file_system = task.blocked_read = why;
  task.multi_threaded = task.has_mm = task.core_dumping = why;
  task.cpu_percent = task.blocked_seconds = why;
  task.state = why;
  task.stack = why;
  task.ns_pids = why;
  task.pid_ns_chain = why;
  return task;
}

Snapshot full_snapshot() {
  Snapshot snapshot;
  snapshot.origin = Origin::live;
  snapshot.host = {"h"s, "6.1.0"s, "#1 SMP PREEMPT_DYNAMIC"s, 8, Preemption::voluntary};
  snapshot.host.wait_fix =
      WaitFix{WaitFix::Kind::fix_2026,
              "/proc/kcore",
              {{"do_wait", -3, "\xf0\x80"s, "test byte ptr [rax + 2], 4", "asks\nfor it"},
               {"a b", std::numeric_limits<std::int64_t>::min(), "", "", ""},
               {}}};
  snapshot.host.setup = {"x86-64"s, true, 2, false, Absence::not_in_this_kernel, true, true, false};
  snapshot.tasks = {full_task(), Task{}};
  for (const Absence why : {Absence::not_asked, Absence::not_permitted, Absence::gone,
                            Absence::not_in_this_kernel, Absence::task_running, Absence::timed_out})
    snapshot.tasks.push_back(absent_task(why));
  snapshot.tasks.back().ns_pids = std::vector<std::int32_t>{};
  snapshot.tasks.back().stack = Stack{};
  snapshot.events = {
      {EventKind::soft_lockup, 12.5, 26.0, {0, 3}, 7, "sh"s, some_stack(), "BUG: soft lockup", "k:1"},
      {},
      {EventKind::other,
       Absence::gone,
       Absence::gone,
       {},
       Absence::gone,
       Absence::gone,
       Absence::gone,
       "",
       ""}};
  snapshot.cgroups = {{"/a b", 1, true, Absence::not_permitted, "/sys/fs/cgroup/a b", false}, {}};
  snapshot.problems = {{"/proc", "two\nlines"}, {}};
  snapshot.symptoms = {{"did not receive\nan exit event", "c0ffee", "9fa1", "k:3"}, {}};
  snapshot.all_tasks = true;
  return snapshot;
}

TEST(Bundle, HandMadeSnapshotsComeBack) {
  expect_round_trip({});
  expect_round_trip(full_snapshot());
}

TEST(Bundle, WhatTheCodeSaysComesBack) {
  Snapshot snapshot;
  for (const auto kind : {WaitFix::Kind::none, WaitFix::Kind::fix_2024, WaitFix::Kind::fix_2026,
                          WaitFix::Kind::no_notify_signal}) {
    snapshot.host.wait_fix = WaitFix{kind, "", {}};
    expect_round_trip(snapshot);
  }
  for (const Absence why : {Absence::not_asked, Absence::not_permitted, Absence::timed_out}) {
    snapshot.host.wait_fix = why;
    expect_round_trip(snapshot);
  }
}

TEST(Bundle, OneThatWasTakenBeforeTheCodeWasReadSaysSo) {
  const auto read = read_bundle("unzap-bundle 1\n[host]\norigin: live\n[end]\n", "old.unzap");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_EQ(read->host.wait_fix, Reading<WaitFix>(Absence::not_asked));
}

TEST(Bundle, EveryNameComesBack) {
  Snapshot snapshot;
  for (const auto& kind : k_names_of<EventKind>)
    for (const auto& origin : k_names_of<StackOrigin>) {
      // Not pushed as a temporary: g++ 12 falsely takes its strings for uninitialised.
      KernelEvent& event = snapshot.events.emplace_back();
      event.kind = kind.value;
      event.stack = Stack{};
      event.stack.get()->origin = origin.value;
    }
  for (const auto& origin : k_names_of<Origin>)
    for (const auto& model : k_names_of<Preemption>) {
      snapshot.origin = origin.value;
      snapshot.host.preemption = model.value;
      expect_round_trip(snapshot);
    }
}

TEST(Bundle, StatesOfTheModelComeBack) {
  kernel::Scenario scenario = kernel::init_and_child("npm start", "child");
  ring_of(scenario).workers = {kernel::WorkerStart::idle};
  scenario.environment.idle_timeouts = false;
  const kernel::Machine machine(scenario, kernel::find_kernel("v5.15.160")->variant, kernel::Preempt::none);
  const auto found = explorer::explore(machine);
  const std::vector<bool> ran(kernel::k_max_tasks, true);
  for (explorer::StateId id = 0; id < found.graph.size(); id += 97) {
    const auto& state = found.store[id];
    expect_round_trip(draw(machine.config(), state, {.stacks = id % 2 == 0}));
    expect_round_trip(draw_window(machine.config(), state, state, 2.0, ran, {.kernel_log = true}));
  }
}

TEST(Bundle, ThisHostComesBack) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  const auto snapshot = read_procfs({.sample_seconds = 0.05});
  ASSERT_TRUE(snapshot) << snapshot.error().text();
  ASSERT_FALSE(snapshot->tasks.empty());
  expect_round_trip(*snapshot);
}

TEST(Bundle, TheCasesComeBack) {
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/tests/cases")) {
    if (!entry.is_directory()) continue;
    SCOPED_TRACE(entry.path().filename());
    expect_round_trip(case_in(entry.path()));
    ++cases;
  }
  EXPECT_GE(cases, 5U);
}

TEST(Bundle, TheTextIsReadable) {
  Snapshot snapshot;
  snapshot.origin = Origin::live;
  Task task;
  task.tid = 4711;
  task.comm = "npm start"s;
  task.syscall = Absence::not_permitted;
  task.pending_shared = 0x100;
  task.stack =
      Stack{{{.function = "do_wait", .offset = 0x53, .size = 0x320}}, StackOrigin::proc_stack, "/proc"};
  task.samples = {{10.5, 'R', 1, 2, Absence::task_running}};
  snapshot.tasks = {task};
  EXPECT_EQ(plain(snapshot),
            "unzap-bundle 1\n# unzap diagnose FILE says what is stuck here\n"
            "\n[host]\norigin: live\nall_tasks: no\n"
            "\n[task]\ntid: 4711\ncomm: npm start\nsyscall! not permitted\npending_shared: 0x100\n"
            "sample: 10.5 R 1 2 ! task running\nstack: proc_stack /proc\nframe: do_wait+0x53/0x320\n"
            "\n[end]\n");
}

TEST(Bundle, WhatMailAndEditorsDoToTextChangesNothing) {
  const Snapshot snapshot = full_snapshot();
  std::string text;
  for (const char c : plain(snapshot)) text += c == '\n' ? std::string("\r\n") : std::string(1, c);
  const auto read = read_bundle(text, "mailed");
  ASSERT_TRUE(read) << read.error().text();
  EXPECT_TRUE(*read == snapshot);
}

TEST(Bundle, ZstdShowsTheText) {
  const std::string path = (std::filesystem::temp_directory_path() / "unzap-bundle-test.unzap").string();
  if (std::system("zstd --version >/dev/null 2>&1") != 0) GTEST_SKIP() << "no zstd program here";
  const std::string bytes = *write_bundle(full_snapshot(), {});
  const std::string command = "zstd -dc > '" + path + "'";
  FILE* pipe = ::popen(command.c_str(), "w");
  ASSERT_EQ(std::fwrite(bytes.data(), 1, bytes.size(), pipe), bytes.size());
  ASSERT_EQ(::pclose(pipe), 0);
  const auto shown = read_file(path, 1 << 20);
  std::filesystem::remove(path);
  ASSERT_TRUE(shown);
  EXPECT_EQ(shown->text, plain(full_snapshot()));
}

TEST(Bundle, WhatNobodyCouldReadIsNotWritten) {
  Snapshot wide, odd, crowded;
  wide.problems = {{"", std::string(k_max_bundle_line_bytes, 'x')}};
  odd.tasks = {{.cpu_percent = std::numeric_limits<double>::infinity()}};
  crowded.problems.resize(k_max_bundle_others + 1);
  for (const Snapshot* snapshot : {&wide, &odd, &crowded}) {
    const auto bytes = write_bundle(*snapshot, {});
    ASSERT_FALSE(bytes);
    EXPECT_EQ(bytes.error().kind, ErrorKind::bad_data);
    EXPECT_FALSE(bytes.error().remedy.empty());
  }
}

TEST(Escape, ComesBackForEveryByte) {
  std::string all;
  for (int i = 0; i < 256; ++i) all += static_cast<char>(i);
  for (const std::string& text :
       {all, std::string(" "), std::string("  "), std::string("\\x41"), std::string()}) {
    EXPECT_EQ(bundle::unescape(bundle::escape(text)), text);
    EXPECT_EQ(bundle::escape(text, " +").find(' '), std::string::npos);
  }
  for (const char* bad : {"\\", "a\\", "\\x", "\\x4", "\\xg0", "\\q", "\\x 1"})
    EXPECT_EQ(bundle::unescape(bad), std::nullopt) << bad;
}

}  // namespace
}  // namespace unzap
