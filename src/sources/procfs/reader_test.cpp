// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/reader.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <set>

#include "sources/procfs/fixture.hpp"
#include "sources/procfs/threads.hpp"

namespace unzap {
namespace {

constexpr ReadLimits k_quick{.read_seconds = 0.2, .total_seconds = 5, .lanes = 2};

/// Process `tgid` with these threads; the stat of those in `blocked` never comes.
void add_process(Fixture& fixture, std::int32_t tgid, std::initializer_list<std::int32_t> tids,
                 std::initializer_list<std::int32_t> blocked = {}) {
  for (const std::int32_t tid : tids)
    fixture.add({{fmt::format("{}/task/{}/stat", tgid, tid), stat_text({.tid = tid})}});
  for (const std::int32_t tid : blocked)
    fixture.add({{fmt::format("{}/task/{}/stat", tgid, tid), "", FakeFile::pipe}});
}

std::string listed(const Snapshot& snapshot) {
  std::string out;
  for (const Task& task : snapshot.tasks)
    out += fmt::format("{}{}/{}", out.empty() ? "" : " ", *task.tgid, *task.tid);
  return out;
}

TEST(Reader, AnswersOfManyGroupsComeToTheirPlaces) {
  Fixture fixture{};
  std::vector<ReadGroup> groups;
  for (int i = 0; i < 100; ++i) {
    fixture.add(
        {{fmt::format("{}/a", i), fmt::format("a{}", i)}, {fmt::format("{}/b", i), fmt::format("b{}", i)}});
    groups.push_back(
        {std::to_string(i), {{ReadKind::file, "a"}, {ReadKind::file, "none"}, {ReadKind::file, "b"}}});
  }
  groups.push_back({"no such folder", {{ReadKind::file, "a"}, {ReadKind::file, "b"}}});
  groups.push_back({"1", {}});
  groups.push_back({"2", {{ReadKind::file, "b"}}});
  Reader reader(fixture.root(), k_quick, {});
  const auto results = reader.run(groups, "test");
  for (std::size_t i = 0; i < 100; ++i) {
    ASSERT_EQ(results[i].size(), 3U);
    EXPECT_EQ(results[i][0].text, fmt::format("a{}", i));
    EXPECT_EQ(results[i][1].text, Absence::gone);
    EXPECT_EQ(results[i][2].text, fmt::format("b{}", i));
  }
  EXPECT_EQ(results[100][0].text, Absence::gone);
  EXPECT_EQ(results[100][1].text, Absence::gone);
  EXPECT_TRUE(results[101].empty());
  EXPECT_EQ(results[102][0].text, std::string("b2"));
  EXPECT_EQ(reader.abandoned(), 0);
}

TEST(Reader, WhatWasReadBeforeTheOneThatBlocksIsNotLost) {
  // Answers travel together: those of "a" and "b" are still in the helper when "pipe" blocks it.
  Fixture fixture{{"1/a", "a"}, {"1/b", "b"}, {"1/pipe", "", FakeFile::pipe}, {"1/c", "c"}, {"2/d", "d"}};
  const std::vector<ReadGroup> groups{
      {"missing", {{ReadKind::file, "x"}, {ReadKind::file, "y"}}},
      {"1", {{ReadKind::file, "a"}, {ReadKind::file, "b"}, {ReadKind::file, "pipe"}, {ReadKind::file, "c"}}},
      {"2", {{ReadKind::file, "d"}}}};
  Reader reader(fixture.root(), k_quick, {});
  const auto results = reader.run(groups, "test");
  EXPECT_EQ(results[0][1].text, Absence::gone);
  EXPECT_EQ(results[1][0].text, std::string("a"));
  EXPECT_EQ(results[1][1].text, std::string("b"));
  EXPECT_EQ(results[1][2].text, Absence::timed_out);
  EXPECT_EQ(results[1][2].blocked_file, "pipe");
  EXPECT_EQ(results[1][3].text, Absence::timed_out) << "of the same task";
  EXPECT_EQ(results[1][3].blocked_file, "pipe");
  EXPECT_EQ(results[1][1].blocked_file, "");
  EXPECT_EQ(results[2][0].text, std::string("d"));
  EXPECT_EQ(reader.timed_out(), (std::map<std::string, int>{{"pipe", 1}}));
}

TEST(Reader, WhatBlockedIsAskedAgainOnceItsHelperIsGone) {
  Fixture fixture{{"1/pipe", "", FakeFile::pipe}, {"1/b", "b"}};
  const std::vector<ReadGroup> groups{{"1", {{ReadKind::file, "b"}, {ReadKind::file, "pipe"}}}};
  for (int look = 0; look < 3; ++look) {
    Reader reader(fixture.root(), k_quick, {});
    const auto results = reader.run(groups, "test");
    EXPECT_EQ(results[0][0].text, std::string("b"));
    EXPECT_EQ(results[0][1].text, Absence::timed_out);
    EXPECT_EQ(reader.abandoned(), 1) << "gone by the next look, so that it is asked anew";
  }
}

TEST(Reader, ManyThatBlockCostAboutOneAndLetTheOthersBeRead) {
  Fixture fixture{};
  std::vector<ReadGroup> groups;
  for (int i = 0; i < 300; ++i) {
    const bool blocks = i % 3 != 0;
    fixture.add({{fmt::format("{}/stack", i), "s", blocks ? FakeFile::pipe : FakeFile::file}});
    groups.push_back({std::to_string(i), {{ReadKind::file, "stack"}}});
  }
  ReadLimits limits;
  limits.total_seconds = 60;
  limits.lanes = 2;
  Reader reader(fixture.root(), limits, {});
  const double start = monotonic_seconds();
  const auto results = reader.run(groups, "test");
  EXPECT_LT(monotonic_seconds() - start, 15) << "200 times a second would be too long";
  for (std::size_t i = 0; i < groups.size(); ++i)
    EXPECT_EQ(results[i][0].text, i % 3 != 0 ? Reading<std::string>(Absence::timed_out) : std::string("s"))
        << i;
  EXPECT_EQ(reader.timed_out(), (std::map<std::string, int>{{"stack", 200}}));
  const auto again =
      reader.run({{"1", {{ReadKind::file, "stat"}}}, {"0", {{ReadKind::file, "stat"}}}}, "test");
  EXPECT_EQ(again[0][0].text, Absence::timed_out) << "of a task that blocks nothing is asked for";
  EXPECT_EQ(again[1][0].text, Absence::gone);
}

TEST(Threads, InTheOrderOfTheProcesses) {
  Fixture fixture{};
  std::vector<std::int32_t> tgids;
  std::string expected;
  for (std::int32_t tgid = 100; tgid < 160; ++tgid) {
    add_process(fixture, tgid, {tgid});
    tgids.push_back(tgid);
    expected += fmt::format("{}{}/{}", expected.empty() ? "" : " ", tgid, tgid);
  }
  Reader reader(fixture.root(), k_quick, {});
  Snapshot snapshot;
  EXPECT_TRUE(read_threads(reader, fixture.root(), tgids, snapshot));
  EXPECT_EQ(listed(snapshot), expected);
  for (const Task& task : snapshot.tasks) {
    ASSERT_EQ(task.samples.size(), 1U);
    EXPECT_GT(task.samples[0].at_seconds, 0);
  }
}

TEST(Threads, OneThatBlocksTakesNoOtherWithIt) {
  Fixture fixture{};
  add_process(fixture, 40, {40, 41, 43}, {42});
  add_process(fixture, 50, {50, 51});
  Reader reader(fixture.root(), k_quick, {});
  Snapshot snapshot;
  EXPECT_FALSE(read_threads(reader, fixture.root(), {40, 50, 60}, snapshot));
  std::vector<std::string> known;
  for (const Task& task : snapshot.tasks) {
    const bool blocked = task.tid.is(42);
    EXPECT_EQ(task.state, blocked ? Reading<char>(Absence::timed_out) : Reading<char>('S')) << *task.tid;
    known.push_back(fmt::format("{}/{}", *task.tgid, *task.tid));
  }
  std::sort(known.begin(), known.end());
  EXPECT_EQ(known, (std::vector<std::string>{"40/40", "40/41", "40/42", "40/43", "50/50", "50/51"}));
  EXPECT_EQ(reader.timed_out(), (std::map<std::string, int>{{"stat", 1}}));
}

/// A process with more threads than one helper reads at once. The last one that its folder lists is returned.
std::int32_t add_large_process(Fixture& fixture, std::int32_t tgid, std::int32_t count) {
  for (std::int32_t tid = tgid; tid < tgid + count; ++tid) add_process(fixture, tgid, {tid});
  std::int32_t last = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(fmt::format("{}/{}/task", fixture.root(), tgid)))
    last = std::stoi(entry.path().filename().string());
  return last;
}

constexpr std::int32_t k_large = static_cast<std::int32_t>(k_threads_at_once) + 280;

TEST(Threads, ALargeProcessIsSharedOut) {
  Fixture fixture{};
  add_large_process(fixture, 1000, k_large);
  add_process(fixture, 50, {50});
  Reader reader(fixture.root(), k_quick, {});
  Snapshot snapshot;
  EXPECT_TRUE(read_threads(reader, fixture.root(), {1000, 50}, snapshot));
  std::set<std::int32_t> tids;
  for (const Task& task : snapshot.tasks) {
    EXPECT_EQ(task.state, 'S') << *task.tid;
    EXPECT_EQ(task.tgid, *task.tid == 50 ? 50 : 1000);
    tids.insert(*task.tid);
  }
  EXPECT_EQ(tids.size(), static_cast<std::size_t>(k_large) + 1);
  EXPECT_EQ(snapshot.tasks.size(), tids.size()) << "each of them once";
}

TEST(Threads, OneOfALargeProcessThatBlocksTakesNoOtherWithIt) {
  Fixture fixture{};
  const std::int32_t blocked = add_large_process(fixture, 1000, k_large);
  const std::string stat = fmt::format("1000/task/{}/stat", blocked);
  std::filesystem::remove(fixture.root() + "/" + stat);
  fixture.add({{stat, "", FakeFile::pipe}});
  Reader reader(fixture.root(), k_quick, {});
  Snapshot snapshot;
  EXPECT_FALSE(read_threads(reader, fixture.root(), {1000}, snapshot));
  EXPECT_EQ(snapshot.tasks.size(), static_cast<std::size_t>(k_large));
  for (const Task& task : snapshot.tasks)
    EXPECT_EQ(task.state, task.tid.is(blocked) ? Reading<char>(Absence::timed_out) : Reading<char>('S'))
        << *task.tid;
  EXPECT_EQ(reader.timed_out(), (std::map<std::string, int>{{"stat", 1}}));
}

TEST(Reader, ListsFoldersAndTellsWhatIsWhat) {
  const Fixture proc({{"a/x", ""}, {"b/x", ""}, {"c", ""}, {"l", "a", FakeFile::link}});
  Reader reader(proc.root(), {}, {});
  const auto results = reader.run(
      {{".", {{ReadKind::folders, "."}, {ReadKind::identity, "a"}, {ReadKind::identity, "none"}}}}, "");
  const std::string folders = *results[0][0].text;
  EXPECT_TRUE(folders == "a\nb\n" || folders == "b\na\n") << folders;
  struct stat a {};
  ASSERT_EQ(::stat((proc.root() + "/a").c_str(), &a), 0);
  EXPECT_EQ(*results[0][1].text, fmt::format("{} {}", a.st_dev, a.st_ino));
  EXPECT_EQ(*results[0][2].text.absence(), Absence::gone);
}

}  // namespace
}  // namespace unzap
