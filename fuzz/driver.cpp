// SPDX-License-Identifier: Apache-2.0
// Runs a fuzz target without libFuzzer, so that every build and every ./dev test does: changes the seeds at
// random, and gives them to the target. It learns nothing from a run, and finds less than libFuzzer in the
// same time; but it needs no clang, and with the sanitizers of ./dev asan it finds what they find.
//
// fuzz_TARGET SECONDS FOUND_FILE SEED_FOLDER...
// An input that crashes the target, or keeps it for 10 s, is written to FOUND_FILE. Prints the number of
// runs.
#include <fcntl.h>
#include <signal.h>
#include <unistd.h>

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <random>
#include <sstream>
#include <string>
#include <vector>

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size);

namespace {

constexpr unsigned k_patience_seconds = 10;
constexpr std::size_t k_most_bytes = 1 << 16;

std::string g_input;            // what the target has now
const char* g_found = nullptr;  // where to write it when it is the last one

/// Of what a signal handler may do: open, write, and die of the same signal.
void keep_input(int number) {
  const int fd = ::open(g_found, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  if (fd >= 0 && ::write(fd, g_input.data(), g_input.size()) >= 0) ::close(fd);
  ::signal(number, SIG_DFL);
  ::raise(number);
}

std::vector<std::string> read_seeds(char** folders) {
  std::vector<std::string> out;
  for (; *folders != nullptr; ++folders)
    for (const auto& entry : std::filesystem::recursive_directory_iterator(*folders)) {
      if (!entry.is_regular_file()) continue;
      std::ostringstream text;
      text << std::ifstream(entry.path(), std::ios::binary).rdbuf();
      out.push_back(text.str().substr(0, k_most_bytes));
    }
  std::sort(out.begin(),
            out.end());  // folders list their files in any order; the same seed number gives the same runs
  return out;
}

/// Changes texts at random places; lines and numbers are what the readers look for.
class Mutator {
 public:
  Mutator(std::uint32_t seed, const std::vector<std::string>& seeds) : random_(seed), seeds_(seeds) {}

  std::string next() {
    std::string text = seeds_[below(seeds_.size())];
    const std::size_t changes = 1 + below(8);
    for (std::size_t i = 0; i < changes; ++i) change(text);
    return text.substr(0, k_most_bytes);
  }

 private:
  std::size_t below(std::size_t limit) { return limit == 0 ? 0 : random_() % limit; }

  void change(std::string& text) {
    static const std::vector<std::string> words = {
        "\n",         ")",          "(",        "[",       "]",       " ",
        "\t",         ":",          "/proc/1/", "-1",      "0",       "18446744073709551616",
        "4294967296", "2147483648", "\xff",     "\x1b[2J", "</TASK>", "<IRQ>",
        "state:",     "[task]\n",   "[end]\n",  "= [",     "\"",      "#",
        "\r\n"};
    const std::size_t at = below(text.size() + 1);
    const std::size_t length = std::min(below(2) == 0 ? below(8) : below(400), text.size() - at);
    switch (below(7)) {
      case 0:
        if (!text.empty()) text[below(text.size())] = static_cast<char>(random_());
        break;
      case 1: text.insert(at, words[below(words.size())]); break;
      case 2: text.erase(at, length); break;
      case 3: text.insert(below(text.size() + 1), text.substr(at, length)); break;
      case 4: text.resize(at); break;
      case 5: {
        const std::string& other = seeds_[below(seeds_.size())];
        const std::size_t from = below(other.size() + 1);
        text.replace(at, length, other.substr(from, below(2000)));
        break;
      }
      default: text.replace(at, length, words[below(words.size())]); break;
    }
  }

  std::mt19937 random_;
  const std::vector<std::string>& seeds_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc < 4) {
    std::fprintf(stderr, "usage: %s SECONDS FOUND_FILE SEED_FOLDER...\n", argv[0]);
    return 64;
  }
  g_found = argv[2];
  const std::vector<std::string> seeds = read_seeds(argv + 3);
  if (seeds.empty()) {
    std::fprintf(stderr, "%s: no seed in the folders given\n", argv[0]);
    return 66;
  }
  for (const int number : {SIGABRT, SIGSEGV, SIGBUS, SIGFPE, SIGILL, SIGALRM}) ::signal(number, keep_input);
  const auto end = std::chrono::steady_clock::now() + std::chrono::seconds(std::atoi(argv[1]));
  const auto number = static_cast<std::uint32_t>(std::chrono::system_clock::now().time_since_epoch().count());
  Mutator mutator(number, seeds);
  std::size_t runs = 0;
  for (; runs < seeds.size() || std::chrono::steady_clock::now() < end; ++runs) {
    g_input = runs < seeds.size() ? seeds[runs] : mutator.next();
    ::alarm(k_patience_seconds);
    LLVMFuzzerTestOneInput(reinterpret_cast<const std::uint8_t*>(g_input.data()), g_input.size());
  }
  std::printf("%zu runs, random numbers from %u\n", runs, number);
  return 0;
}
