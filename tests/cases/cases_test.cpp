// SPDX-License-Identifier: Apache-2.0
// tests/cases/<name>/{capture.txt,expect.txt}: text in, diagnosis out. Adding a case needs no code.
// capture.unzap in the place of capture.txt: a bundle of unzap record, as text (zstd -dc) or compressed.
//
// expect.txt, one statement a line, '#' begins a comment:
//   VERDICT word             the verdict
//   FINDING cause confidence a finding; the first such line names the one that must rank first
//   CULPRIT pid [comm]       culprit of the finding above, by tid or pid
//   VICTIM tid               one of its victims
//   SILENT cause             no finding of this cause
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <sstream>
#include <string>
#include <vector>

#include "diagnosis/catalogue.hpp"
#include "diagnosis/diagnose.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/text/text_source.hpp"

namespace unzap {
namespace {

namespace fs = std::filesystem;

std::string read(const fs::path& path) {
  std::ifstream in(path);
  EXPECT_TRUE(in) << path;
  std::stringstream text;
  text << in.rdbuf();
  return text.str();
}

const Finding* find(const Diagnosis& diagnosis, const std::string& cause) {
  for (const Finding& finding : diagnosis.findings)
    if (name(finding.cause) == cause) return &finding;
  return nullptr;
}

bool is(const Party& party, std::int32_t number) {
  return party.tid == number || party.pid == number;
}

/// Checks one statement; `about` is the finding that CULPRIT and VICTIM speak of.
void check(const std::string& line, const Diagnosis& diagnosis, const Finding*& about, bool& first) {
  std::istringstream words(line);
  std::string verb, word, rest;
  words >> verb >> word;
  std::getline(words >> std::ws, rest);
  if (verb == "VERDICT") {
    EXPECT_EQ(name(diagnosis.verdict), word);
  } else if (verb == "FINDING") {
    about = find(diagnosis, word);
    ASSERT_NE(about, nullptr) << "no such finding";
    EXPECT_EQ(name(about->confidence), rest);
    if (first) {
      EXPECT_EQ(about, &diagnosis.findings.front()) << "first is " << name(diagnosis.findings.front().cause);
    }
    first = false;
  } else if (verb == "CULPRIT") {
    ASSERT_TRUE(about != nullptr && about->culprit);
    EXPECT_TRUE(is(*about->culprit, std::stoi(word))) << "culprit is " << about->culprit->comm;
    if (!rest.empty()) {
      EXPECT_EQ(about->culprit->comm, rest);
    }
  } else if (verb == "VICTIM") {
    ASSERT_NE(about, nullptr);
    const std::int32_t tid = std::stoi(word);
    EXPECT_TRUE(std::any_of(about->victims.begin(), about->victims.end(),
                            [&](const Party& party) { return party.tid == tid; }));
  } else if (verb == "SILENT") {
    EXPECT_TRUE(cause_named(word)) << "no such cause: the line could never fail";
    EXPECT_EQ(find(diagnosis, word), nullptr);
  } else {
    ADD_FAILURE() << "unknown statement";
  }
}

/// A task either runs or waits, and it waits in one place: two findings that are sure of themselves do not
/// say different things of the same one.
void expect_no_contradiction(const Diagnosis& diagnosis) {
  const std::set<CauseId> running = {CauseId::reaper_busy_loop, CauseId::reaper_second_loop_spin,
                                     CauseId::soft_lockup};
  const std::set<CauseId> nothing_seen = {CauseId::members_not_visible, CauseId::uninterruptible_member,
                                          CauseId::hung_task};
  for (const Finding& a : diagnosis.findings)
    for (const Finding& b : diagnosis.findings) {
      if (&a >= &b || std::min(a.confidence, b.confidence) < Confidence::likely) continue;
      const std::string both = std::string(name(a.cause)) + " and " + std::string(name(b.cause));
      EXPECT_FALSE(nothing_seen.contains(a.cause) && nothing_seen.contains(b.cause)) << both;
      if (!a.culprit || !b.culprit || !a.culprit->tid || a.culprit->tid != b.culprit->tid) continue;
      EXPECT_EQ(running.contains(a.cause), running.contains(b.cause)) << both << " of " << *a.culprit->tid;
      EXPECT_FALSE(nothing_seen.contains(a.cause) || nothing_seen.contains(b.cause))
          << both << " of " << *a.culprit->tid;
    }
}

/// The snapshot of a case: what was pasted, or what unzap record took along.
Snapshot snapshot_of(const fs::path& folder) {
  if (!fs::exists(folder / "capture.unzap")) return read_text(read(folder / "capture.txt"), "capture.txt");
  Result<Snapshot> snapshot = read_bundle(read(folder / "capture.unzap"), "capture.unzap");
  EXPECT_TRUE(snapshot) << snapshot.error().text();
  return snapshot ? std::move(*snapshot) : Snapshot{};
}

/// A reboot takes the evidence with it: what to do before stands before it.
void expect_advice_before_reboot(const Diagnosis& diagnosis) {
  for (const Finding& finding : diagnosis.findings) {
    std::set<std::string> before;
    for (const Remedy& remedy : finding.remedies) {
      if (remedy.id == "reboot") {
        EXPECT_TRUE(before.contains("cordon") && before.contains("save-evidence")) << name(finding.cause);
      }
      before.insert(remedy.id);
    }
  }
}

TEST(Cases, EachSaysWhatItExpects) {
  std::vector<fs::path> cases;
  for (const auto& entry : fs::directory_iterator(fs::path(UNZAP_SOURCE_DIR) / "tests/cases"))
    if (entry.is_directory()) cases.push_back(entry.path());
  ASSERT_GE(cases.size(), 5u);
  for (const fs::path& path : cases) {
    SCOPED_TRACE(path.filename().string());
    const Diagnosis diagnosis = diagnose(snapshot_of(path));
    expect_no_contradiction(diagnosis);
    expect_advice_before_reboot(diagnosis);
    std::istringstream lines(read(path / "expect.txt"));
    const Finding* about = nullptr;
    bool first = true;
    int statements = 0;
    for (std::string line; std::getline(lines, line);) {
      if (line.empty() || line[0] == '#') continue;
      SCOPED_TRACE(line);
      ++statements;
      check(line, diagnosis, about, first);
    }
    EXPECT_GT(statements, 1);
  }
}

}  // namespace
}  // namespace unzap
