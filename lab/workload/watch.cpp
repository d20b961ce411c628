// SPDX-License-Identifier: Apache-2.0
#include "watch.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <cstring>
#include <sstream>

#include "say.hpp"

namespace lab {
namespace {

// No context switch, and system time for half of this stretch at least: in software emulation the watcher's
// clock runs on while the virtual CPU of the spinner waits for a real one.
constexpr double k_spin_seconds = 0.8;
constexpr double k_ticks_per_second = 100;

std::string read_text(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return {};
  std::string text(4096, '\0');
  const ssize_t size = ::read(fd, text.data(), text.size());
  ::close(fd);
  text.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return text;
}

std::vector<pid_t> threads_of(pid_t pid) {
  std::vector<pid_t> out;
  DIR* folder = ::opendir(("/proc/" + std::to_string(pid) + "/task").c_str());
  if (folder == nullptr) return out;
  while (const dirent* entry = ::readdir(folder))
    if (const long tid = std::strtol(entry->d_name, nullptr, 10); tid > 0)
      out.push_back(static_cast<pid_t>(tid));
  ::closedir(folder);
  return out;
}

struct Stat {
  std::string comm;
  std::uint64_t ticks = 0, start = 0;
};

std::optional<Stat> read_stat(const std::string& folder) {
  const std::string text = read_text(folder + "/stat");
  const auto open = text.find('('), close = text.rfind(')');
  if (open == std::string::npos || close == std::string::npos) return std::nullopt;
  Stat stat;
  stat.comm = text.substr(open + 1, close - open - 1);
  std::istringstream rest(text.substr(close + 2));
  std::string word;
  for (int field = 3; rest >> word && field <= 22; ++field) {
    if (field == 15) stat.ticks = std::strtoull(word.c_str(), nullptr, 10);
    if (field == 22) stat.start = std::strtoull(word.c_str(), nullptr, 10);
  }
  return stat;
}

std::uint64_t read_switches(const std::string& folder) {
  const std::string text = read_text(folder + "/status");
  std::uint64_t sum = 0;
  for (const char* key : {"\nvoluntary_ctxt_switches:", "\nnonvoluntary_ctxt_switches:"})
    if (const auto place = text.find(key); place != std::string::npos)
      sum += std::strtoull(text.c_str() + place + std::strlen(key), nullptr, 10);
  return sum;
}

}  // namespace

const char* name(Fate fate) {
  switch (fate) {
    case Fate::clean: return "clean";
    case Fate::spins: return "lockup";
    case Fate::stuck: return "stuck";
  }
  return "?";
}

Watch::Watch(std::vector<Container> containers) : containers_(std::move(containers)) {}

bool Watch::look() {
  std::erase_if(containers_,
                [](const Container& one) { return ::waitpid(one.init, nullptr, WNOHANG) == one.init; });
  for (const Container& container : containers_)
    if (!spinner_) look_at_threads(container);
  return spinner_ || containers_.empty();
}

void Watch::look_at_threads(const Container& container) {
  for (const pid_t tid : threads_of(container.init)) {
    const std::string folder = "/proc/" + std::to_string(container.init) + "/task/" + std::to_string(tid);
    const auto stat = read_stat(folder);
    if (!stat) continue;
    const Sight seen{now(), stat->ticks, read_switches(folder)};
    const auto [place, fresh] = sights_.try_emplace(tid, seen);
    Sight& first = place->second;
    if (!fresh && seen.switches != first.switches) first = seen;
    const double seconds = seen.at - first.at;
    const double busy = static_cast<double>(seen.ticks - first.ticks) / k_ticks_per_second;
    if (seconds < k_spin_seconds) continue;
    if (busy >= seconds / 2)
      spinner_ = Spinner{container.init, tid, stat->comm, stat->start, first.at};
    else
      first = seen;
    if (spinner_) return;
  }
}

Fate Watch::fate() const {
  if (spinner_) return Fate::spins;
  return containers_.empty() ? Fate::clean : Fate::stuck;
}

}  // namespace lab
