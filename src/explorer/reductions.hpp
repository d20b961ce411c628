// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <string_view>

#include "explorer/model.hpp"
#include "util/assert.hpp"

namespace unzap::explorer {

/// A model that knows which of its states differ only in names.
/// `canonicalise(state)` replaces a state by another one of its orbit, and answers how it renamed the actors:
/// a function from the old number to the new one. Whatever it does has to be a symmetry: each successor of a
/// state has its like among the successors of the renamed state, busy moves included, and both are goals or
/// none. States of one orbit should get the same representative; where they do not, less is saved, and
/// nothing else is lost.
template <class M>
concept Symmetrical = Model<M> && requires(const M model, typename M::State& state, std::uint8_t actor) {
  { model.canonicalise(state)(actor) } -> std::same_as<std::uint8_t>;
};

/// A model that knows moves which nobody can see.
/// `emit_lone(state, emit)` emits at most one of the successors and answers whether it did. Such a move has
/// to be one that (1) no sequence of other moves hinders or is hindered by, (2) leaves goals, witnesses and
/// the busy moves of others as they are, (3) lies on no cycle.
template <class M>
concept PartlyOrdered = Model<M> && requires(const M model, const typename M::State& state) {
  {
    model.emit_lone(state, [](const typename M::Action&, const typename M::State&, Label) {})
    } -> std::same_as<bool>;
};

/// What every wrapper around a model passes on. The model must live longer.
template <Model M>
class Wrapper {
 public:
  using State = typename M::State;
  using Action = typename M::Action;
  static constexpr std::size_t k_state_block = state_block_of<M>();

  bool is_goal(const State& s) const { return base_.is_goal(s); }
  std::uint32_t witnesses(const State& s) const { return base_.witnesses(s); }
  std::string_view violated(const State& s) const requires Guarded<M> { return base_.violated(s); }
  const M& base() const { return base_; }

 protected:
  explicit Wrapper(const M& base) : base_(base) {}

  const M& base_;
};

/// Partial order reduction: where a lone move is possible it is taken at once, as part of the move that led
/// there, and the states in between are not kept. What a state could do it can do afterwards, so traps, busy
/// waits and doomed states are found as without it. Because a lone move is the only one kept, this holds for
/// branching time too: "from everywhere a goal can be reached" needs that. No lone move lies on a cycle, so
/// none is put off forever and none lies in a trap.
template <PartlyOrdered M>
class PartialOrder : public Wrapper<M> {
 public:
  using State = typename M::State;
  using Action = typename M::Action;

  /// `invariants`: a state that breaks one is kept, though a lone move leads on: the search shall see it.
  explicit PartialOrder(const M& base, bool invariants = false) : Wrapper<M>(base), invariants_(invariants) {}

  State initial() const { return settled(base_.initial()); }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    base_.for_each_successor(
        s, [&](const Action& action, const State& next, Label label) { emit(action, settled(next), label); });
  }
  /// `s` after all lone moves that follow; `visit(action, state, label)` sees each.
  template <class Visit>
  State settled(State s, const Visit& visit) const {
    constexpr int k_most = 10000;
    for (int moves = 0;; ++moves) {
      if (invariants_ && !explorer::violated(base_, s).empty()) return s;
      UNZAP_ASSERT(moves < k_most, "lone moves that never end: one of them lies on a cycle");
      State next{};
      const bool moved = base_.emit_lone(s, [&](const Action& action, const State& after, Label label) {
        next = after;
        visit(action, after, label);
      });
      if (!moved) return s;
      s = next;
    }
  }
  State settled(const State& s) const {
    return settled(s, [](const Action&, const State&, Label) {});
  }
  auto canonicalise(State& s) const requires Symmetrical<M> { return base_.canonicalise(s); }

 private:
  using Wrapper<M>::base_;
  const bool invariants_;
};

/// Symmetry reduction: of each orbit one state stands for all. A move carries the new number of its actor, so
/// that a busy wait is followed through the renamings.
template <Symmetrical M>
class Symmetric : public Wrapper<M> {
 public:
  using State = typename M::State;
  using Action = typename M::Action;

  explicit Symmetric(const M& base) : Wrapper<M>(base) {}

  State initial() const { return representative(base_.initial()); }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    base_.for_each_successor(s, [&](const Action& action, const State& next, Label label) {
      State shown = next;
      const auto renamed = base_.canonicalise(shown);
      if (label.actor != k_no_actor) label.becomes = renamed(label.actor);
      emit(action, shown, label);
    });
  }
  State representative(State s) const {
    static_cast<void>(base_.canonicalise(s));
    return s;
  }

 private:
  using Wrapper<M>::base_;
};

/// The model under all wrappers.
template <class M>
const auto& bare(const M& model) {
  if constexpr (requires { model.base(); })
    return bare(model.base());
  else
    return model;
}

/// The state in which `model` begins, under its own name and before any lone move.
template <class M>
typename M::State start_of(const M& model) {
  if constexpr (requires { model.start(); })
    return model.start();
  else if constexpr (requires { model.base(); })
    return start_of(model.base());
  else
    return model.initial();
}

/// Takes the lone moves that a search leaves out after `s`, and shows each to `visit(action, state, label)`.
template <class M, class Visit>
typename M::State settled(const M& model, const typename M::State& s, const Visit& visit) {
  if constexpr (requires { model.settled(s, visit); })
    return model.settled(s, visit);
  else if constexpr (requires { model.base(); })
    return settled(model.base(), s, visit);
  else
    return s;
}

/// The state that stands for `s`, which is settled, in the search.
template <class M>
typename M::State representative(const M& model, const typename M::State& s) {
  if constexpr (requires { model.representative(s); })
    return model.representative(s);
  else
    return s;
}

/// A model that begins elsewhere.
template <Model M>
class From : public Wrapper<M> {
 public:
  using State = typename M::State;
  using Action = typename M::Action;

  From(const M& base, const State& start) : Wrapper<M>(base), start_(start) {}

  State initial() const { return start_; }
  State start() const { return start_; }
  template <class Emit>
  void for_each_successor(const State& s, const Emit& emit) const {
    base_.for_each_successor(s, emit);
  }

 private:
  using Wrapper<M>::base_;
  State start_;
};

}  // namespace unzap::explorer
