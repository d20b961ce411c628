// SPDX-License-Identifier: Apache-2.0
// A bundle comes from a stranger: what is none is refused with its place, whatever it is.
#include <gtest/gtest.h>

#include <random>

#include "sources/bundle/bundle.hpp"
#include "sources/bundle/compression.hpp"

using namespace std::string_literals;

namespace unzap {
namespace {

struct Row {
  const char* name;
  const char* text;   ///< behind the head line and [host], unless it begins with '!'
  const char* place;  ///< of the error
  const char* words;  ///< that stand in it
};

const Row k_rows[] = {
    {"empty", "!", "b:1", "is not a bundle"},
    {"another format", "!hello\n", "b:1", "is not a bundle: it begins with 'hello'"},
    {"newer", "!unzap-bundle 2\n[news]\n", "b:1", "version 2, and this unzap reads version 1"},
    {"version zero", "!unzap-bundle 0\n", "b:1", "no such version"},
    {"no version", "!unzap-bundle \n", "b:1", "no such version"},
    {"huge version", "!unzap-bundle 99999999999999999999\n", "b:1", "no such version"},
    {"head only", "!unzap-bundle 1\n", "b:1", "cut off"},
    {"no host", "!unzap-bundle 1\n[end]\n", "b:2", "no [host]"},
    {"cut off", "origin: live\n[task]\ntid: 1\n", "b:5", "cut off"},
    {"cut in [end]", "[en", "b:3", "there is no section '[en'"},
    {"text after the end", "[end]\ntid: 1\n", "b:4", "text after [end]"},
    {"unknown section", "[cpu]\n", "b:3", "no section '[cpu]'"},
    {"unknown key", "colour: red\n", "b:3", "no key 'colour'"},
    {"key of another section", "[task]\norigin: live\n", "b:4", "no key 'origin'"},
    {"key before a section", "!unzap-bundle 1\norigin: live\n", "b:2", "before the first section"},
    {"no key", "what is this\n", "b:3", "neither"},
    {"no blank behind the colon", "origin:live\n", "b:3", "neither"},
    {"second host", "[host]\n", "b:3", "second time"},
    {"repeated key", "[task]\ntid: 1\ntid: 1\n", "b:5", "'tid' a second time"},
    {"repeated stack", "[task]\nstack: sysrq\nstack: sysrq\n", "b:5", "'stack' a second time"},
    {"frame without stack", "[task]\nframe: f\n", "b:4", "'frame' without"},
    {"frame below an absent stack", "[task]\nstack! gone\nframe: f\n", "b:5", "'frame' without"},
    {"empty frame", "[task]\nstack: sysrq\nframe:\n", "b:5", "no value for 'frame'"},
    {"frame without size", "[task]\nstack: sysrq\nframe: f+0x1\n", "b:5", "no value for 'frame'"},
    {"frame with a word", "[task]\nstack: sysrq\nframe: f what\n", "b:5", "no value for 'frame'"},
    {"frame with a bracket", "[task]\nstack: sysrq\nframe: f [\n", "b:5", "no value for 'frame'"},
    {"absent frame", "[task]\nstack: sysrq\nframe! gone\n", "b:5", "no reason for 'frame'"},
    {"unknown stack", "[task]\nstack: guessed\n", "b:4", "no value for 'stack': 'guessed'"},
    {"number too large", "[task]\ntid: 2147483648\n", "b:4", "no value for 'tid'"},
    {"number with a tail", "[task]\ntid: 1x\n", "b:4", "no value for 'tid': '1x'"},
    {"empty number", "[task]\ntid:\n", "b:4", "no value for 'tid'"},
    {"not a number", "[task]\ncpu_percent: nan\n", "b:4", "no value for 'cpu_percent'"},
    {"infinite", "[task]\nblocked_seconds: inf\n", "b:4", "no value for 'blocked_seconds'"},
    {"bits in decimal", "[task]\nflags: 12\n", "b:4", "no value for 'flags'"},
    {"two letters", "[task]\nstate: RS\n", "b:4", "no value for 'state'"},
    {"no letter", "[task]\nstate:\n", "b:4", "no value for 'state'"},
    {"bad escape", "[task]\ncomm: a\\\n", "b:4", "no value for 'comm'"},
    {"maybe", "all_tasks: maybe\n", "b:3", "no value for 'all_tasks'"},
    {"unknown reason", "[task]\ncomm! forgotten\n", "b:4", "no reason for 'comm': 'forgotten'"},
    {"reason where none can be", "origin! gone\n", "b:3", "no reason for 'origin'"},
    {"short sample", "[task]\nsample: 1 R 2\n", "b:4", "no value for 'sample'"},
    {"sample with a tail", "[task]\nsample: 1 R 2 3 4 5\n", "b:4", "no value for 'sample'"},
    {"sample without reason", "[task]\nsample: 1 R 2 3 ! \n", "b:4", "no value for 'sample'"},
    {"list of words", "[task]\nns_pids: 1 x\n", "b:4", "no value for 'ns_pids'"},
    {"unknown fix", "wait_fix: yes\n", "b:3", "no value for 'wait_fix': 'yes'"},
    {"step without fix", "wait_fix_step: f 0 90 nop x\n", "b:3", "'wait_fix_step' without"},
    {"step without place", "wait_fix: none\nwait_fix_step: f\n", "b:4", "no value for 'wait_fix_step'"},
    {"half a byte", "wait_fix: none\nwait_fix_step: f 0 9 nop x\n", "b:4", "no value for 'wait_fix_step'"},
    {"a terminal's colours", "\x1b[31m: 1\n", "b:3", "'\\x1b[31m: 1'"},
};

TEST(HostileBundle, IsRefusedWithItsPlace) {
  for (const Row& row : k_rows) {
    SCOPED_TRACE(row.name);
    const std::string text =
        row.text[0] == '!' ? std::string(row.text + 1) : "unzap-bundle 1\n[host]\n" + std::string(row.text);
    const auto read = read_bundle(text, "b");
    if (read) {
      ADD_FAILURE() << "was accepted";
      continue;
    }
    const Error& error = read.error();
    EXPECT_EQ(error.kind, ErrorKind::bad_data);
    EXPECT_EQ(error.place, row.place) << error.text();
    EXPECT_NE(error.message.find(row.words), std::string::npos) << error.text();
    EXPECT_FALSE(error.remedy.empty());
    const auto packed = read_bundle(bundle::compress(text), "b");
    ASSERT_FALSE(packed);
    EXPECT_EQ(packed.error(), error) << "the same when compressed";
  }
}

std::string repeated(const std::string& text, std::size_t times) {
  std::string out = "unzap-bundle 1\n[host]\n[task]\nstack: sysrq\n";
  out.reserve(out.size() + text.size() * times);
  for (std::size_t i = 0; i < times; ++i) out += text;
  return out;
}

TEST(HostileBundle, IsNotKeptWithoutEnd) {
  const struct {
    std::string text;
    const char* words;
  } rows[] = {
      {repeated("[task]\n", k_max_bundle_tasks), "more than 262144 tasks"},
      {repeated("[event]\n", k_max_bundle_others + 1), "more than 131072 events"},
      {repeated("[cgroup]\n", k_max_bundle_others + 1), "more than 131072 cgroups"},
      {repeated("[problem]\n", k_max_bundle_others + 1), "more than 131072 problems"},
      {repeated("frame: f\n", k_max_bundle_frames + 1), "more than 1048576 frames"},
      {repeated("sample: 1 R 2 3\n", k_max_bundle_samples + 1), "more than 1048576 samples"},
      {repeated("x", k_max_bundle_line_bytes + 1), "a line of more than 64 KiB"},
  };
  for (const auto& row : rows) {
    const auto read = read_bundle(row.text, "b");
    ASSERT_FALSE(read) << row.words;
    EXPECT_NE(read.error().message.find(row.words), std::string::npos) << read.error().text();
  }
}

TEST(HostileBundle, ABombIsLeftAlone) {
  const std::string bomb = bundle::compress(std::string(k_max_bundle_text_bytes + 1, '#'));
  ASSERT_LT(bomb.size(), 100'000U);
  const auto read = read_bundle(bomb, "bomb");
  ASSERT_FALSE(read);
  EXPECT_NE(read.error().message.find("more than 256 MiB"), std::string::npos) << read.error().text();
  const auto many = bundle::decompress(bomb, 1000, "bomb");
  ASSERT_FALSE(many);
  // What lies just within is read; two frames are one text, as zstd -d has it.
  EXPECT_EQ(*bundle::decompress(bundle::compress("ab") + bundle::compress("c"), 3, "b"), "abc");
  EXPECT_FALSE(bundle::decompress(bundle::compress("ab") + bundle::compress("c"), 2, "b"));
}

std::string sample_bundle(bool compressed) {
  Snapshot snapshot;
  snapshot.host.name = "node"s;
  for (int i = 0; i < 20; ++i) {
    Task task;
    task.tid = i;
    task.comm = "npm start"s;
    task.stack = Stack{{{.function = "do_wait", .offset = 1, .size = 2}}, StackOrigin::proc_stack, "/proc"};
    task.samples = {{1, 'R', 2, 3, std::uint64_t{4}}};
    snapshot.tasks.push_back(task);
  }
  snapshot.events = {{.kind = EventKind::soft_lockup, .text = "BUG: soft lockup"}};
  return *write_bundle(snapshot, {compressed});
}

TEST(HostileBundle, EveryPrefixIsRefused) {
  for (const bool compressed : {true, false}) {
    const std::string whole = sample_bundle(compressed);
    // Without its last newline a text is still whole.
    for (std::size_t size = 0; size < whole.size() - (compressed ? 0 : 1); ++size) {
      const auto read = read_bundle(std::string_view(whole).substr(0, size), "b");
      ASSERT_FALSE(read) << size;
      ASSERT_TRUE(read.error().place.starts_with("b")) << read.error().text();
    }
  }
}

TEST(HostileBundle, MutationsDoNoHarm) {
  std::mt19937 random(1);
  for (const bool compressed : {true, false}) {
    const std::string whole = sample_bundle(compressed);
    for (int round = 0; round < 5'000; ++round) {
      std::string bytes = whole;
      for (auto changes = 1 + random() % 4; changes > 0; --changes)
        bytes[random() % bytes.size()] = static_cast<char>(random());
      if (const auto read = read_bundle(bytes, "b"); read)
        ASSERT_LE(read->tasks.size(), 40U);
      else
        ASSERT_FALSE(read.error().message.empty());
    }
  }
}

}  // namespace
}  // namespace unzap
