// SPDX-License-Identifier: Apache-2.0
#include "sources/text/symptoms.hpp"

#include <algorithm>
#include <iterator>

#include "util/scan.hpp"
#include "util/text.hpp"

namespace unzap::text {
namespace {

constexpr std::size_t k_most_text = 400;
constexpr std::size_t k_short_id = 12;
constexpr std::size_t k_long_id = 64;
constexpr std::size_t k_uuid = 36;

/// What is said: the first part, and where that alone means little, the second as well, anywhere in the line.
struct Said {
  std::string_view first;
  std::string_view second;
};
// Each in the words of its program: moby daemon/kill.go, containerd pkg/cri, kubelet pkg/kubelet/kuberuntime,
// cri-o, podman and conmon.
constexpr Said k_said[] = {
    {"did not receive an exit event", ""},
    {"failed to exit within", "kill"},
    {"is zombie and can not be killed", ""},
    {"failed to kill container", ""},
    {"Failed to kill container", ""},
    {"Kill container failed", ""},
    {"KillContainerError", ""},
    {"KillPodSandboxError", ""},
    {"error killing pod", ""},
    {"cannot kill container", ""},
    {"failed to stop container", ""},
    {"failed to stop sandbox", ""},
    {"failed to forcibly stop sandbox", ""},
    {"an error occurs during waiting for container", ""},
    {"StopContainer", "failed"},
    {"StopPodSandbox", "failed"},
    {"given PID did not die within timeout", ""},
    {"context deadline exceeded", "kill"},
    {"context deadline exceeded", "failed to stop"},
    {"context deadline exceeded", "failed to delete"},
    {"context deadline exceeded", "StopContainer"},
    {"context deadline exceeded", "StopPodSandbox"},
    {"DeadlineExceeded", "StopContainer"},
    {"DeadlineExceeded", "StopPodSandbox"},
};

bool is_lower_hex(char c) {
  return is_digit(c) || (c >= 'a' && c <= 'f');
}

/// The longest id in the line: 64 digits, or at least 12 behind the word "container", "sandbox" or "id".
std::string container_in(std::string_view line) {
  std::string_view shorter;
  for (std::size_t at = 0; at < line.size();) {
    std::size_t end = at;
    while (end < line.size() && is_lower_hex(line[end])) ++end;
    const bool word = (at == 0 || (!is_letter(line[at - 1]) && line[at - 1] != '-' && line[at - 1] != '_')) &&
                      (end == line.size() || (!is_letter(line[end]) && line[end] != '-' && line[end] != '_'));
    const std::string_view id = line.substr(at, end - at);
    if (word && id.size() == k_long_id) return std::string(id);
    const std::string_view front =
        line.substr(at - std::min<std::size_t>(at, 24), std::min<std::size_t>(at, 24));
    const bool named = contains(front, "ontainer") || contains(front, "andbox") || contains(front, "id=");
    if (word && named && id.size() >= k_short_id && id.size() < k_long_id && shorter.empty()) shorter = id;
    at = std::max(end, at + 1);
  }
  return std::string(shorter);
}

bool is_uuid(std::string_view text) {
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (dash ? text[i] != '-' : !is_lower_hex(text[i])) return false;
  }
  return text.size() == k_uuid;
}

/// A uuid in such a line is a pod's.
std::string pod_in(std::string_view line) {
  for (std::size_t at = 0; at + k_uuid <= line.size(); ++at)
    if ((at == 0 || !is_lower_hex(line[at - 1])) && is_uuid(line.substr(at, k_uuid)))
      return std::string(line.substr(at, k_uuid));
  return "";
}

}  // namespace

std::optional<Symptom> symptom_of(std::string_view line) {
  const auto* said = std::find_if(std::begin(k_said), std::end(k_said), [line](const Said& known) {
    return contains(line, known.first) && (known.second.empty() || contains(line, known.second));
  });
  if (said == std::end(k_said)) return std::nullopt;
  Symptom out;
  out.container = container_in(line);
  out.pod = pod_in(line);
  // Without an id, and without the name of who speaks, it is prose.
  constexpr std::string_view k_speakers[] = {"kubelet", "containerd", "dockerd", "crio",
                                             "podman",  "level=",     "E0",      "E1"};
  const bool spoken = std::any_of(std::begin(k_speakers), std::end(k_speakers),
                                  [line](std::string_view who) { return contains(line, who); });
  if (out.container.empty() && out.pod.empty() && !spoken) return std::nullopt;
  out.text = printable(trim(line), k_most_text);
  return out;
}

}  // namespace unzap::text
