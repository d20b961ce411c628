// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string>
#include <utility>

#include "kernel/story/scenario.hpp"

namespace unzap::kernel {

// Casts of scenarios made by hand, for tests and the benchmark.

/// Adds a process to the scenario's last container.
inline ProcessSpec& add_process(Scenario& s, std::string name, std::size_t parent = k_by_default) {
  ProcessSpec process;
  process.name = std::move(name);
  process.container = s.containers.size() - 1;
  process.parent = parent;
  s.processes.push_back(std::move(process));
  return s.processes.back();
}

/// Adds an init that ends by exit_group(2) to the scenario's last container.
inline ProcessSpec& add_init(Scenario& s, std::string name) {
  ProcessSpec& init = add_process(s, std::move(name));
  init.ends = Ending::exit_group;
  return init;
}

/// Adds containers, made alike, with an init that ends.
inline ProcessSpec& add_containers(Scenario& s, std::string init, std::uint8_t count = 1) {
  s.containers.push_back({.name = init, .count = count});
  return add_init(s, std::move(init));
}

/// Processes 0 and 1: an init that ends by exit_group(2), and a child of it.
inline Scenario init_and_child(std::string init, std::string child) {
  Scenario s;
  s.name = "test";
  add_init(s, std::move(init));
  add_process(s, std::move(child));
  return s;
}

/// The ring of the first init; it gets one if it has none.
inline RingSpec& ring_of(Scenario& s) {
  if (!s.processes.front().ring) s.processes.front().ring.emplace();
  return *s.processes.front().ring;
}

/// Lets another thread of the first init own the ring.
inline void own_ring_in_thread(Scenario& s) {
  const std::string name = s.processes.front().name + "/2";
  s.processes.front().threads.push_back({.name = name});
  ring_of(s).thread = name;
}

/// Gives the process an SQPOLL thread whose io_wq has nothing to do.
inline void add_sqpoll_thread(ProcessSpec& process) {
  process.ring.emplace();
  process.ring->sqpoll = true;
  process.ring->io_wq = false;
}

}  // namespace unzap::kernel
