// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/module_build.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr int k_no_make = 127;  // as a shell says it

/// Nobody but root and us can rename or replace what we make in it. The parents of the folder are those of
/// build_parents(): root's.
bool is_safe_parent(const std::string& path) {
  struct stat status {};
  if (::lstat(path.c_str(), &status) != 0 || !S_ISDIR(status.st_mode)) return false;
  if (status.st_uid != 0 && status.st_uid != ::geteuid()) return false;
  return (status.st_mode & (S_IWGRP | S_IWOTH)) == 0 || (status.st_mode & S_ISVTX) != 0;
}

void limit(__rlimit_resource what, rlim_t value) {
  const rlimit both{value, value};
  (void)::setrlimit(what, &both);
}

/// The child's side. Nothing of our environment goes along: MAKEFLAGS and KBUILD_* would change the build.
[[noreturn]] void become(const std::vector<std::string>& arguments, const std::string& folder,
                         const BuildLimits& limits) {
  (void)::setpgid(0, 0);
  (void)::prctl(PR_SET_PDEATHSIG, SIGKILL);
  ::umask(077);
  limit(RLIMIT_FSIZE, limits.file_bytes);
  limit(RLIMIT_CORE, 0);
  const int empty = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  const int log = ::open((folder + "/build.log").c_str(),
                         O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_APPEND | O_CLOEXEC, 0600);
  if (empty < 0 || log < 0 || ::dup2(empty, STDIN_FILENO) < 0 || ::dup2(log, STDOUT_FILENO) < 0 ||
      ::dup2(log, STDERR_FILENO) < 0)
    ::_exit(k_no_make);
  std::string temporary = "TMPDIR=" + folder, home = "HOME=" + folder;
  std::string path = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";
  std::string locale = "LC_ALL=C";
  char* environment[] = {path.data(), locale.data(), home.data(), temporary.data(), nullptr};
  std::vector<std::string> texts = arguments;
  std::vector<char*> pointers;
  for (std::string& text : texts) pointers.push_back(text.data());
  pointers.push_back(nullptr);
  ::environ = environment;
  ::execvp(pointers[0], pointers.data());
  ::_exit(k_no_make);
}

}  // namespace

Result<BuildFolder> BuildFolder::make(const std::vector<std::string>& parents) {
  std::string tried;
  for (const std::string& parent : parents) {
    if (!is_safe_parent(parent)) {
      tried += fmt::format("{}{} is missing or others can write to it", tried.empty() ? "" : "; ", parent);
      continue;
    }
    std::string path = parent + "/unzap-module-XXXXXX";
    if (::mkdtemp(path.data()) != nullptr) return BuildFolder(std::move(path));  // 0700
    tried += fmt::format("{}{}: {}", tried.empty() ? "" : "; ", parent, std::strerror(errno));
  }
  return Error{ErrorKind::io, "no folder to build the module in: " + tried, "",
               "build it elsewhere, and give it with --module FILE"};
}

BuildFolder::BuildFolder(BuildFolder&& other) noexcept : path_(std::exchange(other.path_, "")) {}

BuildFolder::~BuildFolder() {
  std::error_code ignored;
  if (!path_.empty()) std::filesystem::remove_all(path_, ignored);
}

std::optional<Error> BuildFolder::write(std::string_view name, std::string_view text) const {
  const std::string path = path_ + "/" + std::string(name);
  const Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600));
  if (file && ::write(file.get(), text.data(), text.size()) == static_cast<ssize_t>(text.size()))
    return std::nullopt;
  return Error{ErrorKind::io, fmt::format("cannot write: {}", std::strerror(errno)), path, ""};
}

std::vector<std::string> build_parents() {
  return {"/run", "/var/tmp", "/tmp"};
}

std::vector<std::string> make_arguments(const std::string& headers, const std::string& folder) {
  return {"make", "-C", headers, "M=" + folder, "CONFIG_DEBUG_INFO_BTF_MODULES=", "modules"};
}

std::optional<int> run_build(const std::vector<std::string>& arguments, const std::string& folder,
                             const BuildLimits& limits) {
  const pid_t child = ::fork();
  if (child < 0) return std::nullopt;
  if (child == 0) become(arguments, folder, limits);
  (void)::setpgid(child, child);  // whoever of the two comes first
  const Fd handle(static_cast<int>(::syscall(SYS_pidfd_open, child, 0)));
  pollfd ready{handle.get(), POLLIN, 0};
  const bool ended = handle && ::poll(&ready, 1, static_cast<int>(limits.seconds * 1000)) == 1;
  // Before it is reaped: until then the number of its group is not another's.
  ::kill(-child, SIGKILL);
  if (!ended) (void)::poll(&ready, 1, 1000);
  int status = 0;
  // On a jammed machine not even SIGKILL need end it: it is left behind then.
  const bool reaped = ::waitpid(child, &status, ended ? 0 : WNOHANG) == child;
  if (!ended || !reaped || !WIFEXITED(status)) return std::nullopt;
  return WEXITSTATUS(status);
}

}  // namespace unzap
