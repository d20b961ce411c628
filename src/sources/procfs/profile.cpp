// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/profile.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <linux/perf_event.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <optional>
#include <set>
#include <utility>

#include "sources/procfs/perf_samples.hpp"
#include "sources/procfs/symbols.hpp"
#include "util/clock.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::uint64_t k_period_ns = 1000000;
constexpr useconds_t k_sample_us = 150000;
constexpr std::size_t k_ring_pages = 64;  // 150 samples of at most 1 KiB

/// The samples of one CPU.
class CpuEvent {
 public:
  explicit CpuEvent(std::int32_t cpu) {
    perf_event_attr attr{};
    attr.size = sizeof attr;
    attr.type = PERF_TYPE_SOFTWARE;
    attr.config = PERF_COUNT_SW_CPU_CLOCK;
    attr.sample_period = k_period_ns;
    attr.sample_type = PERF_SAMPLE_TID | PERF_SAMPLE_CALLCHAIN;
    attr.exclude_callchain_user = 1;
    attr.exclude_hv = 1;
    fd_.reset(static_cast<int>(::syscall(SYS_perf_event_open, &attr, -1, cpu, -1, PERF_FLAG_FD_CLOEXEC)));
    if (!fd_) {
      error_ = errno;
      return;
    }
    const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));
    bytes_ = k_ring_pages * page;
    void* ring = ::mmap(nullptr, page + bytes_, PROT_READ | PROT_WRITE, MAP_SHARED, fd_.get(), 0);
    if (ring == MAP_FAILED) {
      error_ = errno;
      return;
    }
    head_ = static_cast<perf_event_mmap_page*>(ring);
    data_ = static_cast<const char*>(ring) + page;
  }

  int error() const { return error_; }
  std::string read() const {
    ::ioctl(fd_.get(), PERF_EVENT_IOC_DISABLE, 0);
    const std::uint64_t end = std::atomic_ref<__u64>(head_->data_head).load(std::memory_order_acquire);
    std::string out;  // the ring is never full, so that it begins at 0
    for (std::uint64_t at = 0; at < std::min<std::uint64_t>(end, bytes_); ++at) out.push_back(data_[at]);
    return out;
  }

 private:
  Fd fd_;
  int error_ = 0;
  std::size_t bytes_ = 0;
  perf_event_mmap_page* head_ = nullptr;
  const char* data_ = nullptr;
};

void name_addresses(SymbolTable& symbols) {
  std::FILE* file = std::fopen("/proc/kallsyms", "re");
  if (file == nullptr) return;
  char* line = nullptr;
  std::size_t room = 0;
  for (ssize_t got = 0; (got = ::getline(&line, &room, file)) > 0;)
    symbols.take(std::string_view(line, static_cast<std::size_t>(got)));
  std::free(line);
  std::fclose(file);
}

std::string text_of(const std::map<std::int32_t, TaskSamples>& samples) {
  std::vector<std::uint64_t> addresses;
  std::map<std::int32_t, std::vector<std::uint64_t>> chains;
  for (const auto& [tid, seen] : samples) {
    const auto most = std::max_element(seen.chains.begin(), seen.chains.end(),
                                       [](const auto& a, const auto& b) { return a.second < b.second; });
    if (most == seen.chains.end()) continue;
    chains[tid] = most->first;
    addresses.insert(addresses.end(), most->first.begin(), most->first.end());
  }
  SymbolTable symbols(std::move(addresses));
  if (!chains.empty()) name_addresses(symbols);
  std::string out;
  for (const auto& [tid, seen] : samples) {
    if (seen.kernel + seen.user == 0) continue;
    out += fmt::format("T {} {} {}\n", tid, seen.kernel, seen.user);
    for (const std::uint64_t address : chains[tid]) {
      const Frame frame = symbols.frame(address);
      if (!frame.function.empty())
        out += fmt::format("F {} {} {} {}\n", frame.function, frame.offset, frame.size,
                           frame.module.empty() ? "-" : frame.module);
    }
  }
  return out;
}

/// In the process that samples: samples, names, writes.
int sample(const std::vector<ProfileTarget>& targets, int out) {
  std::set<std::int32_t> cpus;
  std::map<std::int32_t, TaskSamples> samples;
  for (const ProfileTarget& target : targets) {
    if (cpus.size() < Profiler::k_most_cpus) cpus.insert(target.cpu);
    samples[target.tid];
  }
  std::vector<CpuEvent> events;
  int error = 0;
  for (const std::int32_t cpu : cpus) {
    events.emplace_back(cpu);
    if (events.back().error() == 0) continue;
    error = events.back().error();
    events.pop_back();
  }
  std::string text = fmt::format("E {}\n", error);
  if (!events.empty()) {
    ::usleep(k_sample_us);
    for (const CpuEvent& event : events) add_samples(event.read(), samples);
    text = text_of(samples);
  }
  for (std::string_view rest = text; !rest.empty();) {
    const ssize_t put = ::write(out, rest.data(), rest.size());
    if (put <= 0) break;
    rest.remove_prefix(static_cast<std::size_t>(put));
  }
  return 0;
}

}  // namespace

void Profiler::start(const std::vector<ProfileTarget>& targets) {
  if (targets.empty() || started()) return;
  Pipe pipe = Pipe::open();
  if (!pipe) return;
  const ApartOptions options{.name = "unzap-profiler", .keep_only = pipe.out.get()};
  if (process_.start(options, [&targets] { return sample(targets, k_kept_fd); }) == 0)
    pipe_ = std::move(pipe.in);
}

Reading<std::map<std::int32_t, Profile>> Profiler::collect(double seconds) {
  if (!started()) return Absence::not_asked;
  std::string text;
  const TimeLimit limit(seconds);
  for (;;) {
    pollfd ready{pipe_.get(), POLLIN, 0};
    const int there = ::poll(&ready, 1, limit.milliseconds_left());
    if (there < 0 && errno == EINTR) continue;
    if (there <= 0) return Absence::timed_out;
    char chunk[4096];
    const ssize_t got = ::read(pipe_.get(), chunk, sizeof chunk);
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) break;
    text.append(chunk, static_cast<std::size_t>(got));
  }
  return parse_profiles(text);
}

Reading<std::map<std::int32_t, Profile>> parse_profiles(const std::string& text) {
  std::map<std::int32_t, Profile> out;
  Profile* last = nullptr;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    const std::vector<std::string_view> words = split_words(std::string_view(text).substr(at, end - at));
    at = end + 1;
    if (words.size() == 2 && words[0] == "E") {
      const int error = parse_number<int>(words[1]).value_or(0);
      return error == EACCES || error == EPERM ? Absence::not_permitted : Absence::not_in_this_kernel;
    }
    if (words.size() == 4 && words[0] == "T") {
      last = &out[parse_number<std::int32_t>(words[1]).value_or(0)];
      last->kernel = parse_number<int>(words[2]).value_or(0);
      last->user = parse_number<int>(words[3]).value_or(0);
      last->stack.origin = StackOrigin::perf;
      last->stack.where =
          fmt::format("perf_event, {} of {} samples in the kernel", last->kernel, last->kernel + last->user);
    }
    if (words.size() == 5 && words[0] == "F" && last != nullptr)
      last->stack.frames.push_back({.function = std::string(words[1]),
                                    .offset = parse_number<std::uint64_t>(words[2]).value_or(0),
                                    .size = parse_number<std::uint64_t>(words[3]).value_or(0),
                                    .module = words[4] == "-" ? "" : std::string(words[4])});
  }
  return out;
}

}  // namespace unzap
