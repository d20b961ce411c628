// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "container.hpp"

namespace lab {

/// What became of a container.
enum class Fate {
  clean,  ///< its init was reaped: everything in it is gone
  spins,  ///< one of its init's threads keeps a CPU in the kernel and switches no more
  stuck,  ///< it is still there, and nobody spins
};
const char* name(Fate fate);

/// The thread that spins.
struct Spinner {
  pid_t pid = 0, tid = 0;
  std::string comm;
  std::uint64_t start_ticks = 0;
  double since = 0;  ///< the look at which it was first seen at it
};

/// Looks at containers from outside, again and again, until each is gone or its fate is plain.
class Watch {
 public:
  explicit Watch(std::vector<Container> containers);

  /// One look. True when nothing more needs to be seen: all are gone, or one spins.
  bool look();
  /// The worst fate so far.
  Fate fate() const;
  const std::optional<Spinner>& spinner() const { return spinner_; }
  /// The containers that are still there.
  const std::vector<Container>& left() const { return containers_; }

 private:
  struct Sight {
    double at = 0;  ///< begin of the stretch without a context switch
    std::uint64_t ticks = 0, switches = 0;
  };
  void look_at_threads(const Container& container);

  std::vector<Container> containers_;
  std::map<pid_t, Sight> sights_;
  std::optional<Spinner> spinner_;
};

}  // namespace lab
