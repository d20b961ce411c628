// SPDX-License-Identifier: Apache-2.0
#include "rescue/freezer_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <csignal>
#include <optional>
#include <utility>

#include "linux/cgroup.hpp"
#include "linux/namespace_link.hpp"
#include "linux/task_stat.hpp"
#include "linux/task_status.hpp"
#include "rescue/reading_tools.hpp"
#include "snapshot/container.hpp"
#include "sources/procfs/surroundings.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

/// PROC_PID_INIT_INO, include/linux/proc_ns.h: the pid namespace that sees every task.
constexpr std::uint64_t k_initial_pid_ns = 0xEFFFFFFC;

struct Crowd {
  struct Member {
    std::int32_t tid;
    std::string cgroup;
  };
  std::vector<Member> members;
  std::size_t hidden = 0;  ///< of other pid namespaces: a v2 list shows 0 for them
};

/// Whether an entry is of the line of cgroups down to this folder.
bool leads_to(const CgroupState& state, const std::string& own) {
  const std::string folder = folder_of(state);
  return own == folder || own.starts_with(folder + "/");
}

/// Those of `states` below `root` that freeze by themselves and stand on the way to `path`, the outermost
/// first.
void find_freezing(FreezerView& view, const std::vector<CgroupState>& states, const std::string& root,
                   const std::string& path) {
  const std::string own = root + path;
  std::vector<const CgroupState*> line;
  for (const CgroupState& state : states)
    if (leads_to(state, own)) line.push_back(&state);
  std::sort(line.begin(), line.end(),
            [](const auto* a, const auto* b) { return a->where.size() < b->where.size(); });
  for (const CgroupState* state : line) {
    if (!state->self_freezing)
      view.gaps.push_back(
          fmt::format("{}: whether it freezes by itself could not be read", folder_of(*state)));
    if (state->self_freezing.is(true))
      view.freezing.push_back({state->version, folder_of(*state).substr(root.size()), folder_of(*state), {}});
    if (folder_of(*state) == own && state->frozen.is(true)) view.frozen = true;
  }
}

/// The names in a listing, a line each.
std::vector<std::string> lines_of(const std::string& text) {
  std::vector<std::string> out;
  for (std::size_t at = 0; at < text.size();) {
    const std::size_t end = std::min(text.find('\n', at), text.size());
    if (end > at) out.push_back(text.substr(at, end - at));
    at = end + 1;
  }
  return out;
}

/// The threads of a list, of the cgroup at `path`, into the crowd.
void add_members(const ReadResult& list, const std::string& path, Crowd& crowd) {
  for (const std::string& line : lines_of(list.text.value_or(""))) {
    const auto tid = parse_number<std::int32_t>(line);
    if (tid && *tid > 0)
      crowd.members.push_back({*tid, path});
    else
      ++crowd.hidden;
  }
}

/// Goes down the tree below `top`, level by level. False: it is not all.
bool walk(Reader& reader, const FreezingCgroup& top, Crowd& crowd) {
  const char* list = top.version == 1 ? "tasks" : "cgroup.threads";
  std::vector<std::pair<std::string, std::string>> level{{top.folder, top.path}};
  std::size_t seen = 0;
  bool complete = true;
  while (!level.empty() && complete) {
    seen += level.size();
    if (seen > k_most_cgroups || crowd.members.size() > k_most_frozen) return false;
    std::vector<ReadGroup> groups;
    for (const auto& [folder, path] : level)
      groups.push_back({folder, {{ReadKind::folders, "."}, {ReadKind::file, list}}});
    const auto results = reader.run(groups, "reading who is frozen");
    std::vector<std::pair<std::string, std::string>> below;
    for (std::size_t i = 0; i < level.size(); ++i) {
      const auto& [folder, path] = level[i];
      // One that went away meanwhile was empty.
      const bool removed = is_gone(results[i][0]) && is_gone(results[i][1]) && folder != top.folder;
      complete = complete && (removed || (is_whole(results[i][0]) && is_whole(results[i][1])));
      add_members(results[i][1], path, crowd);
      for (const std::string& name : lines_of(results[i][0].text.value_or("")))
        below.emplace_back(folder + "/" + name, path + "/" + name);
    }
    level = std::move(below);
  }
  return complete && crowd.members.size() <= k_most_frozen;
}

/// The thread as its files, which are whole, show it; nothing: they are none of a thread.
std::optional<FrozenTask> frozen_task(const std::vector<ReadResult>& files, const Crowd::Member& member) {
  const auto stat = parse_stat(*files[0].text);
  if (!stat || !stat->start_ticks) return std::nullopt;
  Task task;
  Reading<std::uint64_t> switches;
  parse_status(*files[1].text, task, switches);
  FrozenTask out;
  out.id = {member.tid, *stat->start_ticks};
  out.tgid = task.tgid.value_or(member.tid);
  out.comm = std::string(stat->comm);
  out.container = std::string(container_id(member.cgroup));
  const std::uint64_t kill = signal_bit(SIGKILL);
  out.dying = (stat->flags.value_or(0) & k_pf_exiting) != 0 ||
              (task.pending_private.value_or(0) & kill) != 0 || (task.pending_shared.value_or(0) & kill) != 0;
  return out;
}

void read_members(Reader& reader, const Crowd& crowd, FreezerView& view) {
  std::vector<ReadGroup> groups;
  for (const Crowd::Member& one : crowd.members)
    groups.push_back({std::to_string(one.tid), {{ReadKind::file, "stat"}, {ReadKind::file, "status"}}});
  const auto results = reader.run(groups, "reading who is frozen");
  std::size_t unread = 0;
  for (std::size_t i = 0; i < results.size(); ++i) {
    const std::vector<ReadResult>& files = results[i];
    if (is_gone(files[0]) || is_gone(files[1])) continue;
    const auto task = is_whole(files[0]) && is_whole(files[1]) ? frozen_task(files, crowd.members[i])
                                                               : std::optional<FrozenTask>();
    if (task)
      view.crowd.push_back(*task);
    else
      ++unread;
  }
  if (unread > 0) view.gaps.push_back(fmt::format("{} threads in there could not be read", unread));
}

/// Whether a list of threads shows those that the reader's pid namespace does not hold: v1 leaves them out
/// (pidlist_array_load(), kernel/cgroup/cgroup-v1.c). v2 shows 0 for each (cgroup_procs_show(),
/// kernel/cgroup/cgroup.c), or on newer kernels leaves them out: what this one does is seen in the root
/// cgroup, which holds the kernel's own threads.
bool lists_strangers(Reader& reader, const FreezingCgroup& top) {
  const std::string root = top.folder.substr(0, top.folder.size() - top.path.size());
  const std::vector<ReadGroup> groups{{"self", {{ReadKind::link, "ns/pid"}}},
                                      {root, {{ReadKind::file, "cgroup.threads"}}}};
  const auto results = reader.run(groups, "reading who is frozen");
  const auto inode = parse_namespace_link(results[0][0].text.value_or(""));
  if (inode == k_initial_pid_ns) return true;  // there are no strangers
  const std::vector<std::string> lines = lines_of(results[1][0].text.value_or(""));
  return top.version == 2 && std::count(lines.begin(), lines.end(), "0") > 0;
}

/// Who is in and below the cgroup that is to be thawed.
void read_crowd(Reader& reader, const FreezingCgroup& top, FreezerView& view) {
  Crowd crowd;
  if (!walk(reader, top, crowd))
    view.gaps.push_back(fmt::format("who is in and below {} could not be read to the end", top.path));
  if (crowd.hidden > 0)
    view.gaps.push_back(
        fmt::format("{} threads in there are of a pid namespace that unzap does not see", crowd.hidden));
  if (!lists_strangers(reader, top))
    view.gaps.emplace_back(
        "unzap runs in a pid namespace of its own, and the list may leave out whom that does not hold");
  read_members(reader, crowd, view);
}

bool read_ids(Reader& reader, std::vector<FreezingCgroup>& cgroups) {
  std::vector<ReadGroup> groups;
  for (const FreezingCgroup& one : cgroups) groups.push_back({one.folder, {{ReadKind::identity, "."}}});
  const auto results = reader.run(groups, "reading freezers");
  for (std::size_t i = 0; i < cgroups.size(); ++i) {
    const auto id = folder_id(results[i][0]);
    if (!id) return false;
    cgroups[i].id = *id;
  }
  return true;
}

}  // namespace

FreezerView look_at_freezer(Reader& reader, const TaskId& task, const HostPlaces& places) {
  FreezerView view;
  view.task = task;
  const std::vector<ReadItem> items{{ReadKind::file, "stat"}, {ReadKind::file, "cgroup"}};
  const auto results = reader.run({{std::to_string(task.tid), items}}, "reading freezers");
  if (!is_task(results[0][0], task)) {
    view.gaps.emplace_back("the task is gone, or another has its number");
    return view;
  }
  if (!results[0][1].text) {
    view.gaps.emplace_back("its cgroup could not be read");
    return view;
  }
  const CgroupPaths paths = parse_cgroup(*results[0][1].text);
  const auto states = read_freezers(reader, {{paths.best(), paths}}, places.cgroup);
  for (const std::string& root : {places.cgroup, places.cgroup + "/unified"})
    find_freezing(view, states, root, paths.unified);
  find_freezing(view, states, places.cgroup + "/freezer", paths.freezer);
  if (view.freezing.empty()) {
    view.gaps.emplace_back("no cgroup that freezes by itself was found, neither its own nor one above it");
    return view;
  }
  if (!read_ids(reader, view.freezing)) view.gaps.emplace_back("a cgroup went away during the look");
  view.cgroup = view.freezing.back().version == 1 ? paths.freezer : paths.unified;
  read_crowd(reader, view.freezing.back(), view);
  return view;
}

}  // namespace unzap
