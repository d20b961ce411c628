// SPDX-License-Identifier: Apache-2.0
// Through a bundle, the diagnosis is the same; with names masked, it names the same causes and tasks.
#include <gtest/gtest.h>
#include <unistd.h>

#include <filesystem>

#include "diagnosis/diagnose.hpp"
#include "report/diagnosis/report.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/bundle/redact.hpp"
#include "sources/bundle/testing.hpp"
#include "sources/procfs/procfs_source.hpp"
#include "sources/text/text_source.hpp"
#include "util/read_file.hpp"

namespace unzap {
namespace {

std::string json_of(const Snapshot& snapshot) {
  return to_json(diagnose(snapshot), snapshot);
}

std::vector<std::string> causes_of(const Snapshot& snapshot) {
  std::vector<std::string> out;
  for (const Finding& finding : diagnose(snapshot).findings) {
    const std::int32_t culprit = finding.culprit ? finding.culprit->tid.value_or(-1) : 0;
    out.push_back(std::string(name(finding.cause)) + " " + std::string(name(finding.confidence)) + " " +
                  std::to_string(culprit));
  }
  return out;
}

void expect_same_answer(const Snapshot& snapshot) {
  const auto bytes = write_bundle(snapshot, {});
  ASSERT_TRUE(bytes) << bytes.error().text();
  const auto recorded = read_bundle(*bytes, "node.unzap");
  ASSERT_TRUE(recorded) << recorded.error().text();
  EXPECT_EQ(json_of(*recorded), json_of(snapshot));

  const auto masked = read_bundle(*write_bundle(redacted(snapshot), {}), "node.unzap");
  ASSERT_TRUE(masked) << masked.error().text();
  EXPECT_EQ(causes_of(*masked), causes_of(snapshot));
}

TEST(SameAnswer, OfThisHost) {
  if (::access("/proc/self/stat", R_OK) != 0) GTEST_SKIP() << "no /proc is mounted here";
  const auto snapshot = read_procfs({.sample_seconds = 0.05});
  ASSERT_TRUE(snapshot) << snapshot.error().text();
  expect_same_answer(*snapshot);
}

TEST(SameAnswer, OfTheCases) {
  std::size_t cases = 0;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/tests/cases")) {
    if (!entry.is_directory()) continue;
    SCOPED_TRACE(entry.path().filename());
    expect_same_answer(case_in(entry.path()));
    ++cases;
  }
  EXPECT_GE(cases, 5U);
}

}  // namespace
}  // namespace unzap
