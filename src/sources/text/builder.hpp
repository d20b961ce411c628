// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "linux/preemption.hpp"
#include "snapshot/snapshot.hpp"

namespace unzap::text {

inline constexpr std::size_t k_most_tasks = 50'000;
inline constexpr std::size_t k_most_events = 20'000;
inline constexpr std::size_t k_most_frames = 128;
inline constexpr std::size_t k_most_problems = 200;
inline constexpr std::size_t k_most_cgroups = 10'000;
inline constexpr std::size_t k_most_symptoms = 100;

/// A task of the snapshot that is being built; stays good while others are added.
using TaskRef = std::size_t;
/// An event of the snapshot that is being built.
using EventRef = std::size_t;
inline constexpr std::size_t k_none = static_cast<std::size_t>(-1);

/// How good a source of a name is; a better one replaces a worse one.
enum class CommSource : unsigned char { none, command_line, listing, kernel };

/// Where a state letter comes from.
enum class StateSource : unsigned char {
  look,     ///< ps, status, stat, a listing: one moment
  running,  ///< a watchdog found it on its CPU: a moment's S in another source does not take that back
};

/// Collects what the parsers find and merges what is said of one task in several places.
/// References to a task past the cap, and k_none, lead to a task that is thrown away.
class Builder {
 public:
  explicit Builder(std::string label) : label_(std::move(label)) {}

  /// "label:line"; line 0 is the whole text.
  std::string where(std::size_t line) const {
    return line == 0 ? label_ : label_ + ":" + std::to_string(line);
  }

  /// The task with this tid, made when it is new.
  TaskRef task(std::int32_t tid, std::size_t line);
  /// A task of which the number is not known.
  TaskRef unnamed_task(std::size_t line);
  Task& at(TaskRef ref);

  void offer_comm(TaskRef ref, std::string_view comm, CommSource source);
  void offer_state(TaskRef ref, char state, StateSource source);
  /// Keeps the better one: a stack that shows an exit before one that does not, otherwise the later.
  void offer_stack(TaskRef ref, const Stack& stack);

  EventRef add_event(KernelEvent event);
  /// Past the cap, and for k_none: an event that is thrown away.
  KernelEvent& event(EventRef ref);

  /// The cgroup with this path and version, made when it is new.
  CgroupState& cgroup(std::string_view path, std::int32_t version, std::size_t line);

  Host& host() { return snapshot_.host; }
  PreemptionFacts& preemption() { return preemption_; }
  void problem(std::size_t line, std::string text);
  /// A log repeats itself: kept is the first that names a container or pod, and of those that name none one.
  void symptom(std::size_t line, Symptom symptom);
  void cut_frames() { frames_cut_ = true; }
  /// Something was understood.
  void used() { ++used_; }
  std::size_t used_count() const { return used_; }

  /// The snapshot; `unused` lines were not understood.
  Snapshot finish(std::size_t unused);

 private:
  struct Rank {
    CommSource comm = CommSource::none;
    StateSource state = StateSource::look;
  };
  TaskRef add(std::size_t line);
  void say_caps();

  std::string label_;
  Snapshot snapshot_;
  PreemptionFacts preemption_;
  std::vector<Rank> ranks_;
  std::unordered_map<std::int32_t, TaskRef> by_tid_;
  std::unordered_map<std::string, std::size_t> cgroups_;
  Task spare_task_;
  KernelEvent spare_event_;
  CgroupState spare_cgroup_;
  std::size_t used_ = 0;
  std::size_t tasks_lost_ = 0;
  std::size_t events_lost_ = 0;
  bool frames_cut_ = false;
};

}  // namespace unzap::text
