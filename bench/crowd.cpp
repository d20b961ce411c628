// SPDX-License-Identifier: Apache-2.0
// A host with many threads: crowd PROCESSES THREADS makes PROCESSES processes of THREADS threads each, all
// asleep with small stacks. Prints "ready" when they are there; all of them end when standard input closes.
#include <pthread.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <vector>

namespace {

constexpr std::size_t k_stack_bytes = 16384;

void* sleep_for_ever(void*) {
  for (;;) ::pause();
}

[[noreturn]] void live(int threads, int ready) {
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  pthread_attr_t attributes;
  pthread_attr_init(&attributes);
  pthread_attr_setstacksize(&attributes, k_stack_bytes);
  char made = 'y';
  for (int i = 1; i < threads; ++i) {
    pthread_t thread{};
    if (pthread_create(&thread, &attributes, sleep_for_ever, nullptr) != 0) made = 'n';
  }
  if (::write(ready, &made, 1) != 1) ::_exit(1);
  for (;;) ::pause();
}

}  // namespace

int main(int argc, char** argv) {
  int ends[2];
  if (argc != 3 || ::pipe(ends) != 0) return 64;
  std::vector<pid_t> processes;
  for (int i = 0; i < std::atoi(argv[1]); ++i) {
    const pid_t pid = ::fork();
    if (pid == 0) live(std::atoi(argv[2]), ends[1]);
    if (pid < 0) return 71;
    processes.push_back(pid);
  }
  for (std::size_t i = 0; i < processes.size(); ++i) {
    char made = 'n';
    if (::read(ends[0], &made, 1) != 1 || made != 'y') {
      std::fprintf(stderr, "crowd: this machine does not allow that many threads (ulimit -u, pid_max)\n");
      return 71;
    }
  }
  std::puts("ready");
  std::fflush(stdout);
  char end = 0;
  const bool read = ::read(STDIN_FILENO, &end, 1) >= 0;
  for (const pid_t pid : processes) ::kill(pid, SIGKILL);
  for (const pid_t pid : processes) ::waitpid(pid, nullptr, 0);
  return read ? 0 : 74;
}
