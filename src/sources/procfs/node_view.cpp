// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/node_view.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "linux/cgroup.hpp"
#include "linux/io_thread.hpp"
#include "linux/namespace_link.hpp"
#include "linux/task_status.hpp"
#include "snapshot/container.hpp"
#include "sources/procfs/reader.hpp"
#include "sources/procfs/threads.hpp"
#include "util/processors.hpp"

namespace unzap {
namespace {

constexpr int k_most_lanes = 2;  // a node in trouble has little to spare
constexpr std::int32_t k_kthreadd = 2;
constexpr std::size_t k_max_files_of_process = 4096;
constexpr std::size_t k_max_files = std::size_t{1} << 17;
constexpr std::string_view k_ring = "anon_inode:[io_uring]";

template <class Int>
Reading<Int> parsed(const ReadResult& answer, std::optional<Int> (*parse)(std::string_view)) {
  if (!answer.text) return *answer.text.absence();
  const std::optional<Int> value = parse(*answer.text);
  if (!value) return Absence::not_in_this_kernel;
  return *value;
}

class Viewer {
 public:
  explicit Viewer(const ProcfsOptions& options)
      : root_(options.root), reader_(options.root, limits_of(options), options.progress) {
    while (root_.size() > 1 && root_.ends_with('/')) root_.pop_back();
  }

  Result<NodeView> run() {
    const auto listing = reader_.run({{".", {{ReadKind::numbers, "."}}}}, "listing processes");
    const ReadResult& numbers = listing[0][0];
    if (const std::string trouble = reader_.trouble(); !trouble.empty())
      return Error{ErrorKind::io, trouble, root_, Reader::k_remedy};
    if (const Absence* why = numbers.text.absence())
      return Error{*why == Absence::gone ? ErrorKind::no_input : ErrorKind::io,
                   fmt::format("cannot list processes ({})", name(*why)), root_, "check --path.procfs"};
    std::vector<std::int32_t> tgids = numbers_of(*numbers.text);
    std::sort(tgids.begin(), tgids.end());  // a copy of a procfs may list them in any order
    if (tgids.empty())
      return Error{ErrorKind::bad_data, "is no procfs: it lists no process", root_,
                   "give the place where a procfs is mounted"};
    all_seen_ = read_threads(reader_, root_, tgids, snapshot_);
    gather_processes();
    read_namespaces();
    read_details();
    read_files();
    note_gaps();
    return std::move(out_);
  }

 private:
  static ReadLimits limits_of(const ProcfsOptions& options) {
    ReadLimits limits;
    limits.read_seconds = options.read_timeout_seconds;
    limits.total_seconds = options.total_timeout_seconds;
    limits.lanes = std::min(k_most_lanes, static_cast<int>(usable_processors()));
    return limits;
  }

  /// One process for all threads of a tgid, but kernel threads; with the threads that io_uring made.
  void gather_processes() {
    out_.threads = snapshot_.tasks.size();
    std::map<std::int32_t, std::size_t> place;
    const TaskIndex index(snapshot_);
    for (const Task& task : snapshot_.tasks) {
      const std::uint64_t flags = task.flags.value_or(0);
      if (flags & k_pf_kthread) continue;
      const auto [found, added] = place.try_emplace(*task.tgid, out_.processes.size());
      if (added) out_.processes.push_back({.pid = *task.tgid});
      ViewedProcess& process = out_.processes[found->second];
      if (task.is_leader()) process.comm = task.comm.value_or("");
      // The name alone is nothing: everybody may call himself so.
      if (flags & k_pf_io_worker) process.io_threads.push_back(io_thread(task, index));
    }
    for (ViewedProcess& process : out_.processes)
      std::sort(process.io_threads.begin(), process.io_threads.end(),
                [](const IoThread& a, const IoThread& b) { return a.tid < b.tid; });
  }

  static IoThread io_thread(const Task& task, const TaskIndex& index) {
    IoThread out{*task.tid, task.comm.value_or(""), false, Absence::not_asked, ""};
    const auto name = parse_io_thread_name(out.comm);
    out.sqpoll = name && name->kind == IoThreadName::Kind::sqpoll;
    out.creator = creator_in(out.comm);
    const Task* creator = out.creator ? index.by_tid(*out.creator) : nullptr;
    if (creator && creator->tgid == task.tgid) out.creator_comm = creator->comm.value_or("");
    return out;
  }

  static std::string directory_of(const ViewedProcess& process) { return std::to_string(process.pid); }

  void read_namespaces() {
    // The first process may be guarded even against root. Its pid namespace is then that of the procfs, which
    // is ours when we stand in it, and its mount namespace that of kthreadd.
    std::vector<ReadGroup> groups{
        {".", {{ReadKind::link, "1/ns/mnt"}, {ReadKind::link, "2/ns/mnt"}, {ReadKind::link, "self/ns/pid"}}}};
    for (const ViewedProcess& process : out_.processes)
      groups.push_back({directory_of(process), {{ReadKind::link, "ns/pid"}}});
    Reading<std::uint64_t> of_kthreadd;
    Reading<std::uint64_t> own;
    reader_.run(groups, "reading namespaces", [&](std::size_t group, std::size_t item, ReadResult answer) {
      const Reading<std::uint64_t> value = parsed(answer, parse_namespace_link);
      if (group > 0)
        out_.processes[group - 1].pid_ns = value;
      else
        (item == 0 ? out_.host_mnt_ns : item == 1 ? of_kthreadd : own) = value;
    });
    if (!out_.host_mnt_ns) out_.host_mnt_ns = of_kthreadd;
    for (ViewedProcess& process : out_.processes) {
      if (process.pid == 1 && !process.pid_ns && own) process.pid_ns = own;
      if (process.pid_ns.absence() && *process.pid_ns.absence() == Absence::not_permitted)
        namespaces_hidden_ = true;
    }
    // What is left: containers, and whoever has threads of io_uring.
    std::erase_if(out_.processes, [](const ViewedProcess& process) {
      const bool gone = process.pid_ns.absence() && *process.pid_ns.absence() == Absence::gone;
      const bool plain = process.io_threads.empty() && (!process.pid_ns || process.pid_ns.is(k_first_pid_ns));
      return gone || plain;
    });
  }

  void read_details() {
    std::vector<ReadGroup> groups;
    for (const ViewedProcess& process : out_.processes)
      groups.push_back({directory_of(process),
                        {{ReadKind::file, "status"},
                         {ReadKind::link, "ns/mnt"},
                         {ReadKind::file, "cgroup"},
                         {ReadKind::numbers, "fd"}}});
    files_.resize(out_.processes.size());
    reader_.run(groups, "reading containers", [&](std::size_t group, std::size_t item, ReadResult answer) {
      ViewedProcess& process = out_.processes[group];
      if (item == 0) take_status(answer, process);
      if (item == 1) process.mnt_ns = parsed(answer, parse_namespace_link);
      if (item == 2) take_cgroup(answer, process);
      if (item == 3) take_files(answer, process, files_[group]);
    });
  }

  static void take_status(const ReadResult& answer, ViewedProcess& process) {
    Task task;
    Reading<std::uint64_t> switches;
    if (!answer.text) {
      process.own_pid = *answer.text.absence();
    } else if (parse_status(*answer.text, task, switches) && task.ns_pids && !task.ns_pids->empty()) {
      process.own_pid = task.ns_pids->back();
    } else {
      process.own_pid = Absence::not_in_this_kernel;
    }
  }

  static void take_cgroup(const ReadResult& answer, ViewedProcess& process) {
    if (!answer.text) {
      process.container = *answer.text.absence();
      return;
    }
    const CgroupPaths paths = parse_cgroup(*answer.text);
    if (const std::string_view id = container_id(paths.best()); !id.empty())
      process.container = std::string(id);
    process.pod = pod_uid(paths.best());
  }

  void take_files(const ReadResult& answer, ViewedProcess& process, std::vector<std::int32_t>& files) {
    if (!answer.text) {
      process.rings = *answer.text.absence();
      files_hidden_ = files_hidden_ || *answer.text.absence() == Absence::not_permitted;
      return;
    }
    files = numbers_of(*answer.text);
    process.rings = 0;
    if (files.size() > k_max_files_of_process || all_files_ + files.size() > k_max_files) {
      process.rings = Absence::not_asked;
      files_left_out_ = true;
      files.clear();
    }
    all_files_ += files.size();
  }

  /// Where the open files lead: a link of procfs is read without a look at the file system behind it.
  void read_files() {
    std::vector<ReadGroup> groups;
    for (std::size_t i = 0; i < out_.processes.size(); ++i) {
      ReadGroup group{directory_of(out_.processes[i]) + "/fd", {}};
      for (const std::int32_t file : files_[i]) group.items.push_back({ReadKind::link, std::to_string(file)});
      groups.push_back(std::move(group));
    }
    reader_.run(groups, "reading open files", [&](std::size_t group, std::size_t, ReadResult answer) {
      ViewedProcess& process = out_.processes[group];
      if (answer.text && *answer.text == k_ring && process.rings) process.rings = *process.rings + 1;
      const Absence* why = answer.text.absence();
      if (why && *why != Absence::gone) process.rings = *why;
    });
  }

  void note_gaps() {
    const bool kernel_threads =
        std::any_of(snapshot_.tasks.begin(), snapshot_.tasks.end(), [](const Task& task) {
          return task.tid.is(k_kthreadd) && (task.flags.value_or(0) & k_pf_kthread) != 0;
        });
    if (!kernel_threads)
      out_.gaps.push_back(
          "no kernel threads are shown, so this is the view of one pid namespace or of one user (hidepid): "
          "containers outside of it are not seen; use the host's /proc (--path.procfs)");
    if (const std::string trouble = reader_.trouble(); !trouble.empty())
      out_.gaps.push_back(fmt::format("{}: {}", trouble, Reader::k_remedy));
    if (!all_seen_) out_.gaps.push_back("some threads could not be read");
    if (namespaces_hidden_)
      out_.gaps.push_back(
          "the pid namespaces of other users' processes are not shown: run as root (needs CAP_SYS_PTRACE)");
    if (files_hidden_)
      out_.gaps.push_back(
          "the open files of other users' processes are not shown: a ring without a worker is not seen");
    if (files_left_out_)
      out_.gaps.push_back(fmt::format("processes with more than {} open files were not searched for rings",
                                      k_max_files_of_process));
    for (const auto& [file, count] : reader_.timed_out())
      out_.gaps.push_back(fmt::format("{} did not answer in time ({} times)", file, count));
  }

  std::string root_;
  Reader reader_;
  Snapshot snapshot_;
  NodeView out_;
  std::vector<std::vector<std::int32_t>> files_;  ///< of each process: the numbers of its open files
  std::size_t all_files_ = 0;
  bool all_seen_ = true;
  bool namespaces_hidden_ = false;
  bool files_hidden_ = false;
  bool files_left_out_ = false;
};

}  // namespace

Result<NodeView> read_node_view(const ProcfsOptions& options) {
  return Viewer(options).run();
}

}  // namespace unzap
