// SPDX-License-Identifier: Apache-2.0
#include "util/read_file.hpp"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>

namespace unzap {
namespace {

std::string write_temp(const std::string& name, const std::string& text) {
  const std::string path = testing::TempDir() + name;
  std::ofstream(path) << text;
  return path;
}

TEST(ReadFile, StopsAtTheLimitAndSaysSo) {
  const std::string path = write_temp("unzap_read_file", "0123456789");
  auto whole = read_file(path, 10);
  ASSERT_TRUE(whole);
  EXPECT_EQ(whole->text, "0123456789");
  EXPECT_FALSE(whole->cut);
  auto part = read_file(path, 9);
  ASSERT_TRUE(part);
  EXPECT_EQ(part->text, "012345678");
  EXPECT_TRUE(part->cut);
}

TEST(ReadFile, NamesWhatIsWrong) {
  EXPECT_EQ(read_file("/nonexistent/file", 10).error().kind, ErrorKind::no_input);
  EXPECT_EQ(read_file("/", 10).error().message, "is a folder, not a file");
}

}  // namespace
}  // namespace unzap
