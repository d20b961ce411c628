// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "util/text.hpp"

namespace unzap {

/// What the name of a thread that io_uring made says. The name alone is not a proof: everybody may take it;
/// the flag PF_IO_WORKER is.
struct IoThreadName {
  enum class Kind : std::uint8_t {
    worker,   ///< "iou-wrk-<tid>", create_io_worker(), io_uring/io-wq.c
    sqpoll,   ///< "iou-sqp-<tid>", io_sq_thread(), io_uring/sqpoll.c
    manager,  ///< "iou-mgr-<tid>", of 5.12
  };
  Kind kind = Kind::worker;
  /// The thread that created it, as the first pid namespace numbers it; nothing when that is not a number.
  std::optional<std::int32_t> creator;
};

inline std::optional<IoThreadName> parse_io_thread_name(std::string_view comm) {
  using Kind = IoThreadName::Kind;
  constexpr std::size_t k_prefix_bytes = 8;
  const std::string_view prefix = comm.substr(0, k_prefix_bytes);
  IoThreadName out;
  if (prefix == "iou-wrk-")
    out.kind = Kind::worker;
  else if (prefix == "iou-sqp-")
    out.kind = Kind::sqpoll;
  else if (prefix == "iou-mgr-")
    out.kind = Kind::manager;
  else
    return std::nullopt;
  out.creator = parse_number<std::int32_t>(comm.substr(k_prefix_bytes));
  if (out.creator && *out.creator <= 0) out.creator.reset();
  return out;
}

}  // namespace unzap
