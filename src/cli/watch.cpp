// SPDX-License-Identifier: Apache-2.0
#include "cli/watch.hpp"

#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <time.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <optional>

#include "cli/command.hpp"
#include "diagnosis/diagnose.hpp"

namespace unzap {
namespace {

volatile sig_atomic_t g_stop = 0;  // set by the handler of SIGINT and SIGTERM

void stop(int) {
  g_stop = 1;
}

using Clock = std::chrono::steady_clock;

/// Sleeps `seconds`, or until a signal says to stop; also one that came just before.
void sleep_until(Clock::time_point end) {
  sigset_t both;
  sigset_t before;
  sigemptyset(&both);
  sigaddset(&both, SIGINT);
  sigaddset(&both, SIGTERM);
  sigprocmask(SIG_BLOCK, &both, &before);
  while (g_stop == 0 && Clock::now() < end) {
    const auto left = std::chrono::duration_cast<std::chrono::nanoseconds>(end - Clock::now()).count();
    const timespec wait{std::max<time_t>(0, left / 1000000000), std::max<long>(0, left % 1000000000)};
    ::ppoll(nullptr, 0, &wait, &before);  // lets them in for as long as it waits, and no longer
  }
  sigprocmask(SIG_SETMASK, &before, nullptr);
}

/// Helpers of earlier looks that were left behind and have come to their end since.
void reap_helpers() {
  while (::waitpid(-1, nullptr, WNOHANG) > 0) continue;
}

}  // namespace

int watch_host(const HostOptions& host, const WatchOptions& options) {
  struct sigaction action {};
  action.sa_handler = stop;
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
  Changes changes;
  std::optional<Verdict> verdict;
  while (g_stop == 0) {
    const Clock::time_point begin = Clock::now();
    const Result<Snapshot> snapshot = snapshot_of_host(host, options.quiet);
    if (g_stop != 0) break;  // the signal may have ended a helper, too: this look says nothing
    if (!snapshot && !verdict) return fail(snapshot.error());
    if (snapshot) {
      const Diagnosis diagnosis = diagnose(*snapshot, diagnosis_seconds(host));
      const std::int64_t now = ::time(nullptr);
      const std::vector<Change> found = changes.since_last(diagnosis, now);
      verdict = diagnosis.verdict;
      const std::optional<Verdict> news = changes.verdict_changed() ? verdict : std::nullopt;
      const std::string text = options.format.render_changes(found, news, now);
      if (const int failed = write_output(text); failed != 0) return failed;
    } else {
      fail(snapshot.error());  // the next look may go better
    }
    reap_helpers();
    sleep_until(begin +
                std::chrono::duration_cast<Clock::duration>(std::chrono::duration<double>(options.seconds)));
  }
  return verdict ? exit_code_of(*verdict) : exit_code_of(Verdict::unknown);
}

}  // namespace unzap
