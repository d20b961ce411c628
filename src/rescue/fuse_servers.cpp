// SPDX-License-Identifier: Apache-2.0
#include "rescue/fuse_servers.hpp"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>

#include "linux/cgroup.hpp"
#include "linux/task_stat.hpp"
#include "snapshot/container.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_processes = 4096;
constexpr std::size_t k_most_files = 16384;

using OpenFile = std::pair<std::string, std::string>;  ///< process, descriptor

std::vector<std::string> numbers_of_listing(const std::string& text) {
  std::vector<std::string> out;
  for (const std::string_view word : split_words(text)) {
    std::size_t at = 0;
    while (at < word.size()) {
      const std::size_t end = std::min(word.find('\n', at), word.size());
      if (end > at) out.emplace_back(word.substr(at, end - at));
      at = end + 1;
    }
  }
  return out;
}

/// What is open in all processes, with the descriptors' numbers only: no link is followed.
std::vector<OpenFile> open_files(Reader& reader) {
  const auto listing = reader.run({{".", {{ReadKind::numbers, "."}}}}, "looking for FUSE servers");
  std::vector<std::string> pids = numbers_of_listing(listing[0][0].text.value_or(""));
  if (pids.size() > k_most_processes) return {};
  std::vector<ReadGroup> groups;
  for (const std::string& pid : pids) groups.push_back({pid, {{ReadKind::numbers, "fd"}}});
  const auto results = reader.run(groups, "looking for FUSE servers");
  std::vector<OpenFile> out;
  for (std::size_t i = 0; i < pids.size(); ++i)
    for (std::string& fd : numbers_of_listing(results[i][0].text.value_or("")))
      if (out.size() < k_most_files) out.emplace_back(pids[i], std::move(fd));
  return out;
}

/// Those of `files` whose link ends in "/fuse": only a hint, fdinfo says what they are.
std::vector<OpenFile> fuse_devices(Reader& reader, const std::vector<OpenFile>& files) {
  std::vector<ReadGroup> groups;
  for (const auto& [pid, fd] : files) groups.push_back({pid, {{ReadKind::link, "fd/" + fd}}});
  const auto results = reader.run(groups, "looking for FUSE servers");
  std::vector<OpenFile> out;
  for (std::size_t i = 0; i < files.size(); ++i)
    if (results[i][0].text && results[i][0].text->ends_with("/fuse")) out.push_back(files[i]);
  return out;
}

std::optional<std::uint32_t> connection_in(const std::string& fdinfo) {
  constexpr std::string_view k_field = "fuse_connection:";
  const std::size_t at = fdinfo.find(k_field);
  if (at == std::string::npos) return std::nullopt;
  const std::size_t begin = at + k_field.size();
  return parse_number<std::uint32_t>(trim(
      std::string_view(fdinfo).substr(begin, std::min(fdinfo.find('\n', begin), fdinfo.size()) - begin)));
}

FuseServer server_of(const std::vector<ReadResult>& files, std::uint32_t number, const std::string& pid,
                     const std::string& our_namespace) {
  FuseServer out;
  out.number = number;
  out.pid = parse_number<std::int32_t>(pid).value_or(0);
  const std::string text = files[1].text.value_or("");
  if (const auto stat = parse_stat(text)) out.comm = std::string(stat->comm);
  const CgroupPaths paths = parse_cgroup(files[2].text.value_or(""));
  out.container = std::string(container_id(paths.best()));
  out.host = !our_namespace.empty() && files[3].text.is(our_namespace);
  return out;
}

}  // namespace

std::vector<FuseServer> fuse_servers(Reader& reader, const std::vector<FuseConnection>& connections) {
  std::vector<std::uint32_t> wanted;
  for (const FuseConnection& one : connections)
    if (one.may_be_stuck()) wanted.push_back(one.number);
  if (wanted.empty()) return {};
  const std::vector<OpenFile> devices = fuse_devices(reader, open_files(reader));
  std::vector<ReadGroup> groups{{"self", {{ReadKind::link, "ns/pid"}}}};
  for (const auto& [pid, fd] : devices)
    groups.push_back({pid,
                      {{ReadKind::file, "fdinfo/" + fd},
                       {ReadKind::file, "stat"},
                       {ReadKind::file, "cgroup"},
                       {ReadKind::link, "ns/pid"}}});
  const auto results = reader.run(groups, "looking for FUSE servers");
  const std::string our_namespace = results[0][0].text.value_or("");
  std::vector<FuseServer> out;
  for (std::size_t i = 0; i < devices.size(); ++i) {
    const auto number = connection_in(results[i + 1][0].text.value_or(""));
    if (!number || std::count(wanted.begin(), wanted.end(), *number) == 0) continue;
    FuseServer server = server_of(results[i + 1], *number, devices[i].first, our_namespace);
    if (std::count(out.begin(), out.end(), server) == 0) out.push_back(std::move(server));
  }
  return out;
}

}  // namespace unzap
