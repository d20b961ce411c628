// SPDX-License-Identifier: Apache-2.0
#include "util/fd.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

bool is_open(int fd) {
  return ::fcntl(fd, F_GETFD) >= 0;
}

TEST(Fd, ClosesWhatItOwnsAndNothingElse) {
  Pipe pipe = Pipe::open();
  ASSERT_TRUE(pipe);
  const int in = pipe.in.get(), out = pipe.out.get();
  {
    const Fd owner = std::move(pipe.in);
    EXPECT_FALSE(pipe.in);
    EXPECT_TRUE(is_open(in));
  }
  EXPECT_FALSE(is_open(in));
  const int released = pipe.out.release();
  pipe.out.reset();
  EXPECT_TRUE(is_open(out)) << "it was given away";
  pipe.out.reset(released);
  EXPECT_EQ(pipe.out.close(), 0);
  EXPECT_FALSE(is_open(out));
  EXPECT_FALSE(pipe.out);
}

TEST(Fd, MovingIntoAnOwnerClosesWhatItHad) {
  Pipe pipe = Pipe::open();
  const int in = pipe.in.get(), out = pipe.out.get();
  pipe.in = std::move(pipe.out);
  EXPECT_FALSE(is_open(in));
  EXPECT_EQ(pipe.in.get(), out);
}

TEST(Fd, KeepsErrno) {
  Pipe pipe = Pipe::open();
  ASSERT_EQ(::close(pipe.in.get()), 0);
  errno = ENOENT;
  pipe.in.reset();  // fails with EBADF
  EXPECT_EQ(errno, ENOENT);
}

TEST(Fd, CloseSaysWhatWentWrong) {
  Pipe pipe = Pipe::open();
  ASSERT_EQ(::close(pipe.in.get()), 0);
  EXPECT_EQ(pipe.in.close(), EBADF);
}

}  // namespace
}  // namespace unzap
