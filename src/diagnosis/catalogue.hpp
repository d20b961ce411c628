// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <string_view>
#include <vector>

#include "diagnosis/cause_id.hpp"
#include "diagnosis/rules/rule.hpp"
#include "diagnosis/rules/site_rule.hpp"

namespace unzap {

/// What kind of answer a cause is; decides what it counts for in the verdict.
enum class CauseKind : std::uint8_t {
  teardown,    ///< something that keeps a container from ending
  stuck_else,  ///< a look-alike in which something is stuck, but no teardown is shown: soft-lockup, hung-task
  harmless,    ///< a look-alike in which nothing is stuck: oom-kill, zombie-under-live-parent
};

/// Which findings a cause silences: those of another jam have their own say.
enum class Scope : std::uint8_t {
  jam,     ///< of the same dying namespace, or of one that waits for the winner's culprit
  holder,  ///< of the same culprit, or the loser names none
  host,    ///< of whatever there is
};

/// A finding of `loser` is not listed where one of the cause in whose row this stands is found at `likely` or
/// more, because `why`.
struct Outranks {
  CauseId loser;
  std::string_view why;
  Scope scope = Scope::jam;
};

/// A finding is not listed where a teardown cause that names what it waits for is found at `likely` or more.
struct GivesWay {
  std::string_view why;  ///< empty: it does not give way
  Scope scope = Scope::jam;
};

/// What the kernel counts from boot on; see Host.
enum class Counter : std::uint8_t { soft_lockups, hard_lockups, rcu_stalls, hung_tasks };

/// What `unzap rescue` can do about a cause.
enum class RescueKind : std::uint8_t { none, clear_flag, thaw, abort_fuse, reap_outside, end_tracer };

/// One cause: with its page, all that is known of it outside its rule.
struct Cause {
  CauseId id;
  std::string_view summary;  ///< one line, for lists
  Rule rule = nullptr;       ///< null: `stack` judges, with the rows of wait_sites.cpp for this cause
  StackRule stack = {};
  CauseKind kind = CauseKind::teardown;
  bool placeholder = false;  ///< all it says is that something is missing from the picture
  RescueKind rescue = RescueKind::none;
  std::vector<Outranks> outranks = {};
  GivesWay gives_way = {};
  std::vector<Counter> counters = {};  ///< the ones that speak for it, although they name no task
  bool passes_by_itself = true;        ///< false: one look at it is enough
};

/// All causes. The order is the last tie-break of the ranking: what explains most stands first.
const std::vector<Cause>& catalogue();
const Cause& cause(CauseId id);
/// What the cause has to say about a snapshot.
Findings ask(const Cause& cause, const Picture& picture);
/// The place of a cause in the catalogue.
std::size_t position(CauseId id);

}  // namespace unzap
