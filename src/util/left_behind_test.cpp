// SPDX-License-Identifier: Apache-2.0
#include "util/left_behind.hpp"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <stdexcept>
#include <string>

#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr double k_long = 30;

int forever() {
  for (;;) ::pause();
}

/// What the pipe gives until nobody holds its other end.
std::string read_to_end(const Fd& in) {
  std::string out;
  char chunk[256];
  for (ssize_t got = 0; (got = ::read(in.get(), chunk, sizeof chunk)) > 0;)
    out.append(chunk, static_cast<std::size_t>(got));
  return out;
}

TEST(LeftBehind, GivesBackWhatTheWorkReturned) {
  LeftBehind process;
  ASSERT_EQ(process.start({.name = "unzap-test"}, [] { return 7; }), 0);
  EXPECT_TRUE(process.running());
  EXPECT_EQ(process.wait(k_long), 7);
  EXPECT_FALSE(process.running());
}

TEST(LeftBehind, NothingOfOneThatThrowsOrDiesOrDoesNotCome) {
  LeftBehind process;
  ASSERT_EQ(process.start({.name = "unzap-test"}, []() -> int { throw std::runtime_error("x"); }), 0);
  EXPECT_EQ(process.wait(k_long), std::nullopt);
  ASSERT_EQ(process.start({.name = "unzap-test"}, [] { return ::kill(::getpid(), SIGKILL); }), 0);
  EXPECT_EQ(process.wait(k_long), std::nullopt);
  ASSERT_EQ(process.start({.name = "unzap-test"}, forever), 0);
  const pid_t child = process.pid();
  EXPECT_EQ(process.wait(0.02), std::nullopt);
  EXPECT_FALSE(process.running());
  ::waitpid(child, nullptr, 0);  // comes back: it was killed
}

TEST(LeftBehind, KeepsOnlyTheDescriptorThatItIsGiven) {
  Pipe kept = Pipe::open(), other = Pipe::open();
  LeftBehind process;
  const auto work = [] {
    const std::string open = ::fcntl(k_kept_fd + 1, F_GETFD) < 0 ? "none" : "some";
    return ::write(k_kept_fd, open.data(), open.size()) == 4 ? forever() : 1;
  };
  ASSERT_EQ(process.start({.name = "unzap-test", .keep_only = kept.out.get()}, work), 0);
  kept.out.reset();
  other.out.reset();
  EXPECT_EQ(read_to_end(other.in), "") << "comes to its end although the process lives";
  char said[4];
  ASSERT_EQ(::read(kept.in.get(), said, sizeof said), 4);
  EXPECT_EQ(std::string(said, sizeof said), "none");
}

TEST(LeftBehind, DoesNotHoldOurStandardStreams) {
  Pipe pipe = Pipe::open();
  const Fd before(::dup(STDERR_FILENO));
  ::dup2(pipe.out.get(), STDERR_FILENO);
  LeftBehind process;
  const int error = process.start({.name = "unzap-test"}, forever);
  ::dup2(before.get(), STDERR_FILENO);
  ASSERT_EQ(error, 0);
  // It keeps the pipe's own descriptor; of standard error nothing is left.
  const std::string name = "/proc/" + std::to_string(process.pid()) + "/fd/2";
  char target[64] = {};
  for (int tries = 0; tries < 3000 && std::string_view(target) != "/dev/null"; ++tries) {
    ::usleep(1000);
    if (::readlink(name.c_str(), target, sizeof target - 1) < 0) GTEST_SKIP() << "no /proc is mounted here";
  }
  EXPECT_EQ(std::string_view(target), "/dev/null");
}

TEST(LeftBehind, HasItsNameAndTakesSignals) {
  ::signal(SIGPIPE, SIG_IGN);
  LeftBehind process;
  const auto work = [] {
    char name[16] = {};
    ::prctl(PR_GET_NAME, name);
    return std::string_view(name) == "unzap-test" && ::signal(SIGPIPE, SIG_DFL) == SIG_DFL ? 0 : 1;
  };
  ASSERT_EQ(process.start({.name = "unzap-test"}, work), 0);
  EXPECT_EQ(process.wait(k_long), 0);
  ::signal(SIGPIPE, SIG_DFL);
}

TEST(LeftBehind, IsGoneWhenItsOwnerGoes) {
  Pipe pipe = Pipe::open();
  pid_t child = -1;
  {
    LeftBehind process;
    ASSERT_EQ(process.start({.name = "unzap-test", .keep_only = pipe.out.get()}, forever), 0);
    child = process.pid();
    pipe.out.reset();
  }
  EXPECT_EQ(read_to_end(pipe.in), "") << "killed, its end of the pipe is closed";
  ::waitpid(child, nullptr, 0);
}

TEST(LeftBehind, DiesWithTheProcessThatStartedIt) {
  Pipe pipe = Pipe::open();
  const pid_t parent = ::fork();
  if (parent == 0) {
    LeftBehind process;
    (void)process.start({.name = "unzap-test", .keep_only = pipe.out.get()}, [] {
      const bool said = ::write(k_kept_fd, "x", 1) == 1;
      return said ? forever() : 1;
    });
    forever();
  }
  pipe.out.reset();
  char said = 0;
  ASSERT_EQ(::read(pipe.in.get(), &said, 1), 1);
  ::kill(parent, SIGKILL);
  EXPECT_EQ(read_to_end(pipe.in), "");
  ::waitpid(parent, nullptr, 0);
}

}  // namespace
}  // namespace unzap
