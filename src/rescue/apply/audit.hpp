// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "util/fd.hpp"
#include "util/result.hpp"

namespace unzap {

/// A record of what was done to a host: JSON lines, appended and synchronised one by one, so that the last
/// line tells how far it came even if the machine stands still afterwards.
class Audit {
 public:
  using Fields = std::vector<std::pair<std::string, std::string>>;

  /// Opens `path` for appending; a new file is readable by its owner only. Nothing is opened through a link,
  /// and nothing but a regular file of ours with one name, to which nobody else may write. Every folder on
  /// the way, and every link among them, must belong to root or to us, and nobody else may write there,
  /// unless the folder is sticky, as /tmp is: somebody else could lead us elsewhere otherwise.
  static Result<Audit> open(const std::string& path);

  /// {"at":"2026-11-22T12:00:00.123Z","pid":..,"event":"..", ...}. An Error when the line could not be kept,
  /// or not within some seconds: the file system may be part of the jam.
  std::optional<Error> write(std::string_view event, const Fields& fields);

 private:
  Audit(Fd file, std::string path) : file_(std::move(file)), path_(std::move(path)) {}
  Fd file_;
  std::string path_;
};

}  // namespace unzap
