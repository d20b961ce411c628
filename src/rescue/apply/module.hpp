// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "rescue/apply/apply.hpp"
#include "rescue/apply/module_build.hpp"

namespace unzap {

/// A module file to load; a folder that was made for it goes with this.
class ModuleFile {
 public:
  /// `file` as it is.
  explicit ModuleFile(std::string file) : file_(std::move(file)) {}
  /// Builds unzap_rescue.ko against `headers`, in a folder of its own below one of `parents`, without BTF.
  /// Takes some seconds.
  static Result<ModuleFile> build(const std::vector<ModuleSource>& sources, const std::string& headers,
                                  const std::vector<std::string>& parents = build_parents());

  const std::string& file() const { return file_; }

 private:
  std::string file_;
  std::optional<BuildFolder> folder_;
};

/// What the module did, and whose module it is.
struct ModuleAnswer {
  std::string said;           ///< "cleared: ..." or "refused: ..."
  bool loaded_by_us = false;  ///< false: it was loaded before, so it is not ours to unload
};

/// The kernel's side of it; a test puts its own in place.
struct ModuleHost {
  std::string modules = "/sys/module";
  /// finit_module(2): 0, or the error number. Runs in a process of its own.
  std::function<int(int file, const std::string& parameters)> load;
  /// delete_module(2), likewise.
  std::function<int()> unload;
};
/// The kernel that runs.
ModuleHost this_kernel();

/// Hands `target` ("TID,STARTTIME") to unzap_rescue: loads `file`, or writes to the module when it is loaded
/// already. Refused: a file that others can write to, a loaded module that is not of this version, an answer
/// about another target. After an error nothing that we loaded stays, as far as it could be unloaded.
Result<ModuleAnswer> hand_to_module(const std::string& file, const std::string& target,
                                    const ModuleHost& host = this_kernel());

/// Unloads unzap_rescue; for who loaded it. False when that did not end within `seconds`: unloading waits for
/// RCU.
bool unload_module(double seconds, const ModuleHost& host = this_kernel());

}  // namespace unzap
