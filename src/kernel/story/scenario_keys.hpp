// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "kernel/story/toml_reader.hpp"

namespace unzap::kernel {

// Keys that the form of today and the old one share. Reference: docs/scenarios.md.

inline constexpr std::size_t k_longest_comm = 15;  // TASK_COMM_LEN without the final zero

inline const Choices<Ending> k_endings = {{"exit_group", Ending::exit_group},
                                          {"exit", Ending::exit},
                                          {"sigkill", Ending::sigkill},
                                          {"core_dump", Ending::core_dump}};
inline const Choices<Freezer> k_freezers = {
    {"none", Freezer::none}, {"v1", Freezer::v1}, {"v2", Freezer::v2}};

/// The keys of a ring that read_ring() reads.
inline const std::vector<std::string> k_ring_keys = {
    "sqpoll", "workers",           "bounded",    "unbounded",      "hashed",        "chain",
    "links",  "hash_held_outside", "may_create", "bounded_blocks", "shared_outside"};
void read_ring(TomlReader& reader, const toml::table& table, RingSpec& ring);

/// [outside] without the task's name.
inline const std::vector<std::string> k_outside_keys = {"does", "reaps", "subreaper", "reaps_orphans"};
void read_outside(TomlReader& reader, const toml::table& table, OutsideSpec& outside);

/// [environment]
inline const std::vector<std::string> k_environment_keys = {
    "cgroup_migrations", "livepatches", "fake_signals", "operator_kills", "operator_terms",
    "tracer_detaches",   "thaws",       "fuse_abort",   "hash_release",   "idle_timeouts"};
void read_environment(TomlReader& reader, const toml::table& table, EnvironmentSpec& environment);

}  // namespace unzap::kernel
