// SPDX-License-Identifier: Apache-2.0
#include "snapshot/container.hpp"

#include <algorithm>

namespace unzap {
namespace {

constexpr std::string_view k_uuid = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr std::size_t k_static_digits = 32;

bool is_hex_digit(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

bool is_uid(std::string_view text) {
  if (text.size() == k_static_digits) return std::all_of(text.begin(), text.end(), is_hex_digit);
  return std::equal(text.begin(), text.end(), k_uuid.begin(), k_uuid.end(), [](char letter, char shape) {
    return shape == '-' ? letter == '-' || letter == '_' : is_hex_digit(letter);
  });
}

/// The uid in one part of a path: "pod<uid>", or "<whatever>-pod<uid>.slice". A containerd that was not told
/// of systemd writes "<slice>:cri-containerd:<id>".
std::string_view uid_in(std::string_view part) {
  constexpr std::string_view k_slice = ".slice";
  part = part.substr(0, part.find(':'));
  const bool slice = part.ends_with(k_slice);
  if (slice) part.remove_suffix(k_slice.size());
  const std::size_t pod = part.rfind("pod");
  if (pod == std::string_view::npos) return {};
  const bool begins = slice ? pod > 0 && part[pod - 1] == '-' : pod == 0;
  const std::string_view uid = part.substr(pod + 3);
  return begins && is_uid(uid) ? uid : std::string_view();
}

}  // namespace

std::string pod_uid(std::string_view cgroup) {
  std::string_view innermost;
  for (std::size_t at = 0; at < cgroup.size();) {
    const std::size_t end = std::min(cgroup.find('/', at), cgroup.size());
    if (const std::string_view uid = uid_in(cgroup.substr(at, end - at)); !uid.empty()) innermost = uid;
    at = end + 1;
  }
  if (innermost.empty()) return {};
  // Other managers than the kubelet have groups called pod, too.
  const auto before = static_cast<std::size_t>(innermost.data() - cgroup.data());
  if (cgroup.substr(0, before).find("kubepods") == std::string_view::npos) return {};
  std::string out(innermost);
  std::replace(out.begin(), out.end(), '_', '-');
  return out;
}

}  // namespace unzap
