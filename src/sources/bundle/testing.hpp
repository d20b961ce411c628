// SPDX-License-Identifier: Apache-2.0
// The cases of tests/cases, for tests.
#pragma once

#include <gtest/gtest.h>

#include <filesystem>

#include "snapshot/snapshot.hpp"
#include "sources/bundle/bundle.hpp"
#include "sources/text/text_source.hpp"
#include "util/read_file.hpp"

namespace unzap {

/// What a case shows: its capture.txt, or its capture.unzap.
inline Snapshot case_in(const std::filesystem::path& folder) {
  constexpr std::size_t k_most = std::size_t{1} << 20;
  if (const auto text = read_file((folder / "capture.txt").string(), k_most))
    return read_text(text->text, "capture.txt");
  const auto bundle = read_file((folder / "capture.unzap").string(), k_most);
  EXPECT_TRUE(bundle) << folder;
  if (!bundle) return {};
  const auto snapshot = read_bundle(bundle->text, "capture.unzap");
  EXPECT_TRUE(snapshot) << snapshot.error().text();
  return snapshot ? *snapshot : Snapshot{};
}

}  // namespace unzap
