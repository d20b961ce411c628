// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/details.hpp"

#include <gtest/gtest.h>

namespace unzap {
namespace {

/// The answers of a task of which nothing but its cgroups is told.
std::vector<ReadResult> answers(const std::string& cgroup) {
  std::vector<ReadResult> out(detail_items().size());
  for (std::size_t i = 0; i < out.size(); ++i)
    if (detail_items()[i].path == "cgroup") out[i].text = cgroup;
  return out;
}

TEST(ApplyDetails, TasksOfOnePathWithFreezersOfTheirOwnAreToldApart) {
  std::map<std::string, CgroupPaths> cgroups;
  std::vector<Problem> problems;
  Gaps gaps;
  Task runtime, frozen, third;
  apply_details(answers("6:freezer:/\n0::/system.slice/containerd.service\n"), runtime, gaps, cgroups,
                problems);
  apply_details(answers("6:freezer:/pod1\n0::/system.slice/containerd.service\n"), frozen, gaps, cgroups,
                problems);
  apply_details(answers("6:freezer:/pod1\n0::/system.slice/containerd.service\n"), third, gaps, cgroups,
                problems);
  EXPECT_TRUE(runtime.cgroup.is("/system.slice/containerd.service"));
  EXPECT_TRUE(frozen.cgroup.is("/pod1"));
  EXPECT_TRUE(third.cgroup.is("/pod1"));
  ASSERT_TRUE(cgroups.contains("/pod1"));
  EXPECT_EQ(cgroups.at("/pod1").freezer, "/pod1");
}

}  // namespace
}  // namespace unzap
