// SPDX-License-Identifier: Apache-2.0
// Whatever stands in the texts of a snapshot: what is shown of it, in every format, is UTF-8 of visible
// characters.
#include <gtest/gtest.h>

#include <filesystem>
#include <map>
#include <nlohmann/json.hpp>
#include <random>

#include "diagnosis/diagnose.hpp"
#include "report/diagnosis/changes.hpp"
#include "report/diagnosis/report.hpp"
#include "sources/bundle/fields.hpp"
#include "sources/bundle/redact.hpp"
#include "sources/bundle/testing.hpp"

namespace unzap {
namespace {

constexpr unsigned k_seed = 20260129;

/// Gives each text of a snapshot random bytes in its place, the same text the same ones. Offered every field
/// by the bundle's own table, so a new one is not forgotten.
class Spoiler {
 public:
  explicit Spoiler(unsigned seed) : random_(seed) {}

  void operator()(std::string_view, std::string& field) { field = spoiled(field); }
  void operator()(std::string_view key, Reading<std::string>& field) {
    // Without known functions there would be no finding, and nothing to show.
    if (key == "wchan" || key == "syscall") return;
    field = spoiled(field.value_or(std::string(key)));
  }
  template <class T>
  void operator()(std::string_view, T&) {}
  void mask(std::string_view, Reading<std::uint64_t>&) {}
  void samples(std::string_view, std::vector<TaskSample>&) {}
  void stack(std::string_view, std::string_view, Reading<Stack>& stack) {
    if (!stack) return;
    stack.get()->where = spoiled(stack->where);
    for (Frame& frame : stack.get()->frames) frame.module = spoiled(frame.module);
    stack.get()->frames.push_back({spoiled("function"), 1, 2, spoiled("module")});
  }
  void code(std::string_view, std::string_view, Reading<WaitFix>& fix) {
    fix = WaitFix{
        WaitFix::Kind::none, spoiled("source"), {{spoiled("function"), 1, "", spoiled("instruction"), ""}}};
  }

 private:
  std::string spoiled(const std::string& text) {
    std::string& out = known_[text];
    if (out.empty()) out = draw();
    return out;
  }
  std::string draw() {
    static const std::vector<std::string> pieces = {
        "\x1b[31m",     "\x1b]0;x\x07", "\n",           "\r",           "\t",           "|",
        "\"];n0[a=\"b", "\\",           "\xc2\x9b",     "\xed\xa0\x80", "\xc0\xaf",     "\xf4\x90\x80\x80",
        "\xe2\x80\xae", "\xe2\x80\x8b", "\xe2\x81\xa6", "\xe2\x80\xa8", "\xef\xbb\xbf", "\xf3\xa0\x81\x81",
        "\xef\xbf\xbf", "\xd8\x9c",     "{}",           "<script>",     "caf\xc3\xa9",  "\x7f"};
    std::string out;
    const auto length = random_() % 100 == 0 ? 2000 : random_() % 12 + 1;
    while (out.size() < length)
      out += random_() % 2 == 0 ? pieces[random_() % pieces.size()]
                                : std::string(1, static_cast<char>(random_() % 256));
    return out;
  }

  std::mt19937 random_;
  std::map<std::string, std::string> known_;
};

void spoil(Snapshot& snapshot, unsigned seed) {
  Spoiler spoiler(seed);
  snapshot.host.name = std::string("host");
  bundle::host_fields(spoiler, snapshot);
  for (Task& task : snapshot.tasks) bundle::task_fields(spoiler, task);
  for (KernelEvent& event : snapshot.events) bundle::event_fields(spoiler, event);
  for (CgroupState& cgroup : snapshot.cgroups) bundle::cgroup_fields(spoiler, cgroup);
  snapshot.problems.push_back({"", ""});
  for (Problem& problem : snapshot.problems) bundle::problem_fields(spoiler, problem);
}

/// The first byte of what no reader should meet, or npos. By the book (RFC 3629, UAX #9), not by our table.
std::size_t wrong_at(const std::string& text, bool lines) {
  for (std::size_t at = 0; at < text.size();) {
    const auto byte = [&](std::size_t i) {
      return at + i < text.size() ? static_cast<unsigned char>(text[at + i]) : 0U;
    };
    const auto tail = [&](std::size_t i) { return (byte(i) & 0xc0U) == 0x80U; };
    unsigned code = byte(0);
    std::size_t bytes = 1;
    if (code >= 0x80) {
      if (code >= 0xc2 && code <= 0xdf && tail(1))
        bytes = 2, code = (code & 0x1f) << 6 | (byte(1) & 0x3f);
      else if (code >= 0xe0 && code <= 0xef && tail(1) && tail(2))
        bytes = 3, code = (code & 0xf) << 12 | (byte(1) & 0x3f) << 6 | (byte(2) & 0x3f);
      else if (code >= 0xf0 && code <= 0xf4 && tail(1) && tail(2) && tail(3))
        bytes = 4,
        code = (code & 7) << 18 | (byte(1) & 0x3f) << 12 | (byte(2) & 0x3f) << 6 | (byte(3) & 0x3f);
      else
        return at;
      if (bytes == 3 && (code < 0x800 || (code >= 0xd800 && code < 0xe000))) return at;
      if (bytes == 4 && (code < 0x10000 || code > 0x10ffff)) return at;
    }
    const bool control = (code < 0x20 && !(lines && code == '\n')) || (code >= 0x7f && code < 0xa0);
    const bool turns = code == 0x61c || code == 0x200e || code == 0x200f ||
                       (code >= 0x202a && code <= 0x202e) || (code >= 0x2066 && code <= 0x2069);
    const bool hides = (code >= 0x200b && code <= 0x200d) || code == 0x2060 || code == 0xfeff ||
                       (code >= 0xe0000 && code <= 0xe007f) || code == 0x2028 || code == 0x2029;
    if (control || turns || hides || (code & 0xfffe) == 0xfffe) return at;
    at += bytes;
  }
  return std::string::npos;
}

void expect_clean(const std::string& text, const char* what, bool lines = true) {
  const std::size_t at = wrong_at(text, lines);
  EXPECT_EQ(at, std::string::npos) << what << ": "
                                   << testing::PrintToString(text.substr(at > 40 ? at - 40 : 0, 80));
}

void expect_clean_json(const nlohmann::json& value, const char* what) {
  if (value.is_string()) {
    expect_clean(value.get<std::string>(), what, false);
    EXPECT_LE(value.get<std::string>().size(), 20'000U) << what;
  }
  if (value.is_structured())
    for (const auto& part : value) expect_clean_json(part, what);
}

void expect_clean_everywhere(const Snapshot& snapshot) {
  const Diagnosis diagnosis = diagnose(snapshot);
  for (const bool verbose : {false, true})
    expect_clean(to_text(diagnosis, snapshot, {.verbose = verbose}), "text");
  const std::string json = to_json(diagnosis, snapshot);
  expect_clean(json, "json");
  expect_clean_json(nlohmann::json::parse(json), "json");
  const std::string jsonl = to_jsonl(diagnosis, snapshot);
  expect_clean(jsonl, "jsonl");
  EXPECT_EQ(static_cast<std::size_t>(std::count(jsonl.begin(), jsonl.end(), '\n')),
            diagnosis.findings.size() + 1);
  const std::string dot = to_dot(diagnosis, snapshot);
  expect_clean(dot, "dot");
  for (const Rendered& line : {to_nrpe(diagnosis, snapshot), to_npd(diagnosis)}) {
    expect_clean(line.text, "plugin");
    EXPECT_EQ(line.text.find('\n'), line.text.size() - 1);
  }
  constexpr std::int64_t k_now = 1'800'000'000;  // seconds after 1970
  Changes changes;
  const std::vector<Change> found = changes.since_last(diagnosis, k_now);
  expect_clean(changes_to_text(found, diagnosis.verdict, k_now), "watch");
  expect_clean(changes_to_jsonl(found, diagnosis.verdict, k_now), "watch jsonl");
}

TEST(HostileOutput, OfTheCasesWithRandomBytesInEveryText) {
  std::size_t findings = 0;
  unsigned seed = k_seed;
  for (const auto& entry : std::filesystem::directory_iterator(UNZAP_SOURCE_DIR "/tests/cases")) {
    if (!entry.is_directory()) continue;
    for (int round = 0; round < 3; ++round) {
      SCOPED_TRACE(entry.path().filename().string() + ", seed " + std::to_string(++seed));
      Snapshot snapshot = case_in(entry.path());
      spoil(snapshot, seed);
      findings += diagnose(snapshot).findings.size();
      expect_clean_everywhere(snapshot);
      expect_clean_everywhere(redacted(snapshot));
      if (HasFailure()) return;
    }
  }
  EXPECT_GE(findings, 20U) << "or there was nothing to show";
}

TEST(HostileOutput, AHostNameIsCut) {
  Snapshot snapshot;
  snapshot.host.name = std::string(64 << 10, 'h');
  const Diagnosis diagnosis = diagnose(snapshot);
  for (const std::string& text : {to_text(diagnosis, snapshot, {}), to_json(diagnosis, snapshot),
                                  to_jsonl(diagnosis, snapshot), to_dot(diagnosis, snapshot)}) {
    EXPECT_EQ(text.find(std::string(256, 'h')), std::string::npos);
    EXPECT_NE(text.find("hhh..."), std::string::npos);
  }
}

}  // namespace
}  // namespace unzap
