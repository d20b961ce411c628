// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/rings.hpp"

#include <cstdint>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "linux/namespace_link.hpp"
#include "linux/task_status.hpp"
#include "snapshot/namespaces.hpp"
#include "sources/procfs/containers.hpp"
#include "sources/procfs/threads.hpp"

namespace unzap {
namespace {

constexpr std::int32_t k_init = 1;
constexpr std::int32_t k_kthreadd = 2;
constexpr std::size_t k_max_files_of_process = 4096;
constexpr std::size_t k_max_files = std::size_t{1} << 17;
constexpr std::string_view k_ring = "anon_inode:[io_uring]";

Reading<std::uint64_t> inode_in(const ReadResult& answer) {
  if (!answer.text) return *answer.text.absence();
  const std::optional<std::uint64_t> value = parse_namespace_link(*answer.text);
  return value ? Reading<std::uint64_t>(*value) : Absence::not_in_this_kernel;
}

/// What is known already came with a closer look at the task.
template <class T>
void fill(Reading<T>& field, Reading<T> value) {
  if (!field) field = std::move(value);
}

/// The leaders of the processes of `snapshot` that are not kernel threads, and
/// of each the numbers of its open files.
class RingReader {
 public:
  RingReader(Reader& reader, Snapshot& snapshot) : reader_(reader), snapshot_(snapshot) {}

  void run() {
    choose_leaders();
    read_namespaces();
    keep_containers();
    read_details();
    read_files();
  }

 private:
  struct Process {
    Task* leader = nullptr;
    std::vector<std::int32_t> files = {};

    std::string directory() const { return std::to_string(*leader->tid); }
  };

  void choose_leaders() {
    for (Task& task : snapshot_.tasks) {
      const std::uint64_t flags = task.flags.value_or(0);
      if ((flags & k_pf_kthread) != 0) continue;
      if (task.is_leader()) processes_.push_back({&task});
      // The name alone is nothing: everybody may call himself so.
      if ((flags & k_pf_io_worker) != 0) with_io_threads_.insert(*task.tgid);
    }
  }

  Task* leader_numbered(std::int32_t tid) {
    for (Task& task : snapshot_.tasks)
      if (task.tid.is(tid)) return &task;
    return nullptr;
  }

  /// The first process may be guarded even against root. Its pid namespace is
  /// then that of the procfs, which is ours when we stand in it, and its mount
  /// namespace that of kthreadd.
  void read_namespaces() {
    std::vector<ReadGroup> groups{
        {".", {{ReadKind::link, "1/ns/mnt"}, {ReadKind::link, "2/ns/mnt"}, {ReadKind::link, "self/ns/pid"}}}};
    for (const Process& process : processes_)
      groups.push_back({process.directory(), {{ReadKind::link, "ns/pid"}}});
    Reading<std::uint64_t> of_init, of_kthreadd, own;
    reader_.run(groups, "reading namespaces", [&](std::size_t group, std::size_t item, ReadResult answer) {
      if (group > 0)
        fill(processes_[group - 1].leader->pid_ns, inode_in(answer));
      else
        (item == 0 ? of_init : item == 1 ? of_kthreadd : own) = inode_in(answer);
    });
    if (Task* kthreadd = leader_numbered(k_kthreadd)) fill(kthreadd->mnt_ns, of_kthreadd);
    Task* init = leader_numbered(k_init);
    if (init == nullptr) return;
    fill(init->mnt_ns, of_init);
    if (own) fill(init->pid_ns, own);
  }

  /// What is left: containers, and whoever has threads of io_uring.
  void keep_containers() {
    std::erase_if(processes_, [this](const Process& process) {
      const Reading<std::uint64_t>& pid_ns = process.leader->pid_ns;
      const bool gone = pid_ns.absence() && *pid_ns.absence() == Absence::gone;
      const bool plain =
          !with_io_threads_.contains(*process.leader->tgid) && (!pid_ns || pid_ns.is(k_first_pid_ns));
      return gone || plain;
    });
  }

  void read_details() {
    std::vector<ReadGroup> groups;
    for (const Process& process : processes_)
      groups.push_back({process.directory(),
                        {{ReadKind::file, "status"},
                         {ReadKind::link, "ns/mnt"},
                         {ReadKind::file, "cgroup"},
                         {ReadKind::numbers, "fd"}}});
    reader_.run(groups, "reading containers", [&](std::size_t group, std::size_t item, ReadResult answer) {
      Process& process = processes_[group];
      if (item == 0) take_status(answer, *process.leader);
      if (item == 1) fill(process.leader->mnt_ns, inode_in(answer));
      if (item == 2) take_cgroup(answer, *process.leader);
      if (item == 3) take_files(answer, process);
    });
  }

  static void take_status(const ReadResult& answer, Task& leader) {
    if (!answer.text) return fill(leader.ns_pids, Reading<std::vector<std::int32_t>>(*answer.text.absence()));
    Task read;
    Reading<std::uint64_t> switches;
    const bool known = parse_status(*answer.text, read, switches) && read.ns_pids && !read.ns_pids->empty();
    if (!known) read.ns_pids = Absence::not_in_this_kernel;
    fill(leader.ns_pids, std::move(read.ns_pids));
  }

  void take_files(const ReadResult& answer, Process& process) {
    if (!answer.text) {
      process.leader->rings = *answer.text.absence();
      return;
    }
    process.files = numbers_of(*answer.text);
    if (process.files.size() > k_max_files_of_process || all_files_ + process.files.size() > k_max_files) {
      process.files.clear();
      return;
    }
    process.leader->rings = 0;
    all_files_ += process.files.size();
  }

  void read_files() {
    std::vector<ReadGroup> groups;
    for (const Process& process : processes_) {
      ReadGroup group{process.directory() + "/fd", {}};
      for (const std::int32_t file : process.files)
        group.items.push_back({ReadKind::link, std::to_string(file)});
      groups.push_back(std::move(group));
    }
    reader_.run(groups, "reading open files", [&](std::size_t group, std::size_t, ReadResult answer) {
      Reading<std::int32_t>& rings = processes_[group].leader->rings;
      if (answer.text && *answer.text == k_ring && rings) rings = *rings + 1;
      const Absence* why = answer.text.absence();
      if (why && *why != Absence::gone) rings = *why;
    });
  }

  Reader& reader_;
  Snapshot& snapshot_;
  std::vector<Process> processes_;
  std::set<std::int32_t> with_io_threads_;  ///< processes (tgid)
  std::size_t all_files_ = 0;
};

}  // namespace

void read_rings(Reader& reader, Snapshot& snapshot) {
  RingReader(reader, snapshot).run();
}

}  // namespace unzap
