// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <span>
#include <string_view>

#include "kernel/machine/step.hpp"

namespace unzap::kernel {

/// What holds in every state that the machine can reach, whatever the scenario and the kernel: a count equals
/// those who hold a reference, a lock has one holder, a dead task does nothing. A state in which one fails is
/// a defect of the model, not an answer about the kernel.
///
/// Each says something of Linux too, and has its row in docs/kernel-facts. It is written from the state
/// alone, not from the steps that lead there: a step that forgets a decrement must not be able to hide it.
/// A renamed state (symmetry.hpp) breaks what the state breaks.
struct Invariant {
  std::string_view name;  ///< stable: traces and JSON use it; the predicate has the same name
  std::string_view says;  ///< a sentence without a full stop
  bool (*holds)(const Config& c, const State& s);
  std::string_view page;  ///< of docs/kernel-facts
};

/// All of them. Where a state breaks several, the first is named.
std::span<const Invariant> invariants();

/// The first that `s` breaks; nullptr: all hold. Asking every state makes a search a fifth slower.
const Invariant* broken_in(const Config& c, const State& s);

/// Nothing: there is none of that name.
const Invariant* find_invariant(std::string_view name);

}  // namespace unzap::kernel
