// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/surroundings.hpp"

#include <algorithm>
#include <set>
#include <utility>

#include "linux/preemption.hpp"
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
  state.self_freezing = state.freeze_asked;  // the file speaks of this cgroup alone
  state.where = where + "/cgroup.events";
  return state;
}

CgroupState v1_state(const std::string& path, const std::string& where, const ReadResult& freezer,
                     const ReadResult& self) {
  CgroupState state;
  state.path = path;
  state.version = 1;
  state.where = where + "/freezer.state";
  state.self_freezing = flag_of(self, "1", "0");
  if (!freezer.text) {
    state.freeze_asked = state.frozen = *freezer.text.absence();
    return state;
  }
  const std::string_view text = trim(*freezer.text);
  state.freeze_asked = text == "FROZEN" || text == "FREEZING";
  state.frozen = text == "FROZEN";
  return state;
}

/// Which freezers are to be read, each once.
struct FreezerPlaces {
  struct Place {
    std::string path;
    int version;
  };

  explicit FreezerPlaces(const std::map<std::string, CgroupPaths>& all) : cgroups(all) {}

  void add(const std::string& key, const CgroupPaths& paths, const std::string& mount) {
    for (const std::string& root : {mount, mount + "/unified"}) add_line(key, paths.unified, 2, root);
    add_line(key, paths.freezer, 1, mount + "/freezer");
  }

  /// The cgroup at `path` and those above it, but for the root, which has no freezer.
  void add_line(const std::string& key, const std::string& path, int version, const std::string& root) {
    if (!usable(path)) return;
    add_one(key, version, root + path);
    for (std::size_t end = path.rfind('/'); end != 0 && end != std::string::npos;
         end = path.rfind('/', end - 1)) {
      const std::string above = path.substr(0, end);
      // Tasks may carry the same path for their place in another hierarchy: not of them does this speak.
      const auto other = cgroups.find(above);
      const bool same =
          other == cgroups.end() || (version == 2 ? other->second.unified : other->second.freezer) == above;
      if (same) add_one(above, version, root + above);
    }
  }

  void add_one(const std::string& path, int version, const std::string& folder) {
    if (!known.insert({path, folder}).second) return;
    places.push_back({path, version});
    const std::string first = version == 2 ? "cgroup.freeze" : "freezer.state";
    const std::string second = version == 2 ? "cgroup.events" : "freezer.self_freezing";
    groups.push_back({folder, {{ReadKind::file, first}, {ReadKind::file, second}}});
  }

  const std::map<std::string, CgroupPaths>& cgroups;
  std::set<std::pair<std::string, std::string>> known;  ///< path and folder
  std::vector<Place> places;
  std::vector<ReadGroup> groups;
};

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

/// How many CPUs are online, by the "cpuN" lines of /proc/stat.
std::optional<std::int32_t> count_cpus(std::string_view stat) {
  std::int32_t count = 0;
  while (!stat.empty()) {
    const std::string_view line = take_line(stat);
    if (line.starts_with("cpu") && line.size() > 3 && line[3] >= '0' && line[3] <= '9') ++count;
  }
  return count > 0 ? std::optional(count) : std::nullopt;
}

/// `sched_preempt` is of this machine's debugfs, or null.
Reading<Preemption> preemption_of(const Reading<std::string>& version, const ReadResult& command_line,
                                  const ReadResult* sched_preempt) {
  PreemptionFacts facts;
  if (version) read_version(facts, *version);
  if (command_line.text) read_command_line(facts, *command_line.text);
  if (sched_preempt != nullptr && sched_preempt->text) read_debugfs(facts, *sched_preempt->text);
  const auto found = preemption_in_force(facts);
  return found ? Reading<Preemption>(found->model) : Absence::not_asked;
}

}  // namespace

Host read_host(Reader& reader, bool real) {
  std::vector<ReadGroup> groups{{"sys/kernel",
                                 {{ReadKind::file, "osrelease"},
                                  {ReadKind::file, "version"},
                                  {ReadKind::file, "hostname"},
                                  {ReadKind::file, "hung_task_detect_count"}}},
                                {".", {{ReadKind::file, "stat"}, {ReadKind::file, "cmdline"}}}};
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
  host.preemption = preemption_of(host.kernel_version, results[1][1], real ? &results[2][0] : nullptr);
  host.hung_tasks = counter_of(results[0][3]);
  if (!real) return host;
  host.soft_lockups = counter_of(results[3][0]);
  host.hard_lockups = counter_of(results[3][1]);
  host.rcu_stalls = counter_of(results[3][2]);
  return host;
}

std::string folder_of(const CgroupState& state) {
  return state.where.substr(0, state.where.rfind('/'));
}

std::vector<CgroupState> read_freezers(Reader& reader, const std::map<std::string, CgroupPaths>& cgroups,
                                       const std::string& mount) {
  FreezerPlaces places(cgroups);
  for (const auto& [key, paths] : cgroups) places.add(key, paths, mount);
  const auto results = reader.run(places.groups, "reading freezers");
  std::vector<CgroupState> out;
  for (std::size_t i = 0; i < places.groups.size(); ++i) {
    const auto& [path, version] = places.places[i];
    const std::string& folder = places.groups[i].directory;
    CgroupState state = version == 2 ? unified_state(path, folder, results[i][0], results[i][1])
                                     : v1_state(path, folder, results[i][0], results[i][1]);
    if (says_something(state)) out.push_back(std::move(state));
  }
  return out;
}

}  // namespace unzap
