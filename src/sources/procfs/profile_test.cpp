// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/profile.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <linux/perf_event.h>

#include <cerrno>

#include "sources/procfs/perf_samples.hpp"
#include "sources/procfs/symbols.hpp"

namespace unzap {
namespace {

template <class T>
void put(std::string& out, T value) {
  out.append(reinterpret_cast<const char*>(&value), sizeof value);
}

std::string record(std::uint32_t type, std::uint16_t misc, std::uint32_t tid,
                   const std::vector<std::uint64_t>& chain) {
  std::string body;
  put(body, std::uint32_t{1});
  put(body, tid);
  put(body, std::uint64_t{chain.size()});
  for (const std::uint64_t address : chain) put(body, address);
  std::string out;
  put(out,
      perf_event_header{type, misc, static_cast<std::uint16_t>(sizeof(perf_event_header) + body.size())});
  return out + body;
}

constexpr auto k_kernel_part = static_cast<std::uint64_t>(PERF_CONTEXT_KERNEL);
constexpr auto k_user_part = static_cast<std::uint64_t>(PERF_CONTEXT_USER);

TEST(PerfSamples, OnlyOfTheTasksThatAreAskedFor) {
  std::map<std::int32_t, TaskSamples> samples{{7, {}}};
  const std::string bytes =
      record(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, 7, {k_kernel_part, 0x10, 0x20, k_user_part, 0x9}) +
      record(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, 8, {k_kernel_part, 0x10}) +
      record(PERF_RECORD_LOST, PERF_RECORD_MISC_KERNEL, 7, {k_kernel_part, 0x10}) +
      record(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, 7, {k_kernel_part, 0x10, 0x20}) +
      record(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_USER, 7, {});
  add_samples(bytes, samples);
  ASSERT_EQ(samples.size(), 1U);
  EXPECT_EQ(samples[7], (TaskSamples{2, 1, {{{0x10, 0x20}, 2}}}));
}

TEST(PerfSamples, WhatIsCutShortIsNotReadPastItsEnd) {
  const std::string whole =
      record(PERF_RECORD_SAMPLE, PERF_RECORD_MISC_KERNEL, 7, {k_kernel_part, 0x10, 0x20});
  for (std::size_t size = 0; size < whole.size(); ++size) {
    std::map<std::int32_t, TaskSamples> samples{{7, {}}};
    add_samples(whole.substr(0, size), samples);
    EXPECT_EQ(samples[7].kernel, 0) << size;
  }
  std::string lying = whole;  // says that it has more frames than its size allows
  const std::uint64_t count = 1000;
  lying.replace(sizeof(perf_event_header) + 8, sizeof count, reinterpret_cast<const char*>(&count),
                sizeof count);
  std::map<std::int32_t, TaskSamples> samples{{7, {}}};
  add_samples(lying, samples);
  EXPECT_EQ(samples[7], (TaskSamples{1, 0, {{{0x10, 0x20}, 1}}}));
}

std::string text_of(const Frame& frame) {
  return fmt::format("{}+{}/{} [{}]", frame.function, frame.offset, frame.size, frame.module);
}

TEST(SymbolTable, NamesAddressesInWhateverOrderTheFileIs) {
  SymbolTable symbols({0x1010, 0x1ff0, 0x2000, 0x9008, 0x500000});
  for (const char* line : {"0000000000009000 t nfs_wait\t[nfs]", "0000000000001000 T do_wait",
                           "0000000000001800 d a_variable", "0000000000002000 t do_exit.cold",
                           "0000000000002040 T kernel_wait4", "0000000000009100 t nfs_end\t[nfs]", "",
                           "garbage", "zzzz T x", "0000000000000000 T hidden", "0000000000001008 T"})
    symbols.take(line);
  EXPECT_EQ(text_of(symbols.frame(0x1010)), "do_wait+16/4096 []");
  EXPECT_EQ(text_of(symbols.frame(0x1ff0)), "do_wait+4080/4096 []") << "a symbol of data is none of code";
  EXPECT_EQ(text_of(symbols.frame(0x2000)), "do_exit+0/64 []");
  EXPECT_EQ(text_of(symbols.frame(0x9008)), "nfs_wait+8/256 [nfs]");
  EXPECT_EQ(symbols.frame(0x500000).function, "") << "far behind the last symbol";
  EXPECT_EQ(symbols.frame(0x1234).function, "") << "was not asked for";
}

TEST(Profile, WhatTheSamplingProcessWrites) {
  const auto seen = parse_profiles("T 7 99 1\nF do_wait 16 4096 -\nF nfs_wait 8 256 nfs\nT 8 0 5\n");
  ASSERT_TRUE(seen);
  ASSERT_EQ(seen->size(), 2U);
  const Profile& profile = seen->at(7);
  EXPECT_EQ(profile.kernel, 99);
  EXPECT_EQ(profile.user, 1);
  EXPECT_EQ(profile.stack.origin, StackOrigin::perf);
  EXPECT_TRUE(profile.stack.has_in_order({"do_wait", "nfs_wait"}));
  EXPECT_EQ(profile.stack.frames[1].module, "nfs");
  EXPECT_NE(profile.stack.where.find("99 of 100 samples"), std::string::npos) << profile.stack.where;
  EXPECT_TRUE(seen->at(8).stack.frames.empty());
  EXPECT_EQ(parse_profiles(fmt::format("E {}\n", EACCES)).absence()[0], Absence::not_permitted);
  EXPECT_EQ(parse_profiles(fmt::format("E {}\n", ENOENT)).absence()[0], Absence::not_in_this_kernel);
  EXPECT_TRUE(parse_profiles("")->empty());
}

TEST(Profile, OneThatDoesNotAnswerIsLeftBehind) {
  Profiler none;
  EXPECT_EQ(none.collect(1).absence()[0], Absence::not_asked);
  Profiler profiler;
  profiler.start({{1, 0}});
  if (!profiler.started()) GTEST_SKIP() << "no samples of a CPU may be taken here";
  const auto answer = profiler.collect(0);
  if (answer.absence()[0] == Absence::not_permitted)
    GTEST_SKIP() << "it has no right to sample, and said so at once";
  EXPECT_EQ(answer.absence()[0], Absence::timed_out) << "it samples for longer than that";
}

}  // namespace
}  // namespace unzap
