// SPDX-License-Identifier: Apache-2.0
#include "util/write_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>

#include "util/read_file.hpp"

namespace unzap {
namespace {

namespace fs = std::filesystem;

class WriteFile : public testing::Test {
 protected:
  void SetUp() override {
    std::string name = (fs::temp_directory_path() / "unzap-write-XXXXXX").string();
    folder_ = ::mkdtemp(name.data());
  }
  void TearDown() override { fs::remove_all(folder_); }
  std::string path(const char* name) const { return (folder_ / name).string(); }
  std::string text(const char* name) const {
    const auto file = read_file(path(name), 1 << 20);
    return file ? file->text : file.error().text();
  }
  std::ptrdiff_t files() const {
    return std::distance(fs::directory_iterator(folder_), fs::directory_iterator());
  }

  fs::path folder_;
};

TEST_F(WriteFile, IsWrittenAsAWholeAndOverwrittenOnlyWhenAsked) {
  EXPECT_FALSE(write_file(path("a"), "one", false));
  const auto refused = write_file(path("a"), "two", false);
  ASSERT_TRUE(refused);
  EXPECT_EQ(refused->kind, ErrorKind::usage);
  EXPECT_NE(refused->text().find("--force"), std::string::npos);
  EXPECT_EQ(text("a"), "one");
  EXPECT_FALSE(write_file(path("a"), "three", true));
  EXPECT_EQ(text("a"), "three");
  EXPECT_EQ(files(), 1) << "nothing is left next to it";
}

TEST_F(WriteFile, WhatIsNoFileStays) {
  ASSERT_EQ(::mkfifo(path("pipe").c_str(), 0600), 0);
  fs::create_symlink("elsewhere", folder_ / "link");
  for (const std::string& place : {path("pipe"), path("link"), folder_.string(), std::string("/dev/null")}) {
    const auto refused = write_file(place, "x", true);
    ASSERT_TRUE(refused) << place;
    EXPECT_EQ(refused->kind, ErrorKind::usage) << refused->text();
  }
  EXPECT_EQ(files(), 2);
}

TEST_F(WriteFile, SaysWhatIsMissing) {
  EXPECT_EQ(write_file(path("no/such"), "x", false)->kind, ErrorKind::no_input);
  EXPECT_EQ(cannot_write_file(path("no/such"), false)->place, path("no"));
  EXPECT_FALSE(cannot_write_file(path("new"), false));
  EXPECT_EQ(files(), 0) << "asking leaves nothing behind";
}

}  // namespace
}  // namespace unzap
