// SPDX-License-Identifier: Apache-2.0
#include "sources/live_kernel/live_kernel.hpp"

#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <map>

#include "kernel_image/testing.hpp"
#include "sources/live_kernel/kcore.hpp"

namespace unzap {
namespace {

using namespace testing_kernel;

constexpr std::uint64_t k_wait4 = k_text + 0x100;
constexpr std::uint64_t k_zap = k_text + 0x300;

/// A fake host: a core file with the code, kallsyms with its places, and a config.
class Host {
 public:
  explicit Host(ZapFix fix) {
    std::string name = (std::filesystem::temp_directory_path() / "unzap-kernel-XXXXXX").string();
    root_ = ::mkdtemp(name.data());
    std::string text(0x400, '\x90');
    text.replace(0x100, 1, from_hex("c3"));
    const std::string wait = wait_code(fix == ZapFix::fix_2026);
    const std::string zap = zap_code(fix, k_zap, k_wait4);
    text.replace(0x200, wait.size(), wait);
    text.replace(0x300, zap.size(), zap);
    add("kcore", vmlinux(text, k_text, ""));
    add("kallsyms",
        "ffffffff81000000 T _text\nffffffff81000100 T kernel_wait4\nffffffff81000200 t do_wait\n"
        "ffffffff81000300 T zap_pid_ns_processes\nffffffff81000400 T create_io_thread\n"
        "ffffffff81000500 T io_wq_enqueue\nffffffff81000600 T do_exit\n");
    add("config.gz", pack(Compression::gzip, "CONFIG_64BIT=y\nCONFIG_IO_URING=y\nCONFIG_PREEMPT_NONE=y\n"));
    add("sys/kernel/osrelease", "6.1.90\n");
    add("sys/kernel/io_uring_disabled", "1\n");
    add("cmdline", "root=/dev/vda quiet\n");
  }
  ~Host() { std::filesystem::remove_all(root_); }
  Host(const Host&) = delete;
  Host& operator=(const Host&) = delete;

  void add(const std::string& path, const std::string& text) {
    const std::filesystem::path file = std::filesystem::path(root_) / path;
    std::filesystem::create_directories(file.parent_path());
    std::ofstream(file, std::ios::binary) << text;
  }
  KernelFacts facts() const {
    return facts_of_running_kernel(
        {.procfs = root_, .sysfs = root_ + "/sysfs", .boot = root_ + "/boot", .timeout_seconds = 30});
  }
  unzap::Host seen(double seconds = 30) const {
    unzap::Host out;
    look_at_kernel(
        {.procfs = root_, .sysfs = root_ + "/sysfs", .boot = root_ + "/boot", .timeout_seconds = seconds},
        out);
    return out;
  }
  const std::string& root() const { return root_; }

 private:
  std::string root_;
};

TEST(LiveKernel, is_judged_by_its_core_file) {
  for (const ZapFix fix : {ZapFix::none, ZapFix::fix_2024, ZapFix::fix_2026}) {
    const Host host(fix);
    const KernelFacts facts = host.facts();
    EXPECT_EQ(name(facts.code.fix), name(fix)) << facts.code.reason;
    EXPECT_EQ(facts.code_from, host.root() + "/kcore");
    EXPECT_EQ(facts.release, "6.1.90");
    EXPECT_EQ(facts.io_uring_disabled, 1);
    EXPECT_EQ(facts.config.preempt_rcu, false);
    EXPECT_EQ(facts.config.preemption, Preemption::none);
    EXPECT_EQ(facts.preempt_mode, std::nullopt);
  }
}

TEST(LiveKernel, a_live_patch_takes_the_place_of_the_function) {
  Host host(ZapFix::none);
  constexpr std::uint64_t k_module = 0xffffffffc0000000;
  const std::string patched = zap_code(ZapFix::fix_2024, k_module, k_wait4);
  host.add(
      "kallsyms",
      "ffffffff81000100 T kernel_wait4\nffffffff81000200 t do_wait\nffffffff81000300 T zap_pid_ns_processes\n"
      "ffffffff81000400 T create_io_thread\nffffffff81000500 T io_wq_enqueue\n"
      "ffffffffc0000000 t zap_pid_ns_processes\t[livepatch_1]\nffffffffc0000100 t end\t[livepatch_1]\n");
  // The second segment of the core file is the module.
  std::string text(0x400, '\x90');
  const std::string wait = wait_code(false);
  text.replace(0x200, wait.size(), wait);
  std::string core = vmlinux(text, k_text, std::string(patched).append(0x100, '\x90'));
  const std::uint64_t address = k_module;
  core.replace(64 + 56 + 16, 8, std::string(reinterpret_cast<const char*>(&address), 8));
  host.add("kcore", core);
  const KernelFacts facts = host.facts();
  EXPECT_EQ(name(facts.code.fix), name(ZapFix::fix_2024)) << facts.code.reason;
  EXPECT_EQ(facts.symbols_from, "/proc/kallsyms, a live patch's function");
}

TEST(LiveKernel, what_is_missing_is_said) {
  Host host(ZapFix::none);
  host.add("kallsyms", "0000000000000000 T zap_pid_ns_processes\n");
  EXPECT_NE(host.facts().code.reason.find("hides the addresses"), std::string::npos);
  std::filesystem::remove(host.root() + "/kallsyms");
  EXPECT_NE(host.facts().code.reason.find("kallsyms"), std::string::npos);
}

TEST(LiveKernel, the_host_carries_what_the_code_says) {
  const std::pair<ZapFix, WaitFix::Kind> rows[] = {{ZapFix::none, WaitFix::Kind::none},
                                                   {ZapFix::fix_2024, WaitFix::Kind::fix_2024},
                                                   {ZapFix::fix_2026, WaitFix::Kind::fix_2026}};
  for (const auto& [fix, kind] : rows) {
    const Host host(fix);
    const unzap::Host seen = host.seen();
    ASSERT_TRUE(seen.wait_fix);
    EXPECT_EQ(seen.wait_fix->kind, kind);
    EXPECT_EQ(seen.wait_fix->source, host.root() + "/kcore");
    EXPECT_FALSE(seen.wait_fix->steps.empty());
    EXPECT_EQ(seen.setup.io_uring_disabled, 1);
    EXPECT_EQ(seen.setup.preempt_rcu, false);
  }
}

TEST(LiveKernel, why_the_code_is_not_known_is_a_value) {
  Host host(ZapFix::none);
  host.add("kallsyms", "0000000000000000 T zap_pid_ns_processes\n");
  EXPECT_EQ(host.seen().wait_fix, Reading<WaitFix>(Absence::not_permitted));
  host.add("kallsyms", "ffffffff81000100 T kernel_wait4\n");
  EXPECT_EQ(host.seen().wait_fix, Reading<WaitFix>(Absence::not_in_this_kernel));
  std::filesystem::remove(host.root() + "/kallsyms");
  ASSERT_EQ(::mkfifo((host.root() + "/kallsyms").c_str(), 0600), 0);  // a read that does not come back
  EXPECT_EQ(host.seen(0.2).wait_fix, Reading<WaitFix>(Absence::timed_out));
}

TEST(Kcore, knows_its_segments) {
  const Host host(ZapFix::none);
  const std::string path = host.root() + "/kcore";
  const Result<std::string> code = read_kcore(path, k_text + 0x100, 1);
  ASSERT_TRUE(code) << code.error().text();
  EXPECT_EQ(*code, "\xc3");
  EXPECT_EQ(read_kcore(path, k_text - 1, 1).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(read_kcore(path, k_text, std::uint64_t{1} << 40).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(read_kcore(host.root() + "/cmdline", k_text, 1).error().kind, ErrorKind::bad_data);
  EXPECT_EQ(read_kcore(host.root() + "/none", k_text, 1).error().kind, ErrorKind::no_input);
}

}  // namespace
}  // namespace unzap
