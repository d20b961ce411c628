// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <concepts>
#include <cstddef>
#include <cstdint>
#include <string_view>
#include <type_traits>

namespace unzap::explorer {

inline constexpr std::uint8_t k_no_actor = 0x3f;

/// What an engine has to know of a transition besides where it leads.
struct Label {
  std::uint8_t actor = k_no_actor;  ///< who moved: 0..62, or k_no_actor for the environment
  /// True when the actor moved, or was put on, and can move on: it does not sleep. A cycle of such moves of
  /// one actor is a busy wait, whether or not it offers the others their turn in between.
  bool busy = false;
  /// The actor's number in the state that the move leads to, where it has another one there (Symmetric);
  /// k_no_actor: the same.
  std::uint8_t becomes = k_no_actor;

  bool operator==(const Label&) const = default;
};

/// What an engine may ask of a model. All of it is pure: same input, same output, same order.
/// State must be free of padding, because equality and hashing look at its bytes.
/// `for_each_successor(state, emit)` calls `emit(const Action&, const State&, Label)` for each transition.
/// A state is a goal when everything that should happen has happened; goals may have successors.
/// `witnesses(state)` are up to 32 facts as bits; the engine counts how many states show each, so that a
/// proof over a model in which nothing of interest ever happens is seen for what it is.
/// A model may offer `static constexpr std::size_t k_state_block`: bytes that tend to change together lie in
/// the same block of that many; large states are compressed by such blocks.
template <class M>
concept Model = std::is_trivially_copyable_v<typename M::State> &&
    std::has_unique_object_representations_v<typename M::State> && std::regular<typename M::Action> &&
    requires(const M model, const typename M::State& state) {
  { model.initial() } -> std::same_as<typename M::State>;
  model.for_each_successor(state, [](const typename M::Action&, const typename M::State&, Label) {});
  { model.is_goal(state) } -> std::same_as<bool>;
  { model.witnesses(state) } -> std::same_as<std::uint32_t>;
};

/// A model with invariants: what holds in every state that can be reached, or the model has a defect.
/// `violated(state)` is the name of one that does not hold in `state`; empty when all hold. It does not
/// depend on how actors are numbered, if the model is Symmetrical.
template <class M>
concept Guarded = Model<M> && requires(const M model, const typename M::State& state) {
  { model.violated(state) } -> std::same_as<std::string_view>;
};

/// The name of an invariant that `state` breaks; empty when all hold, or the model has none.
template <Model M>
std::string_view violated(const M& model, const typename M::State& state) {
  if constexpr (Guarded<M>)
    return model.violated(state);
  else
    return {};
}

/// The model's k_state_block, or 32 bytes.
template <class M>
constexpr std::size_t state_block_of() {
  if constexpr (requires { M::k_state_block; })
    return M::k_state_block;
  else
    return 32;
}

}  // namespace unzap::explorer
