// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/redact.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cctype>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>

#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_shortest_id = 32;  // hexadecimal digits; an address of the kernel has 16

// Without the flags of a task, these tell a kernel thread.
constexpr std::string_view k_kernel_prefixes[] = {
    "kworker/",  "ksoftirqd/", "migration/", "idle_inject/", "cpuhp/",     "watchdog/",  "rcu_",
    "rcuo",      "rcub/",      "rcuc/",      "rcuog/",       "kthreadd",   "kswapd",     "khugepaged",
    "kcompactd", "khungtaskd", "kauditd",    "kdevtmpfs",    "oom_reaper", "jbd2/",      "irq/",
    "writeback", "ksmd",       "netns",      "swapper/",     "kblockd",    "kintegrityd"};
// They are part of how a container ends, and say nothing of whose it is.
constexpr std::string_view k_shims[] = {"containerd-shim",        "docker-containe", "docker-containerd",
                                        "docker-containerd-shim", "dockerd-current", "conmon"};

bool io_uring_name(std::string_view comm) {
  for (const std::string_view prefix : {"iou-wrk-", "iou-sqp-", "iou-mgr-"})
    if (comm.starts_with(prefix) && parse_number<std::uint32_t>(comm.substr(prefix.size()))) return true;
  return false;
}

bool word_byte(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) != 0 || c == '_';
}
bool path_byte(char c) {
  return std::isgraph(static_cast<unsigned char>(c)) != 0 &&
         std::string_view(",;()[]{}<>'\"").find(c) == std::string_view::npos;
}

/// Which names of tasks are the kernel's own.
class KernelNames {
 public:
  explicit KernelNames(const Snapshot& snapshot) {
    for (const Task& task : snapshot.tasks)
      if (task.comm && task.flags) ((*task.flags & k_pf_kthread) != 0 ? kernel_ : user_).insert(*task.comm);
  }
  bool has(const std::string& comm) const {
    if (io_uring_name(comm) || std::count(std::begin(k_shims), std::end(k_shims), comm) > 0) return true;
    if (user_.contains(comm)) return false;
    return kernel_.contains(comm) || std::any_of(std::begin(k_kernel_prefixes), std::end(k_kernel_prefixes),
                                                 [&](auto prefix) { return comm.starts_with(prefix); });
  }

 private:
  std::set<std::string> kernel_;
  std::set<std::string> user_;
};

/// Hands out masks, and knows which it handed out.
class Masks {
 public:
  /// The mask of `name` among those of its kind ("comm", "group", "container").
  const std::string& of(const std::string& kind, const std::string& name) {
    auto& known = masks_[kind];
    const auto [at, is_new] = known.try_emplace(name);
    if (is_new) at->second = fmt::format("{}-{}", kind, known.size());
    return at->second;
  }
  /// Each part of the path masked by itself: what lies below what stays visible.
  std::string path(std::string_view path) {
    std::string out;
    while (!path.empty()) {
      const std::size_t end = std::min(path.find('/'), path.size());
      if (end > 0) out += part(path.substr(0, end));
      if (end < path.size()) out += '/';
      path.remove_prefix(std::min(end + 1, path.size()));
    }
    return out;
  }
  /// Adds a name that is to be found in free text.
  void note_word(const std::string& name, const std::string& mask) {
    if (!name.empty()) words_.emplace(name, mask);
  }
  std::string text(std::string_view text);

 private:
  std::string part(std::string_view part) {
    static const std::set<std::string_view> kept = {
        "..", ".", "freezer", "unified", "cgroup.events", "cgroup.freeze", "freezer.state"};
    return kept.contains(part) ? std::string(part) : of("group", std::string(part));
  }
  std::size_t take_word(std::string_view text, std::size_t at, std::string& out);
  std::size_t take_path(std::string_view text, std::size_t at, std::string& out);
  std::size_t take_id(std::string_view text, std::size_t at, std::string& out);

  std::map<std::string, std::map<std::string, std::string>> masks_;
  std::map<std::string, std::string, std::greater<>> words_;  ///< longer ones before their beginnings
};

/// Masks the word of words_ that begins at `at`; 0 when there is none, else its length.
std::size_t Masks::take_word(std::string_view text, std::size_t at, std::string& out) {
  if (at > 0 && word_byte(text[at - 1]) && word_byte(text[at])) return 0;
  const std::string_view rest = text.substr(at);
  // In falling order all words that begin with this byte follow the first that is not greater than the rest.
  for (auto word = words_.lower_bound(rest); word != words_.end(); ++word) {
    const std::string& name = word->first;
    if (name.front() != rest.front()) break;
    if (!rest.starts_with(name)) continue;
    const bool ends = rest.size() == name.size() || !word_byte(rest[name.size()]) || !word_byte(name.back());
    if (!ends) continue;
    out += word->second;
    return name.size();
  }
  return 0;
}

/// Masks the absolute path that begins at `at`, the part behind the mount point of cgroups, or the name
/// behind "cpuset=".
std::size_t Masks::take_path(std::string_view text, std::size_t at, std::string& out) {
  constexpr std::string_view k_cgroups = "/sys/fs/cgroup";
  constexpr std::string_view k_cpuset = "cpuset=";
  const std::string_view rest = text.substr(at);
  if (at > 0 && path_byte(text[at - 1]) && text[at - 1] != '=' && text[at - 1] != ':') return 0;
  std::size_t kept = 0;
  if (rest.starts_with(k_cpuset)) {
    kept = k_cpuset.size();
  } else if (rest.front() != '/' || rest.size() < 2 || !path_byte(rest[1])) {
    return 0;
  } else if (rest.starts_with(k_cgroups)) {
    kept = k_cgroups.size();
  } else if (rest.starts_with("/proc/") || rest.starts_with("/dev/") || rest.starts_with("/sys/")) {
    return 0;
  }
  std::size_t end = kept;
  while (end < rest.size() && path_byte(rest[end])) ++end;
  out.append(rest.substr(0, kept)).append(path(rest.substr(kept, end - kept)));
  return end;
}

std::size_t Masks::take_id(std::string_view text, std::size_t at, std::string& out) {
  const auto digit = [&](std::size_t i) { return std::isxdigit(static_cast<unsigned char>(text[i])) != 0; };
  if (at > 0 && digit(at - 1)) return 0;
  std::size_t end = at;
  while (end < text.size() && digit(end)) ++end;
  if (end - at < k_shortest_id) return 0;
  out += of("container", std::string(text.substr(at, end - at)));
  return end - at;
}

std::string Masks::text(std::string_view text) {
  std::string out;
  for (std::size_t at = 0; at < text.size();) {
    std::size_t taken = take_path(text, at, out);
    if (taken == 0) taken = take_word(text, at, out);
    if (taken == 0) taken = take_id(text, at, out);
    if (taken == 0) out += text[at];
    at += std::max<std::size_t>(taken, 1);
  }
  return out;
}

}  // namespace

Snapshot redacted(Snapshot snapshot) {
  const KernelNames kernel(snapshot);
  Masks masks;
  const auto mask_comm = [&](Reading<std::string>& comm) {
    if (!comm || comm->empty() || kernel.has(*comm)) return;
    const std::string& mask = masks.of("comm", *comm);
    masks.note_word(*comm, mask);
    comm = mask;
  };
  if (snapshot.host.name) {
    masks.note_word(*snapshot.host.name, "host");
    snapshot.host.name = std::string("host");
  }
  for (Task& task : snapshot.tasks) {
    mask_comm(task.comm);
    if (task.cgroup) task.cgroup = masks.path(*task.cgroup);
    if (task.container) task.container = masks.of("container", *task.container);
    if (task.work_dir) task.work_dir = masks.path(*task.work_dir);
  }
  for (KernelEvent& event : snapshot.events) mask_comm(event.comm);
  for (CgroupState& cgroup : snapshot.cgroups) {
    cgroup.path = masks.path(cgroup.path);
    cgroup.where = masks.text(cgroup.where);
  }
  // Last: by now every name is known.
  for (KernelEvent& event : snapshot.events) event.text = masks.text(event.text);
  for (Problem& problem : snapshot.problems) problem.text = masks.text(problem.text);
  return snapshot;
}

}  // namespace unzap
