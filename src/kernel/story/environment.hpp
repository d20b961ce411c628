// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>

#include "kernel/machine/step.hpp"
#include "util/names.hpp"

namespace unzap::kernel {

/// What the world around the container may do, each when the scenario allows it.
enum class Environment : std::uint8_t {
  timeout,        ///< schedule_timeout(5 s) of the idle worker `task` runs to its end
  reap,           ///< the parent outside reaps `task`: the leader of init, or of what it forked
  kill,           ///< SIGKILL to the process whose leader is `task`, from an ancestor pid namespace
  migrate_begin,  ///< a cgroup migration takes cgroup_threadgroup_rwsem for writing
  migrate_end,
  fake_signal,    ///< a freezer (suspend, v1) wakes every task with a fake signal, and gives up later
  operator_kill,  ///< somebody with rights sends SIGKILL to the process whose leader is `task`
  operator_term,  ///< or SIGTERM
  livepatch,      ///< klp_send_signals(): set_notify_signal() on every task
  act,            ///< the task outside begins what it does
  detach,         ///< the tracer lets go of `task`
  thaw,           ///< the cgroup is thawed
  fuse_abort,     ///< somebody writes to /sys/fs/fuse/connections/N/abort
  hash_release,   ///< a worker of another process is done with its request of the hash; `task` owns the io_wq
};

/// As traces name it; stable.
constexpr auto names_of(Environment) {
  using enum Environment;
  return name_table<Environment>({{timeout, "timeout"},
                                  {reap, "reap"},
                                  {kill, "kill"},
                                  {migrate_begin, "migrate-begin"},
                                  {migrate_end, "migrate-end"},
                                  {fake_signal, "fake-signal"},
                                  {operator_kill, "operator-kill"},
                                  {operator_term, "operator-term"},
                                  {livepatch, "livepatch"},
                                  {act, "act"},
                                  {detach, "detach"},
                                  {thaw, "thaw"},
                                  {fuse_abort, "fuse-abort"},
                                  {hash_release, "hash-release"}});
}

/// Calls `add(Environment, TaskNo)` for everything that can happen now.
template <class Add>
void for_each_environment(const Config& c, const State& s, const Add& add);

/// Does it. Says which kernel function that is, in which file, and what happened.
struct EnvironmentWords {
  std::string_view function;
  std::string_view file;
  std::string text;
};
EnvironmentWords apply_environment(const Config& c, State& s, Environment what, TaskNo task);

/// True when `what` can happen to `task` now.
bool environment_enabled(const Config& c, const State& s, Environment what, TaskNo task);

template <class Add>
void for_each_environment(const Config& c, const State& s, const Add& add) {
  for (TaskNo no = 0; no < c.tasks.size(); ++no)
    for (const Environment what : {Environment::timeout, Environment::reap, Environment::detach,
                                   Environment::operator_kill, Environment::operator_term})
      if (environment_enabled(c, s, what, no)) add(what, no);
  for (const ProcessInfo& process : c.processes)
    if (environment_enabled(c, s, Environment::kill, process.leader)) add(Environment::kill, process.leader);
  for (const WqInfo& wq : c.wqs)
    if (environment_enabled(c, s, Environment::hash_release, wq.owner))
      add(Environment::hash_release, wq.owner);
  for (const Environment what :
       {Environment::migrate_begin, Environment::migrate_end, Environment::livepatch,
        Environment::fake_signal, Environment::act, Environment::thaw, Environment::fuse_abort})
    if (environment_enabled(c, s, what, k_no_task)) add(what, k_no_task);
}

}  // namespace unzap::kernel
