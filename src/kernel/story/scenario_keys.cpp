// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario_keys.hpp"

#include "kernel/machine/state.hpp"

namespace unzap::kernel {
namespace {

const Choices<WorkerStart> k_worker_starts = {
    {"idle", WorkerStart::idle},       {"created", WorkerStart::created},
    {"reading", WorkerStart::reading}, {"about-to-read", WorkerStart::about_to_read},
    {"dumping", WorkerStart::dumping}, {"writing", WorkerStart::writing}};
const Choices<Link> k_links = {
    {"bounded", Link::bounded}, {"unbounded", Link::unbounded}, {"hashed", Link::hashed}};
const Choices<OutsideAct> k_acts = {{"nothing", OutsideAct::nothing},
                                    {"synchronize_rcu_tasks", OutsideAct::rcu_tasks},
                                    {"cgroup_rmdir", OutsideAct::rmdir},
                                    {"fork", OutsideAct::fork}};

}  // namespace

void read_ring(TomlReader& reader, const toml::table& table, RingSpec& ring) {
  reader.yes_no(table, "sqpoll", ring.sqpoll);
  reader.list(table, "workers", "for instance [\"idle\", \"reading\"]", k_max_tasks, k_worker_starts,
              ring.workers);
  reader.number(table, "bounded", ring.bounded, 0, 4);
  reader.number(table, "unbounded", ring.unbounded, 0, 4);
  reader.number(table, "hashed", ring.hashed, 0, 4);
  reader.number(table, "chain", ring.chain, 1, 4);
  reader.list(table, "links", "for instance [\"hashed\"]", k_max_links, k_links, ring.links);
  reader.yes_no(table, "hash_held_outside", ring.hash_held_outside);
  reader.number(table, "may_create", ring.may_create, 0, 3);
  reader.yes_no(table, "bounded_blocks", ring.bounded_blocks);
  reader.yes_no(table, "shared_outside", ring.shared_outside);
}

void read_outside(TomlReader& reader, const toml::table& table, OutsideSpec& outside) {
  outside.at = TomlReader::place_of(table);
  reader.choice(table.get("does"), "does", outside.act, k_acts);
  reader.yes_no(table, "reaps", outside.reaps);
  reader.yes_no(table, "subreaper", outside.subreaper);
  reader.yes_no(table, "reaps_orphans", outside.reaps_orphans);
}

void read_environment(TomlReader& reader, const toml::table& table, EnvironmentSpec& environment) {
  environment.at = TomlReader::place_of(table);
  reader.number(table, "cgroup_migrations", environment.cgroup_migrations, 0, 3);
  reader.number(table, "livepatches", environment.livepatches, 0, 3);
  reader.number(table, "fake_signals", environment.fake_signals, 0, 3);
  reader.number(table, "operator_kills", environment.operator_kills, 0, 3);
  reader.number(table, "operator_terms", environment.operator_terms, 0, 3);
  reader.yes_no(table, "tracer_detaches", environment.tracer_detaches);
  reader.yes_no(table, "thaws", environment.thaws);
  reader.yes_no(table, "fuse_abort", environment.fuse_abort);
  reader.yes_no(table, "hash_release", environment.hash_release);
  reader.yes_no(table, "idle_timeouts", environment.idle_timeouts);
}

}  // namespace unzap::kernel
