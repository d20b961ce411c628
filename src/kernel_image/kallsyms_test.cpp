// SPDX-License-Identifier: Apache-2.0
#include "kernel_image/kallsyms.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include "kernel_image/testing.hpp"

namespace unzap {
namespace {

using namespace testing_kernel;

constexpr std::string_view k_wanted[] = {"io_wq_enqueue", "do_wait."};

std::vector<TestSymbol> symbols_with(std::size_t count) {
  std::vector<TestSymbol> out{{0x10, "fixed_percpu_data"}};
  for (std::size_t i = 1; i < count; ++i) out.push_back({k_text + 16 * i, fmt::format("function_{}", i)});
  out[40].name = "io_wq_enqueue";
  out[41].name = "do_wait.isra.0";
  out[42].name = std::string(300, 'x');
  return out;
}

constexpr std::pair<const char*, KallsymsStyle> k_styles[] = {
    {"absolute", KallsymsStyle::absolute},
    {"per CPU", KallsymsStyle::per_cpu},
    {"sequence inside", KallsymsStyle::sequence_inside},
    {"last", KallsymsStyle::last},
    {"last, plain", KallsymsStyle::last_plain},
};

std::vector<TestSymbol> symbols_for(KallsymsStyle style, std::size_t count) {
  std::vector<TestSymbol> out = symbols_with(count);
  if (style == KallsymsStyle::last_plain) out[0].address = k_text;
  return out;
}

TEST(Kallsyms, every_layout_gives_the_same_symbols) {
  for (const auto& [name, style] : k_styles)
    for (const std::size_t count : {std::size_t{256}, std::size_t{257}, std::size_t{700}}) {
      SCOPED_TRACE(fmt::format("{} {}", name, count));
      const std::string memory = std::string(64, '\7') +
                                 kallsyms_tables(symbols_for(style, count), style, k_text) +
                                 std::string(64, '\7');
      KallsymsEffort effort;
      const Result<Kallsyms> found = find_kallsyms(bytes_of(memory), k_wanted, effort);
      ASSERT_TRUE(found) << found.error().text();
      EXPECT_EQ(found->count, count);
      EXPECT_EQ(found->symbols.named().size(), 2U);
      EXPECT_EQ(found->symbols.address_of("io_wq_enqueue"), k_text + 16 * 40);
      EXPECT_EQ(found->symbols.address_of("do_wait.isra.0"), k_text + 16 * 41);
      EXPECT_EQ(found->symbols.size_at(k_text + 16 * 42, 100), 16U);
      EXPECT_EQ(found->symbols.size_at(k_text + 16 * 42, 15), std::nullopt);
      EXPECT_EQ(found->symbols.size_at(k_text + 16 * (count - 1), 100), std::nullopt);
    }
}

/// A copy of `text` in which each of `places` holds another byte.
std::string spoiled(std::string text, std::size_t place) {
  text[place] = static_cast<char>(text[place] ^ 0x55);
  return text;
}

TEST(Kallsyms, tables_that_do_not_agree_are_refused) {
  const std::string good = kallsyms_tables(symbols_with(300), KallsymsStyle::per_cpu, k_text);
  const std::size_t names = 4 * 300 + 8;
  const std::size_t tokens = good.size() - 512;
  struct Row {
    const char* name;
    std::string memory;
  };
  const Row rows[] = {
      {"nothing", ""},
      {"zeros", std::string(100000, '\0')},
      {"number of names", spoiled(good, names)},
      {"token index", spoiled(good, tokens + 2 * 77)},
      {"token index leads before the image", spoiled(good, tokens + 2 * std::size_t{'0'} + 1)},
      {"length of a name", spoiled(good, names + 8)},
      {"relative base below the kernel", std::string(good).replace(names - 1, 1, 1, '\0')},
      {"order of the offsets", spoiled(good, 4 * 150 + 1)},
      {"names cut off", good.substr(names + 8)},
      {"tokens cut off", good.substr(0, good.size() - 8)},
  };
  for (const Row& row : rows) {
    SCOPED_TRACE(row.name);
    KallsymsEffort effort;
    const Result<Kallsyms> found = find_kallsyms(bytes_of(row.memory), k_wanted, effort);
    ASSERT_FALSE(found);
    EXPECT_EQ(found.error().kind, ErrorKind::bad_data);
  }
}

TEST(Kallsyms, a_file_full_of_beginnings_of_tables_ends_soon) {
  // Every other place looks like a number of names, and every name reaches behind the next of them.
  const std::string tail =
      kallsyms_tables(symbols_with(300), KallsymsStyle::per_cpu, k_text).substr(4 * 300 + 8);
  std::string memory;
  while (memory.size() < (std::size_t{8} << 20))
    memory += from_hex("01 54 01 00 00 00 00 00 0f 54 00 00 00 00 00 00");
  memory += tail.substr(tail.size() - 1536);
  KallsymsEffort effort;
  EXPECT_FALSE(find_kallsyms(bytes_of(memory), k_wanted, effort));
  EXPECT_EQ(effort.names, 0U) << "the search ended for another reason";
}

TEST(ProcKallsyms, knows_the_kernel_from_its_modules) {
  Symbols modules;
  const Result<Symbols> symbols = parse_proc_kallsyms(
      "0000000000000010 A fixed_percpu_data\n"
      "ffffffff81000100 T io_wq_enqueue\n"
      "nonsense\n"
      "ffffffff81000180 t do_wait.isra.0\n"
      "ffffffffc0000100 t io_wq_enqueue\t[livepatch_1]\n"
      "ffffffff81000200 T other",
      k_wanted, modules);
  ASSERT_TRUE(symbols) << symbols.error().text();
  EXPECT_EQ(symbols->address_of("io_wq_enqueue"), 0xffffffff81000100);
  EXPECT_EQ(symbols->size_at(0xffffffff81000180, 1000), 0x80U);
  EXPECT_EQ(modules.address_of("io_wq_enqueue"), 0xffffffffc0000100);
}

TEST(ProcKallsyms, zeros_mean_that_the_reader_may_not_see_them) {
  Symbols modules;
  const Result<Symbols> symbols =
      parse_proc_kallsyms("0000000000000000 T io_wq_enqueue\n", k_wanted, modules);
  ASSERT_FALSE(symbols);
  EXPECT_EQ(symbols.error().kind, ErrorKind::permission);
}

}  // namespace
}  // namespace unzap
