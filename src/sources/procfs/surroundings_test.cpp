// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/surroundings.hpp"

#include <gtest/gtest.h>

#include <algorithm>

#include "sources/procfs/fixture.hpp"

namespace unzap {
namespace {

/// /pod is frozen and /pod/a with it, in both hierarchies.
Fixture frozen_pod() {
  return Fixture({{"pod/cgroup.freeze", "1\n"},
                  {"pod/cgroup.events", "populated 1\nfrozen 1\n"},
                  {"pod/a/cgroup.freeze", "0\n"},
                  {"pod/a/cgroup.events", "populated 1\nfrozen 1\n"},
                  {"freezer/pod/freezer.state", "FROZEN\n"},
                  {"freezer/pod/freezer.self_freezing", "1\n"},
                  {"freezer/pod/a/freezer.state", "FROZEN\n"},
                  {"freezer/pod/a/freezer.self_freezing", "0\n"}});
}

std::vector<CgroupState> read(const Fixture& host, const std::map<std::string, CgroupPaths>& cgroups) {
  Reader reader(host.root(), {}, {});
  auto out = read_freezers(reader, cgroups, host.root());
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) {
    return a.version != b.version ? a.version < b.version : a.path < b.path;
  });
  return out;
}

TEST(ReadFreezers, TellsWhichCgroupAboveFreezes) {
  const Fixture host = frozen_pod();
  const auto states = read(host, {{"/pod/a", {"/pod/a", "/pod/a", ""}}});
  ASSERT_EQ(states.size(), 4U);
  for (const CgroupState& state : states) {
    SCOPED_TRACE(state.where);
    EXPECT_EQ(state.frozen, Reading<bool>(true));
    EXPECT_EQ(state.self_freezing, Reading<bool>(state.path == "/pod"));
  }
  EXPECT_EQ(folder_of(states[0]), host.root() + "/freezer/pod");
}

TEST(ReadFreezers, ReadsWhatIsAboveSeveralOnce) {
  const Fixture host = frozen_pod();
  const auto states = read(host, {{"/pod/a", {"/pod/a", "", ""}}, {"/pod", {"/pod", "", ""}}});
  EXPECT_EQ(states.size(), 2U);
}

TEST(ReadFreezers, SaysNothingOfOnePathInTheWordsOfAnotherHierarchy) {
  const Fixture host = frozen_pod();
  // Tasks that carry "/pod" for their place in v2 are elsewhere in v1.
  const auto states = read(host, {{"/pod/a", {"/", "/pod/a", ""}}, {"/pod", {"/pod", "/else", ""}}});
  for (const CgroupState& state : states)
    if (state.path == "/pod") {
      EXPECT_EQ(state.version, 2) << state.where;
    }
}

}  // namespace
}  // namespace unzap
