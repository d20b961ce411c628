// SPDX-License-Identifier: Apache-2.0
#include "kernel/story/scenario.hpp"

// toml++ 3.3 asserts some of what it should refuse (`[ = ` at the start of a line), in a build with NDEBUG
// even assumes it. Here it is refused in every build; the parser's functions may throw.
namespace unzap::kernel {
struct TomlAssertion {};
[[noreturn]] static void refuse_toml() {
  throw TomlAssertion{};
}
}  // namespace unzap::kernel
#undef NDEBUG
#define TOML_ASSERT(condition) \
  (static_cast<bool>(condition) ? static_cast<void>(0) : ::unzap::kernel::refuse_toml())
#include <toml++/toml.h>

#include <fmt/format.h>
#include <fmt/ranges.h>

#include <algorithm>
#include <optional>
#include <utility>

#include "kernel/machine/state.hpp"
#include "kernel/story/scenario_bounds.hpp"
#include "kernel/story/setup.hpp"
#include "util/read_file.hpp"
#include "util/text.hpp"

namespace unzap::kernel {
namespace {

constexpr std::size_t k_longest_line = 200;  // of the texts; the story has lines
constexpr std::size_t k_max_links = 3;       // Wq::links_left

/// Reads tables key by key and keeps the first thing that is wrong.
class Reader {
 public:
  explicit Reader(std::string path) : path_(std::move(path)) {}

  const std::optional<Error>& error() const { return error_; }
  void fail(const toml::source_region& at, std::string message, std::string remedy) {
    if (!error_) error_ = Error{ErrorKind::bad_data, std::move(message), place(at), std::move(remedy)};
  }
  std::string place(const toml::source_region& at) const {
    return fmt::format("{}:{}:{}", path_, at.begin.line, at.begin.column);
  }

  /// Refuses keys of `table` that are not among `allowed`.
  void only(const toml::table& table, std::string_view where, const std::vector<std::string>& allowed) {
    for (const auto& [key, value] : table) {
      if (std::find(allowed.begin(), allowed.end(), key.str()) != allowed.end()) continue;
      const std::string near = nearest(key.str(), allowed);
      fail(key.source(), fmt::format("unknown key `{}`{}", printable(key.str(), 64), where),
           fmt::format("{}allowed: {}", near.empty() ? "" : "did you mean `" + near + "`? ",
                       fmt::join(allowed, ", ")));
    }
  }

  template <class T>
  void text(const toml::table& table, std::string_view key, T& out, std::size_t max_bytes) {
    const toml::node* node = table.get(key);
    if (!node) return;
    const auto value = node->value_exact<std::string>();
    if (!value || value->size() > max_bytes)
      return fail(node->source(), fmt::format("`{}` must be a text", key),
                  fmt::format("at most {} bytes", max_bytes));
    // An escape of TOML may stand for what a terminal acts on, or nobody sees.
    if (text_repaired(*value, {.line_feeds = max_bytes > k_longest_line}))
      return fail(node->source(), fmt::format("`{}` has characters that are not seen", key),
                  "write visible ones");
    out = *value;
  }
  void number(const toml::table& table, std::string_view key, std::uint8_t& out, int low, int high) {
    const toml::node* node = table.get(key);
    if (!node) return;
    const auto value = node->value_exact<std::int64_t>();
    if (!value || *value < low || *value > high)
      return fail(node->source(), fmt::format("`{}` must be a whole number", key),
                  fmt::format("allowed: {} to {}", low, high));
    out = static_cast<std::uint8_t>(*value);
  }
  void yes_no(const toml::table& table, std::string_view key, bool& out) {
    const toml::node* node = table.get(key);
    if (!node) return;
    const auto value = node->value_exact<bool>();
    if (!value)
      return fail(node->source(), fmt::format("`{}` must be true or false", key), "allowed: true, false");
    out = *value;
  }
  template <class Enum>
  void choice(const toml::node* node, std::string_view key, Enum& out,
              const std::vector<std::pair<std::string_view, Enum>>& allowed) {
    if (!node) return;
    std::vector<std::string> names;
    const auto value = node->value_exact<std::string>();
    for (const auto& [name, meaning] : allowed) {
      names.emplace_back(name);
      if (value && *value == name) {
        out = meaning;
        return;
      }
    }
    fail(node->source(),
         value ? fmt::format("`{}` cannot be `{}`", key, printable(*value, 64))
               : fmt::format("`{}` must be a text", key),
         fmt::format("allowed: {}", fmt::join(names, ", ")));
  }
  /// The sub-table `key`, or nullptr when it is missing (or no table, which is an error).
  const toml::table* table(const toml::table& parent, std::string_view key) {
    const toml::node* node = parent.get(key);
    if (node && !node->is_table()) fail(node->source(), fmt::format("`{}` must be a table", key), "");
    return node ? node->as_table() : nullptr;
  }

 private:
  std::string path_;
  std::optional<Error> error_;
};

const std::vector<std::pair<std::string_view, WorkerStart>> k_worker_starts = {
    {"idle", WorkerStart::idle},       {"created", WorkerStart::created},
    {"reading", WorkerStart::reading}, {"about-to-read", WorkerStart::about_to_read},
    {"dumping", WorkerStart::dumping}, {"writing", WorkerStart::writing}};

/// The elements of the list `key`, each one of `allowed`; of a list that is too long, `most` and one.
template <class Enum>
void read_list(Reader& reader, const toml::table& table, std::string_view key, std::string_view example,
               std::size_t most, const std::vector<std::pair<std::string_view, Enum>>& allowed,
               std::vector<Enum>& out) {
  const toml::node* node = table.get(key);
  if (!node) return;
  const toml::array* array = node->as_array();
  if (!array)
    return reader.fail(node->source(), fmt::format("`{}` must be a list", key), std::string(example));
  for (const toml::node& element : *array) {
    Enum value = allowed.front().second;
    reader.choice(&element, key, value, allowed);
    out.push_back(value);
    if (out.size() > most) return;
  }
}

const std::vector<std::pair<std::string_view, Ending>> k_endings = {{"exit_group", Ending::exit_group},
                                                                    {"exit", Ending::exit},
                                                                    {"sigkill", Ending::sigkill},
                                                                    {"core_dump", Ending::core_dump}};

void read_containers(Reader& reader, const toml::table& root, Scenario& s) {
  if (const toml::table* containers = reader.table(root, "containers")) {
    reader.only(*containers, " in [containers]", {"like_this"});
    reader.number(*containers, "like_this", s.containers, 1, k_max_containers);
  }
  const toml::table* bystander = reader.table(root, "bystander");
  if (!bystander) return;
  s.bystanders = 1;
  reader.only(*bystander, " in [bystander]", {"count", "comm", "child", "ending", "nested"});
  reader.number(*bystander, "count", s.bystanders, 1, k_max_containers - 1);
  reader.text(*bystander, "comm", s.bystander_comm, 15);
  reader.text(*bystander, "child", s.bystander_child, 15);
  reader.choice(bystander->get("ending"), "ending", s.bystander_ending, k_endings);
  reader.yes_no(*bystander, "nested", s.nested);
}

void read_init(Reader& reader, const toml::table& root, Scenario& s) {
  const toml::table* init = reader.table(root, "init");
  if (!init) return;
  reader.only(*init, " in [init]", {"comm", "ending", "io_uring"});
  reader.text(*init, "comm", s.init_comm, 15);
  reader.choice(init->get("ending"), "ending", s.ending, k_endings);
  const toml::table* ring = reader.table(*init, "io_uring");
  if (!ring) return;
  s.ring = true;
  reader.only(*ring, " in [init.io_uring]",
              {"in_thread", "sqpoll", "workers", "bounded", "unbounded", "hashed", "chain", "links",
               "hash_held_outside", "may_create", "bounded_blocks", "armed_request", "shared_outside"});
  reader.yes_no(*ring, "in_thread", s.in_thread);
  reader.yes_no(*ring, "sqpoll", s.sqpoll);
  read_list(reader, *ring, "workers", "for instance [\"idle\", \"reading\"]", k_max_tasks, k_worker_starts,
            s.workers);
  reader.number(*ring, "bounded", s.bounded, 0, 4);
  reader.number(*ring, "unbounded", s.unbounded, 0, 4);
  reader.number(*ring, "hashed", s.hashed, 0, 4);
  reader.number(*ring, "chain", s.chain, 1, 4);
  read_list<Link>(reader, *ring, "links", "for instance [\"hashed\"]", k_max_links,
                  {{"bounded", Link::bounded}, {"unbounded", Link::unbounded}, {"hashed", Link::hashed}},
                  s.links);
  reader.yes_no(*ring, "hash_held_outside", s.hash_held_outside);
  reader.number(*ring, "may_create", s.may_create, 0, 3);
  reader.yes_no(*ring, "bounded_blocks", s.bounded_blocks);
  reader.yes_no(*ring, "armed_request", s.armed_request);
  reader.yes_no(*ring, "shared_outside", s.shared_outside);
}

void read_child(Reader& reader, const toml::table& root, Scenario& s) {
  const toml::table* child = reader.table(root, "child");
  if (!child) return;
  s.child = true;
  reader.only(*child, " in [child]",
              {"comm", "sqpoll", "frozen", "traced", "fuse", "fuse_server", "subreaper", "child", "orphan"});
  reader.text(*child, "comm", s.child_comm, 15);
  reader.yes_no(*child, "sqpoll", s.child_sqpoll);
  reader.choice<Freezer>(child->get("frozen"), "frozen", s.child_frozen,
                         {{"none", Freezer::none}, {"v1", Freezer::v1}, {"v2", Freezer::v2}});
  reader.yes_no(*child, "traced", s.child_traced);
  reader.yes_no(*child, "fuse", s.child_fuse);
  reader.yes_no(*child, "fuse_server", s.fuse_server);
  reader.yes_no(*child, "subreaper", s.child_subreaper);
  reader.text(*child, "child", s.grandchild_comm, 15);
  reader.text(*child, "orphan", s.orphan_comm, 15);
  if (s.grandchild_comm.empty() && !s.orphan_comm.empty())
    reader.fail(child->source(), "an `orphan` needs a parent to lose", "add `child` to [child]");
}

void read_outside(Reader& reader, const toml::table& root, Scenario& s) {
  if (const toml::table* injected = reader.table(root, "injected")) {
    s.injected = Injected::sleeps;
    reader.only(*injected, " in [injected]", {"comm", "child", "state"});
    reader.text(*injected, "comm", s.injected_comm, 15);
    reader.text(*injected, "child", s.injected_child, 15);
    reader.choice<Injected>(injected->get("state"), "state", s.injected,
                            {{"sleeps", Injected::sleeps}, {"zombie", Injected::zombie}});
  }
  if (const toml::table* outside = reader.table(root, "outside")) {
    reader.only(*outside, " in [outside]", {"comm", "does", "reaps", "subreaper", "reaps_orphans"});
    reader.text(*outside, "comm", s.outside_comm, 15);
    reader.choice<OutsideAct>(outside->get("does"), "does", s.outside_act,
                              {{"nothing", OutsideAct::nothing},
                               {"synchronize_rcu_tasks", OutsideAct::rcu_tasks},
                               {"cgroup_rmdir", OutsideAct::rmdir},
                               {"fork", OutsideAct::fork}});
    reader.yes_no(*outside, "reaps", s.outside_reaps);
    reader.yes_no(*outside, "subreaper", s.outside_subreaper);
    reader.yes_no(*outside, "reaps_orphans", s.outside_reaps_orphans);
  }
}

void read_rest(Reader& reader, const toml::table& root, Scenario& s) {
  if (const toml::table* machine = reader.table(root, "machine")) {
    reader.only(*machine, " in [machine]", {"cpus", "balance"});
    reader.number(*machine, "cpus", s.cpus, 1, k_max_cpus);
    reader.yes_no(*machine, "balance", s.balance);
  }
  read_child(reader, root, s);
  read_outside(reader, root, s);
  if (const toml::table* environment = reader.table(root, "environment")) {
    reader.only(
        *environment, " in [environment]",
        {"outside_holders", "cgroup_migrations", "livepatches", "fake_signals", "operator_kills",
         "operator_terms", "tracer_detaches", "thaws", "fuse_abort", "hash_release", "idle_timeouts"});
    reader.number(*environment, "outside_holders", s.outside_holders, 0, 4);
    reader.number(*environment, "cgroup_migrations", s.cgroup_migrations, 0, 3);
    reader.number(*environment, "livepatches", s.livepatches, 0, 3);
    reader.number(*environment, "fake_signals", s.fake_signals, 0, 3);
    reader.number(*environment, "operator_kills", s.operator_kills, 0, 3);
    reader.number(*environment, "operator_terms", s.operator_terms, 0, 3);
    reader.yes_no(*environment, "tracer_detaches", s.tracer_detaches);
    reader.yes_no(*environment, "thaws", s.thaws);
    reader.yes_no(*environment, "fuse_abort", s.fuse_abort);
    reader.yes_no(*environment, "hash_release", s.hash_release);
    reader.yes_no(*environment, "idle_timeouts", s.idle_timeouts);
  }
}

void read_switches(Reader& reader, const toml::table& table, std::string_view key,
                   std::vector<std::string>& out) {
  const toml::node* node = table.get(key);
  if (!node) return;
  const toml::array* array = node->as_array();
  if (!array)
    return reader.fail(node->source(), fmt::format("`{}` must be a list", key),
                       "for instance [\"fix-2024\"]");
  for (const toml::node& element : *array) {
    const auto value = element.value_exact<std::string>();
    const auto found = find_switch(value.value_or(""));
    if (!found) return reader.fail(element.source(), found.error().message, found.error().remedy);
    out.push_back(*value);
  }
}

void read_expectations(Reader& reader, const toml::table& root, Scenario& s) {
  const toml::node* node = root.get("expect");
  if (!node) return;
  const toml::array* array = node->as_array();
  if (!array) return reader.fail(node->source(), "`expect` must be a list of tables", "write [[expect]]");
  std::vector<std::pair<std::string_view, std::string_view>> names;
  for (const Kernel& kernel : kernels()) names.emplace_back(kernel.name, kernel.name);
  for (const toml::node& element : *array) {
    const toml::table* table = element.as_table();
    if (!table) return reader.fail(element.source(), "`expect` must be a list of tables", "write [[expect]]");
    reader.only(*table, " in [[expect]]", {"kernel", "preempt", "with", "without", "verdict"});
    std::string_view kernel, preempt = "none", verdict;
    reader.choice(table->get("kernel"), "kernel", kernel, names);
    reader.choice<std::string_view>(table->get("preempt"), "preempt", preempt,
                                    {{"none", "none"}, {"voluntary", "voluntary"}, {"full", "full"}});
    reader.choice<std::string_view>(table->get("verdict"), "verdict", verdict,
                                    {{"lockup", "lockup"}, {"busy-wait", "busy-wait"}, {"proved", "proved"}});
    if (kernel.empty() || verdict.empty())
      reader.fail(table->source(), "[[expect]] needs `kernel` and `verdict`", "");
    Expectation expected{std::string(kernel), std::string(preempt), std::string(verdict), {}, {}};
    read_switches(reader, *table, "with", expected.with);
    read_switches(reader, *table, "without", expected.without);
    s.expectations.push_back(std::move(expected));
  }
}

/// Who holds the hash, and on what the linked requests hang.
template <class Fail>
void check_hash_and_links(const Fail& fail, const Scenario& s) {
  const auto begin_as = [&](WorkerStart start) {
    return std::count(s.workers.begin(), s.workers.end(), start);
  };
  const auto writing = begin_as(WorkerStart::writing);
  if (writing > 1 || (writing > 0 && s.hash_held_outside))
    fail("a hash is held by one worker only", "take out `writing` or `hash_held_outside`");
  if (s.chain > 1 && writing == 0)
    fail("`chain` is in the hands of a worker that is `writing`, and there is none", "add one to `workers`");
  if (s.hash_release && !s.hash_held_outside)
    fail("`hash_release` needs `hash_held_outside`", "add it to [init.io_uring]");
  if (s.links.size() > k_max_links)
    fail("there are more `links` than the model holds", fmt::format("at most {}", k_max_links));
  if (!s.links.empty() &&
      writing + begin_as(WorkerStart::reading) + begin_as(WorkerStart::about_to_read) == 0)
    fail("`links` hang on a request that a worker executes when the story begins, and there is none",
         "let a worker be reading, about-to-read or writing");
}

/// What each key allows by itself, and the model cannot hold or the story does not bear together.
void check_together(Reader& reader, const toml::table& root, const Scenario& s) {
  const auto fail = [&](std::string message, std::string remedy) {
    reader.fail(root.source(), std::move(message), std::move(remedy));
  };
  if (s.name.empty()) fail("`name` is missing", "give the scenario a name: name = \"...\"");
  if (count_tasks(s) > k_max_tasks)
    fail(fmt::format("{} tasks are more than the model holds", count_tasks(s)),
         fmt::format("at most {}, the kworker for grace periods included: take out workers", k_max_tasks));
  if (s.containers + s.bystanders > static_cast<int>(k_max_containers))
    fail(fmt::format("{} containers are more than the model holds", s.containers + s.bystanders),
         fmt::format("at most {}, [bystander] included", k_max_containers));
  if (!s.injected_child.empty() && (s.injected == Injected::zombie || s.outside_act == OutsideAct::fork))
    fail("an [injected] task has its `child` while it lives, and from the start", "use state = \"sleeps\"");
  const bool outside_acts = s.outside_act != OutsideAct::nothing;
  if (s.containers > 1 && (s.injected != Injected::none || s.child_fuse || s.fuse_server || outside_acts))
    fail("an [injected] task, FUSE, and what a task outside does exist in one container only",
         "use [bystander] for the others");
  if (s.outside_act == OutsideAct::fork && s.injected != Injected::sleeps)
    fail("`does = \"fork\"` needs an [injected] task to fork, with state sleeps", "add [injected]");
  if (s.may_create > 0 && s.workers.empty())
    fail("a worker is made when another one asks for it, and there is none", "add `workers`");
  check_hash_and_links(fail, s);
  if (s.in_thread && s.sqpoll)
    fail("`in_thread` and `sqpoll` both name the owner of the workers", "take one of them");
  if (s.ending == Ending::exit && (s.in_thread || s.sqpoll))
    fail("`ending = \"exit\"` ends only the leader, and a thread of init would live on", "use exit_group");
}

}  // namespace

namespace {

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
  Reader reader(path);
  if (auto error = refused_before_parsing(text, path)) return *error;
  const std::optional<toml::parse_result> read = parse_toml(text, path);
  if (!read) return Error{ErrorKind::bad_data, "a key or a table has no name", path, "the file must be TOML"};
  const toml::parse_result& parsed = *read;
  if (!parsed)
    return Error{ErrorKind::bad_data, std::string(parsed.error().description()),
                 reader.place(parsed.error().source()), "the file must be TOML"};
  const toml::table& root = parsed.table();
  Scenario s;
  reader.only(root, "",
              {"name", "summary", "story", "machine", "containers", "bystander", "init", "child", "injected",
               "outside", "environment", "expect"});
  reader.text(root, "name", s.name, 64);
  reader.text(root, "summary", s.summary, 200);
  reader.text(root, "story", s.story, 8000);
  read_containers(reader, root, s);
  read_init(reader, root, s);
  read_rest(reader, root, s);
  read_expectations(reader, root, s);
  if (!reader.error()) check_together(reader, root, s);
  if (reader.error()) return *reader.error();
  return s;
}

bool Scenario::contends_for_hash() const {
  const bool writing = std::find(workers.begin(), workers.end(), WorkerStart::writing) != workers.end();
  return writing || hash_held_outside || std::find(links.begin(), links.end(), Link::hashed) != links.end();
}

Result<Scenario> load_scenario(const std::string& path) {
  const auto file = read_file(path, k_max_scenario_bytes + 1);
  if (!file) return file.error();
  return parse_scenario(file->text, path);
}

}  // namespace unzap::kernel
