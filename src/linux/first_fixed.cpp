// SPDX-License-Identifier: Apache-2.0
#include "linux/first_fixed.hpp"

namespace unzap {
namespace {

constexpr std::string_view k_stable = "Linux";
constexpr std::string_view k_debian = "Debian";
constexpr std::string_view k_amazon = "Amazon Linux 2023";
constexpr std::string_view k_azure = "Azure Linux 3.0";

constexpr FirstFixed k_rows[] = {
    {k_stable, "5.10", "5.10.221", "fix-2024", "stable queue of 2024-07-03, [PATCH 5.10 104/290]"},
    {k_stable, "5.15", "5.15.162", "fix-2024", "commit list of 5.15.162-rc1"},
    {k_stable, "6.1", "6.1.95", "fix-2024", "Debian's changelog of linux 6.1.98-1, under 6.1.95"},
    {k_stable, "6.6", "6.6.35", "fix-2024", "stable queue of 2024-06-19, [PATCH 6.6 267/267]"},
    {k_stable, "6.9", "6.9.6", "fix-2024", "announcement of 6.9.6-rc1"},
    {k_stable, "6.10", "6.10", "fix-2024", "v6.10-rc5"},
    {k_stable, "6.1", "6.1.191", "fix-2026", "Debian's changelog of linux 6.1.192-1, under 6.1.191"},
    {k_stable, "6.12", "6.12.115", "fix-2026", "Debian's changelog of linux 6.12.117-1, under 6.12.115"},
    {k_debian, "6.1", "6.1.98-1", "fix-2024", "Debian's changelog of linux"},
    {k_debian, "6.1", "6.1.192-1", "fix-2026", "Debian's changelog of linux"},
    {k_debian, "6.12", "6.12.115-1", "fix-2026", "Debian's changelog of linux"},
    {k_amazon, "6.1", "6.1.96-102.177.amzn2023", "fix-2024",
     "release notes of AL2023.5.20240708; its base is past 6.1.95"},
    {k_azure, "6.6", "6.6.35.1", "fix-2024", "its kernel.spec; its base is 6.6.35"},
};

/// "6.1" of "6.1.0-47-amd64".
std::string_view series_of(std::string_view release) {
  const std::size_t first = release.find('.');
  if (first == std::string_view::npos) return {};
  const std::size_t second = release.find_first_not_of("0123456789", first + 1);
  return release.substr(0, second);
}

/// Empty: a distribution of which nothing is known here.
std::string_view distribution_of(std::string_view release, std::string_view version) {
  const auto has = [&](std::string_view word) {
    return release.find(word) != std::string_view::npos || version.find(word) != std::string_view::npos;
  };
  if (has("Ubuntu") || has(".el") || has("-default") || has("cos")) return {};
  if (has("Debian") || has("+deb")) return k_debian;
  if (has("amzn2023")) return k_amazon;
  if (has("azl3")) return k_azure;
  if (has("amzn") || has(".azl") || has(".cm")) return {};
  return k_stable;
}

}  // namespace

std::vector<FirstFixed> first_fixed_for(std::string_view release, std::string_view version) {
  std::vector<FirstFixed> out;
  const std::string_view series = series_of(release);
  const std::string_view distribution = distribution_of(release, version);
  for (const FirstFixed& row : k_rows)
    if (row.series == series && row.distribution == distribution) out.push_back(row);
  return out;
}

std::string first_releases_with(std::string_view fix) {
  std::string out;
  for (const FirstFixed& row : k_rows)
    if (row.distribution == k_stable && row.fix == fix)
      out += (out.empty() ? "" : ", ") + std::string(row.version);
  return out;
}

}  // namespace unzap
