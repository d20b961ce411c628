// SPDX-License-Identifier: Apache-2.0
#include "linux/preemption.hpp"

#include <gtest/gtest.h>

#include <ostream>
#include <string>

namespace unzap {

std::ostream& operator<<(std::ostream& out, const PreemptionFacts& facts) {
  const auto say = [&out](const char* what, const std::optional<Preemption>& model) {
    if (model) out << what << '=' << name(*model) << ' ';
  };
  say("running", facts.running);
  say("booted", facts.booted);
  say("built", facts.built);
  if (facts.dynamic) out << (*facts.dynamic ? "dynamic" : "static");
  return out;
}

namespace {

std::string in_force(const PreemptionFacts& facts) {
  const auto found = preemption_in_force(facts);
  return found ? std::string(name(found->model)) : "unknown";
}

struct Row {
  const char* text;
  const char* expected;
};

constexpr Row k_versions[] = {
    {"#1 SMP PREEMPT Thu Sep 14", "full"},
    {"#1 PREEMPT SMP Thu", "full"},
    {"#1 SMP PREEMPT", "full"},
    {"#1 SMP PREEMPT_RT Debian 6.1.170-3 (2026-05-08)", "rt"},
    {"#1 SMP PREEMPT RT Wed Oct 2", "rt"},
    {"#1 SMP PREEMPT_RT_FULL Wed", "rt"},
    {"#1 SMP PREEMPT_DYNAMIC Debian 6.1.170-3 (2026-05-08)", "unknown"},
    {"#83-Ubuntu SMP Fri Apr 26 12:00:00 UTC 2024", "unknown"},
    {"", "unknown"},
    {"#12 PREEMPT(none)", "none"},
    {"#12 PREEMPT(voluntary)", "voluntary"},
    {"#12 PREEMPT(full)", "full"},
    {"#12 PREEMPT(lazy)", "lazy"},
    {"#12 PREEMPT (lazy)", "lazy"},
    {"#12 PREEMPT(undef)", "unknown"},
    {"#12 PREEMPT(undefined)", "unknown"},
    {"#12 PREEMPT(rt)", "unknown"},
    {"#12 PREEMPT(", "unknown"},
    {"#12 PREEMPTLAZY", "lazy"},
    {"#12 PREEMPT_LAZY", "lazy"},
    {"#12 PREEMPT_{RT,(full)}", "rt"},
    {"#12 PREEMPT_{RT,LAZY}", "rt"},
    {"#12 VOLUNTARY", "voluntary"},
    {"#12 NONE", "none"},
    {"#1 SMP PREEMPT (2026-05-08)", "full"},
    {"#1-NONE-SUCH SMP Thu", "unknown"},
};

TEST(Preemption, OfAVersion) {
  for (const auto& [text, expected] : k_versions) {
    PreemptionFacts facts;
    read_version(facts, text);
    EXPECT_EQ(in_force(facts), expected) << text << ": " << facts;
  }
}

constexpr Row k_command_lines[] = {
    {"BOOT_IMAGE=/vmlinuz ro quiet", "unknown"},
    {"ro preempt=none", "none"},
    {"preempt=voluntary ro", "voluntary"},
    {"preempt=none root=/ preempt=full\n", "full"},
    {"preempt=lazy", "lazy"},
    {"preempt=full preempt=fuller", "full"},
    {"preempt=rt", "unknown"},
    {"rcupdate.preempt=full", "unknown"},
};

TEST(Preemption, OfACommandLine) {
  for (const auto& [text, expected] : k_command_lines) {
    PreemptionFacts facts;
    read_version(facts, "#1 SMP PREEMPT_DYNAMIC Thu");
    read_command_line(facts, text);
    EXPECT_EQ(in_force(facts), expected) << text;
  }
}

constexpr Row k_lists[] = {
    {"none (voluntary) full\n", "voluntary"},
    {"(none) voluntary full", "none"},
    {"none voluntary (full) lazy", "full"},
    {"none voluntary full (lazy)", "lazy"},
    {"full (lazy)", "lazy"},
    {"none voluntary full", "unknown"},
    {"(none) (full)", "unknown"},
    {"(none) voluntary fuller", "unknown"},
    {")(", "unknown"},
    {"()", "unknown"},
    {"", "unknown"},
};

TEST(Preemption, OfDebugfs) {
  for (const auto& [text, expected] : k_lists) {
    PreemptionFacts facts;
    EXPECT_EQ(read_debugfs(facts, text), std::string_view(expected) != "unknown") << text;
    EXPECT_EQ(in_force(facts), expected) << text;
  }
}

TEST(Preemption, OfTheLog) {
  PreemptionFacts facts;
  EXPECT_FALSE(read_log_line(facts, "Dynamic"));
  EXPECT_TRUE(read_log_line(facts, "Dynamic Preempt: unsupported mode: fuller"));
  EXPECT_EQ(in_force(facts), "unknown");
  EXPECT_TRUE(read_log_line(facts, "Dynamic Preempt: lazy"));
  EXPECT_EQ(in_force(facts), "lazy");
  EXPECT_TRUE(read_log_line(facts, "Dynamic Preempt: full")) << "changed in debugfs";
  EXPECT_EQ(in_force(facts), "full");
}

constexpr Row k_configs[] = {
    {"CONFIG_PREEMPT_NONE=y", "none"},
    {"CONFIG_PREEMPT_NONE_BUILD=y", "none"},
    {"CONFIG_PREEMPT_VOLUNTARY=y", "voluntary"},
    {"CONFIG_PREEMPT_VOLUNTARY_BUILD=y", "voluntary"},
    {"CONFIG_PREEMPT=y", "full"},
    {"CONFIG_PREEMPT_LAZY=y", "lazy"},
    {"CONFIG_PREEMPT_RT=y", "rt"},
    {"CONFIG_PREEMPT_DYNAMIC=y", "unknown"},
    {"CONFIG_PREEMPT_BUILD=y", "unknown"},
    {"CONFIG_PREEMPTION=y", "unknown"},
    {"CONFIG_PREEMPT_RCU=y", "unknown"},
};

TEST(Preemption, OfAConfig) {
  for (const auto& [text, expected] : k_configs) {
    PreemptionFacts facts;
    EXPECT_TRUE(read_config_line(facts, text)) << text;
    EXPECT_EQ(in_force(facts), expected) << text;
  }
  PreemptionFacts facts;
  EXPECT_FALSE(read_config_line(facts, "CONFIG_SMP=y"));
  EXPECT_FALSE(read_config_line(facts, "# CONFIG_PREEMPT_NONE is not set"));
  EXPECT_TRUE(read_config_line(facts, "# CONFIG_PREEMPT_DYNAMIC is not set"));
  EXPECT_EQ(facts.dynamic, false);
}

TEST(Preemption, AnRtKernelHasAnotherModelAsWell) {
  for (const bool rt_first : {true, false}) {
    PreemptionFacts facts;
    if (rt_first) read_config_line(facts, "CONFIG_PREEMPT_RT=y");
    read_config_line(facts, "CONFIG_PREEMPT_LAZY=y");
    if (!rt_first) read_config_line(facts, "CONFIG_PREEMPT_RT=y");
    read_debugfs(facts, "full (lazy)");
    EXPECT_EQ(in_force(facts), "rt");
  }
}

TEST(Preemption, TheDefaultOfADynamicKernelHoldsWhenNobodyAskedForAnother) {
  PreemptionFacts facts;
  read_config_line(facts, "CONFIG_PREEMPT_VOLUNTARY=y");
  read_version(facts, "#1 SMP PREEMPT_DYNAMIC Thu");
  EXPECT_EQ(in_force(facts), "unknown") << "the command line was not seen";
  read_command_line(facts, "ro quiet");
  ASSERT_EQ(in_force(facts), "voluntary");
  EXPECT_EQ(preemption_in_force(facts)->from, PreemptionSource::built);
  read_command_line(facts, "ro preempt=lazy");
  ASSERT_EQ(in_force(facts), "lazy");
  EXPECT_EQ(preemption_in_force(facts)->from, PreemptionSource::booted);
  read_debugfs(facts, "none voluntary (full) lazy");
  ASSERT_EQ(in_force(facts), "full");
  EXPECT_EQ(preemption_in_force(facts)->from, PreemptionSource::running);
}

TEST(Preemption, AStaticKernelDoesNotHeedTheCommandLine) {
  PreemptionFacts facts;
  read_command_line(facts, "preempt=none");
  read_version(facts, "#1 SMP PREEMPT Thu");
  EXPECT_EQ(in_force(facts), "full");
}

}  // namespace
}  // namespace unzap
