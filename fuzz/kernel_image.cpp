// SPDX-License-Identifier: Apache-2.0
// A file said to be a kernel: an answer with a reason, or an error.
#include "fuzz.hpp"
#include "report/kernel/patched_report.hpp"

void unzap::fuzz_one(std::string_view input) {
  const Result<KernelFacts> facts = facts_of_image(bytes_of(input), "fuzz");
  if (!facts) return;
  const KernelAnswer answer = answer_for(*facts);
  must(!answer.reason.empty());
  must(!patched_json(*facts, answer).empty() && !patched_text(*facts, answer, {}).empty());
}
