// SPDX-License-Identifier: Apache-2.0
#include "cli/recorded.hpp"

#include "sources/bundle/bundle.hpp"
#include "util/read_file.hpp"

namespace unzap {

Result<Recorded> read_recorded(const std::string& file, const std::string& remedy) {
  const Result<FileText> input = read_file(file, k_max_bundle_text_bytes);
  if (!input) return input.error();
  std::string label = file == "-" ? "stdin" : file.substr(file.rfind('/') + 1);
  if (!looks_like_bundle(input->text))
    return Error{ErrorKind::bad_data, "this is not a bundle", label, remedy};
  Result<Snapshot> snapshot = read_bundle(input->text, label);
  if (!snapshot) return snapshot.error();
  return Recorded{std::move(*snapshot), std::move(label)};
}

}  // namespace unzap
