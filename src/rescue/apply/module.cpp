// SPDX-License-Identifier: Apache-2.0
#include "rescue/apply/module.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <utility>

#include "rescue/apply/child.hpp"
#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

namespace fs = std::filesystem;

constexpr const char* k_module = "unzap_rescue";
constexpr const char* k_parameters = "/sys/module/unzap_rescue/parameters/";
constexpr double k_load_seconds = 5;
constexpr double k_build_seconds = 120;

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
                          "it was built for another kernel, or is no module; dmesg says more");
    case ENOENT:
      return module_error(ErrorKind::bad_data, "the kernel lacks what the module needs: " + said, file,
                          "dmesg names the symbol");
    default:
      return module_error(ErrorKind::io, "loading the module failed: " + said, file, "dmesg may say more");
  }
}

/// The build itself, in a child: its output goes into a file, and the end of that into the error.
int run_make(const std::string& headers, const std::string& folder) {
  const int log = ::open((folder + "/build.log").c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
  ::dup2(log, STDOUT_FILENO);
  ::dup2(log, STDERR_FILENO);
  const std::string module_folder = "M=" + folder;
  ::execlp("make", "make", "-C", headers.c_str(), module_folder.c_str(), "modules",
           static_cast<char*>(nullptr));
  return 127;
}

std::string last_lines(const std::string& path) {
  const auto file = read_file(path, std::size_t{1} << 20);
  if (!file) return "no output";
  const std::string_view text = trim(file->text);
  return printable(text.substr(text.size() > 300 ? text.size() - 300 : 0));
}

std::optional<Error> write_parameter(const std::string& value) {
  const std::string path = std::string(k_parameters) + "target";
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  const bool written =
      fd >= 0 && ::write(fd, value.data(), value.size()) == static_cast<ssize_t>(value.size());
  const int error = errno;
  if (fd >= 0) ::close(fd);
  if (written) return std::nullopt;
  return Error{ErrorKind::io,
               fmt::format("the loaded module does not take a target: {}", std::strerror(error)), path,
               "unload it with rmmod unzap_rescue"};
}

}  // namespace

Result<ModuleFile> ModuleFile::build(const std::vector<ModuleSource>& sources, const std::string& headers) {
  std::string folder = (fs::temp_directory_path() / "unzap-module-XXXXXX").string();
  if (::mkdtemp(folder.data()) == nullptr)
    return Error{ErrorKind::io, fmt::format("cannot make a folder: {}", std::strerror(errno)), folder, ""};
  ModuleFile out(folder + "/unzap_rescue.ko");
  out.folder_ = folder;
  for (const ModuleSource& source : sources)
    std::ofstream(folder + "/" + std::string(source.file)) << source.text;
  std::ofstream(folder + "/Kbuild") << "obj-m := unzap_rescue.o\n";
  const auto status = in_child(k_build_seconds, [&] { return run_make(headers, folder); });
  std::error_code error;
  if (status == 0 && fs::exists(out.file_, error)) return out;
  return Error{ErrorKind::io, "the module could not be built: " + last_lines(folder + "/build.log"), headers,
               "are these the headers of the running kernel, and is its compiler here?"};
}

ModuleFile::ModuleFile(ModuleFile&& other) noexcept
    : file_(std::move(other.file_)), folder_(std::exchange(other.folder_, "")) {}

ModuleFile::~ModuleFile() {
  std::error_code ignored;
  if (!folder_.empty()) fs::remove_all(folder_, ignored);
}

Result<std::string> hand_to_module(const std::string& file, const std::string& target) {
  std::error_code missing;
  if (fs::exists(k_parameters, missing)) {
    if (auto failed = write_parameter(target)) return *failed;
  } else {
    const int fd = ::open(file.c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0)
      return Error{errno == EACCES ? ErrorKind::permission : ErrorKind::no_input,
                   fmt::format("cannot open the module: {}", std::strerror(errno)), file, ""};
    const std::string parameters = "target=" + target;
    const auto status = in_child(k_load_seconds, [&] {
      return ::syscall(SYS_finit_module, fd, parameters.c_str(), 0) == 0 ? 0 : errno;
    });
    ::close(fd);
    if (!status)
      return Error{ErrorKind::io,
                   fmt::format("loading the module did not end within {:.0f} s", k_load_seconds), file,
                   "the kernel may still do it; look at dmesg, and diagnose again"};
    if (*status != 0) return load_error(*status, file);
  }
  const auto result = read_file(std::string(k_parameters) + "result", 4096);
  if (!result) return result.error();
  return std::string(trim(result->text));
}

bool unload_module(double seconds) {
  return in_child(seconds, [] {
           return ::syscall(SYS_delete_module, k_module, O_NONBLOCK) == 0 || errno == ENOENT ? 0 : 1;
         }) == 0;
}

}  // namespace unzap
