// SPDX-License-Identifier: Apache-2.0
#include "rescue/means.hpp"

#include <sys/utsname.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>
#include <filesystem>

#include "diagnosis/catalogue.hpp"
#include "sources/procfs/reader.hpp"
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

constexpr double k_most_seconds = 4;
constexpr std::size_t k_most_targets = 16;
constexpr std::size_t k_most_same_mounts = 8;

/// The identities of those that a finding names: its culprit first. Of a victim the number alone is known at
/// times.
std::vector<TaskId> named(const Finding& finding, const Snapshot& snapshot) {
  std::vector<TaskId> out;
  const auto add = [&](const Party& party) {
    for (const Task& task : snapshot.tasks)
      if (const auto id = task.id();
          id && party.tid == id->tid && party.start_ticks.value_or(id->start_ticks) == id->start_ticks)
        out.push_back(*id);
  };
  if (finding.culprit) add(*finding.culprit);
  for (const Party& victim : finding.victims) add(victim);
  if (out.size() > k_most_targets) out.resize(k_most_targets);
  return out;
}

/// Others that were in the same mount namespace.
std::vector<TaskId> same_mounts(const Snapshot& snapshot, const TaskId& id) {
  const Task* task = nullptr;
  for (const Task& one : snapshot.tasks)
    if (one.id() == id) task = &one;
  std::vector<TaskId> out;
  if (task == nullptr || !task->mnt_ns) return out;
  for (const Task& one : snapshot.tasks)
    if (one.id() && one.id() != id && one.mnt_ns.is(*task->mnt_ns) && out.size() < k_most_same_mounts)
      out.push_back(*one.id());
  return out;
}

/// Whether a task of the snapshot sits in FUSE: who else waits for an answer.
bool waits_in_fuse(const Task& task) {
  return task.stack && task.stack->has("request_wait_answer");
}

std::vector<FuseQuestion> fuse_questions(const std::vector<const Finding*>& findings,
                                         const Snapshot& snapshot) {
  std::vector<TaskId> ids;
  for (const Finding* finding : findings)
    for (const TaskId& id : named(*finding, snapshot)) ids.push_back(id);
  for (const Task& task : snapshot.tasks)
    if (task.id() && waits_in_fuse(task)) ids.push_back(*task.id());
  std::vector<FuseQuestion> out;
  for (const TaskId& id : ids) {
    const bool known =
        std::any_of(out.begin(), out.end(), [&](const FuseQuestion& one) { return one.task == id; });
    if (!known && out.size() < 2 * k_most_targets) out.push_back({id, same_mounts(snapshot, id)});
  }
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
  return means;
}

void look_at_targets(const Diagnosis& diagnosis, const Snapshot& snapshot, const HostPlaces& places,
                     Means& means) {
  if (snapshot.origin != Origin::live) return;
  std::vector<const Finding*> frozen, fuse;
  for (const Finding& finding : diagnosis.findings) {
    if (cause(finding.cause).rescue == RescueKind::thaw && frozen.size() < k_most_targets)
      frozen.push_back(&finding);
    if (cause(finding.cause).rescue == RescueKind::abort_fuse && fuse.size() < k_most_targets)
      fuse.push_back(&finding);
  }
  if (frozen.empty() && fuse.empty()) return;
  ReadLimits limits;
  limits.total_seconds = k_most_seconds;
  Reader reader(places.proc, limits, {});
  for (const Finding* finding : frozen)
    if (const auto ids = named(*finding, snapshot); !ids.empty())
      means.freezers.push_back(look_at_freezer(reader, ids.front(), places));
  if (!fuse.empty()) means.fuse = look_at_fuse(reader, fuse_questions(fuse, snapshot), {}, places);
}

}  // namespace unzap
