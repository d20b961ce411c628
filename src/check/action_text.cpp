// SPDX-License-Identifier: Apache-2.0
#include "check/action_text.hpp"

namespace unzap {

using kernel::Environment;
using kernel::Event;

std::string_view name(Event event) {
  switch (event) {
    case Event::run: return "run";
    case Event::pick: return "pick";
    case Event::place: return "place";
    case Event::tick: return "tick";
    case Event::ipi: return "ipi";
    case Event::environment: return "environment";
  }
  return "?";
}

std::string_view name(Environment what) {
  switch (what) {
    case Environment::timeout: return "timeout";
    case Environment::reap: return "reap";
    case Environment::kill: return "kill";
    case Environment::migrate_begin: return "migrate-begin";
    case Environment::migrate_end: return "migrate-end";
    case Environment::livepatch: return "livepatch";
    case Environment::act: return "act";
    case Environment::detach: return "detach";
    case Environment::thaw: return "thaw";
    case Environment::fuse_abort: return "fuse-abort";
    case Environment::fake_signal: return "fake-signal";
    case Environment::operator_kill: return "operator-kill";
    case Environment::operator_term: return "operator-term";
    case Environment::hash_release: return "hash-release";
  }
  return "?";
}

std::optional<Event> find_event(std::string_view text) {
  for (unsigned i = 0; i < 256; ++i) {
    const auto one = static_cast<Event>(i);
    if (name(one) == "?") break;  // the names have no gap
    if (name(one) == text) return one;
  }
  return std::nullopt;
}

std::optional<Environment> find_environment(std::string_view text) {
  for (unsigned i = 0; i < 256; ++i) {
    const auto one = static_cast<Environment>(i);
    if (name(one) == "?") break;
    if (name(one) == text) return one;
  }
  return std::nullopt;
}

}  // namespace unzap
