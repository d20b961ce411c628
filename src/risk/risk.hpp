// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "kernel_image/verdict.hpp"
#include "risk/node.hpp"
#include "snapshot/snapshot.hpp"
#include "util/names.hpp"

namespace unzap {

/// What the end of a container can do to its node, the worst last.
enum class RiskRank : std::uint8_t { cannot, unknown, can_waste_cpu, can_jam_node };
constexpr auto names_of(RiskRank) {
  return name_table<RiskRank>({{RiskRank::cannot, "cannot"},
                               {RiskRank::unknown, "unknown"},
                               {RiskRank::can_waste_cpu, "can-waste-cpu"},
                               {RiskRank::can_jam_node, "can-jam-node"}});
}

/// Who is pid 1 of a container, by its name: a plain reaper makes no rings.
enum class InitKind : std::uint8_t { unknown, reaper, application };
constexpr auto names_of(InitKind) {
  return name_table<InitKind>(
      {{InitKind::unknown, "unknown"}, {InitKind::reaper, "reaper"}, {InitKind::application, "application"}});
}

/// A process of a container that uses io_uring.
struct RingUser {
  std::int32_t pid = 0;
  std::string comm;
  bool init = false;
  Reading<std::int32_t> rings;
  std::vector<IoThread> io_threads;
};

/// A pid namespace and what its end can do.
struct ContainerRisk {
  Reading<std::uint64_t> pid_ns;
  bool host = false;  ///< the first pid namespace: its init never ends
  std::string container;
  std::string pod;  ///< uid of the Kubernetes pod; empty: none, or not known
  Reading<std::int32_t> init_pid;
  std::string init_comm;
  InitKind init_kind = InitKind::unknown;
  Reading<bool> init_uses;  ///< io_uring: threads, or rings among its open files
  std::size_t processes = 0;
  std::size_t workers = 0;
  std::size_t sqpoll = 0;
  std::vector<RingUser> users;
  Reading<bool> own_mount_ns;  ///< the init's mount namespace is not that of the host
  RiskRank rank = RiskRank::cannot;
  std::string reason;
  std::vector<Advice> advice;
};

/// The containers of a node, those that can do most first, and of equals those with more workers.
struct RiskReport {
  std::vector<ContainerRisk> containers;
  KernelVerdict kernel = KernelVerdict::unknown;
  std::string kernel_reason;
  std::vector<std::string> gaps;
  std::size_t threads = 0;

  /// The worst of the containers; `unknown` instead of `cannot` when something was not seen.
  RiskRank worst() const;
};

/// Of a snapshot whose source looked for rings (ProcfsOptions::rings); what another one leaves open is in
/// `gaps`, and then nothing is called harmless.
RiskReport assess_risk(const Snapshot& snapshot);

}  // namespace unzap
