// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "rescue/apply/apply.hpp"

namespace unzap {

/// A module file to load; a folder that was made for it goes with this.
class ModuleFile {
 public:
  /// `file` as it is.
  explicit ModuleFile(std::string file) : file_(std::move(file)) {}
  /// Builds unzap_rescue.ko against `headers`, in a folder of its own. Takes some seconds.
  static Result<ModuleFile> build(const std::vector<ModuleSource>& sources, const std::string& headers);
  ModuleFile(ModuleFile&& other) noexcept;
  ModuleFile& operator=(ModuleFile&&) = delete;
  ModuleFile(const ModuleFile&) = delete;
  ~ModuleFile();

  const std::string& file() const { return file_; }

 private:
  std::string file_, folder_;
};

/// Hands `target` ("TID,STARTTIME") to unzap_rescue: loads it, or writes to it when it is loaded already.
/// What the module says it did: "cleared: ..." or "refused: ...".
Result<std::string> hand_to_module(const std::string& file, const std::string& target);

/// Unloads unzap_rescue. False when that did not end within `seconds`: unloading waits for RCU.
bool unload_module(double seconds);

}  // namespace unzap
