// SPDX-License-Identifier: Apache-2.0
#include "sources/procfs/reader.hpp"

#include <fcntl.h>
#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cmath>
#include <cstring>
#include <utility>

#include "util/fd.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_ask_ahead = 4;
constexpr std::size_t k_groups_of_one_lane = 16;  // so few are not worth another helper
constexpr double k_progress_seconds = 0.2;
// A helper that has not begun may only wait for a CPU.
constexpr double k_starved_times = 3;
constexpr double k_least_patience = 0.01;
constexpr double k_patience_of_total = 0.1;
constexpr std::string_view k_cgroup = "cgroup";

std::string file_name(const std::string& path) {
  return path.substr(path.rfind('/') + 1);
}

/// A helper that was left behind, and where it hangs.
struct Hanging {
  pid_t helper = -1;
  BlockedPlace place;
};

/// By the directory, or directory and item, of what was asked. Of all readers of this program.
std::map<std::string, Hanging>& hanging() {
  static std::map<std::string, Hanging> all;
  return all;
}

std::string place_of(const std::string& root, const ReadGroup& group) {
  return group.directory.starts_with('/') ? group.directory : root + "/" + group.directory;
}

/// The same folder may be listed, or its files read: these are two places.
std::string place_of(const std::string& directory, const ReadItem& item) {
  return fmt::format("{} {} {}", directory, static_cast<char>(item.kind), item.path);
}

/// The folder of a process or a thread ("40", "40/task/41"), and not one of the machine.
bool is_of_task(const ReadGroup& group) {
  return !group.directory.empty() && group.directory[0] >= '0' && group.directory[0] <= '9';
}

/// The folder of the task that the item belongs to: that of the group, or below it ("task/41/stat").
std::string task_of(const std::string& directory, const ReadItem& item) {
  constexpr std::string_view k_task = "task/";
  const std::size_t end = item.path.find('/', k_task.size());
  if (item.kind == ReadKind::stats || !item.path.starts_with(k_task) || end == std::string::npos)
    return directory;
  return directory + "/" + item.path.substr(0, end);
}

/// Who hangs there now, or nothing. One that is gone is forgotten.
const BlockedPlace* hangs_at(const std::string& place) {
  const auto known = hanging().find(place);
  if (known == hanging().end()) return nullptr;
  // Also one that somebody else has reaped is gone.
  if (::waitpid(known->second.helper, nullptr, WNOHANG) == 0) return &known->second.place;
  hanging().erase(known);
  return nullptr;
}

/// True when the process runs or waits for a CPU, as far as our own /proc says.
bool is_runnable(pid_t pid) {
  const Fd file(::open(fmt::format("/proc/{}/stat", pid).c_str(), O_RDONLY | O_CLOEXEC));
  char text[128];
  const ssize_t got = file ? ::read(file.get(), text, sizeof text) : -1;
  const std::string_view line(text, got > 0 ? static_cast<std::size_t>(got) : 0);
  const std::size_t end = line.rfind(") ");
  return end != std::string_view::npos && end + 2 < line.size() && line[end + 2] == 'R';
}

}  // namespace

Absence absence_of(int error) {
  if (error == EACCES || error == EPERM) return Absence::not_permitted;
  if (error == ENOENT || error == ESRCH) return Absence::gone;
  if (error == EMFILE || error == ENFILE || error == ENOMEM) return Absence::not_asked;
  return Absence::not_in_this_kernel;
}

/// One run: what was asked, what was answered, what is still to be asked.
struct Reader::Batch {
  const std::vector<ReadGroup>& groups;
  const std::string& what;
  const Use& use;
  std::size_t open = 0;                             ///< items without an answer
  std::size_t next_group = 0;                       ///< the first that was never asked
  std::map<std::size_t, std::size_t> blocked = {};  ///< group -> item
  std::deque<Piece> again = {};                     ///< what a helper that was left behind did not come to
  std::size_t groups_answered = 0;                  ///< for the progress line; about right

  void answer(std::size_t group, std::size_t item, ReadResult result) {
    --open;
    if (item + 1 == groups[group].items.size()) ++groups_answered;
    use(group, item, std::move(result));
  }
};

Reader::Reader(std::string root, ReadLimits limits, std::function<void(const std::string&)> progress)
    : root_(std::move(root)),
      limits_(limits),
      progress_(std::move(progress)),
      end_seconds_(monotonic_seconds() + limits.total_seconds),
      last_report_seconds_(monotonic_seconds()) {
  for (int i = 0; i < std::max(1, limits.lanes); ++i) lanes_.push_back(std::make_unique<Lane>());
}

Reader::~Reader() {
  // They may block this very moment: a wait for them could be forever.
  for (const auto& lane : lanes_)
    if (lane->running()) abandoned_.push_back(lane->abandon());
  // A killed helper is gone at once unless it blocks: those go to init when this process ends.
  for (int tries = 0; tries < 20 && !abandoned_.empty(); ++tries) {
    std::erase_if(abandoned_, [](pid_t pid) { return ::waitpid(pid, nullptr, WNOHANG) != 0; });
    if (!abandoned_.empty()) ::usleep(1000);
  }
}

bool Reader::start(Lane& lane) {
  if (const int error = lane.start(root_); error != 0) {
    start_error_ = error;
    return false;
  }
  helpers_.push_back(lane.helper());
  return true;
}

/// How long an item may take now.
double Reader::patience() const {
  const double first = std::min(limits_.read_seconds, limits_.total_seconds * k_patience_of_total);
  return std::max(first / std::exp2(std::min(late_, 30)), std::min(first, k_least_patience));
}

/// What is known to block of this task, or of this item. Nothing: it may be asked for.
const BlockedPlace* Reader::known_to_block(const ReadGroup& group, const ReadItem& item, bool read_before) {
  if (hanging().empty() && blocked_.empty()) return nullptr;
  const std::string directory = place_of(root_, group);
  std::vector<std::string> places{directory, place_of(directory, item)};
  if (read_before) places.erase(places.begin());
  if (const std::string task = task_of(directory, item); task != directory) places.push_back(task);
  for (const std::string& place : places) {
    if (const auto known = blocked_.find(place); known != blocked_.end()) return &known->second;
    if (const BlockedPlace* known = hangs_at(place)) return known;
  }
  return nullptr;
}

void Reader::report(const std::string& what, std::size_t done, std::size_t all) {
  const double now = monotonic_seconds();
  if (!progress_ || now - last_report_seconds_ < k_progress_seconds) return;
  last_report_seconds_ = now;
  std::string text = what;
  if (all > 0) text += fmt::format(": {} of {}", done, all);
  if (!abandoned_.empty()) text += fmt::format(", {} blocked", abandoned_.size());
  progress_(text);
}

/// Answers for what has blocked before, without asking. False when it should be asked.
bool Reader::is_hopeless(Batch& batch, std::size_t place, std::size_t item) {
  const ReadGroup& group = batch.groups[place];
  const std::string name = file_name(group.items[item].path);
  // What stands before the one that blocked was read, and its answer lost with the helper.
  const auto blocked = batch.blocked.find(place);
  const bool read_before = group.read_before || (blocked != batch.blocked.end() && item < blocked->second);
  const BlockedPlace* known = known_to_block(group, group.items[item], read_before);
  const bool all_block =
      name == k_cgroup && timed_out_.contains(name) && timed_out_[name] >= limits_.max_cgroup;
  if (known == nullptr && !all_block) return false;
  ReadResult result{Absence::timed_out, 0, monotonic_seconds()};
  if (known != nullptr) {
    result.blocked_thread = known->thread;
    result.blocked_file = known->file;
  }
  batch.answer(place, item, std::move(result));
  return true;
}

/// Nobody asks there again as long as this reader lives, and no other reader as long as the helper hangs.
void Reader::remember(const ReadGroup& group, const Blocked& blocked) {
  const std::string directory = place_of(root_, group);
  std::vector<std::string> places;
  BlockedPlace what;
  if (blocked.opening) {
    what.file = "the folder itself";
    places.push_back(directory);
  } else {
    const ReadItem& item = group.items[blocked.item];
    what = {blocked.thread != 0 ? "stat" : file_name(item.path), blocked.thread};
    places.push_back(place_of(directory, item));
    if (blocked.thread != 0)
      places.push_back(fmt::format("{}/task/{}", directory, blocked.thread));
    else if (is_of_task(group) && what.file != k_cgroup)
      places.push_back(task_of(directory, item));
  }
  for (const std::string& place : places) {
    blocked_[place] = what;
    hanging()[place] = {abandoned_.back(), what};
  }
  ++late_;
  ++timed_out_[blocked.opening ? "(the folder itself)" : what.file];
}

/// Gives the lane something to do, as long as there is and it takes it. False when no helper can be started.
bool Reader::feed(Lane& lane, Batch& batch) {
  while (lane.asked() < k_ask_ahead) {
    Piece piece;
    if (!batch.again.empty()) {
      piece = std::move(batch.again.front());
      batch.again.pop_front();
    } else if (batch.next_group < batch.groups.size()) {
      piece.group = batch.next_group++;
      for (std::size_t i = 0; i < batch.groups[piece.group].items.size(); ++i) piece.items.push_back(i);
    } else {
      return true;
    }
    const ReadGroup& group = batch.groups[piece.group];
    std::erase_if(piece.items, [&](std::size_t item) { return is_hopeless(batch, piece.group, item); });
    if (piece.items.empty()) continue;
    if (!lane.running() && !start(lane)) {
      batch.again.push_front(std::move(piece));
      return false;
    }
    if (lane.asked() == 0) lane.set_alive(monotonic_seconds());
    lane.ask(std::move(piece), group);
  }
  return true;
}

/// Sends and receives as `events` say. False when the helper is gone.
bool Reader::serve(Lane& lane, Batch& batch, short events) {
  if (events & POLLOUT) lane.send();
  if ((events & (POLLIN | POLLHUP | POLLERR)) == 0) return true;
  const bool alive = lane.receive();
  take_replies(lane, batch);
  return alive;
}

void Reader::take_replies(Lane& lane, Batch& batch) {
  const double now = monotonic_seconds();
  Lane::Reply reply;
  while (lane.take(reply)) {
    lane.set_alive(now);
    if (reply.error == EMFILE || reply.error == ENFILE || reply.error == ENOMEM) open_error_ = reply.error;
    for (const std::size_t item : reply.items)
      batch.answer(reply.group, item, {absence_of(reply.error), reply.error, now});
    if (reply.opening) continue;
    Reading<std::string> text = absence_of(reply.error);
    if (reply.error == 0) text = std::move(reply.text);
    batch.answer(reply.group, reply.item, {std::move(text), reply.error, now});
  }
}

/// The outstanding answer does not come: it is timed_out, and the next helper starts behind it.
void Reader::give_up_item(Lane& lane, Batch& batch) {
  const double now = monotonic_seconds();
  const Blocked blocked = lane.give_up(batch.again);
  abandoned_.push_back(lane.abandon());
  const ReadGroup& group = batch.groups[blocked.group];
  remember(group, blocked);
  if (!blocked.opening) batch.blocked[blocked.group] = blocked.item;
  ReadResult result{Absence::timed_out, 0, now, blocked.thread};
  const std::string place = place_of(root_, group);
  result.blocked_file = blocked_[blocked.opening ? place : place_of(place, group.items[blocked.item])].file;
  for (const std::size_t item : blocked.items) batch.answer(blocked.group, item, result);
  if (!blocked.opening) batch.answer(blocked.group, blocked.item, std::move(result));
}

/// What has no answer has none because time is up, or because no helper can be had.
void Reader::give_up_rest(Batch& batch) {
  const double now = monotonic_seconds();
  std::deque<Piece> left = std::exchange(batch.again, {});
  for (const auto& lane : lanes_) {
    if (lane->asked() > 0) {
      const Blocked blocked = lane->give_up(left);
      std::vector<std::size_t> items = blocked.items;
      if (!blocked.opening) items.push_back(blocked.item);
      left.push_back({blocked.group, items});
    }
    if (lane->running()) abandoned_.push_back(lane->abandon());
  }
  for (; batch.next_group < batch.groups.size(); ++batch.next_group) {
    Piece piece{batch.next_group, {}};
    for (std::size_t i = 0; i < batch.groups[piece.group].items.size(); ++i) piece.items.push_back(i);
    left.push_back(std::move(piece));
  }
  for (const Piece& piece : left)
    for (const std::size_t item : piece.items) {
      batch.answer(piece.group, item, {Absence::timed_out, 0, now});
      ++timed_out_[file_name(batch.groups[piece.group].items[item].path)];
    }
}

bool Reader::is_late(Lane& lane) {
  const double now = monotonic_seconds();
  const double silent = now - lane.alive_since(now);
  const double patience = this->patience();
  if (silent < patience) return false;
  if (silent >= limits_.read_seconds * k_starved_times) return true;
  return lane.has_begun() && !is_runnable(lane.helper());
}

std::vector<std::vector<ReadResult>> Reader::run(const std::vector<ReadGroup>& groups,
                                                 const std::string& what) {
  std::vector<std::vector<ReadResult>> results;
  results.reserve(groups.size());
  for (const ReadGroup& group : groups) results.emplace_back(group.items.size());
  run(groups, what, [&results](std::size_t group, std::size_t item, ReadResult result) {
    results[group][item] = std::move(result);
  });
  return results;
}

void Reader::run(const std::vector<ReadGroup>& groups, const std::string& what, const Use& use) {
  Batch batch{.groups = groups, .what = what, .use = use};
  for (const ReadGroup& group : groups) batch.open += group.items.size();
  const std::size_t used = groups.size() < k_groups_of_one_lane ? 1 : lanes_.size();
  std::vector<pollfd> sockets(used);
  while (batch.open > 0) {
    const double now = monotonic_seconds();
    bool served = now < end_seconds_ && abandoned() <= limits_.max_abandoned;
    for (std::size_t i = 0; i < used && served; ++i) served = feed(*lanes_[i], batch);
    if (!served) {
      give_up_rest(batch);
      break;
    }
    for (std::size_t i = 0; i < used; ++i) {
      const Lane& lane = *lanes_[i];
      const int events = POLLIN | (lane.has_to_send() ? POLLOUT : 0);
      sockets[i] = {lane.asked() > 0 ? lane.socket() : -1, static_cast<short>(events), 0};
    }
    // Often enough to see that a helper is alive, or late.
    const double wait =
        std::min({patience() / 4, end_seconds_ - now, progress_ ? k_progress_seconds : end_seconds_});
    if (::poll(sockets.data(), sockets.size(), static_cast<int>(std::ceil(wait * 1000))) < 0) continue;
    for (std::size_t i = 0; i < used; ++i) {
      Lane& lane = *lanes_[i];
      if (lane.asked() == 0) continue;
      const bool alive = serve(lane, batch, sockets[i].revents);
      if (lane.asked() > 0 && (!alive || is_late(lane))) give_up_item(lane, batch);
    }
    report(what, batch.groups_answered, groups.size());
  }
}

std::string Reader::trouble() const {
  if (start_error_ != 0)
    return fmt::format("cannot start a process that reads: {} ({})", std::strerror(start_error_),
                       ::strerrorname_np(start_error_));
  if (open_error_ != 0)
    return fmt::format("files could not be opened: {} ({})", std::strerror(open_error_),
                       ::strerrorname_np(open_error_));
  return {};
}

double Reader::seconds_left() const {
  return std::max(0.0, end_seconds_ - monotonic_seconds());
}

void Reader::wait(double seconds, const std::string& what) {
  const double end = monotonic_seconds() + std::min(seconds, seconds_left());
  for (double left = end - monotonic_seconds(); left > 0; left = end - monotonic_seconds()) {
    ::usleep(static_cast<useconds_t>(1e6 * std::min(left, k_progress_seconds)));
    report(what, 0, 0);
  }
}

}  // namespace unzap
