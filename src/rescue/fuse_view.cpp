// SPDX-License-Identifier: Apache-2.0
#include "rescue/fuse_view.hpp"

#include <fmt/format.h>

#include <algorithm>

#include "linux/frames.hpp"
#include "linux/namespace_link.hpp"
#include "linux/task_status.hpp"
#include "rescue/fuse_servers.hpp"
#include "rescue/reading_tools.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_most_connections = 4096;
constexpr int k_minor_bits = 20;  // MINORBITS, include/linux/kdev_t.h

std::string_view next_word(std::string_view& line) {
  const std::size_t end = std::min(line.find(' '), line.size());
  const std::string_view word = line.substr(0, end);
  line.remove_prefix(std::min(end + 1, line.size()));
  return word;
}

/// "0:45" as the number of a connection: fuse_ctl_add_conn(), fs/fuse/control.c, prints the kernel's dev_t.
std::optional<std::uint32_t> connection_number(std::string_view device) {
  const std::size_t colon = device.find(':');
  if (colon == std::string_view::npos) return std::nullopt;
  const auto major = parse_number<std::uint32_t>(device.substr(0, colon));
  const auto minor = parse_number<std::uint32_t>(device.substr(colon + 1));
  if (!major || !minor) return std::nullopt;
  return *major << k_minor_bits | *minor;
}

bool is_fuse(std::string_view type) {
  return type == "fuse" || type == "fuseblk" || type == "virtiofs" || type.starts_with("fuse.") ||
         type.starts_with("fuseblk.");
}

/// What of a mountinfo line is used.
struct MountLine {
  std::string_view device, mount_point, type, source;
};

MountLine mount_line(std::string_view line) {
  MountLine out;
  next_word(line);
  next_word(line);
  out.device = next_word(line);
  next_word(line);
  out.mount_point = next_word(line);
  next_word(line);
  while (!line.empty() && next_word(line) != "-") continue;
  out.type = next_word(line);
  out.source = next_word(line);
  return out;
}

template <class Use>
void for_each_mount(std::string_view text, const Use& use) {
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    use(mount_line(text.substr(0, end)));
    text.remove_prefix(std::min(end + 1, text.size()));
  }
}

/// True when fusectl is mounted at this place.
bool has_fusectl(std::string_view mountinfo, const std::string& place) {
  bool found = false;
  for_each_mount(mountinfo, [&](const MountLine& line) {
    if (line.mount_point == place) found = line.type == "fusectl";  // the last one lies on top
  });
  return found;
}

void not_listed(FuseView& view, std::string why) {
  view.listed = false;
  view.why_not = std::move(why);
}

/// All connections there are, without their counts.
void list_connections(Reader& reader, const HostPlaces& places, FuseView& view) {
  const std::vector<ReadGroup> groups{{places.fuse, {{ReadKind::numbers, "."}}},
                                      {"self", {{ReadKind::file, "mountinfo"}}}};
  const auto results = reader.run(groups, "reading FUSE connections");
  if (is_gone(results[0][0]))
    return not_listed(view, "this kernel has no " + places.fuse + ": no FUSE is loaded");
  if (!results[0][0].text) return not_listed(view, places.fuse + " could not be read");
  if (!is_whole(results[1][0])) return not_listed(view, "what is mounted here could not be read");
  if (!has_fusectl(*results[1][0].text, places.fuse))
    return not_listed(view, fmt::format("fusectl is not mounted, so the connections are not visible: mount "
                                        "-t fusectl none {}",
                                        places.fuse));
  view.own_mounts = fuse_mounts(*results[1][0].text);
  std::string_view text = *results[0][0].text;
  while (!text.empty()) {
    const std::size_t end = std::min(text.find('\n'), text.size());
    if (const auto number = parse_number<std::uint32_t>(text.substr(0, end)))
      view.connections.push_back({*number, Absence::not_asked, {}});
    text.remove_prefix(std::min(end + 1, text.size()));
  }
  if (view.connections.size() > k_most_connections)
    return not_listed(view, fmt::format("there are more than {} connections", k_most_connections));
  std::sort(view.connections.begin(), view.connections.end(),
            [](const auto& a, const auto& b) { return a.number < b.number; });
  view.listed = true;
}

/// One more look at the counts; the least is kept. A connection that has gone is waited for by nobody.
void count_waiting(Reader& reader, const HostPlaces& places, FuseView& view) {
  std::vector<ReadGroup> groups;
  for (const FuseConnection& one : view.connections)
    groups.push_back({fmt::format("{}/{}", places.fuse, one.number),
                      {{ReadKind::file, "waiting"}, {ReadKind::identity, "."}}});
  const auto results = reader.run(groups, "reading FUSE connections");
  for (std::size_t i = 0; i < view.connections.size(); ++i) {
    FuseConnection& one = view.connections[i];
    const auto id = folder_id(results[i][1]);
    const auto now = parse_number<std::int64_t>(trim(results[i][0].text.value_or("")));
    if (is_gone(results[i][0]) || (id && view.looks > 0 && *id != one.folder)) one.waiting = std::int64_t{0};
    if (view.looks == 0 && id) one.folder = *id;
    if (view.looks == 0 && now) one.waiting = *now;
    if (view.looks > 0 && now) one.waiting = std::min(one.waiting.value_or(*now), *now);
  }
  ++view.looks;
}

/// Where a waiter is: nothing when it does not wait in FUSE, and `why` then.
struct Standing {
  std::optional<std::uint64_t> switches;
  std::string why;
};

bool any_frame(const Stack& stack, bool (*is)(std::string_view function)) {
  return std::any_of(stack.frames.begin(), stack.frames.end(), [&](const Frame& frame) {
    return !frame.guess && !frame.interrupt && is(frame.function);
  });
}

bool is_of_fuse(std::string_view function) {
  return function == "request_wait_answer" || function.starts_with("fuse_") ||
         function.starts_with("__fuse_");
}

/// A character device in user space, fs/fuse/cuse.c: its connection is not below fs/fuse/connections.
bool is_of_cuse(std::string_view function) {
  return function.starts_with("cuse_");
}

Standing standing(const std::vector<ReadResult>& files, const TaskId& task) {
  if (!is_task(files[0], task)) return {std::nullopt, "it is gone, or another task has its number"};
  Task parsed;
  Reading<std::uint64_t> switches;
  if (!files[1].text || !parse_status(*files[1].text, parsed, switches) || !switches)
    return {std::nullopt, "its status could not be read"};
  if (!files[2].text) return {std::nullopt, "its stack could not be read"};
  const auto stack = parse_stack_file(*files[2].text, "");
  if (!parsed.state.is('D') && !parsed.state.is('S')) return {std::nullopt, "it is not asleep"};
  if (!stack || !any_frame(*stack, is_of_fuse))
    return {std::nullopt, "its stack does not show a wait in FUSE"};
  if (any_frame(*stack, is_of_cuse)) return {std::nullopt, "it waits for a device in user space (CUSE)"};
  return {*switches, ""};
}

std::vector<Standing> where_they_stand(Reader& reader, const std::vector<FuseQuestion>& questions) {
  std::vector<ReadGroup> groups;
  for (const FuseQuestion& one : questions)
    groups.push_back({std::to_string(one.task.tid),
                      {{ReadKind::file, "stat"}, {ReadKind::file, "status"}, {ReadKind::file, "stack"}}});
  const auto results = reader.run(groups, "reading FUSE waiters");
  std::vector<Standing> out;
  for (std::size_t i = 0; i < questions.size(); ++i) out.push_back(standing(results[i], questions[i].task));
  return out;
}

/// The mounts of one task; the namespace is told, too.
struct MountsOfTask {
  Reading<std::vector<FuseMount>> mounts;
  std::optional<std::uint64_t> mnt_ns;
};

MountsOfTask mounts_of(Reader& reader, const TaskId& task) {
  const auto results =
      reader.run({{std::to_string(task.tid),
                   {{ReadKind::file, "mountinfo"}, {ReadKind::link, "ns/mnt"}, {ReadKind::file, "stat"}}}},
                 "reading FUSE waiters");
  const std::vector<ReadResult>& files = results[0];
  if (!is_task(files[2], task)) return {Absence::gone, std::nullopt};
  MountsOfTask out;
  out.mnt_ns = parse_namespace_link(files[1].text.value_or(""));
  if (files[0].text)
    out.mounts =
        is_whole(files[0]) ? Reading(fuse_mounts(*files[0].text)) : Reading<std::vector<FuseMount>>();
  else
    out.mounts = *files[0].text.absence();
  return out;
}

/// Its own mountinfo. A task past exit_fs() has none (mounts_open_common(), fs/proc_namespace.c): then that
/// of another one that is in the very same namespace now.
void find_mounts(Reader& reader, const FuseQuestion& question, FuseWaiter& waiter) {
  MountsOfTask own = mounts_of(reader, question.task);
  waiter.mounts = std::move(own.mounts);
  waiter.mounts_of = question.task.tid;
  if (waiter.mounts || !own.mnt_ns) return;
  for (const TaskId& other : question.same_mounts) {
    MountsOfTask theirs = mounts_of(reader, other);
    if (!theirs.mounts || theirs.mnt_ns != own.mnt_ns) continue;
    waiter.mounts = std::move(theirs.mounts);
    waiter.mounts_of = other.tid;
    return;
  }
}

FuseWaiter waiter_of(const FuseQuestion& question, const Standing& before, const Standing& after) {
  FuseWaiter out;
  out.task = question.task;
  out.waits = before.switches && after.switches && *before.switches == *after.switches;
  if (!before.switches)
    out.why_not = before.why;
  else if (!after.switches)
    out.why_not = after.why;
  else if (!out.waits)
    out.why_not = "it moved on between two looks";
  return out;
}

const FuseMount* mount_with(const std::vector<FuseMount>& mounts, std::uint32_t number) {
  for (const FuseMount& one : mounts)
    if (one.number == number) return &one;
  return nullptr;
}

/// The first of `mounts` without a connection there: virtiofs, which has no control files.
const FuseMount* not_listed_among(const std::vector<FuseConnection>& connections,
                                  const std::vector<FuseMount>& mounts) {
  for (const FuseMount& mount : mounts)
    if (std::none_of(connections.begin(), connections.end(),
                     [&](const FuseConnection& one) { return one.number == mount.number; }))
      return &mount;
  return nullptr;
}

std::string described(const FuseView& view, const std::vector<const FuseConnection*>& all) {
  std::string out;
  for (std::size_t i = 0; i < all.size() && i < 8; ++i)
    out += (i == 0 ? "" : "; ") + described(view, *all[i]);
  if (all.size() > 8) out += fmt::format("; and {} more", all.size() - 8);
  return out;
}

}  // namespace

std::vector<FuseMount> fuse_mounts(std::string_view mountinfo) {
  std::vector<FuseMount> out;
  for_each_mount(mountinfo, [&](const MountLine& line) {
    if (!is_fuse(line.type)) return;
    const auto number = connection_number(line.device);
    out.push_back({number.value_or(0), printable(line.mount_point, 200), printable(line.type, 64),
                   printable(line.source, 200)});
  });
  return out;
}

FuseView look_at_fuse(Reader& reader, const std::vector<FuseQuestion>& questions, const FuseLooks& looks,
                      const HostPlaces& places) {
  FuseView view;
  list_connections(reader, places, view);
  if (!view.listed) return view;
  const std::vector<Standing> before = where_they_stand(reader, questions);
  for (int i = 0; i < looks.count; ++i) {
    if (i > 0) reader.wait(looks.seconds_apart, "looking again");
    count_waiting(reader, places, view);
  }
  const std::vector<Standing> after = where_they_stand(reader, questions);
  for (std::size_t i = 0; i < questions.size(); ++i) {
    view.waiters.push_back(waiter_of(questions[i], before[i], after[i]));
    find_mounts(reader, questions[i], view.waiters.back());
  }
  if (looks.servers) view.servers = fuse_servers(reader, view.connections);
  return view;
}

std::string described(const FuseView& view, const FuseConnection& connection) {
  std::string out = fmt::format("connection {}", connection.number);
  std::string what;
  for (const FuseWaiter& waiter : view.waiters) {
    const FuseMount* mount = waiter.mounts ? mount_with(*waiter.mounts, connection.number) : nullptr;
    if (mount == nullptr || !what.empty()) continue;
    what = fmt::format("{} of {} at {}", mount->type, mount->source, mount->mount_point);
  }
  std::size_t named = 0;
  for (const FuseServer& server : view.servers) {
    if (server.number != connection.number || ++named > 3) continue;
    what +=
        fmt::format("{}server {}[{}] {}", what.empty() ? "" : ", ", printable(server.comm, 32), server.pid,
                    !server.container.empty() ? "of container " + server.container.substr(0, 12)
                    : server.host             ? "of the host"
                                              : "of another pid namespace");
  }
  if (what.empty()) what = "none of the mounts that were looked at";
  if (named == 0) what += ", server not known";
  return out + " (" + what + ")";
}

FuseTie tie_of(const FuseView& view, const TaskId& task) {
  if (!view.listed) return {std::nullopt, {}, view.why_not};
  const auto waiter = std::find_if(view.waiters.begin(), view.waiters.end(),
                                   [&](const FuseWaiter& one) { return one.task == task; });
  if (waiter == view.waiters.end()) return {std::nullopt, {}, "the task that waits was not looked at"};
  if (!waiter->waits)
    return {std::nullopt, {}, "the task does not wait for a FUSE server any more: " + waiter->why_not};
  if (!waiter->mounts)
    return {std::nullopt,
            {},
            "the mounts of the task that waits could not be read, nor those of another task in its "
            "mount namespace"};
  for (const std::vector<FuseMount>* mounts : {waiter->mounts.get(), &view.own_mounts})
    if (const FuseMount* mount = not_listed_among(view.connections, *mounts))
      return {std::nullopt,
              {},
              fmt::format("the task may wait for {} at {}, whose connection is not listed", mount->type,
                          mount->mount_point)};
  std::vector<const FuseConnection*> stuck, own;
  for (const FuseConnection& one : view.connections) {
    if (!one.may_be_stuck()) continue;
    stuck.push_back(&one);
    if (mount_with(*waiter->mounts, one.number) != nullptr) own.push_back(&one);
  }
  const std::string seen = fmt::format("in {} looks", view.looks);
  if (stuck.empty())
    return {std::nullopt,
            {},
            fmt::format("{} no connection had a request without an answer all the time: the server "
                        "is slow, not stuck",
                        seen)};
  if (own.empty())
    return {std::nullopt,
            {},
            fmt::format("{} these had requests without an answer, and the task has none of them "
                        "mounted: {}",
                        seen, described(view, stuck))};
  if (stuck.size() > 1)
    return {std::nullopt,
            {},
            fmt::format("which of these the task waits for cannot be told: {}. Abort the right one by "
                        "hand",
                        described(view, stuck))};
  return {*own.front(), *mount_with(*waiter->mounts, own.front()->number), ""};
}

}  // namespace unzap
