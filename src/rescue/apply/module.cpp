// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/module.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <utility>

#include "rescue/apply/child.hpp"
#include "util/fd.hpp"
#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_module = "unzap_rescue";
constexpr std::string_view k_version = "2";  ///< MODULE_VERSION of kmod/unzap_rescue.c
constexpr double k_load_seconds = 5;
constexpr std::size_t k_largest_log = std::size_t{1} << 20;

Error module_error(ErrorKind kind, std::string message, std::string place, std::string remedy) {
  return {kind, std::move(message), std::move(place), std::move(remedy)};
}

/// What a failed finit_module(2) means to the user.
Error load_error(int error, const std::string& file) {
  const std::string said = std::strerror(error);
  switch (error) {
    case EPERM:
      return module_error(
          ErrorKind::permission, "the kernel does not let modules be loaded: " + said, file,
          "root is needed, kernel.modules_disabled must be 0, and no container may stand between");
    case EKEYREJECTED:
    case ENOKEY:
    case EBADMSG:
      return module_error(ErrorKind::permission, "the kernel takes signed modules only: " + said, file,
                          "Secure Boot or lockdown wants a module that is signed with a key it trusts");
    case ENOEXEC:
      return module_error(ErrorKind::bad_data, "the kernel cannot take this module: " + said, file,
                          "it was built for another kernel, or is not a module; dmesg says more");
    case ENOENT:
      return module_error(ErrorKind::bad_data, "the kernel lacks what the module needs: " + said, file,
                          "dmesg names the symbol");
    case EBUSY:
      return module_error(ErrorKind::io, "somebody else loads or unloads unzap_rescue right now: " + said,
                          file, "try again");
    default:
      return module_error(ErrorKind::io, "loading the module failed: " + said, file, "dmesg may say more");
  }
}

std::string folder_of(const ModuleHost& host) {
  return host.modules + "/" + k_module;
}

std::string parameter(const ModuleHost& host, std::string_view name) {
  return folder_of(host) + "/parameters/" + std::string(name);
}

std::optional<Error> write_target(const ModuleHost& host, const std::string& value) {
  const std::string path = parameter(host, "target");
  const Fd file(::open(path.c_str(), O_WRONLY | O_NOFOLLOW | O_CLOEXEC));
  if (file && ::write(file.get(), value.data(), value.size()) == static_cast<ssize_t>(value.size()))
    return std::nullopt;
  const int error = errno;
  const bool denied = error == EPERM || error == EACCES;
  return module_error(denied ? ErrorKind::permission : ErrorKind::io,
                      fmt::format("the loaded module does not take a target: {}", std::strerror(error)), path,
                      denied ? "it takes one from root with CAP_SYS_ADMIN in the initial pid namespace only"
                             : "unload it with rmmod unzap_rescue");
}

/// An unzap_rescue that is there already gets the target only when it is the one this program knows.
std::optional<Error> not_ours(const ModuleHost& host) {
  const std::string place = folder_of(host) + "/version";
  const auto file = read_file(place, 256);
  if (file && trim(file->text) == k_version) return std::nullopt;
  return module_error(ErrorKind::bad_data,
                      file ? fmt::format("a module unzap_rescue of another version is loaded: {}, not {}",
                                         printable(trim(file->text), 40), k_version)
                           : "a module unzap_rescue is loaded that does not say its version",
                      place, "see whose it is; rmmod unzap_rescue, and try again");
}

/// The file to load, opened; an error when somebody else could have put something in.
Result<Fd> open_module(const std::string& file) {
  Fd fd(::open(file.c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC));
  if (!fd)
    return module_error(errno == EACCES ? ErrorKind::permission : ErrorKind::no_input,
                        fmt::format("cannot open the module: {}", std::strerror(errno)), file, "");
  struct stat status {};
  const bool known = ::fstat(fd.get(), &status) == 0;
  std::string why;
  if (!known || !S_ISREG(status.st_mode))
    why = "the module is not a regular file";
  else if (status.st_uid != 0 && status.st_uid != ::geteuid())
    why = fmt::format("the module belongs to user {}, not to root", status.st_uid);
  else if ((status.st_mode & (S_IWGRP | S_IWOTH)) != 0)
    why = "others can write to the module";
  if (why.empty()) return fd;
  return module_error(ErrorKind::permission, why, file,
                      "look at it, then: chown root FILE && chmod 644 FILE");
}

/// 0, EEXIST, or an error.
Result<int> load(const std::string& file, const std::string& target, const ModuleHost& host) {
  const auto fd = open_module(file);
  if (!fd) return fd.error();
  const auto status = in_child(k_load_seconds, [&] { return host.load(fd->get(), "target=" + target); });
  if (!status)
    return module_error(ErrorKind::io,
                        fmt::format("loading the module did not end within {:.0f} s", k_load_seconds), file,
                        "the kernel may still do it; look at dmesg, and diagnose again");
  if (*status != 0 && *status != EEXIST) return load_error(*status, file);
  return *status;
}

/// What the module says, if it speaks of this target: another unzap may have written meanwhile.
Result<std::string> read_result(const ModuleHost& host, const std::string& target) {
  const std::string place = parameter(host, "result");
  const auto file = read_file(place, 4096);
  if (!file) return file.error();
  const std::string said = printable(trim(file->text), 400);
  const auto comma = target.find(',');
  const std::string about = fmt::format("task {} started at {}", target.substr(0, comma),
                                        target.substr(std::min(comma, target.size() - 1) + 1));
  const auto at = said.find(about);
  const bool whole =
      at != std::string::npos && (at + about.size() == said.size() || said[at + about.size()] == ':');
  if (whole) return said;
  return module_error(ErrorKind::io, "the module answers about something else: " + said, place,
                      "somebody else uses it at the same time; diagnose again");
}

}  // namespace

Result<ModuleFile> ModuleFile::build(const std::vector<ModuleSource>& sources, const std::string& headers,
                                     const std::vector<std::string>& parents) {
  auto folder = BuildFolder::make(parents);
  if (!folder) return folder.error();
  for (const ModuleSource& source : sources)
    if (auto failed = folder->write(source.file, source.text)) return *failed;
  if (auto failed = folder->write("Kbuild", "obj-m := unzap_rescue.o\n")) return *failed;
  ModuleFile out(folder->path() + "/unzap_rescue.ko");
  const BuildLimits limits;
  const auto status = run_build(make_arguments(headers, folder->path()), folder->path(), limits);
  std::error_code error;
  if (status == 0 && fs::is_regular_file(out.file_, error)) {
    out.folder_.emplace(std::move(*folder));
    return out;
  }
  const auto log = read_file(folder->path() + "/build.log", k_largest_log);
  Error failed = build_error(log ? log->text : "", headers);
  if (!status)
    failed.message = fmt::format(
        "the build of the module was ended: it took more than {:.0f} s, or wrote too much", limits.seconds);
  return failed;
}

ModuleHost this_kernel() {
  return {"/sys/module",
          [](int file, const std::string& parameters) {
            return ::syscall(SYS_finit_module, file, parameters.c_str(), 0) == 0 ? 0 : errno;
          },
          [] { return ::syscall(SYS_delete_module, k_module, O_NONBLOCK) == 0 ? 0 : errno; }};
}

Result<ModuleAnswer> hand_to_module(const std::string& file, const std::string& target,
                                    const ModuleHost& host) {
  std::error_code ignored;
  ModuleAnswer out;
  if (!fs::exists(folder_of(host), ignored)) {
    const auto status = load(file, target, host);
    if (!status) return status.error();
    out.loaded_by_us = *status == 0;  // EEXIST: somebody else was quicker
  }
  if (!out.loaded_by_us) {
    if (auto failed = not_ours(host)) return *failed;
    if (auto failed = write_target(host, target)) return *failed;
  }
  auto said = read_result(host, target);
  if (!said) {
    if (out.loaded_by_us) unload_module(0.5, host);
    return said.error();
  }
  out.said = std::move(*said);
  return out;
}

bool unload_module(double seconds, const ModuleHost& host) {
  return in_child(seconds, [&] {
           const int error = host.unload();
           return error == 0 || error == ENOENT ? 0 : 1;
         }) == 0;
}

}  // namespace unzap
