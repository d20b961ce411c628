// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "rescue/apply/apply.hpp"

namespace unzap {

/// A folder of our own (0700) for sources and objects that the kernel is to load; goes with this.
class BuildFolder {
 public:
  /// In the first of `parents` that nobody else can rename or replace things in: a folder of root or of ours
  /// that others cannot write to, or a sticky one.
  static Result<BuildFolder> make(const std::vector<std::string>& parents);
  BuildFolder(BuildFolder&& other) noexcept;
  BuildFolder& operator=(BuildFolder&&) = delete;
  BuildFolder(const BuildFolder&) = delete;
  ~BuildFolder();

  const std::string& path() const { return path_; }
  /// Writes a new file; an error when there is one of that name, be it a link.
  std::optional<Error> write(std::string_view name, std::string_view text) const;

 private:
  explicit BuildFolder(std::string path) : path_(std::move(path)) {}
  std::string path_;  ///< empty: moved from
};

/// Where modules are built: /run, /var/tmp, /tmp. TMPDIR is not asked: whoever started us may have set it.
std::vector<std::string> build_parents();

/// The arguments of make, program name first. BTF is off: it would need pahole and the kernel's vmlinux, and
/// a module loads without (scripts/Makefile.modfinal asks CONFIG_DEBUG_INFO_BTF_MODULES).
std::vector<std::string> make_arguments(const std::string& headers, const std::string& folder);

struct BuildLimits {
  double seconds = 120;  ///< then the whole process group is killed
  std::uint64_t file_bytes = std::uint64_t{1}
                             << 26;  ///< no file of the build, its log included, grows beyond
};

/// Runs a program of the build in a process group and an environment of its own, standard input empty, its
/// output in FOLDER/build.log. Its exit code; nothing when it was killed or did not end in time.
std::optional<int> run_build(const std::vector<std::string>& arguments, const std::string& folder,
                             const BuildLimits& limits);

/// Why a build failed, from its log: names the line, and the package where one is missing.
/// `headers`: the folder it was built against, for the compiler that its .config names.
Error build_error(std::string_view log, const std::string& headers);

}  // namespace unzap
