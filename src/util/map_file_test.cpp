// SPDX-License-Identifier: Apache-2.0
#include "util/map_file.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

namespace unzap {
namespace {

std::string text_of_file(const MappedFile& file) {
  return {reinterpret_cast<const char*>(file.bytes().data()), file.bytes().size()};
}

struct Folder {
  Folder() {
    std::string name = (std::filesystem::temp_directory_path() / "unzap-map-XXXXXX").string();
    path = ::mkdtemp(name.data());
  }
  ~Folder() { std::filesystem::remove_all(path); }
  std::string path;
};

TEST(MappedFile, holds_a_regular_file_and_survives_a_move) {
  const Folder folder;
  std::ofstream(folder.path + "/a") << "abc";
  Result<MappedFile> file = MappedFile::open(folder.path + "/a", 1);
  ASSERT_TRUE(file);
  const MappedFile moved = std::move(*file);
  EXPECT_EQ(text_of_file(moved), "abc");
}

TEST(MappedFile, an_empty_file_is_empty) {
  const Folder folder;
  std::ofstream(folder.path + "/a") << "";
  const Result<MappedFile> file = MappedFile::open(folder.path + "/a", 1);
  ASSERT_TRUE(file);
  EXPECT_TRUE(file->bytes().empty());
}

TEST(MappedFile, reads_a_pipe_up_to_its_limit) {
  if (::access("/proc/self/fd", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  for (const std::size_t limit : {std::size_t{10}, std::size_t{2}}) {
    // Written and closed before it is read: nobody waits for anybody.
    int ends[2];
    ASSERT_EQ(::pipe(ends), 0);
    ASSERT_EQ(::write(ends[1], "abc", 3), 3);
    ::close(ends[1]);
    const Result<MappedFile> file = MappedFile::open("/proc/self/fd/" + std::to_string(ends[0]), limit);
    ::close(ends[0]);
    ASSERT_EQ(static_cast<bool>(file), limit == 10);
    if (limit == 10) {
      EXPECT_EQ(text_of_file(*file), "abc");
    } else {
      EXPECT_EQ(file.error().kind, ErrorKind::bad_data);
    }
  }
}

TEST(MappedFile, says_what_is_missing) {
  const Result<MappedFile> file = MappedFile::open("/nowhere/at/all", 1);
  ASSERT_FALSE(file);
  EXPECT_EQ(file.error().kind, ErrorKind::no_input);
}

}  // namespace
}  // namespace unzap
