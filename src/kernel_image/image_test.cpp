// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/image.hpp"

#include <elf.h>
#include <gtest/gtest.h>

#include <cstring>

#include "kernel_image/btf.hpp"
#include "kernel_image/kernel_facts.hpp"
#include "kernel_image/testing.hpp"

namespace unzap {
namespace {

using namespace testing_kernel;

TEST(KernelImage, every_packing_of_every_kernel_gives_its_fix) {
  for (const ZapFix fix : {ZapFix::none, ZapFix::fix_2024, ZapFix::fix_2026})
    for (const KallsymsStyle style :
         {KallsymsStyle::absolute, KallsymsStyle::per_cpu, KallsymsStyle::sequence_inside,
          KallsymsStyle::last, KallsymsStyle::last_plain}) {
      SCOPED_TRACE(std::string(name(fix)) + " " + std::to_string(static_cast<int>(style)));
      const std::string plain = kernel(fix, style);
      for (const Compression compression :
           {Compression::none, Compression::gzip, Compression::xz, Compression::lzma, Compression::zstd,
            Compression::lz4, Compression::lzo}) {
        SCOPED_TRACE(std::string(name(compression)));
        const std::string image = bzimage(pack(compression, plain) + "size");
        const Result<KernelFacts> facts = facts_of_image(bytes_of(image), "test");
        ASSERT_TRUE(facts) << facts.error().text();
        EXPECT_EQ(name(facts->code.fix), name(fix)) << facts->code.reason;
        EXPECT_EQ(facts->release, "6.1.90-test");
        EXPECT_EQ(facts->version, "#1 SMP Debian 6.1.90-1 (2024-05-03)");
        EXPECT_EQ(facts->config.io_uring, true);
        EXPECT_EQ(facts->config.preempt_rcu, false);
        EXPECT_EQ(facts->config.preempt_count, std::nullopt);
      }
    }
}

TEST(KernelImage, a_package_brings_its_config) {
  const std::string image = bzimage(pack(Compression::xz, kernel(ZapFix::none, KallsymsStyle::last)));
  const std::string config =
      "CONFIG_64BIT=y\nCONFIG_PREEMPT_RCU=y\nCONFIG_PREEMPT_VOLUNTARY=y\n# CONFIG_IO_URING is not set\n";
  const std::string package =
      deb_of({{"./boot/config-1", config}, {"./boot/vmlinuz-1", image}}, Compression::zstd);
  const Result<KernelFacts> facts = facts_of_image(bytes_of(package), "test");
  ASSERT_TRUE(facts) << facts.error().text();
  EXPECT_EQ(facts->packing, "deb, bzImage, xz");
  EXPECT_EQ(facts->package, "linux-image-test 6.1.1-1");
  EXPECT_EQ(facts->config.io_uring, false);
  EXPECT_EQ(facts->config.preempt_rcu, true);
  EXPECT_EQ(facts->config.preemption, Preemption::voluntary);
  EXPECT_EQ(facts->config.source, "boot/config-1");
}

TEST(KernelImage, a_config_within_the_image_is_found) {
  const std::string data =
      "IKCFG_ST" + pack(Compression::gzip, "CONFIG_64BIT=y\nCONFIG_PREEMPT_NONE=y\nCONFIG_KPROBES=y\n") +
      "IKCFG_ED";
  const Result<KernelFacts> facts = facts_of_image(bytes_of(vmlinux("\xc3", k_text, data)), "test");
  ASSERT_TRUE(facts);
  EXPECT_EQ(facts->config.preemption, Preemption::none);
  EXPECT_EQ(facts->config.kprobes, true);
  EXPECT_EQ(facts->code.fix, ZapFix::unknown);
  EXPECT_NE(facts->code.reason.find("no kallsyms tables"), std::string::npos) << facts->code.reason;
}

template <class Int>
std::string with(std::string image, std::size_t at, Int value) {
  std::memcpy(image.data() + at, &value, sizeof value);
  return image;
}

TEST(KernelImage, hostile_files_are_refused_with_a_reason) {
  const std::string plain = kernel(ZapFix::none, KallsymsStyle::last);
  const std::string good = bzimage(pack(Compression::gzip, plain));
  std::string nested = plain;
  for (int i = 0; i < 6; ++i) nested = pack(Compression::gzip, nested);
  struct Row {
    const char* name;
    std::string bytes;
    const char* message;
  };
  const Row rows[] = {
      {"empty", "", "the file is empty"},
      {"text", "hello, world", "this is not a kernel image"},
      {"ELF head cut short", plain.substr(0, 20), "ends within its head"},
      {"32-bit", with(plain, EI_CLASS, static_cast<unsigned char>(ELFCLASS32)),
       "not a 64-bit little-endian one"},
      {"bzImage head cut short", good.substr(0, 0x240), "ends within its head"},
      {"payload past the end", with(good, 0x24c, std::uint32_t{0xffffffff}), "does not lie within the file"},
      {"payload elsewhere", with(good, 0x248, std::uint32_t{0xfffffff0}), "does not lie within the file"},
      {"payload cut short", bzimage(pack(Compression::gzip, plain).substr(0, 1000)), "they end too early"},
      {"payload is text", bzimage("hello"), "this is not a kernel image"},
      {"packed six times", nested, "packed more often"},
      {"bomb", bzimage(pack(Compression::zstd, std::string(std::size_t{300} << 20, '\0'))),
       "more than 192 MiB"},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Result<KernelFacts> facts = facts_of_image(bytes_of(row.bytes), "test");
    ASSERT_FALSE(facts);
    EXPECT_NE(facts.error().message.find(row.message), std::string::npos) << facts.error().message;
  }
}

TEST(KernelImage, an_arm64_image_is_named_and_not_judged) {
  const std::string image = std::string(56, '\0') + "ARM\x64" + std::string(64, '\0') +
                            "Linux version 6.1.0-9-arm64 (gcc) #1 SMP Debian 6.1.27-1\n" + "IKCFG_ST" +
                            pack(Compression::gzip, "CONFIG_64BIT=y\nCONFIG_IO_URING=y\n") + "IKCFG_ED";
  for (const bool packed : {false, true}) {
    const std::string file = packed ? pack(Compression::gzip, image) : image;
    const Result<KernelFacts> facts = facts_of_image(bytes_of(file), "test");
    ASSERT_TRUE(facts) << facts.error().text();
    EXPECT_EQ(facts->machine, Machine::arm64);
    EXPECT_EQ(facts->release, "6.1.0-9-arm64");
    EXPECT_EQ(facts->packing, packed ? "gzip, arm64 Image" : "arm64 Image");
    EXPECT_EQ(facts->config.io_uring, true);
    EXPECT_EQ(facts->code.fix, ZapFix::unknown);
    EXPECT_NE(facts->code.reason.find("arm64 image"), std::string::npos);
  }
}

TEST(KernelImage, an_elf_head_that_leads_outside_leaves_the_kernel_unknown) {
  const std::string plain = kernel(ZapFix::none, KallsymsStyle::last);
  const std::size_t segment = sizeof(Elf64_Ehdr);
  struct Row {
    const char* name;
    std::string bytes;
  };
  const Row rows[] = {
      {"program headers past the end", with(plain, offsetof(Elf64_Ehdr, e_phoff), ~std::uint64_t{0} - 8)},
      {"sections past the end", with(with(plain, offsetof(Elf64_Ehdr, e_shoff), ~std::uint64_t{0} - 64),
                                     offsetof(Elf64_Ehdr, e_shnum), std::uint16_t{9})},
      {"text past the end", with(plain, segment + offsetof(Elf64_Phdr, p_offset), ~std::uint64_t{0} - 4)},
      {"text elsewhere", with(plain, segment + offsetof(Elf64_Phdr, p_vaddr), std::uint64_t{16})},
      {"another machine", with(plain, offsetof(Elf64_Ehdr, e_machine), std::uint16_t{EM_AARCH64})},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    const Result<KernelFacts> facts = facts_of_image(bytes_of(row.bytes), "test");
    ASSERT_TRUE(facts) << facts.error().text();
    const bool sections_only = std::string_view(row.name).starts_with("sections");
    EXPECT_EQ(name(facts->code.fix), name(sections_only ? ZapFix::none : ZapFix::unknown));
    EXPECT_EQ(facts->code.reason.empty(), sections_only);
  }
}

TEST(Btf, finds_a_member_and_survives_damage) {
  // One structure of 16 bytes with members at bit 0 and bit 64.
  const std::string strings = std::string("\0task_struct\0state\0flags\0", 25);
  const auto u32 = [](std::uint32_t value) { return std::string(reinterpret_cast<const char*>(&value), 4); };
  const std::string types = u32(0) + u32(1 << 24) + u32(4) + u32(32) +  // int, with its word
                            u32(1) + u32((4 << 24) | 2) + u32(16) + u32(13) + u32(1) + u32(0) + u32(19) +
                            u32(1) + u32(64);
  const std::string btf = from_hex("9feb0100") + u32(24) + u32(0) +
                          u32(static_cast<std::uint32_t>(types.size())) +
                          u32(static_cast<std::uint32_t>(types.size())) + u32(25) + types + strings;
  EXPECT_EQ(btf_member_offset(bytes_of(btf), "task_struct", "flags"), 8U);
  EXPECT_EQ(btf_member_offset(bytes_of(btf), "task_struct", "other"), std::nullopt);
  for (std::size_t size = 0; size < btf.size(); ++size)
    EXPECT_EQ(btf_member_offset(bytes_of(btf).first(size), "task_struct", "flags"), std::nullopt);
}

}  // namespace
}  // namespace unzap
