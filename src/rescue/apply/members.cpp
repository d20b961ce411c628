// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/members.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <fmt/format.h>
#include <linux/nsfs.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <map>
#include <new>
#include <string>

#include "rescue/apply/child.hpp"
#include "util/fd.hpp"
#include "util/run_apart.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_deepest = 40;       // MAX_PID_NS_LEVEL is 32, include/linux/pid_namespace.h
constexpr double k_silence_seconds = 0.25;  // for a batch of which nobody answers

/// Walks up from an open namespace.
std::vector<std::uint64_t> chain_from(Fd at) {
  std::vector<std::uint64_t> out;
  while (at && out.size() < k_deepest) {
    struct stat found {};
    if (::fstat(at.get(), &found) == 0) out.push_back(found.st_ino);
    at = Fd(::ioctl(at.get(), NS_GET_PARENT));  // EPERM beyond the one that /proc is of
  }
  return out;
}

Fd open_pid_ns(std::int32_t pid) {
  return Fd(::open(fmt::format("/proc/{}/ns/pid", pid).c_str(), O_RDONLY | O_CLOEXEC));
}

/// What the process that asks leaves behind even when it is stuck.
struct Shared {
  std::atomic<std::size_t> at{0};
  std::atomic<std::uint32_t> count{0};
  std::array<std::int32_t, 64> found{};
};

int ask(const std::vector<std::int32_t>& pids, std::uint64_t pid_ns, Shared& shared) {
  std::map<std::uint64_t, bool> known;
  for (std::size_t i = shared.at; i < pids.size(); ++i) {
    shared.at = i;
    struct stat own {};
    if (::stat(fmt::format("/proc/{}/ns/pid", pids[i]).c_str(), &own) != 0) continue;
    auto found = known.find(own.st_ino);
    if (found == known.end()) {
      const auto chain = chain_from(open_pid_ns(pids[i]));
      if (chain.empty()) continue;
      found = known.emplace(chain.front(), std::count(chain.begin(), chain.end(), pid_ns) > 0).first;
    }
    if (found->second && shared.count < shared.found.size()) shared.found[shared.count++] = pids[i];
  }
  shared.at = pids.size();
  return 0;
}

}  // namespace

std::vector<std::int32_t> processes() {
  std::vector<std::int32_t> out;
  DIR* folder = ::opendir("/proc");
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder))
    if (const auto pid = parse_number<std::int32_t>(entry->d_name)) out.push_back(*pid);
  ::closedir(folder);
  return out;
}

std::optional<std::vector<std::uint64_t>> pid_ns_chain_of(std::int32_t pid, double seconds) {
  const auto text = run_apart(
      "the pid namespace", [pid] { return fmt::format("{}", fmt::join(chain_from(open_pid_ns(pid)), " ")); },
      seconds, 4096);
  if (!text) return std::nullopt;
  std::vector<std::uint64_t> out;
  for (const std::string_view word : split_words(*text))
    if (const auto inode = parse_number<std::uint64_t>(word)) out.push_back(*inode);
  if (out.empty()) return std::nullopt;
  return out;
}

Members members_of(std::uint64_t pid_ns, double seconds) {
  Members out;
  void* page = ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (page == MAP_FAILED) return out;
  Shared& shared = *new (page) Shared;
  const std::vector<std::int32_t> pids = processes();
  double left = seconds;
  while (left > 0 && shared.at < pids.size()) {
    const double turn = std::min(left, k_silence_seconds);
    const std::size_t begin = shared.at;
    if (in_child(turn, [&] { return ask(pids, pid_ns, shared); }) == 0) break;
    left -= turn;
    if (shared.at == begin) out.silent.push_back(pids[shared.at++]);  // else it was only slow
  }
  out.complete = !pids.empty() && shared.at >= pids.size();
  out.found.assign(shared.found.begin(), shared.found.begin() + shared.count);
  ::munmap(page, sizeof(Shared));
  return out;
}

}  // namespace unzap
