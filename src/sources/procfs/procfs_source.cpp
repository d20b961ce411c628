// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/procfs_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "linux/cgroup.hpp"
#include "linux/task_stat.hpp"
#include "sources/procfs/containers.hpp"
#include "sources/procfs/details.hpp"
#include "sources/procfs/file_systems.hpp"
#include "sources/procfs/kernel_log.hpp"
#include "sources/procfs/profile.hpp"
#include "sources/procfs/reader.hpp"
#include "sources/procfs/rings.hpp"
#include "sources/procfs/select.hpp"
#include "sources/procfs/surroundings.hpp"
#include "sources/procfs/threads.hpp"
#include "sources/procfs/work_dirs.hpp"
#include "util/processors.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::int32_t k_kthreadd = 2;
constexpr const char* k_helper_comm = "unzap-reader";
constexpr double k_short_window_seconds = 0.1;  // ten clock ticks: enough to see a task that spins
constexpr int k_fewest_samples = 10;
constexpr int k_times_in_kernel = 20;  // samples in the kernel for each in user mode
constexpr std::size_t k_most_asked_for_members = 4096;
constexpr int k_most_lanes = 2;  // a node in trouble has little to spare

/// ": reading /proc/7/task/7/stack blocks", for the first few of which that is known; else nothing.
std::string blocked_tasks(const std::vector<Task>& tasks) {
  constexpr std::size_t k_most_named = 3;
  std::string out;
  std::size_t count = 0;
  for (const Task& task : tasks)
    if (task.blocked_read && ++count <= k_most_named)
      out += fmt::format("{}{}/{}", out.empty() ? ": reading " : ", ", task.where, *task.blocked_read);
  if (count > k_most_named) out += fmt::format(" and files of {} more tasks", count - k_most_named);
  if (!out.empty()) out += count > 1 ? " block" : " blocks";
  return out;
}

/// One look at a host, pass by pass. Each pass fills in more of `snapshot_`.
class Scan {
 public:
  explicit Scan(const ProcfsOptions& options)
      : options_(options), root_(options.root), reader_(options.root, limits_of(options), options.progress) {
    while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
    real_ = root_ == "/proc";
    snapshot_.origin = Origin::live;
  }

  Result<Snapshot> run();

 private:
  static ReadLimits limits_of(const ProcfsOptions& options);
  Result<std::vector<std::int32_t>> list_processes();
  std::set<std::size_t> look_at_trouble();
  void look_closely(const std::set<std::size_t>& chosen);
  std::set<std::size_t> find_injected(const std::set<std::size_t>& known);
  void look_again(std::set<std::size_t> chosen);
  /// Another sample of the tasks `again`; of the `chosen` among them with their context switches.
  void second_look(const std::set<std::size_t>& again, const std::set<std::size_t>& chosen);
  void start_profile(Profiler& profiler, const std::set<std::size_t>& late);
  void apply_profile(Profiler& profiler);
  void probe_permissions();
  Reading<std::string> read_kernel_log();
  void drop_gone();
  void note_gaps();

  std::string directory_of(const Task& task) const {
    return fmt::format("{}/task/{}", *task.tgid, *task.tid);
  }

  const ProcfsOptions& options_;
  std::string root_;
  bool real_ = false;
  Reader reader_;
  Snapshot snapshot_;
  Gaps gaps_;
  std::map<std::string, CgroupPaths> cgroups_;
  std::set<std::size_t> gone_;  ///< places in snapshot_.tasks that vanished or were recycled while we looked
  bool hidden_ = false;         ///< a process was listed and could not be opened
};

ReadLimits Scan::limits_of(const ProcfsOptions& options) {
  ReadLimits limits;
  limits.read_seconds = options.read_timeout_seconds;
  limits.total_seconds = options.total_timeout_seconds;
  limits.lanes = std::min(k_most_lanes, static_cast<int>(usable_processors()));
  return limits;
}

Result<std::vector<std::int32_t>> Scan::list_processes() {
  const auto results =
      reader_.run({{".", {{ReadKind::numbers, "."}, {ReadKind::file, "self/stat"}}}}, "listing processes");
  const ReadResult& listing = results[0][0];
  if (const std::string why = reader_.trouble(); !why.empty())
    return Error{ErrorKind::io, why, root_, Reader::k_remedy};
  if (const Absence* why = listing.text.absence()) {
    if (*why == Absence::gone)
      return Error{ErrorKind::no_input, "no such folder", root_, "check --path.procfs"};
    if (*why == Absence::not_permitted)
      return Error{ErrorKind::permission, "not permitted to list processes", root_, "run as root"};
    return Error{ErrorKind::io, fmt::format("cannot list processes ({})", name(*why)), root_, ""};
  }
  std::vector<std::int32_t> tgids = numbers_of(*listing.text);
  if (tgids.empty())
    return Error{ErrorKind::bad_data, "is not a procfs: it lists no process", root_,
                 "give the place where a procfs is mounted"};
  // The processes that read are not part of what is looked at. Of a copy of a procfs they are none.
  const std::string self = results[0][1].text.value_or("");
  if (const auto line = parse_stat(self); line && line->comm == k_helper_comm)
    std::erase_if(tgids, [&](std::int32_t tgid) {
      return tgid == line->tid || (tgid == *line->ppid && !options_.include_self);
    });
  return tgids;
}

void Scan::look_closely(const std::set<std::size_t>& chosen) {
  // Zombies and whoever is on its way out, then the rest: time may not suffice for all.
  std::vector<std::size_t> order(chosen.begin(), chosen.end());
  std::stable_partition(order.begin(), order.end(), [this](std::size_t i) {
    return snapshot_.tasks[i].state.is('Z') || (snapshot_.tasks[i].flags.value_or(0) & k_pf_exiting) != 0;
  });
  std::vector<ReadGroup> groups;
  for (const std::size_t i : order) groups.push_back({directory_of(snapshot_.tasks[i]), detail_items()});
  const auto results = reader_.run(groups, "reading stuck threads");
  std::size_t at = 0;
  for (const std::size_t i : order) {
    const std::vector<ReadResult>& answers = results[at++];
    Task& task = snapshot_.tasks[i];
    if (!apply_details(answers, task, gaps_, cgroups_, snapshot_.problems)) gone_.insert(i);
  }
}

void Scan::second_look(const std::set<std::size_t>& again, const std::set<std::size_t>& chosen) {
  std::vector<ReadGroup> groups;
  for (const std::size_t i : again) {
    groups.push_back({directory_of(snapshot_.tasks[i]), {{ReadKind::file, "stat"}}});
    if (chosen.contains(i)) groups.back().items.push_back({ReadKind::file, "status"});
    groups.back().read_before = true;
  }
  const auto results = reader_.run(groups, "looking again");
  std::size_t at = 0;
  for (const std::size_t i : again) {
    const std::vector<ReadResult>& answers = results[at++];
    const ReadResult status = answers.size() > 1 ? answers[1] : ReadResult{};
    if (!add_second_sample(answers[0], status, snapshot_.tasks[i])) gone_.insert(i);
  }
}

/// What a task that is certainly there hides from us: said even when no task is in trouble, for it decides
/// what could have been seen of one. kthreadd, for the init may be guarded even against root.
void Scan::probe_permissions() {
  const std::vector<ReadItem> items{{ReadKind::file, "stack"},
                                    {ReadKind::file, "syscall"},
                                    {ReadKind::link, "ns/pid"},
                                    {ReadKind::link, "ns/mnt"}};
  const auto results = reader_.run({{std::to_string(k_kthreadd), items}}, "looking what may be read");
  const auto refused = [&](std::size_t i) {
    const Absence* why = results[0][i].text.absence();
    return why != nullptr && *why == Absence::not_permitted;
  };
  for (std::size_t i = 0; i < items.size(); ++i)
    if (refused(i)) gaps_.note(items[i].path);
  for (Task& task : snapshot_.tasks) {
    if (!task.tid.is(k_kthreadd)) continue;
    if (refused(0) && !task.stack) task.stack = Absence::not_permitted;
    if (!refused(2) || task.pid_ns) continue;
    task.pid_ns = Absence::not_permitted;
    task.pid_ns_chain = Absence::not_permitted;
  }
}

Reading<std::string> Scan::read_kernel_log() {
  if (!real_) return Absence::not_asked;
  auto results = reader_.run({{"/dev", {{ReadKind::records, "kmsg"}}}}, "reading the kernel log");
  Reading<std::string>& log = results[0][0].text;
  if (log.absence() && *log.absence() == Absence::not_permitted) gaps_.note("/dev/kmsg");
  return std::move(log);
}

void Scan::drop_gone() {
  std::size_t place = 0;
  std::erase_if(snapshot_.tasks, [&](const Task&) { return gone_.contains(place++); });
}

void Scan::note_gaps() {
  std::vector<Problem>& problems = snapshot_.problems;
  const bool kernel_threads =
      std::any_of(snapshot_.tasks.begin(), snapshot_.tasks.end(), [](const Task& task) {
        return task.tid.is(k_kthreadd) && (task.flags.value_or(0) & k_pf_kthread) != 0;
      });
  const std::string trouble = reader_.trouble();
  if (!trouble.empty()) problems.push_back({root_, fmt::format("{}: {}", trouble, Reader::k_remedy)});
  snapshot_.all_tasks = kernel_threads && !hidden_ && trouble.empty();
  if (!kernel_threads)
    problems.push_back({root_,
                        "shows no kernel threads, so it is the view of one pid namespace or of one user: "
                        "tasks outside it are not seen; use the host's /proc (--path.procfs)"});
  if (const std::string text = gaps_.text(); !text.empty()) problems.push_back({root_, text});
  if (!reader_.timed_out().empty()) {
    std::string names;
    for (const auto& [file, count] : reader_.timed_out())
      names += fmt::format("{}{} ({} times)", names.empty() ? "" : ", ", file, count);
    problems.push_back(
        {root_, fmt::format("did not answer in time: {}; their contents are unknown, and that they "
                            "block is itself a sign of a jam{}",
                            names, blocked_tasks(snapshot_.tasks))});
  }
}

/// The tasks worth more than their stat line, and that more of them.
std::set<std::size_t> Scan::look_at_trouble() {
  std::set<std::size_t> chosen = tasks_that_matter(snapshot_.tasks);
  look_closely(chosen);
  const auto add = [&](const std::set<std::size_t>& more) {
    look_closely(more);
    chosen.insert(more.begin(), more.end());
  };
  add(members_of_dying(snapshot_.tasks, chosen));
  const std::set<std::size_t> injected = find_injected(chosen);
  add(injected);
  add(threads_and_parents(snapshot_.tasks, chosen, injected));
  add(tracers(snapshot_.tasks, chosen));
  add(runtimes_above(snapshot_.tasks, chosen));
  read_work_dirs(reader_, chosen, snapshot_.tasks);
  read_file_systems(reader_, chosen, snapshot_.tasks);
  return chosen;
}

/// Those that are in a dying namespace although their parents are not: the namespace itself says so. Every
/// process is asked for it that could be one, as far as there are not too many.
std::set<std::size_t> Scan::find_injected(const std::set<std::size_t>& known) {
  const DyingNamespaces dying = dying_namespaces(snapshot_.tasks);
  std::vector<ReadGroup> groups;
  std::vector<std::size_t> places;
  for (const std::size_t i : possible_members(snapshot_.tasks, known, dying)) {
    if (gone_.contains(i)) continue;
    places.push_back(i);
    groups.push_back({directory_of(snapshot_.tasks[i]), {{ReadKind::ancestry, "ns/pid"}}});
  }
  if (groups.size() > k_most_asked_for_members) {
    snapshot_.problems.push_back(
        {root_, fmt::format("{} processes were not asked whether they belong to a dying pid namespace",
                            groups.size() - k_most_asked_for_members)});
    groups.resize(k_most_asked_for_members);
  }
  std::set<std::size_t> found;
  reader_.run(groups, "looking for members", [&](std::size_t at, std::size_t, const ReadResult& answer) {
    Task asked;
    apply_pid_ns(answer, asked);
    const auto dies = [&](std::uint64_t inode) { return dying.inodes.contains(inode); };
    const bool member = asked.pid_ns && dies(*asked.pid_ns);
    const bool below =
        asked.pid_ns_chain && std::any_of(asked.pid_ns_chain->begin(), asked.pid_ns_chain->end(), dies);
    if (member || below) found.insert(places[at]);
  });
  return found;
}

/// Looks again, as often and as far apart as what was found depends on time. A host on which nothing waits,
/// ends or runs is looked at once; one on which nothing of that lasts, for a moment more.
void Scan::look_again(std::set<std::size_t> chosen) {
  const double first = monotonic_seconds();  // from here, for the close look may have taken long
  const double asked = options_.sample_seconds;
  const double moment = std::min(k_short_window_seconds, asked);
  std::set<std::size_t> again = unsettled(snapshot_.tasks, chosen);
  for (const std::size_t i : gone_) again.erase(i);
  if (again.empty()) return;
  reader_.wait(std::min(moment, reader_.seconds_left() / 4), "looking again");
  second_look(again, chosen);

  double begin = first;
  std::set<std::size_t> late = lasting(snapshot_.tasks, again, chosen);
  if (const auto busy = busy_in_kernel(snapshot_.tasks, chosen); !busy.empty()) {
    look_closely(busy);  // their first sample with context switches
    chosen.insert(busy.begin(), busy.end());
    again.insert(busy.begin(), busy.end());
    late.insert(busy.begin(), busy.end());
    begin = monotonic_seconds();
  }
  const double left = begin + asked - monotonic_seconds();
  if (late.empty() || (left <= 0 && begin == first)) return;
  Profiler profiler;
  start_profile(profiler, late);
  // Time must be left for the look itself.
  reader_.wait(std::min(left, reader_.seconds_left() / 2), "watching what does not move");
  for (const std::size_t i : gone_) again.erase(i);
  std::erase_if(again, [&](std::size_t i) { return !chosen.contains(i); });
  second_look(again, chosen);
  apply_profile(profiler);
}

/// Where a task is that runs in the kernel, no file says; samples of its CPU do.
void Scan::start_profile(Profiler& profiler, const std::set<std::size_t>& late) {
  if (!real_) return;
  std::vector<ProfileTarget> targets;
  for (const std::size_t i : late) {
    const Task& task = snapshot_.tasks[i];
    const bool no_frames = task.stack && task.stack->frames.empty();
    if (no_frames && !gone_.contains(i) && task.processor) targets.push_back({*task.tid, *task.processor});
  }
  profiler.start(targets);
}

void Scan::apply_profile(Profiler& profiler) {
  if (!profiler.started()) return;
  const auto seen = profiler.collect(std::min(options_.read_timeout_seconds, reader_.seconds_left() / 2));
  if (const Absence* why = seen.absence()) {
    if (*why == Absence::not_permitted)
      gaps_.note("perf_event");
    else
      snapshot_.problems.push_back(
          {"perf_event", fmt::format("{}: where a task is that runs in the kernel is open", name(*why))});
    return;
  }
  for (Task& task : snapshot_.tasks) {
    const auto found = seen->find(*task.tid);
    // Of one that is in user mode as well, the kernel stack of a moment means nothing.
    if (found == seen->end()) continue;
    const Profile& profile = found->second;
    if (profile.kernel < k_fewest_samples || profile.user * k_times_in_kernel > profile.kernel) continue;
    if (task.stack && task.stack->frames.empty()) task.stack = profile.stack;
  }
}

Result<Snapshot> Scan::run() {
  const auto tgids = list_processes();
  if (!tgids) return tgids.error();
  // First: the last thing that may be left unread.
  const Reading<std::string> log = options_.trouble ? read_kernel_log() : Absence::not_asked;
  snapshot_.host = read_host(reader_, real_);
  hidden_ = !read_threads(reader_, root_, *tgids, snapshot_);
  if (options_.trouble) {
    probe_permissions();
    look_again(look_at_trouble());
  }
  if (options_.containers) read_containers(reader_, snapshot_);
  if (options_.rings) read_rings(reader_, snapshot_);

  for (Task& task : snapshot_.tasks) settle_absences(task);
  if (real_) snapshot_.cgroups = read_freezers(reader_, cgroups_);
  drop_gone();
  if (log) merge_kernel_log(*log, "/dev/kmsg", monotonic_seconds(), snapshot_);
  note_gaps();
  return std::move(snapshot_);
}

}  // namespace

Result<Snapshot> read_procfs(const ProcfsOptions& options) {
  return Scan(options).run();
}

}  // namespace unzap
