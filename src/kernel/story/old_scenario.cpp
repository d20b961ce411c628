// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/old_scenario.hpp"

#include <fmt/format.h>

#include <array>
#include <map>

#include "kernel/machine/state.hpp"
#include "kernel/story/scenario_keys.hpp"

namespace unzap::kernel {
namespace {

/// An old table, and what one writes now.
struct OldTable {
  std::string_view name, now;
};
constexpr std::array<OldTable, 5> k_old_tables = {{
    {"init", "write the first [[process]], with `name`, `ends` and `io_uring`"},
    {"child", "write a [[process]]; `child` and `orphan` are processes too, with `parent`"},
    {"injected", "write a [[process]] with `parent = \"outside\"`"},
    {"bystander",
     "write a [[process]] with a `container` of its own, and [[container]] for `count` and `inside`"},
    {"containers", "write `count` in [[container]]"},
}};

class OldReader {
 public:
  OldReader(TomlReader& reader, const toml::table& root, Scenario& s) : reader_(reader), root_(root), s_(s) {}

  void read() {
    const bool old_cast = hint_tables();
    read_moved_keys();
    if (!old_cast) return;
    if (!s_.processes.empty())
      return reader_.fail(s_.processes.front().at, "[[process]] next to tables of the old form",
                          "write all processes as [[process]]");
    s_.containers = {{.name = "", .at = {1, 1}}};
    s_.containers.front().outside_holders = holders_;
    if (const toml::table* containers = table("containers", {"like_this"}))
      reader_.number(*containers, "like_this", s_.containers.front().count, 1, k_max_containers);
    read_init();
    read_child();
    read_injected();
    read_bystander();
  }

 private:
  bool hint_tables() {
    bool found = false;
    for (const OldTable& old : k_old_tables)
      if (const toml::node* node = root_.get(old.name)) {
        hint(*node, fmt::format("[{}]", old.name), old.now);
        found = true;
      }
    return found;
  }

  void hint(const toml::node& at, std::string_view key, std::string_view now) {
    s_.hints.push_back(fmt::format("{}: {} is of the old form, read for the last time in this release: {}",
                                   reader_.text_of(TomlReader::place_of(at)), key, now));
  }

  /// Keys that other tables have now.
  void read_moved_keys() {
    if (const toml::table* outside = reader_.table(root_, "outside"))
      if (const toml::node* comm = outside->get("comm")) {
        hint(*comm, "`comm` in [outside]", "write `name`");
        reader_.text(comm, "comm", s_.outside.name, k_longest_comm);
      }
    if (const toml::table* environment = reader_.table(root_, "environment"))
      if (const toml::node* holders = environment->get("outside_holders")) {
        hint(*holders, "`outside_holders` in [environment]", "write it in [[container]]");
        reader_.number(*environment, "outside_holders", holders_, 0, 4);
        s_.containers.front().outside_holders = holders_;
      }
  }

  const toml::table* table(std::string_view name, const std::vector<std::string>& allowed) {
    const toml::table* found = reader_.table(root_, name);
    if (found) reader_.only(*found, fmt::format(" in [{}]", name), allowed);
    return found;
  }

  ProcessSpec& add(std::string name, std::size_t parent = k_by_default) {
    ProcessSpec process;
    process.name = std::move(name);
    process.container = s_.containers.size() - 1;
    process.parent = parent;
    process.at = {1, 1};
    s_.processes.push_back(std::move(process));
    return s_.processes.back();
  }

  void read_init() {
    ProcessSpec& init = add("init");
    init.ends = Ending::exit_group;
    const toml::table* found = table("init", {"comm", "ending", "io_uring"});
    if (!found) return;
    reader_.text(*found, "comm", init.name, k_longest_comm);
    reader_.choice(found->get("ending"), "ending", init.ends, k_endings);
    const toml::table* ring = reader_.table(*found, "io_uring");
    if (!ring) return;
    std::vector<std::string> allowed = {"in_thread", "armed_request"};
    allowed.insert(allowed.end(), k_ring_keys.begin(), k_ring_keys.end());
    reader_.only(*ring, " in [init.io_uring]", allowed);
    bool in_thread = false;
    reader_.yes_no(*ring, "in_thread", in_thread);
    if (in_thread) init.threads.push_back({.name = init.name + "/2"});
    init.ring.emplace();
    if (in_thread) init.ring->thread = init.threads.back().name;
    reader_.yes_no(*ring, "armed_request", init.ring->armed);
    read_ring(reader_, *ring, *init.ring);
  }

  void read_child() {
    const toml::table* found = table("child", {"comm", "sqpoll", "frozen", "traced", "fuse", "fuse_server",
                                               "subreaper", "child", "orphan"});
    if (!found) return;
    const std::size_t no = s_.processes.size();
    ProcessSpec& child = add("child");
    bool sqpoll = false, fuse_server = false;
    std::string grandchild, orphan;
    reader_.text(*found, "comm", child.name, k_longest_comm);
    reader_.yes_no(*found, "sqpoll", sqpoll);
    reader_.choice(found->get("frozen"), "frozen", child.frozen, k_freezers);
    reader_.yes_no(*found, "traced", child.traced);
    reader_.yes_no(*found, "fuse", child.fuse_file);
    child.fuse_dev = child.fuse_file;
    reader_.yes_no(*found, "fuse_server", fuse_server);
    reader_.yes_no(*found, "subreaper", child.subreaper);
    reader_.text(*found, "child", grandchild, k_longest_comm);
    reader_.text(*found, "orphan", orphan, k_longest_comm);
    if (sqpoll) {
      child.ring.emplace();
      child.ring->sqpoll = true;
      child.ring->io_wq = false;
    }
    if (grandchild.empty() && !orphan.empty())
      reader_.fail(*found, "an `orphan` needs a parent to lose", "add `child` to [child]");
    if (!grandchild.empty()) add(grandchild, no).ends = Ending::exit_group;
    if (!orphan.empty()) add(orphan, no + 1);
    if (fuse_server) add("fuse-server").fuse_dev = true;
  }

  void read_injected() {
    const toml::table* found = table("injected", {"comm", "child", "state"});
    if (!found) return;
    const std::size_t no = s_.processes.size();
    ProcessSpec& injected = add("exec", k_by_outside);
    injected.at = TomlReader::place_of(*found);
    if (s_.outside.act == OutsideAct::fork) injected.starts = ProcessStart::unborn;
    std::string child;
    reader_.text(*found, "comm", injected.name, k_longest_comm);
    reader_.text(*found, "child", child, k_longest_comm);
    ProcessStart state = ProcessStart::alive;
    reader_.choice<ProcessStart>(found->get("state"), "state", state,
                                 {{"sleeps", ProcessStart::alive}, {"zombie", ProcessStart::zombie}});
    if (state == ProcessStart::zombie) injected.starts = state;
    if (child.empty()) return;
    if (injected.starts != ProcessStart::alive)
      reader_.fail(*found, "an [injected] task has its `child` while it lives, and from the start",
                   "use state = \"sleeps\"");
    add(child, no);
  }

  void read_bystander() {
    const toml::table* found = table("bystander", {"count", "comm", "child", "ending", "nested"});
    if (!found) return;
    std::uint8_t count = 1;
    std::string comm = "bystander", child;
    Ending ends = Ending::exit_group;
    bool nested = false;
    reader_.number(*found, "count", count, 1, k_max_containers - 1);
    reader_.text(*found, "comm", comm, k_longest_comm);
    reader_.text(*found, "child", child, k_longest_comm);
    reader_.choice(found->get("ending"), "ending", ends, k_endings);
    reader_.yes_no(*found, "nested", nested);
    for (std::uint8_t i = 0; i < (nested ? count : 1); ++i) {
      const std::string mark = i == 0 ? "" : "#" + std::to_string(i + 1);
      s_.containers.push_back({.name = comm + mark, .at = TomlReader::place_of(*found)});
      if (!nested) s_.containers.back().count = count;
      if (nested) s_.containers[s_.containers.size() - 2].inside = s_.containers.size() - 1;
      add(comm + mark).ends = ends;
      if (!child.empty()) add(child + mark);
    }
  }

  TomlReader& reader_;
  const toml::table& root_;
  Scenario& s_;
  std::uint8_t holders_ = 0;
};

}  // namespace

const std::vector<std::string>& old_keys(std::string_view where) {
  static const std::map<std::string_view, std::vector<std::string>> keys = {
      {"", {"init", "child", "injected", "bystander", "containers"}},
      {"outside", {"comm"}},
      {"environment", {"outside_holders"}}};
  return keys.at(where);
}

void read_old_keys(TomlReader& reader, const toml::table& root, Scenario& s) {
  OldReader(reader, root, s).read();
}

}  // namespace unzap::kernel
