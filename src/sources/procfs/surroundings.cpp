// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/surroundings.hpp"

#include <algorithm>

#include "util/text.hpp"

namespace unzap {
namespace {

Reading<std::string> trimmed(const ReadResult& result) {
  if (!result.text) return result.text;
  return std::string(trim(*result.text));
}

Reading<bool> flag_of(const ReadResult& result, std::string_view when_true, std::string_view when_false) {
  if (!result.text) return *result.text.absence();
  const std::string_view text = trim(*result.text);
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (text.substr(at, end - at) == when_true) return true;
    if (text.substr(at, end - at) == when_false) return false;
    at = end + 1;
  }
  return Absence::not_in_this_kernel;
}

/// A path that leaves its hierarchy ("/../x": the reader lives in another cgroup namespace) names nothing
/// here.
bool usable(const std::string& path) {
  return path.size() > 1 && path.find("/..") == std::string::npos;
}

CgroupState unified_state(const std::string& path, const std::string& where, const ReadResult& freeze,
                          const ReadResult& events) {
  CgroupState state;
  state.path = path;
  state.version = 2;
  state.freeze_asked = flag_of(freeze, "1", "0");
  state.frozen = flag_of(events, "frozen 1", "frozen 0");
  state.where = where + "/cgroup.events";
  return state;
}

CgroupState v1_state(const std::string& path, const std::string& where, const ReadResult& freezer) {
  CgroupState state;
  state.path = path;
  state.version = 1;
  state.where = where + "/freezer.state";
  if (!freezer.text) {
    state.freeze_asked = state.frozen = *freezer.text.absence();
    return state;
  }
  const std::string_view text = trim(*freezer.text);
  state.freeze_asked = text == "FROZEN" || text == "FREEZING";
  state.frozen = text == "FROZEN";
  return state;
}

bool says_something(const CgroupState& state) {
  const Absence* asked = state.freeze_asked.absence();
  const Absence* frozen = state.frozen.absence();
  const auto no_file = [](const Absence* why) { return why && *why == Absence::gone; };
  return !(no_file(asked) && no_file(frozen));
}

/// A file that holds one number. A kernel that does not count has no such file.
Reading<std::uint64_t> counter_of(const ReadResult& file) {
  if (const Absence* why = file.text.absence())
    return *why == Absence::gone ? Absence::not_in_this_kernel : *why;
  const auto number = parse_number<std::uint64_t>(trim(*file.text));
  return number ? Reading<std::uint64_t>(*number) : Absence::not_in_this_kernel;
}

}  // namespace

Host read_host(Reader& reader, bool real) {
  std::vector<ReadGroup> groups{{"sys/kernel",
                                 {{ReadKind::file, "osrelease"},
                                  {ReadKind::file, "version"},
                                  {ReadKind::file, "hostname"},
                                  {ReadKind::file, "hung_task_detect_count"}}},
                                {".", {{ReadKind::file, "stat"}}}};
  if (real) {
    groups.push_back({"/sys/kernel/debug", {{ReadKind::file, "sched/preempt"}}});
    groups.push_back({"/sys/kernel",
                      {{ReadKind::file, "softlockup_count"},
                       {ReadKind::file, "hardlockup_count"},
                       {ReadKind::file, "rcu_stall_count"}}});
  }
  const auto results = reader.run(groups, "reading the host");
  Host host;
  host.kernel_release = trimmed(results[0][0]);
  host.kernel_version = trimmed(results[0][1]);
  host.name = trimmed(results[0][2]);
  if (const std::string* stat = results[1][0].text.get()) {
    if (const auto cpus = count_cpus(*stat)) host.cpus = *cpus;
  } else {
    host.cpus = *results[1][0].text.absence();
  }
  const std::string sched_preempt = real ? results[2][0].text.value_or("") : "";
  host.preemption = parse_preemption(host.kernel_version.value_or(""), sched_preempt);
  host.hung_tasks = counter_of(results[0][3]);
  if (!real) return host;
  host.soft_lockups = counter_of(results[3][0]);
  host.hard_lockups = counter_of(results[3][1]);
  host.rcu_stalls = counter_of(results[3][2]);
  return host;
}

std::vector<CgroupState> read_freezers(Reader& reader, const std::map<std::string, CgroupPaths>& cgroups) {
  struct Place {
    std::string path;
    int version;
  };
  std::vector<Place> places;
  std::vector<ReadGroup> groups;
  for (const auto& [path, paths] : cgroups) {
    if (usable(paths.unified)) {
      for (const char* mount : {"/sys/fs/cgroup", "/sys/fs/cgroup/unified"}) {
        places.push_back({path, 2});
        groups.push_back(
            {mount + paths.unified, {{ReadKind::file, "cgroup.freeze"}, {ReadKind::file, "cgroup.events"}}});
      }
    }
    if (usable(paths.freezer)) {
      places.push_back({path, 1});
      groups.push_back({"/sys/fs/cgroup/freezer" + paths.freezer, {{ReadKind::file, "freezer.state"}}});
    }
  }
  const auto results = reader.run(groups, "reading freezers");
  std::vector<CgroupState> out;
  for (std::size_t i = 0; i < groups.size(); ++i) {
    CgroupState state = places[i].version == 2
                            ? unified_state(places[i].path, groups[i].directory, results[i][0], results[i][1])
                            : v1_state(places[i].path, groups[i].directory, results[i][0]);
    if (says_something(state)) out.push_back(std::move(state));
  }
  return out;
}

}  // namespace unzap
