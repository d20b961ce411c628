// SPDX-License-Identifier: Apache-2.0
// Memory of a kernel with its tables of symbols, and the text of /proc/kallsyms.
#include "kernel_image/kallsyms.hpp"

#include "fuzz.hpp"

void unzap::fuzz_one(std::string_view input) {
  constexpr std::string_view k_wanted[] = {"io_wq_enqueue", "do_wait."};
  KallsymsEffort effort;
  const Result<Kallsyms> tables = find_kallsyms(bytes_of(input), k_wanted, effort);
  must(!tables || tables->symbols.size() <= tables->count);
  Symbols modules;
  const Result<Symbols> text = parse_proc_kallsyms(input, k_wanted, modules);
  must(!text || text->named().size() <= text->size());
}
