// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario.hpp"

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>

#include "kernel/machine/state.hpp"
#include "kernel/story/old_scenario.hpp"
#include "kernel/story/scenario_bounds.hpp"
#include "kernel/story/scenario_keys.hpp"
#include "kernel/story/scenario_rules.hpp"
#include "kernel/story/toml_reader.hpp"
#include "kernel/story/variant.hpp"
#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap::kernel {
namespace {

const std::vector<std::string> k_tables = {"name",    "summary", "story",       "machine", "container",
                                           "process", "outside", "environment", "expect"};
constexpr std::size_t k_max_expectations = 1000;
constexpr std::string_view k_outside_name = "outside";  // as a parent

std::vector<std::string> with(std::vector<std::string> keys, const std::vector<std::string>& more) {
  keys.insert(keys.end(), more.begin(), more.end());
  return keys;
}

/// Reads [[container]] and [[process]], and finds who is meant by a name.
class CastReader {
 public:
  CastReader(TomlReader& reader, Scenario& scenario) : reader_(reader), s_(scenario) {}

  void read(const toml::table& root) {
    const auto containers = reader_.tables(root, "container", k_max_containers);
    const auto processes = reader_.tables(root, "process", k_max_tasks);
    if (containers.empty() && processes.empty()) return;
    s_.containers.clear();
    for (const toml::table* table : processes) read_process(*table);
    for (const toml::table* table : containers) read_container(*table);
    for (std::size_t no = 0; no < processes.size(); ++no) {
      read_parent(*processes[no], no);
      if (s_.init_of(s_.processes[no].container) == no && !processes[no]->contains("ends"))
        s_.processes[no].ends = Ending::exit_group;
    }
  }

 private:
  /// The container of that name; the first time it is made.
  std::size_t container_of(const std::string& name) {
    const auto found = std::find_if(s_.containers.begin(), s_.containers.end(),
                                    [&](const ContainerSpec& one) { return one.name == name; });
    if (found != s_.containers.end()) return static_cast<std::size_t>(found - s_.containers.begin());
    s_.containers.push_back({.name = name});
    return s_.containers.size() - 1;
  }

  /// Where `name` stands in `list`, or npos, which is an error at `at`.
  template <class List>
  std::size_t find_named(const toml::node& at, std::string_view key, const List& list,
                         const std::string& name) {
    std::vector<std::string> names;
    for (const auto& one : list) {
      if (one.name == name) return names.size();
      names.push_back(one.name);
    }
    const std::string near = nearest(name, names);
    reader_.fail(
        at, fmt::format("`{}` names nobody: `{}`", key, printable(name, 64)),
        near.empty() ? fmt::format("known: {}", fmt::join(names, ", ")) : "did you mean `" + near + "`?");
    return std::string::npos;
  }

  void read_container(const toml::table& table) {
    reader_.only(table, " in [[container]]", {"name", "inside", "count", "outside_holders"});
    std::string name;
    reader_.text(table, "name", name, k_longest_comm);
    const std::size_t no = find_named(table, "name", s_.containers, name);
    if (no == std::string::npos) return;
    ContainerSpec& container = s_.containers[no];
    if (container.at.line != 0) reader_.fail(table, "a second [[container]] of this name", "change `name`");
    container.at = TomlReader::place_of(table);
    reader_.number(table, "count", container.count, 1, k_max_containers);
    reader_.number(table, "outside_holders", container.outside_holders, 0, 4);
    const toml::node* inside = table.get("inside");
    if (!inside) return;
    std::string around;
    reader_.text(inside, "inside", around, k_longest_comm);
    container.inside = find_named(*inside, "inside", s_.containers, around);
  }

  void read_process(const toml::table& table) {
    reader_.only(table, " in [[process]]",
                 {"name", "container", "parent", "starts", "ends", "threads", "io_uring", "frozen", "traced",
                  "subreaper", "fuse_file", "fuse_dev"});
    ProcessSpec process;
    process.at = TomlReader::place_of(table);
    reader_.text(table, "name", process.name, k_longest_comm);
    check_name(table, process.name);
    std::string container;
    reader_.text(table, "container", container, k_longest_comm);
    process.container = container_of(container);
    reader_.choice<ProcessStart>(
        table.get("starts"), "starts", process.starts,
        {{"alive", ProcessStart::alive}, {"zombie", ProcessStart::zombie}, {"unborn", ProcessStart::unborn}});
    read_ending(table, process.ends, true);
    read_threads(table, process);
    read_uring(table, process);
    reader_.choice(table.get("frozen"), "frozen", process.frozen, k_freezers);
    reader_.yes_no(table, "traced", process.traced);
    reader_.yes_no(table, "subreaper", process.subreaper);
    reader_.yes_no(table, "fuse_file", process.fuse_file);
    reader_.yes_no(table, "fuse_dev", process.fuse_dev);
    s_.processes.push_back(std::move(process));
  }

  void check_name(const toml::table& table, const std::string& name) {
    const toml::node& at = table.contains("name") ? *table.get("name") : table;
    if (name.empty()) reader_.fail(at, "a process needs a `name`", "give it one: name = \"...\"");
    if (name == k_outside_name)
      reader_.fail(at, "`outside` is the parent outside the containers", "choose another `name`");
    for (const ProcessSpec& other : s_.processes)
      if (other.name == name)
        reader_.fail(at, fmt::format("a second process named `{}`", name), "choose another `name`");
  }

  void read_ending(const toml::table& table, Ending& out, bool leader) {
    Choices<Ending> allowed = k_endings;
    std::erase_if(allowed, [&](const auto& one) { return one.second == Ending::sigkill && !leader; });
    allowed.emplace_back("none", Ending::none);
    reader_.choice(table.get("ends"), "ends", out, allowed);
  }

  void read_threads(const toml::table& table, ProcessSpec& process) {
    const toml::array* threads = reader_.array(table, "threads", "for instance [{ name = \"a\" }]");
    if (!threads) return;
    for (const toml::node& element : *threads) {
      const toml::table* thread = element.as_table();
      if (!thread) return reader_.fail(element, "a thread must be a table", "for instance { name = \"a\" }");
      reader_.only(*thread, " in `threads`", {"name", "ends"});
      ThreadSpec out;
      reader_.text(*thread, "name", out.name, k_longest_comm);
      if (out.name.empty()) reader_.fail(*thread, "a thread needs a `name`", "give it one: name = \"...\"");
      read_ending(*thread, out.ends, false);
      process.threads.push_back(std::move(out));
      if (process.threads.size() > k_max_tasks) return;
    }
  }

  void read_uring(const toml::table& table, ProcessSpec& process) {
    const toml::table* ring = reader_.table(table, "io_uring");
    if (!ring) return;
    reader_.only(*ring, " in `io_uring`", with({"thread", "io_wq", "armed"}, k_ring_keys));
    RingSpec& out = process.ring.emplace();
    read_ring(reader_, *ring, out);
    reader_.yes_no(*ring, "io_wq", out.io_wq);
    reader_.yes_no(*ring, "armed", out.armed);
    reader_.text(*ring, "thread", out.thread, k_longest_comm);
    if (!out.thread.empty()) find_named(*ring->get("thread"), "thread", process.threads, out.thread);
  }

  void read_parent(const toml::table& table, std::size_t no) {
    const toml::node* node = table.get("parent");
    if (!node) return;
    std::string parent;
    reader_.text(node, "parent", parent, k_longest_comm);
    s_.processes[no].parent =
        parent == k_outside_name ? k_by_outside : find_named(*node, "parent", s_.processes, parent);
  }

  TomlReader& reader_;
  Scenario& s_;
};

void read_switches(TomlReader& reader, const toml::table& table, std::string_view key,
                   std::vector<std::string>& out) {
  const toml::array* array = reader.array(table, key, "for instance [\"fix-2024\"]");
  if (!array) return;
  for (const toml::node& element : *array) {
    const auto value = element.value_exact<std::string>();
    const auto found = find_switch(value.value_or(""));
    if (!found) return reader.fail(element, found.error().message, found.error().remedy);
    out.push_back(*value);
  }
}

void read_expectations(TomlReader& reader, const toml::table& root, Scenario& s) {
  Choices<std::string> names;
  for (const Kernel& kernel : kernels()) names.emplace_back(kernel.name, std::string(kernel.name));
  for (const toml::table* table : reader.tables(root, "expect", k_max_expectations)) {
    reader.only(*table, " in [[expect]]", {"kernel", "preempt", "with", "without", "verdict"});
    Expectation expected{.kernel = "", .preempt = "none", .verdict = "", .with = {}, .without = {}};
    reader.choice(table->get("kernel"), "kernel", expected.kernel, names);
    reader.choice<std::string>(table->get("preempt"), "preempt", expected.preempt,
                               {{"none", "none"}, {"voluntary", "voluntary"}, {"full", "full"}});
    reader.choice<std::string>(table->get("verdict"), "verdict", expected.verdict,
                               {{"lockup", "lockup"}, {"busy-wait", "busy-wait"}, {"proved", "proved"}});
    if (expected.kernel.empty() || expected.verdict.empty())
      reader.fail(*table, "[[expect]] needs `kernel` and `verdict`", "");
    read_switches(reader, *table, "with", expected.with);
    read_switches(reader, *table, "without", expected.without);
    s.expectations.push_back(std::move(expected));
  }
}

void read_host(TomlReader& reader, const toml::table& root, Scenario& s) {
  if (const toml::table* machine = reader.table(root, "machine")) {
    reader.only(*machine, " in [machine]", {"cpus", "balance"});
    reader.number(*machine, "cpus", s.cpus, 1, k_max_cpus);
    reader.yes_no(*machine, "balance", s.balance);
  }
  if (const toml::table* outside = reader.table(root, "outside")) {
    reader.only(*outside, " in [outside]", with({"name"}, k_outside_keys), old_keys("outside"));
    reader.text(*outside, "name", s.outside.name, k_longest_comm);
    read_outside(reader, *outside, s.outside);
  }
  if (const toml::table* environment = reader.table(root, "environment")) {
    reader.only(*environment, " in [environment]", k_environment_keys, old_keys("environment"));
    read_environment(reader, *environment, s.environment);
  }
}

void read_all(TomlReader& reader, const toml::table& root, Scenario& s) {
  reader.only(root, "", k_tables, old_keys(""));
  reader.text(root, "name", s.name, 64);
  reader.text(root, "summary", s.summary, 200);
  reader.text(root, "story", s.story, 8000);
  CastReader(reader, s).read(root);
  read_host(reader, root, s);
  read_old_keys(reader, root, s);
  read_expectations(reader, root, s);
  if (reader.error()) return;
  if (const auto objection = objection_to(s))
    reader.fail(objection->at, objection->message, objection->remedy);
}

/// Nothing when an assertion of toml++ does not hold.
std::optional<toml::parse_result> parse_toml(std::string_view text, const std::string& path) {
  try {
    return toml::parse(text, path);
  } catch (const TomlAssertion&) {
    return std::nullopt;
  }
}

}  // namespace

Result<Scenario> parse_scenario(std::string_view text, const std::string& path) {
  TomlReader reader(path);
  if (auto error = refused_before_parsing(text, path)) return *error;
  const std::optional<toml::parse_result> read = parse_toml(text, path);
  if (!read) return Error{ErrorKind::bad_data, "a key or a table has no name", path, "the file must be TOML"};
  if (!*read)
    return Error{ErrorKind::bad_data, std::string(read->error().description()),
                 reader.text_of(TomlReader::place_of(read->error().source())), "the file must be TOML"};
  Scenario s;
  read_all(reader, read->table(), s);
  if (reader.error()) return *reader.error();
  return s;
}

Result<Scenario> load_scenario(const std::string& path) {
  const auto file = read_file(path, k_max_scenario_bytes + 1);
  if (!file) return file.error();
  return parse_scenario(file->text, path);
}

bool RingSpec::begin_as(WorkerStart start) const {
  return std::find(workers.begin(), workers.end(), start) != workers.end();
}

bool RingSpec::contends_for_hash() const {
  return begin_as(WorkerStart::writing) || hash_held_outside ||
         std::find(links.begin(), links.end(), Link::hashed) != links.end();
}

std::size_t Scenario::init_of(std::size_t container) const {
  const auto found = std::find_if(processes.begin(), processes.end(),
                                  [&](const ProcessSpec& one) { return one.container == container; });
  return static_cast<std::size_t>(found - processes.begin());
}

}  // namespace unzap::kernel
