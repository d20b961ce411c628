// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/ancestry.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "sources/procfs/fixture.hpp"

namespace unzap {
namespace {

using Chain = std::vector<std::uint64_t>;

TEST(Ancestry, Parsed) {
  struct Row {
    const char* name;
    const char* text;
    std::uint64_t inode;  ///< 0: refused
    Reading<Chain> chain;
  };
  const Row rows[] = {{"whole", "12\n11\n10\n", 12, Chain{12, 11, 10}},
                      {"the reader's own", "10\n", 10, Chain{10}},
                      {"cut", "12\n11\n?", 12, Absence::not_permitted},
                      {"the link of a copy", "pid:[77]", 77, Absence::not_asked},
                      {"empty", "", 0, {}},
                      {"no number", "12\nx\n", 0, {}},
                      {"only the mark", "?", 0, {}}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const auto found = parse_ancestry(row.text);
    ASSERT_EQ(found.has_value(), row.inode != 0);
    if (!found) continue;
    EXPECT_EQ(found->inode, row.inode);
    EXPECT_EQ(found->chain, row.chain);
  }
}

std::uint64_t own_inode() {
  struct stat info {};
  return ::stat("/proc/self/ns/pid", &info) == 0 ? info.st_ino : 0;
}

TEST(Ancestry, OfThisProcessIsItsOwnNamespace) {
  const std::uint64_t own = own_inode();
  if (own == 0) GTEST_SKIP() << "no /proc";
  const int self = ::open("/proc/self", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT_EQ(read_ancestry(self, "ns/pid", own).text, fmt::format("{}\n", own));
  EXPECT_EQ(read_ancestry(self, "ns/pid", own + 1).text, fmt::format("{}\n?", own))
      << "a walk that ends elsewhere proves nothing";
  EXPECT_EQ(read_ancestry(self, "ns/none", own).error, ENOENT);
  ::close(self);
}

TEST(Ancestry, OfAChildTwoLevelsDown) {
  if (own_inode() == 0) GTEST_SKIP() << "no /proc";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
    const pid_t inner = ::fork();
    if (inner == 0) {
      ::prctl(PR_SET_PDEATHSIG, SIGKILL);
      if (::unshare(CLONE_NEWPID) != 0) ::_exit(1);
      const pid_t innermost = ::fork();
      if (innermost == 0) {
        ::prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (::write(ready[1], "x", 1) != 1) ::_exit(1);
        ::pause();
      }
      ::waitpid(innermost, nullptr, 0);
      ::_exit(0);
    }
    ::close(ready[1]);
    // Whoever unshares is not in the new namespace: the child's own is still ours.
    ::waitpid(inner, nullptr, 0);
    ::_exit(0);
  }
  ::close(ready[1]);
  char byte = 0;
  const bool made = ::read(ready[0], &byte, 1) == 1;
  ::close(ready[0]);
  if (made) {
    const int outer = ::open(fmt::format("/proc/{0}", child).c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    EXPECT_EQ(read_ancestry(outer, "ns/pid", own_inode()).text, fmt::format("{}\n", own_inode()));
    const AncestryText below = read_ancestry(outer, "ns/pid_for_children", own_inode());
    const auto found = parse_ancestry(below.text);
    ASSERT_TRUE(found) << below.text;
    ASSERT_TRUE(found->chain);
    ASSERT_EQ(found->chain->size(), 2U) << below.text;
    EXPECT_EQ(found->chain->front(), found->inode);
    EXPECT_EQ(found->chain->back(), own_inode());
    ::close(outer);
  }
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  if (!made) GTEST_SKIP() << "no pid namespace can be made here";
}

TEST(Ancestry, OfACopyOfAProcfsIsWhereTheLinkPoints) {
  Fixture fixture{{"ns/pid", "pid:[4026532001]", FakeFile::link}, {"ns/pipe", "", FakeFile::pipe}};
  const int folder = ::open(fixture.root().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
  EXPECT_EQ(read_ancestry(folder, "ns/pid", 5).text, "pid:[4026532001]");
  EXPECT_EQ(read_ancestry(folder, "ns/pipe", 5).error, EINVAL) << "no link, no namespace, and no wait";
  ::close(folder);
}

}  // namespace
}  // namespace unzap
