// SPDX-License-Identifier: Apache-2.0
// /proc/<pid>/stat, as the live source and as the text source take it.
#include "fuzz.hpp"
#include "linux/task_stat.hpp"

void unzap::fuzz_one(std::string_view input) {
  const auto pasted = parse_cut_stat(input);
  const auto live = parse_stat(input);
  must(!live || pasted);  // what is whole is also good in part
  for (const auto& line : {pasted, live})
    if (line)
      must(line->comm.empty() || (line->comm.data() >= input.data() && line->comm.size() <= input.size()));
}
