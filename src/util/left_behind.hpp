// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <functional>
#include <optional>

namespace unzap {

/// How a process that may be left behind is set up.
struct ApartOptions {
  const char* name;    ///< its comm: at most 15 bytes
  int keep_only = -1;  ///< the one descriptor it keeps, which becomes k_kept_fd; negative: it keeps all
};
inline constexpr int k_kept_fd = 3;

/// A process of ours that does what may block in the kernel forever. No signal ends such a wait: the process
/// is killed and left behind, and goes when the kernel lets go. So that nobody waits for it meanwhile, it has
/// /dev/null as standard streams, keeps our descriptors only where it is asked to, takes SIGPIPE, SIGINT and
/// SIGTERM as any process does, and is killed when the thread that started it ends. Start it before other
/// threads: the work may allocate.
class LeftBehind {
 public:
  LeftBehind() = default;
  LeftBehind(const LeftBehind&) = delete;
  LeftBehind& operator=(const LeftBehind&) = delete;
  /// Kills it, and waits for some milliseconds so that it does not stay as a zombie.
  ~LeftBehind();

  /// Starts a process that returns what `work` returns (0 to 255). 0, or the errno of what was refused.
  int start(const ApartOptions& options, const std::function<int()>& work);
  bool running() const { return pid_ > 0; }
  pid_t pid() const { return pid_; }

  /// Waits for its end. What `work` returned; nothing when it threw or was killed, or when it did not end in
  /// time: then it is killed and left behind.
  std::optional<int> wait(double seconds);
  /// Kills and forgets it without waiting. Its process id, for a later look whether it is gone.
  pid_t abandon();

 private:
  pid_t pid_ = -1;
};

}  // namespace unzap
