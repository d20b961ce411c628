// SPDX-License-Identifier: Apache-2.0
#include "explorer/edges.hpp"

#include "util/assert.hpp"

namespace unzap::explorer {

void EdgeList::Part::begin(StateId first, StateId newest) {
  bytes_.clear();
  starts_.clear();
  newest_at_.clear();
  next_ = first;
  newest_ = newest;
  states_ = edges_ = 0;
}

void EdgeList::Part::begin_state(std::size_t edges) {
  if (next_ % k_block == 0) {
    starts_.push_back(bytes_.size());
    newest_at_.push_back(newest_);
  }
  ++next_;
  ++states_;
  edges_ += edges;
  put(edges);
}

void EdgeList::Part::add(Label label, bool discovers, StateId to) {
  UNZAP_ASSERT(label.actor <= k_no_actor, "actor {} is more than a label holds", label.actor);
  const bool renamed = label.becomes != k_no_actor && label.becomes != label.actor;
  bytes_.push_back(
      static_cast<std::uint8_t>(label.actor | (renamed ? 0x40U : 0U) | (label.busy ? 0x80U : 0U)));
  if (renamed) bytes_.push_back(label.becomes);
  put(discovers ? 0 : newest_ - to);
  if (discovers) ++newest_;
}

void EdgeList::Part::put(std::uint64_t value) {
  for (; value >= 0x80; value >>= 7) bytes_.push_back(static_cast<std::uint8_t>(value | 0x80U));
  bytes_.push_back(static_cast<std::uint8_t>(value));
}

void EdgeList::append(const Part& part) {
  const std::size_t needed = bytes_.size() + part.bytes_.size();
  if (needed > bytes_.capacity()) bytes_.reserve(needed + needed / 4);  // doubling would waste up to half
  for (const std::uint64_t start : part.starts_) starts_.push_back(bytes_.size() + start);
  newest_at_.insert(newest_at_.end(), part.newest_at_.begin(), part.newest_at_.end());
  bytes_.insert(bytes_.end(), part.bytes_.begin(), part.bytes_.end());
  states_ += part.states_;
  edges_ += part.edges_;
}

}  // namespace unzap::explorer
