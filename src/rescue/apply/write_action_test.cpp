// SPDX-License-Identifier: Apache-2.0
// What is asked once more before a file is written, on a host of files.
#include "rescue/apply/write_action.hpp"

#include <gtest/gtest.h>

#include <functional>

#include "sources/procfs/fixture.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

std::string status_text(const char* pending) {
  return fmt::format("Name:\tx\nState:\tS (sleeping)\nTgid:\t7\nPid:\t7\nSigPnd:\t{}\nShdPnd:\t0\n", pending);
}

/// The killed job[70] is in /pod/a, and /pod freezes it. The action thaws /pod.
struct Host {
  Host()
      : files({{"proc/70/stat", stat_text({.tid = 70, .comm = "job", .start = 4070})},
               {"proc/70/status", status_text("0000000000000100")},
               {"proc/70/cgroup", "0::/pod/a\n"},
               {"proc/71/stat", stat_text({.tid = 71, .comm = "web", .start = 4071})},
               {"proc/71/status", status_text("0")},
               {"proc/self/ns/pid", "pid:[4026531836]", FakeFile::link},
               {"cg/pod/cgroup.freeze", "1"},
               {"cg/pod/cgroup.events", "frozen 1\n"},
               {"cg/pod/cgroup.threads", ""},
               {"cg/pod/a/cgroup.freeze", "0\n"},
               {"cg/pod/a/cgroup.events", "frozen 1\n"},
               {"cg/pod/a/cgroup.threads", "70\n"}}) {
    Reader reader(places().proc, {}, {});
    const FreezerView view = look_at_freezer(reader, {70, 4070}, places());
    action.kind = ActionKind::write_file;
    action.file = files.root() + "/cg/pod/cgroup.freeze";
    action.value = "0";
    action.guard = WriteGuard{{{70, 4070}, 70, "job"}, view.freezing.at(0).id, std::nullopt, {}, false};
  }
  HostPlaces places() const { return {files.root() + "/proc", files.root() + "/cg", files.root() + "/fuse"}; }
  std::string text() const { return read_file(action.file, 64)->text; }

  Fixture files;
  Action action;
};

TEST(WriteGuarded, WritesWhereAllIsAsItWas) {
  Host host;
  const Written written = write_guarded(host.action, host.places());
  EXPECT_EQ(written.result, Written::Result::done) << written.why;
  EXPECT_EQ(host.text(), "0");
}

/// Something has changed since the plan was made: nothing is written.
struct ChangeRow {
  const char* name;
  std::function<void(Host&)> change;
  const char* says;
};

const ChangeRow k_changes[] = {
    {"ThawedByItself",
     [](Host& h) {
       h.files.add({{"cg/pod/cgroup.freeze", "0"}});
     },
     "no cgroup that freezes"},
    {"FrozenInsideAsWell",
     [](Host& h) {
       h.files.add({{"cg/pod/a/cgroup.freeze", "1"}});
     },
     "but by /pod/a"},
    {"AnotherCameIn",
     [](Host& h) {
       h.files.add({{"cg/pod/a/cgroup.threads", "70\n71\n"}});
     },
     "web[71] would run"},
    {"ItMoved",
     [](Host& h) {
       h.files.add({{"proc/70/cgroup", "0::/other\n"}});
     },
     "no cgroup that freezes"},
    {"AnotherHasItsNumber",
     [](Host& h) {
       h.files.add({{"proc/70/stat", stat_text({.tid = 70, .comm = "new", .start = 5})}});
     },
     "is gone"},
    {"AnotherFolderHasTheName",
     [](Host& h) {
       const std::string pod = h.files.root() + "/cg/pod";
       std::filesystem::rename(pod, pod + ".old");
       std::filesystem::copy(pod + ".old", pod, std::filesystem::copy_options::recursive);
     },
     "another folder has its name"},
    {"ALinkHasTheName",
     [](Host& h) {
       const std::string pod = h.files.root() + "/cg/pod";
       std::filesystem::rename(pod, pod + ".old");
       std::filesystem::create_symlink(pod + ".old", pod);
     },
     "another folder has its name"},
    {"NoGuard", [](Host& h) { h.action.guard.reset(); }, "does not say"},
};

TEST(WriteGuarded, RefusesWhatHasChanged) {
  for (const ChangeRow& row : k_changes) {
    SCOPED_TRACE(row.name);
    Host host;
    row.change(host);
    const std::string before = host.text();
    const Written written = write_guarded(host.action, host.places());
    EXPECT_EQ(written.result, Written::Result::refused);
    EXPECT_NE(written.why.find(row.says), std::string::npos) << written.why;
    EXPECT_EQ(host.text(), before);
  }
}

TEST(WriteGuarded, DoesNotWriteThroughALink) {
  Host host;
  const std::string file = host.action.file;
  std::filesystem::rename(file, file + ".target");
  std::filesystem::create_symlink(file + ".target", file);
  const Written written = write_guarded(host.action, host.places());
  EXPECT_EQ(written.result, Written::Result::failed) << written.why;
  EXPECT_EQ(host.text(), "1");
}

}  // namespace
}  // namespace unzap
