// SPDX-License-Identifier: Apache-2.0
#include "snapshot/container.hpp"

#include <algorithm>
#include <iterator>
#include <optional>

namespace unzap {
namespace {

constexpr std::string_view k_uuid = "xxxxxxxx-xxxx-xxxx-xxxx-xxxxxxxxxxxx";
constexpr std::size_t k_static_digits = 32;
constexpr std::size_t k_id_digits = 64;
constexpr std::size_t k_longest_name = 76;  // containerd: identifiers.maxLength

bool is_hex_digit(char letter) {
  return (letter >= '0' && letter <= '9') || (letter >= 'a' && letter <= 'f');
}

bool is_id(std::string_view text) {
  return text.size() == k_id_digits && std::all_of(text.begin(), text.end(), is_hex_digit);
}

bool is_uid(std::string_view text) {
  if (text.size() == k_static_digits) return std::all_of(text.begin(), text.end(), is_hex_digit);
  return std::equal(text.begin(), text.end(), k_uuid.begin(), k_uuid.end(), [](char letter, char shape) {
    return shape == '-' ? letter == '-' || letter == '_' : is_hex_digit(letter);
  });
}

bool is_name(std::string_view text) {
  return !text.empty() && text.size() <= k_longest_name &&
         std::all_of(text.begin(), text.end(), [](char letter) {
           return (letter >= 'a' && letter <= 'z') || (letter >= 'A' && letter <= 'Z') ||
                  (letter >= '0' && letter <= '9') || letter == '.' || letter == '_' || letter == '-';
         });
}

std::string_view without(std::string_view text, std::string_view ending) {
  if (text.ends_with(ending)) text.remove_suffix(ending.size());
  return text;
}

/// The uid in one part of a path: "pod<uid>", or "<whatever>-pod<uid>.slice". A containerd that was not told
/// of systemd writes "<slice>:cri-containerd:<id>".
std::string_view uid_in(std::string_view part) {
  part = part.substr(0, part.find(':'));
  const bool slice = part.ends_with(".slice");
  part = without(part, ".slice");
  const std::size_t pod = part.rfind("pod");
  if (pod == std::string_view::npos) return {};
  const bool begins = slice ? pod > 0 && part[pod - 1] == '-' : pod == 0;
  const std::string_view uid = part.substr(pod + 3);
  return begins && is_uid(uid) ? uid : std::string_view();
}

/// Who writes an id with this in front of it, or below this folder.
struct Writer {
  std::string_view mark;
  std::string_view runtime;
  std::string_view ns;
};
constexpr Writer k_prefixes[] = {{"docker", "docker", "moby"},  {"cri-containerd", "containerd", "k8s.io"},
                                 {"crio", "cri-o", ""},         {"libpod", "podman", ""},
                                 {"nerdctl", "containerd", ""}, {"runc", "runc", ""}};
/// containerd gives a container that asks for no cgroup /<namespace>/<id> (oci.populateDefaultUnixSpec).
constexpr Writer k_folders[] = {{"docker", "docker", "moby"},
                                {"default", "containerd", "default"},
                                {"k8s.io", "containerd", "k8s.io"},
                                {"moby", "containerd", "moby"},
                                {"lxc", "lxc", ""}};

const Writer* writer(const Writer* begin, const Writer* end, std::string_view mark) {
  const Writer* found = std::find_if(begin, end, [mark](const Writer& known) { return known.mark == mark; });
  return found == end ? nullptr : found;
}

/// What one part of a path is to the search for the outermost container.
struct Part {
  enum class Kind : char { host, unknown, container, helper } kind = Kind::unknown;
  std::string_view id = {};
  const Writer* by = nullptr;  ///< null: not known
};

/// A group that the kubelet, systemd or a runtime makes to hold others, and no user may name.
bool holds_containers(std::string_view part) {
  constexpr std::string_view k_groups[] = {"..",         "docker",     "besteffort",    "burstable",
                                           "guaranteed", "podruntime", "libpod_parent", "machine",
                                           "default",    "k8s.io",     "moby",          "lxc"};
  if (part.starts_with("user-") || part.starts_with("user@")) return false;
  return part.ends_with(".slice") || part.starts_with("kubepods") || !uid_in(part).empty() ||
         std::count(std::begin(k_groups), std::end(k_groups), part) > 0;
}

Part look_at(std::string_view part, std::string_view above, std::size_t depth) {
  constexpr std::string_view k_lxc = "lxc.payload.";
  if (part.starts_with(k_lxc))
    return {Part::Kind::container, part.substr(k_lxc.size()),
            writer(std::begin(k_folders), std::end(k_folders), "lxc")};
  // Below libpod_parent a bare id is podman's pod.
  const bool group = part.ends_with(".slice") || (above == "libpod_parent" && is_id(part));
  if (group) return {holds_containers(part) || is_id(part) ? Part::Kind::host : Part::Kind::unknown};
  const std::string_view stem = without(part, ".scope");
  const std::size_t front = stem.size() < k_id_digits ? 0 : stem.size() - k_id_digits;
  const bool apart = front == 0 || std::string_view("-_.:").find(stem[front - 1]) != std::string_view::npos;
  if (is_id(stem.substr(front)) && apart) {
    const std::string_view before = stem.substr(0, front == 0 ? 0 : front - 1);
    if (before.ends_with("conmon")) return {Part::Kind::helper};
    const std::string_view mark = before.substr(before.rfind(':') + 1);
    const Writer* by = mark.empty() ? writer(std::begin(k_folders), std::end(k_folders), above)
                                    : writer(std::begin(k_prefixes), std::end(k_prefixes), mark);
    return {Part::Kind::container, stem.substr(front), by};
  }
  const Writer* by = depth == 1 ? writer(std::begin(k_folders), std::end(k_folders), above) : nullptr;
  if (by != nullptr && by->mark != "docker" && is_name(part)) return {Part::Kind::container, part, by};
  return {holds_containers(part) ? Part::Kind::host : Part::Kind::unknown};
}

/// A walk along a path, from the root down to the first container.
struct Walk {
  std::string_view id;
  std::string_view pod;
  const Writer* by = nullptr;
  bool claimed = false;
};

Walk walk(std::string_view cgroup) {
  Walk out;
  cgroup = without(cgroup, " (deleted)");  // proc_cgroup_show(), kernel/cgroup/cgroup.c: of a zombie
  std::string_view above;
  std::size_t depth = 0;
  bool kubernetes = false;  // other managers than the kubelet have groups called pod, too
  for (std::size_t at = 0; at < cgroup.size();) {
    const std::size_t end = std::min(cgroup.find('/', at), cgroup.size());
    const std::string_view part = cgroup.substr(at, end - at);
    at = end + 1;
    if (part.empty()) continue;
    kubernetes |= part.find("kubepods") != std::string_view::npos;
    if (kubernetes && out.pod.empty()) out.pod = uid_in(part);
    const Part seen = look_at(part, above, depth);
    if (seen.kind == Part::Kind::helper) return {};
    if (seen.kind == Part::Kind::container) {
      out.id = seen.id;
      out.by = seen.by;
      return out;
    }
    out.claimed |= seen.kind == Part::Kind::unknown;
    above = part;
    if (part != "..") ++depth;
  }
  out.claimed = false;
  return out;
}

}  // namespace

Container container_of(std::string_view cgroup) {
  const Walk seen = walk(cgroup);
  Container out;
  out.id = seen.id;
  if (seen.by != nullptr) {
    out.runtime = seen.by->runtime;
    out.ns = seen.by->ns;
  }
  out.pod = seen.pod;
  std::replace(out.pod.begin(), out.pod.end(), '_', '-');
  out.claimed = seen.claimed;
  return out;
}

std::string_view container_id(std::string_view cgroup) {
  return walk(cgroup).id;
}

std::string pod_uid(std::string_view cgroup) {
  return container_of(cgroup).pod;
}

bool runtime_name(std::string_view comm) {
  constexpr std::string_view k_beginnings[] = {"containerd-shim", "docker-containe"};
  constexpr std::string_view k_names[] = {"conmon", "conmonrs", "runc", "runc:[0:PARENT]", "crun", "youki"};
  return std::count(std::begin(k_names), std::end(k_names), comm) > 0 ||
         std::any_of(std::begin(k_beginnings), std::end(k_beginnings),
                     [comm](std::string_view begin) { return comm.starts_with(begin); });
}

Container container_of_work_dir(std::string_view folder) {
  Container out;
  for (const std::string_view shims :
       {"/io.containerd.runtime.v2.task/", "/io.containerd.runtime.v1.linux/"}) {
    const std::size_t at = folder.rfind(shims);
    if (at == std::string_view::npos) continue;
    const std::string_view rest = folder.substr(at + shims.size());
    const std::size_t slash = std::min(rest.find('/'), rest.size());
    const std::string_view ns = rest.substr(0, slash);
    const std::string_view id = rest.substr(std::min(slash + 1, rest.size()));
    if (!is_name(ns) || !is_name(id)) return {};
    out.ns = ns;
    out.id = id;
    out.runtime = ns == "moby" ? "docker" : "containerd";
    return out;
  }
  constexpr std::string_view k_data = "/userdata";
  constexpr std::string_view k_containers = "-containers/";
  if (!folder.ends_with(k_data)) return {};
  folder.remove_suffix(k_data.size());
  const std::size_t slash = folder.rfind('/');
  if (slash == std::string_view::npos || !folder.substr(0, slash + 1).ends_with(k_containers)) return {};
  const std::string_view id = folder.substr(slash + 1);
  if (is_id(id)) out.id = id;  // podman or CRI-O: both keep their containers so
  return out;
}

}  // namespace unzap
