// SPDX-License-Identifier: Apache-2.0
#include "rescue/means.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

namespace fs = std::filesystem;

constexpr std::size_t k_small_file = 4096;

Reading<std::string> text_of(const std::string& path) {
  const auto file = read_file(path, k_small_file);
  if (file) return std::string(trim(file->text));
  return file.error().kind == ErrorKind::permission ? Absence::not_permitted : Absence::not_in_this_kernel;
}

/// "none [integrity] confidentiality": the word in brackets.
Reading<std::string> chosen_word(const Reading<std::string>& text) {
  if (!text) return *text.absence();
  const auto open = text->find('['), close = text->find(']');
  if (open == std::string::npos || close == std::string::npos || close < open) return Absence::not_asked;
  return text->substr(open + 1, close - open - 1);
}

/// The EFI variable holds four bytes of attributes and one of value.
bool secure_boot_is_on() {
  const auto file =
      read_file("/sys/firmware/efi/efivars/SecureBoot-8be4df61-93ca-11d2-aa0d-00e098032b8c", 16);
  return file && file->text.size() == 5 && file->text.back() == 1;
}

bool in_path(std::string_view program) {
  const char* path = std::getenv("PATH");
  std::string_view rest = path != nullptr ? path : "/usr/bin:/bin";
  while (!rest.empty()) {
    const auto end = std::min(rest.find(':'), rest.size());
    if (::access((std::string(rest.substr(0, end)) + "/" + std::string(program)).c_str(), X_OK) == 0)
      return true;
    rest.remove_prefix(std::min(end + 1, rest.size()));
  }
  return false;
}

std::vector<FuseConnection> fuse_connections() {
  std::vector<FuseConnection> out;
  std::error_code error;
  for (const auto& entry : fs::directory_iterator("/sys/fs/fuse/connections", error)) {
    const auto number = parse_number<std::int32_t>(entry.path().filename().string());
    if (!number) continue;
    FuseConnection connection{*number, Absence::not_asked};
    if (const auto text = text_of(entry.path().string() + "/waiting"))
      if (const auto waiting = parse_number<std::int64_t>(*text)) connection.waiting = *waiting;
    out.push_back(connection);
  }
  std::sort(out.begin(), out.end(), [](const auto& a, const auto& b) { return a.number < b.number; });
  return out;
}

}  // namespace

Means look_at_means(const std::string& module) {
  Means means;
  utsname names{};
  if (::uname(&names) == 0) means.release = names.release;
  means.root = ::geteuid() == 0;
  std::error_code error;
  const auto disabled = text_of("/proc/sys/kernel/modules_disabled");
  if (disabled)
    means.takes_modules = *disabled == "0";
  else if (disabled.absence() != nullptr && *disabled.absence() == Absence::not_in_this_kernel)
    means.takes_modules = fs::exists("/proc/modules", error);
  means.lockdown = chosen_word(text_of("/sys/kernel/security/lockdown"));
  means.secure_boot = secure_boot_is_on();
  if (const auto enforced = text_of("/sys/module/module/parameters/sig_enforce"))
    means.needs_signature = *enforced == "Y" || *enforced == "1";
  const std::string build = "/lib/modules/" + means.release + "/build";
  if (fs::exists(build + "/Makefile", error)) means.headers = build;
  means.make = in_path("make") && in_path("gcc");
  means.module = module;
  means.fuse = fuse_connections();
  return means;
}

}  // namespace unzap
