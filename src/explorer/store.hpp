// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <xxhash.h>

#include <cstdint>
#include <cstring>
#include <memory>
#include <utility>
#include <vector>

#include "util/assert.hpp"

namespace unzap::explorer {

/// Index of a state in the order of its discovery; a breadth-first search numbers by distance.
using StateId = std::uint32_t;
inline constexpr StateId k_no_state = 0xffffffff;

/// A set of exact states, each under the number of its insertion. Nothing is ever lost or merged: equality is
/// that of all bytes, the hash only finds the place. States never move, so references stay good.
template <class State>
class Store {
 public:
  Store() : table_(k_first_table, Slot{0, k_no_state}) {}

  /// The number of `state`, and whether it is new.
  std::pair<StateId, bool> insert(const State& state) {
    const std::uint64_t hash = XXH3_64bits(&state, sizeof(State));
    const auto tag = static_cast<std::uint32_t>(hash >> 32);
    std::size_t at = hash & (table_.size() - 1);
    while (table_[at].id != k_no_state) {
      if (table_[at].tag == tag && std::memcmp(&(*this)[table_[at].id], &state, sizeof(State)) == 0)
        return {table_[at].id, false};
      at = (at + 1) & (table_.size() - 1);
    }
    UNZAP_ASSERT(size_ < k_no_state - 1, "more than 2^32 states in one store");
    const auto id = static_cast<StateId>(size_);
    if (size_ % k_chunk_states == 0) chunks_.push_back(std::make_unique_for_overwrite<Chunk>());
    std::memcpy(&chunks_.back()->states[size_ % k_chunk_states], &state, sizeof(State));
    ++size_;
    table_[at] = {tag, id};
    if (size_ * 2 > table_.size()) grow();
    return {id, true};
  }

  const State& operator[](StateId id) const {
    return chunks_[id / k_chunk_states]->states[id % k_chunk_states];
  }
  std::size_t size() const { return size_; }
  /// Bytes held, the table included.
  std::size_t bytes() const { return chunks_.size() * sizeof(Chunk) + table_.size() * sizeof(Slot); }

 private:
  static constexpr std::size_t k_chunk_states = 1024;
  static constexpr std::size_t k_first_table = 4096;
  struct Chunk {
    State states[k_chunk_states];
  };
  struct Slot {
    std::uint32_t tag;
    StateId id;
  };

  void grow() {
    std::vector<Slot> bigger(table_.size() * 2, Slot{0, k_no_state});
    for (std::size_t id = 0; id < size_; ++id) {
      const std::uint64_t hash = XXH3_64bits(&(*this)[static_cast<StateId>(id)], sizeof(State));
      std::size_t at = hash & (bigger.size() - 1);
      while (bigger[at].id != k_no_state) at = (at + 1) & (bigger.size() - 1);
      bigger[at] = {static_cast<std::uint32_t>(hash >> 32), static_cast<StateId>(id)};
    }
    table_ = std::move(bigger);
  }

  std::vector<Slot> table_;
  std::vector<std::unique_ptr<Chunk>> chunks_;
  std::size_t size_ = 0;
};

}  // namespace unzap::explorer
