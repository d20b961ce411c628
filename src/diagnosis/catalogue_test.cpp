// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/catalogue.hpp"

#include <fmt/format.h>
#include <gtest/gtest.h>

#include <algorithm>
#include <filesystem>
#include <fstream>
#include <set>
#include <string>
#include <vector>

#include "diagnosis/wait_sites.hpp"

namespace unzap {
namespace {

TEST(Catalogue, EveryCauseHasARuleAndAPageThatBeginsWithItsId) {
  std::set<CauseId> ids;
  for (const Cause& known : catalogue()) {
    SCOPED_TRACE(name(known.id));
    EXPECT_TRUE(ids.insert(known.id).second) << "twice";
    const auto& sites = wait_sites();
    const bool has_site =
        std::any_of(sites.begin(), sites.end(), [&](const WaitSite& site) { return site.cause == known.id; });
    EXPECT_TRUE(known.rule != nullptr || has_site) << "nothing could find it";
    std::ifstream page(std::filesystem::path(UNZAP_SOURCE_DIR) / page_of(known.id));
    std::string first;
    EXPECT_TRUE(std::getline(page, first)) << page_of(known.id) << " is missing";
    EXPECT_EQ(first, "# " + std::string(name(known.id)));
  }
}

TEST(Catalogue, EveryPageHasTheSameParts) {
  for (const Cause& known : catalogue()) {
    SCOPED_TRACE(name(known.id));
    std::ifstream page(std::filesystem::path(UNZAP_SOURCE_DIR) / page_of(known.id));
    std::vector<std::string> parts;
    for (std::string line; std::getline(page, line);)
      if (line.rfind("## ", 0) == 0) parts.push_back(line.substr(3));
    // Of a look-alike one is sure by telling it from what it looks like.
    for (std::string& part : parts)
      if (part.rfind("How to tell it from ", 0) == 0) part = "How to be sure";
    for (const char* part : {"What happens", "How it looks", "How to be sure", "What to do", "References"})
      EXPECT_NE(std::find(parts.begin(), parts.end(), part), parts.end()) << part;
  }
}

TEST(Catalogue, EveryPageHasACause) {
  std::size_t pages = 0;
  for (const auto& entry :
       std::filesystem::directory_iterator(std::string(UNZAP_SOURCE_DIR) + "/docs/causes")) {
    if (entry.path().filename() == "README.md") continue;
    ++pages;
    const auto id = cause_named(entry.path().stem().string());
    ASSERT_TRUE(id) << entry.path();
    EXPECT_EQ(cause(*id).id, *id) << entry.path();
  }
  EXPECT_EQ(pages, catalogue().size());
}

TEST(WaitSites, EverySiteHasFunctionsAndWords) {
  for (const WaitSite& site : wait_sites()) {
    EXPECT_EQ(cause(site.cause).id, site.cause);
    EXPECT_FALSE(site.functions.empty());
    EXPECT_FALSE(site.object.what.empty());
  }
}

TEST(WaitSites, TheInnermostSiteWinsAndWeakOnesGiveWay) {
  const auto site_of = [](std::initializer_list<const char*> functions) -> std::string {
    Stack stack;
    for (const char* function : functions) stack.frames.push_back({.function = function});
    const WaitSite* found = wait_site(stack);
    if (found == nullptr) return "none";
    return fmt::format("{}: {}", name(found->cause), fmt::join(matched_functions(stack, *found), " <- "));
  };
  EXPECT_EQ(site_of({"synchronize_rcu", "nfs_free_server"}), "rcu-held-up: synchronize_rcu");
  EXPECT_EQ(site_of({"folio_wait_bit_common", "nfs_write_begin"}), "network-fs-wait: nfs_write_begin");
  EXPECT_EQ(site_of({"folio_wait_bit_common", "filemap_read"}), "block-io-wait: folio_wait_bit_common");
  EXPECT_EQ(site_of({"__mutex_lock", "fput", "__do_sys_io_uring_enter"}),
            "io-uring-exit: __mutex_lock <- __do_sys_io_uring_enter");
  EXPECT_EQ(site_of({"__do_sys_io_uring_enter", "__mutex_lock"}), "none");
  EXPECT_EQ(site_of({"fuse_dev_do_read", "fuse_dev_read"}), "none");
  EXPECT_EQ(site_of({}), "none");
}

}  // namespace
}  // namespace unzap
