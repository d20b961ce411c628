// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <string>
#include <string_view>

#include "snapshot/snapshot.hpp"
#include "util/result.hpp"

namespace unzap {

/// The version of the format that is written, and the only one that is read.
inline constexpr int k_bundle_version = 1;

/// What a bundle may hold, for a bundle comes from a stranger. The same when writing, so that what was
/// written can be read.
inline constexpr std::size_t k_max_bundle_text_bytes = std::size_t{256} << 20;
inline constexpr std::size_t k_max_bundle_line_bytes = std::size_t{64} << 10;
inline constexpr std::size_t k_max_bundle_tasks = std::size_t{1} << 18;
inline constexpr std::size_t k_max_bundle_samples = std::size_t{1} << 20;  ///< of all tasks together
inline constexpr std::size_t k_max_bundle_frames = std::size_t{1} << 20;   ///< of all stacks together
inline constexpr std::size_t k_max_bundle_steps = std::size_t{1} << 10;    ///< instructions of wait_fix
inline constexpr std::size_t k_max_bundle_others = std::size_t{1} << 17;  ///< events, cgroups, problems: each

struct BundleOptions {
  bool compressed = true;  ///< with zstd: `zstd -d` shows the text
};

/// The snapshot as one small text archive:
///
///     unzap-bundle 1
///     [host]
///     origin: live
///     kernel_release: 6.1.0-18-amd64
///     [task]
///     tid: 4711
///     comm: npm start
///     syscall! not permitted
///     stack: proc_stack /proc/4711/task/4711/stack
///     frame: do_wait+0x53/0x320
///     [end]
///
/// A key that is left out was not asked; `key! why` says why a value is missing. Backslash, control and
/// non-ASCII bytes stand as \\, \n, \t, \xNN. Empty lines and lines that begin with # mean nothing.
/// Fails with bad_data when the snapshot is larger than the limits above, or a number in it is not finite.
Result<std::string> write_bundle(const Snapshot& snapshot, const BundleOptions& options);

/// True when `bytes` begin as a bundle does: with the magic of zstd, or with the head line.
bool looks_like_bundle(std::string_view bytes);

/// The snapshot that write_bundle got, equal in every field, from the archive, compressed or not. `label`
/// names it in errors ("node.unzap:17"). Everything else is bad_data: truncated, of another version, an
/// unknown key, more than the limits allow.
Result<Snapshot> read_bundle(std::string_view bytes, const std::string& label);

}  // namespace unzap
