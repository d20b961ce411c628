// SPDX-License-Identifier: Apache-2.0
#include <gtest/gtest.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "diagnosis/testing.hpp"
#include "report/diagnosis/formats.hpp"

namespace unzap {
namespace {

using testing::live;
using testing::pasted;
using testing::soft_lockup;
using testing::TaskBuilder;

const std::string k_hostile = "a\x1b[2J|\"\\\n\xc2\x9b\xff";
const std::string k_loop = "do_wait kernel_wait4 zap_pid_ns_processes do_exit";

Snapshot jam(const std::string& comm = "npm start") {
  Snapshot snapshot =
      pasted({TaskBuilder(921, "iou-sqp-920", 'D').in("synchronize_rcu_expedited namespace_unlock do_exit")},
             {soft_lockup(900, comm, 1, k_loop)});
  snapshot.host.name = std::string("node7");
  return snapshot;
}

bool is_one_plain_line(const std::string& text) {
  return text.ends_with('\n') &&
         std::all_of(text.begin(), text.end() - 1, [](char c) { return c >= ' ' && c <= '~'; });
}

TEST(Formats, EachHasAnAnswerForEveryLook) {
  const Snapshot snapshot = jam();
  const Diagnosis diagnosis = diagnose(snapshot);
  ASSERT_EQ(diagnosis_formats().front().name, "text");
  for (const DiagnosisFormat& format : diagnosis_formats()) {
    SCOPED_TRACE(format.name);
    EXPECT_EQ(diagnosis_format(format.name), &format) << "two rows of one name";
    EXPECT_FALSE(format.help.empty());
    const Rendered rendered = format.render(diagnosis, snapshot, {});
    EXPECT_TRUE(rendered.text.ends_with('\n'));
    EXPECT_NE(rendered.text.find("reaper-busy-loop"), std::string::npos) << rendered.text;
    // Who has exit codes of its own has one for failures, too.
    EXPECT_EQ(rendered.exit_code.has_value(), format.render_failure != nullptr);
    if (format.render_failure != nullptr) {
      EXPECT_TRUE(format.render_failure("no such host").exit_code.has_value());
    }
    EXPECT_EQ(format.render(diagnosis, snapshot, {.color = true}).text.find('\x1b') != std::string::npos,
              format.colored);
  }
  EXPECT_EQ(diagnosis_format("yaml"), nullptr);
}

TEST(ToNrpe, OneLineWithItsExitCode) {
  struct Row {
    const char* name;
    Snapshot snapshot;
    int exit_code;
    const char* begin;
  };
  Snapshot some = live({TaskBuilder(1, "init", 'S')});
  some.all_tasks = false;
  const Row rows[] = {
      {"healthy", live({TaskBuilder(1, "init", 'S')}), 0,
       "UNZAP OK - nothing is stuck | findings=0;;;0 threads=1;;;0"},
      {"stuck", jam(), 2, "UNZAP CRITICAL - reaper-busy-loop (certain): npm start[900] is the last thread"},
      {"may be stuck",
       live({TaskBuilder(31, "umount", 'D').in("__wait_rcu_gp synchronize_rcu").looks(2, 0, 0)}), 1,
       "UNZAP WARNING - rcu-held-up (possible): "},
      {"could not tell", some, 3, "UNZAP UNKNOWN - could not tell: not seen: tasks outside of"}};
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Rendered line = to_nrpe(diagnose(row.snapshot), row.snapshot);
    EXPECT_EQ(line.exit_code, row.exit_code);
    EXPECT_TRUE(line.text.starts_with(row.begin)) << line.text;
    EXPECT_TRUE(is_one_plain_line(line.text)) << line.text;
    EXPECT_EQ(std::count(line.text.begin(), line.text.end(), '|'), 1) << line.text;
  }
}

TEST(ToNpd, AtMostEightyBytesThatDoNotChange) {
  const Rendered line = to_npd(diagnose(jam()));
  EXPECT_EQ(line.text, "stuck: reaper-busy-loop (certain), npm start[900]\n");
  EXPECT_EQ(line.exit_code, 1);
  EXPECT_EQ(to_npd(diagnose(live({TaskBuilder(1, "init", 'S')}))).text, "no container is stuck\n");
  const Snapshot may_be =
      live({TaskBuilder(31, "umount", 'D').in("__wait_rcu_gp synchronize_rcu").looks(2, 0, 0)});
  EXPECT_EQ(to_npd(diagnose(may_be)).text, "perhaps stuck: rcu-held-up\n");
  EXPECT_EQ(to_npd(diagnose(may_be)).exit_code, 2);
  EXPECT_EQ(to_npd(Diagnosis{}).exit_code, 2);
}

TEST(PluginLines, ForeignNamesStayHarmless) {
  for (const std::string& comm : {k_hostile, std::string(5000, 'x'), std::string()}) {
    const Snapshot snapshot = jam(comm);
    const Diagnosis diagnosis = diagnose(snapshot);
    const std::string npd = to_npd(diagnosis).text;
    EXPECT_TRUE(is_one_plain_line(npd)) << npd;
    EXPECT_LE(npd.size(), 80U);
    const std::string nrpe = to_nrpe(diagnosis, snapshot).text;
    EXPECT_TRUE(is_one_plain_line(nrpe)) << nrpe;
    EXPECT_LE(nrpe.size(), 1024U);
    EXPECT_NE(nrpe.find(" | findings="), std::string::npos);
  }
  EXPECT_EQ(npd_failure("x\n" + std::string(200, 'y')).text.size(), 80U);
  EXPECT_EQ(npd_failure("x").exit_code, 2);
  EXPECT_EQ(nrpe_failure("no such\nfolder").text, "UNZAP UNKNOWN - no such?folder\n");
  EXPECT_EQ(nrpe_failure("x").exit_code, 3);
}

TEST(ToJsonl, TheVerdictAndThenALineForEachFinding) {
  const Snapshot snapshot = jam(k_hostile);
  const Diagnosis diagnosis = diagnose(snapshot);
  std::istringstream lines(to_jsonl(diagnosis, snapshot));
  std::string line;
  ASSERT_TRUE(std::getline(lines, line));
  const auto head = nlohmann::json::parse(line);
  EXPECT_EQ(head["type"], "verdict");
  EXPECT_EQ(head["verdict"], "stuck");
  EXPECT_EQ(head["host"], "node7");
  EXPECT_EQ(head["findings"], diagnosis.findings.size());
  for (const Finding& finding : diagnosis.findings) {
    ASSERT_TRUE(std::getline(lines, line));
    EXPECT_EQ(nlohmann::json::parse(line)["cause"], name(finding.cause));
    EXPECT_EQ(line.find('\x1b'), std::string::npos);
  }
  EXPECT_FALSE(std::getline(lines, line));
}

TEST(ToDot, NodesEdgesAndWhatTheyMean) {
  const Snapshot snapshot = jam();
  const std::string dot = to_dot(diagnose(snapshot), snapshot);
  EXPECT_TRUE(dot.starts_with("digraph unzap {\n")) << dot;
  EXPECT_TRUE(dot.ends_with("}\n"));
  EXPECT_NE(dot.find("label=\"node7: stuck, reaper-busy-loop (certain)\""), std::string::npos) << dot;
  EXPECT_NE(dot.find("label=\"npm start[900]\", shape=box, style=filled, fillcolor=\"#f4a6a0\""),
            std::string::npos)
      << dot;
  EXPECT_NE(dot.find("label=\"CPU 1\", shape=component"), std::string::npos) << dot;
  EXPECT_NE(dot.find("-> n"), std::string::npos);
}

TEST(ToDot, ForeignNamesStayInTheirStrings) {
  const Snapshot snapshot = jam(k_hostile);
  const std::string dot = to_dot(diagnose(snapshot), snapshot);
  EXPECT_EQ(dot.find('\x1b'), std::string::npos);
  bool inside = false;
  std::size_t line_begins_inside = 0;
  for (std::size_t i = 0; i < dot.size(); ++i) {
    if (inside && dot[i] == '\\')
      ++i;
    else if (dot[i] == '"')
      inside = !inside;
    else if (dot[i] == '\n' && inside)
      ++line_begins_inside;
  }
  EXPECT_FALSE(inside) << dot;
  EXPECT_EQ(line_begins_inside, 0U) << dot;
}

TEST(ToDot, OfALargeGraphWhatTheFindingsAreAbout) {
  std::vector<Task> tasks;
  for (std::int32_t tid = 1000; tid < 2000; ++tid)
    tasks.push_back(TaskBuilder(tid, "zombie", 'Z').of(tid).child_of(1));
  tasks.push_back(TaskBuilder(1, "init", 'S'));
  const Snapshot snapshot = live(std::move(tasks));
  const std::string dot = to_dot(diagnose(snapshot), snapshot);
  EXPECT_LE(std::count(dot.begin(), dot.end(), '>'), 401) << "edges";
  EXPECT_NE(dot.find("of 1000 edges"), std::string::npos);
}

}  // namespace
}  // namespace unzap
