// SPDX-License-Identifier: Apache-2.0
// The containers of the lab: started, left to die, watched. It can hang the machine that it runs on, which is
// what it is for, so it runs in a guest of the lab and nowhere else.
#include <fcntl.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>
#include <x86intrin.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <string>
#include <vector>

#include "container.hpp"
#include "say.hpp"
#include "watch.hpp"

namespace lab {
namespace {

constexpr const char* k_usage =
    "usage: lab_workload [--init KIND] [--child KIND] [--outside KIND] [--workers N]\n"
    "                    [--together N] [--rounds N] [--limit SECONDS]\n"
    "Starts containers, lets their inits exit, and says what became of them. It may hang the machine: it "
    "refuses\n"
    "to run outside a guest of the lab.\n"
    "       lab_workload --tsc   the rate of this machine's time stamp counter in kHz; may run anywhere\n"
    "  --together N   containers at a time (1)      --rounds N   repeat until one locks up (1)\n"
    "  --limit S      seconds for all of it (10)    --workers N  blocked workers of busy-workers (8)\n"
    "EXIT STATUS  0 all came and went   1 one spins   2 one is stuck   64 usage   70 failed   77 no guest of "
    "the lab\n";

struct Options {
  Plan plan;
  int together = 1, rounds = 1;
  double limit = 10;
};

/// Counts against the monotonic clock, for a twentieth of a second.
int print_tsc() {
  const double begin = now();
  const std::uint64_t first = __rdtsc();
  while (now() - begin < 0.05) continue;
  const double khz = static_cast<double>(__rdtsc() - first) / (now() - begin) / 1000;
  std::printf("%.0f\n", khz);
  return 0;
}

/// The kernel's command line of a guest of the lab says so; nothing else can.
bool in_guest() {
  char text[4096] = {};
  const int fd = ::open("/proc/cmdline", O_RDONLY | O_CLOEXEC);
  const ssize_t size = fd < 0 ? -1 : ::read(fd, text, sizeof text - 1);
  if (fd >= 0) ::close(fd);
  return size > 0 && std::strstr(text, "unzap.lab=guest") != nullptr;
}

[[noreturn]] void usage(const std::string& what) {
  std::fprintf(stderr, "lab_workload: %s\n%s", what.c_str(), k_usage);
  std::exit(64);
}

std::string kind(const std::string& option, const std::string& value, const std::vector<std::string>& known) {
  if (std::find(known.begin(), known.end(), value) != known.end()) return value;
  std::string allowed;
  for (const std::string& one : known) allowed += " " + one;
  usage(option + " takes one of:" + allowed + "; not '" + value + "'");
}

double number(const std::string& option, const std::string& value) {
  char* end = nullptr;
  const double out = std::strtod(value.c_str(), &end);
  if (end == value.c_str() || *end != '\0' || !(out > 0))
    usage(option + " takes a number, not '" + value + "'");
  return out;
}

Options parse(const std::vector<std::string>& words) {
  Options options;
  for (std::size_t i = 0; i < words.size(); i += 2) {
    const std::string& option = words[i];
    if (option == "-h" || option == "--help") {
      std::fputs(k_usage, stdout);
      std::exit(0);
    }
    if (i + 1 == words.size()) usage("what is '" + option + "'?");
    const std::string& value = words[i + 1];
    if (option == "--init")
      options.plan.init = kind(option, value, init_kinds());
    else if (option == "--child")
      options.plan.child = kind(option, value, child_kinds());
    else if (option == "--outside")
      options.plan.outside = kind(option, value, outside_kinds());
    else if (option == "--workers")
      options.plan.workers = static_cast<int>(number(option, value));
    else if (option == "--together")
      options.together = static_cast<int>(number(option, value));
    else if (option == "--rounds")
      options.rounds = static_cast<int>(number(option, value));
    else if (option == "--limit")
      options.limit = number(option, value);
    else
      usage("there is no option '" + option + "'");
  }
  return options;
}

void report(const Watch& watch, int round, double begin) {
  const double seconds = (watch.spinner() ? watch.spinner()->since : now()) - begin;
  if (const auto& spinner = watch.spinner())
    say("spinner pid=%d tid=%d start=%llu comm=\"%s\"", spinner->pid, spinner->tid,
        static_cast<unsigned long long>(spinner->start_ticks), spinner->comm.c_str());
  for (const Container& one : watch.left())
    say("left init=%d child=%d outside=%d", one.init, one.child, one.outside);
  say("verdict=%s seconds=%.3f rounds=%d", name(watch.fate()), seconds, round);
}

/// A round that begins in time may take this long, whatever the limit of all: it is not stuck yet.
constexpr double k_round_seconds = 5;

int run(const Options& options) {
  const double begin = now();
  for (int round = 1;; ++round) {
    const double deadline = std::max(begin + options.limit, now() + std::min(options.limit, k_round_seconds));
    std::vector<Container> containers;
    for (int i = 0; i < options.together; ++i) containers.push_back(start(options.plan));
    for (Container& one : containers) let_go(one);
    Watch watch(containers);
    bool settled = false;
    while (!(settled = watch.look()) && now() < deadline) ::usleep(20'000);
    const bool last = round == options.rounds || now() - begin >= options.limit;
    if (watch.fate() == Fate::clean && !last) continue;
    report(watch, round, begin);
    return watch.fate() == Fate::clean ? 0 : watch.fate() == Fate::spins ? 1 : 2;
  }
}

}  // namespace
}  // namespace lab

int main(int argc, char** argv) {
  if (argc == 2 && std::strcmp(argv[1], "--tsc") == 0) return lab::print_tsc();
  const auto options = lab::parse({argv + 1, argv + argc});
  if (!lab::in_guest()) {
    std::fprintf(stderr,
                 "lab_workload: this is not a guest of the lab, and this program can hang the machine; see "
                 "./dev lab run\n");
    return 77;
  }
  return lab::run(options);
}
