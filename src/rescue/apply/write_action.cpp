// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/write_action.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <optional>

#include "rescue/apply/child.hpp"
#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr double k_look_seconds = 4;
constexpr double k_write_seconds = 5;
constexpr int k_no_errno = 255;  // a write of nothing

/// An open folder.
class Folder {
 public:
  explicit Folder(const std::string& path)
      : fd_(::open(path.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC)) {}

  int fd() const { return fd_.get(); }
  std::optional<FolderId> id() const {
    struct stat found {};
    if (!fd_ || ::fstat(fd_.get(), &found) != 0) return std::nullopt;
    return FolderId{found.st_dev, found.st_ino};
  }

 private:
  Fd fd_;
};

Written refused(std::string why) {
  return {Written::Result::refused, std::move(why), 0};
}

Reader make_reader(const HostPlaces& places) {
  ReadLimits limits;
  limits.total_seconds = k_look_seconds;
  return {places.proc, limits, {}};
}

/// Why the cgroup is not to be thawed now; empty when it is.
std::string why_not_thaw(const WriteGuard& guard, const std::string& folder, const HostPlaces& places) {
  Reader reader = make_reader(places);
  const FreezerView now = look_at_freezer(reader, guard.task.id, places);
  if (now.freezing.empty() || !now.gaps.empty())
    return fmt::format("{}: {}", guard.task.label(), fmt::join(now.gaps, "; "));
  const FreezingCgroup& cgroup = now.freezing.back();
  if (cgroup.folder != folder || cgroup.id != guard.folder)
    return fmt::format("{} is not held by this cgroup any more, but by {}", guard.task.label(), cgroup.path);
  if (guard.more != (now.freezing.size() > 1)) return "another set of cgroups freezes the task by now";
  for (const FrozenTask& one : now.crowd)
    if (!one.dying && std::count(guard.may_run.begin(), guard.may_run.end(), one.id) == 0)
      return fmt::format("{}[{}] would run again, and the plan does not name it", one.comm, one.id.tid);
  return "";
}

/// Why the connection is not to be aborted now; empty when it is.
std::string why_not_abort(const WriteGuard& guard, const HostPlaces& places) {
  Reader reader = make_reader(places);
  FuseLooks looks;
  looks.servers = false;
  const FuseView now = look_at_fuse(reader, {{guard.task.id, {}}}, looks, places);
  const FuseTie tie = tie_of(now, guard.task.id);
  if (!tie.connection) return tie.why;
  if (tie.connection->number != *guard.connection || tie.connection->folder != guard.folder)
    return fmt::format("{} waits for connection {} now", guard.task.label(), tie.connection->number);
  return "";
}

/// The write by itself, in a process that can be left behind: cgroup_mutex, which a thaw takes, may be what
/// is jammed.
Written write_in(const Folder& folder, const std::string& file, const std::string& value) {
  const auto status = in_child(k_write_seconds, [&] {
    const Fd fd(::openat(folder.fd(), file.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
    if (!fd) return std::clamp(errno, 1, k_no_errno);
    const ssize_t put = ::write(fd.get(), value.data(), value.size());
    if (put < 0) return std::clamp(errno, 1, k_no_errno);
    return put == static_cast<ssize_t>(value.size()) ? 0 : k_no_errno;
  });
  if (!status)
    return {Written::Result::not_back,
            fmt::format("the write has not come back within {} s, and may still be done", k_write_seconds),
            0};
  if (*status == 0) return {Written::Result::done, "", 0};
  return {Written::Result::failed, *status == k_no_errno ? "nothing was written" : std::strerror(*status),
          *status};
}

}  // namespace

Written write_guarded(const Action& action, const HostPlaces& places) {
  if (!action.guard) return refused("the plan does not say what the file has to be");
  const WriteGuard& guard = *action.guard;
  const std::size_t slash = action.file.rfind('/');
  const std::string path = action.file.substr(0, slash);
  const Folder folder(path);
  if (folder.id() != guard.folder) return refused(path + " is gone, or another folder has its name now");
  const std::string why = guard.connection ? why_not_abort(guard, places) : why_not_thaw(guard, path, places);
  if (!why.empty()) return refused(why);
  return write_in(folder, action.file.substr(slash + 1), action.value);
}

}  // namespace unzap
