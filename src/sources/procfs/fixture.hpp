// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/stat.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <initializer_list>
#include <string>
#include <string_view>

#include <fmt/format.h>

namespace unzap {

/// One entry of a fake procfs. The text of a link is its target; a pipe has no writer, so that opening it
/// blocks.
struct FakeFile {
  enum Kind { file, link, pipe };
  std::string path;
  std::string text;
  Kind kind = file;
};

/// A fake procfs in a folder of its own, written from one list and removed at the end.
class Fixture {
 public:
  Fixture(std::initializer_list<FakeFile> files) {
    std::string name = (std::filesystem::temp_directory_path() / "unzap-procfs-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    add(files);
  }
  ~Fixture() {
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  Fixture(const Fixture&) = delete;
  Fixture& operator=(const Fixture&) = delete;

  void add(std::initializer_list<FakeFile> files) {
    for (const FakeFile& file : files) {
      const std::filesystem::path path = std::filesystem::path(root_) / file.path;
      std::filesystem::create_directories(path.parent_path());
      if (file.kind == FakeFile::link)
        std::filesystem::create_symlink(file.text, path);
      else if (file.kind == FakeFile::pipe)
        ::mkfifo(path.c_str(), 0600);
      else
        std::ofstream(path) << file.text;
    }
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

/// What a stat line of the fixture says; the rest of its fields is 0.
struct FakeStat {
  std::int32_t tid = 1;
  std::string comm = "sh";
  char state = 'S';
  std::int32_t ppid = 0;
  std::uint64_t flags = 0;
  std::uint64_t stime = 0;
  std::uint64_t start = 100;
};

inline std::string stat_text(const FakeStat& stat) {
  std::string out = fmt::format("{} ({}) {} {} 0 0 0 0 {} 0 0 0 0 3 {} 0 0 20 0 1 0 {}", stat.tid, stat.comm,
                                stat.state, stat.ppid, stat.flags, stat.stime, stat.start);
  for (int field = 23; field <= 38; ++field) out += " 0";
  return out + " 1 0 0 0 0 0 0 0 0 0 0 0 0 0\n";
}

}  // namespace unzap
