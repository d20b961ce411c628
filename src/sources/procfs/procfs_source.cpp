// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/procfs_source.hpp"

#include <fmt/format.h>
#include <unistd.h>

#include <algorithm>
#include <set>
#include <utility>

#include "sources/procfs/details.hpp"
#include "sources/procfs/kernel_log.hpp"
#include "sources/procfs/parse.hpp"
#include "sources/procfs/reader.hpp"
#include "sources/procfs/select.hpp"
#include "sources/procfs/surroundings.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::int32_t k_kthreadd = 2;
constexpr double k_idle_window_seconds = 0.3;  // enough to see a task that spins

std::vector<std::int32_t> numbers_of(const std::string& lines) {
  std::vector<std::int32_t> out;
  for (std::size_t at = 0; at < lines.size();) {
    const std::size_t end = std::min(lines.find('\n', at), lines.size());
    if (const auto number = parse_number<std::int32_t>(std::string_view(lines).substr(at, end - at)))
      out.push_back(*number);
    at = end + 1;
  }
  return out;
}

/// One look at a host, pass by pass. Each pass fills in more of `snapshot_`.
class Scan {
 public:
  explicit Scan(const ProcfsOptions& options)
      : options_(options),
        root_(options.root),
        reader_(options.root, {options.read_timeout_seconds, options.total_timeout_seconds},
                options.progress) {
    while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
    real_ = root_ == "/proc";
    snapshot_.origin = Origin::live;
  }

  Result<Snapshot> run();

 private:
  Result<std::vector<std::int32_t>> list_processes();
  void first_look(const std::vector<std::int32_t>& tgids);
  void look_closely(const std::set<std::size_t>& chosen, bool keep_first_sample);
  /// Another sample of the tasks `again`; of the `chosen` among them with their context switches.
  void second_look(const std::set<std::size_t>& again, const std::set<std::size_t>& chosen);
  void probe_permissions();
  void read_kernel_log();
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

Result<std::vector<std::int32_t>> Scan::list_processes() {
  const auto results =
      reader_.run({{".", {{ReadKind::numbers, "."}, {ReadKind::link, "self"}}}}, "listing processes");
  const ReadResult& listing = results[0][0];
  if (const Absence* why = listing.text.absence()) {
    if (*why == Absence::gone)
      return Error{ErrorKind::no_input, "no such folder", root_, "check --path.procfs"};
    if (*why == Absence::not_permitted)
      return Error{ErrorKind::permission, "not permitted to list processes", root_, "run as root"};
    return Error{ErrorKind::io, fmt::format("cannot list processes ({})", name(*why)), root_, ""};
  }
  std::vector<std::int32_t> tgids = numbers_of(*listing.text);
  if (tgids.empty())
    return Error{ErrorKind::bad_data, "is no procfs: it lists no process", root_,
                 "give the place where a procfs is mounted"};
  // The process that reads is no part of what is looked at.
  if (const auto self = parse_number<std::int32_t>(results[0][1].text.value_or("")))
    if (real_ || *self == reader_.first_helper()) std::erase(tgids, *self);
  return tgids;
}

void Scan::first_look(const std::vector<std::int32_t>& tgids) {
  std::vector<ReadGroup> listings;
  for (const std::int32_t tgid : tgids)
    listings.push_back({std::to_string(tgid), {{ReadKind::numbers, "task"}}});
  const auto threads = reader_.run(listings, "listing threads");
  std::vector<ReadGroup> groups;
  std::vector<std::pair<std::int32_t, std::vector<std::int32_t>>> processes;
  for (std::size_t i = 0; i < tgids.size(); ++i) {
    const Reading<std::string>& listing = threads[i][0].text;
    hidden_ = hidden_ || (listing.absence() && *listing.absence() != Absence::gone);
    if (!listing) continue;
    processes.emplace_back(tgids[i], numbers_of(*listing));
    ReadGroup group{listings[i].directory, {}};
    for (const std::int32_t tid : processes.back().second)
      group.items.push_back({ReadKind::file, fmt::format("task/{}/stat", tid)});
    groups.push_back(std::move(group));
  }
  const auto stats = reader_.run(groups, "reading threads");
  for (std::size_t i = 0; i < processes.size(); ++i) {
    for (std::size_t j = 0; j < processes[i].second.size(); ++j) {
      const ReadResult& result = stats[i][j];
      if (result.text.absence() && *result.text.absence() == Absence::gone) continue;
      Task task;
      task.tid = processes[i].second[j];
      task.tgid = processes[i].first;
      task.where = fmt::format("{}/{}", root_, directory_of(task));
      if (result.text.absence()) hidden_ = true;
      if (!apply_stat(result, task)) snapshot_.problems.push_back({task.where + "/stat", "is no stat line"});
      snapshot_.tasks.push_back(std::move(task));
    }
  }
}

void Scan::look_closely(const std::set<std::size_t>& chosen, bool keep_first_sample) {
  std::vector<ReadGroup> groups;
  for (const std::size_t i : chosen) groups.push_back({directory_of(snapshot_.tasks[i]), detail_items()});
  const auto results = reader_.run(groups, "reading stuck threads");
  std::size_t at = 0;
  for (const std::size_t i : chosen) {
    const std::vector<ReadResult>& answers = results[at++];
    Task& task = snapshot_.tasks[i];
    const std::vector<TaskSample> earlier = task.samples;
    if (!apply_details(answers, task, gaps_, cgroups_, snapshot_.problems)) {
      gone_.insert(i);
      continue;
    }
    if (keep_first_sample) task.samples = earlier;
  }
}

void Scan::second_look(const std::set<std::size_t>& again, const std::set<std::size_t>& chosen) {
  std::vector<ReadGroup> groups;
  for (const std::size_t i : again) {
    groups.push_back({directory_of(snapshot_.tasks[i]), {{ReadKind::file, "stat"}}});
    if (chosen.contains(i)) groups.back().items.push_back({ReadKind::file, "status"});
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
  for (std::size_t i = 0; i < items.size(); ++i)
    if (const Absence* why = results[0][i].text.absence(); why && *why == Absence::not_permitted)
      gaps_.note(items[i].path);
}

void Scan::read_kernel_log() {
  const auto results = reader_.run({{"/dev", {{ReadKind::records, "kmsg"}}}}, "reading the kernel log");
  const Reading<std::string>& log = results[0][0].text;
  if (log) merge_kernel_log(*log, "/dev/kmsg", monotonic_seconds(), snapshot_);
  if (log.absence() && *log.absence() == Absence::not_permitted) gaps_.note("/dev/kmsg");
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
  snapshot_.all_tasks = kernel_threads && !hidden_;
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
        {root_, fmt::format("did not answer within {} s: {}; what they would have said is open, and "
                            "that they block is itself a sign of a jam",
                            options_.read_timeout_seconds, names)});
  }
}

Result<Snapshot> Scan::run() {
  const auto tgids = list_processes();
  if (!tgids) return tgids.error();
  snapshot_.host = read_host(reader_, real_);
  probe_permissions();
  first_look(*tgids);

  std::set<std::size_t> chosen = tasks_that_matter(snapshot_.tasks);
  look_closely(chosen, false);
  for (const auto& choose : {members_of_dying, tracers}) {
    const std::set<std::size_t> more = choose(snapshot_.tasks, chosen);
    look_closely(more, false);
    chosen.insert(more.begin(), more.end());
  }

  std::set<std::size_t> again = chosen;
  again.insert(0);  // so that the snapshot shows that there was a second look, even when nothing ran
  for (std::size_t i = 0; i < snapshot_.tasks.size(); ++i)
    if (snapshot_.tasks[i].state.is('R')) again.insert(i);
  for (const std::size_t i : gone_) again.erase(i);
  again.erase(again.lower_bound(snapshot_.tasks.size()), again.end());
  const double asked =
      chosen.empty() ? std::min(k_idle_window_seconds, options_.sample_seconds) : options_.sample_seconds;
  // From now, for the close look may have taken long; and time must be left for the second one.
  ::usleep(static_cast<useconds_t>(1e6 * std::min(asked, reader_.seconds_left() / 2)));
  second_look(again, chosen);
  look_closely(busy_in_kernel(snapshot_.tasks, chosen), true);

  for (Task& task : snapshot_.tasks) settle_absences(task);
  if (real_) snapshot_.cgroups = read_freezers(reader_, cgroups_);
  drop_gone();
  if (real_) read_kernel_log();
  note_gaps();
  return std::move(snapshot_);
}

}  // namespace

Result<Snapshot> read_procfs(const ProcfsOptions& options) {
  return Scan(options).run();
}

}  // namespace unzap
