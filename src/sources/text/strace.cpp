// SPDX-License-Identifier: Apache-2.0
#include "sources/text/strace.hpp"

#include <fmt/format.h>

#include "linux/task_stat.hpp"
#include "sources/text/proc_parse.hpp"
#include "util/scan.hpp"

namespace unzap::text {

bool StraceLines::take(const Line& line) {
  std::string_view text = line.text;
  if (text.starts_with("open")) {
    const auto path = parse_proc_path(text);
    if (!path || !contains(text, "(")) return false;
    const bool memory =
        path->file == "cmdline" || path->file == "environ" || path->file == "maps" || path->file == "smaps";
    cmdline_of_ = memory && path->pid ? *path->pid : 0;
    return true;
  }
  if (!eat(text, "read(") || !eat_number(text) || !eat(text, ",")) return false;
  skip_blanks(text);
  if (eat(text, "\"")) {
    cmdline_of_ = 0;
    const auto stat = parse_cut_stat(text.substr(0, text.find('"')));
    if (!stat) return false;
    const TaskRef ref = builder_.task(stat->tid, line.number);
    builder_.offer_comm(ref, stat->comm, CommSource::kernel);
    builder_.offer_state(ref, stat->state, StateSource::look);
    builder_.at(ref).ppid = stat->ppid;
    builder_.used();
    return true;
  }
  if (cmdline_of_ == 0 || !(text.empty() || text.starts_with("<unfinished"))) return false;
  KernelEvent event{.kind = EventKind::read_hangs, .tid = cmdline_of_};
  event.text = fmt::format("a read of /proc/{}/cmdline does not come back", cmdline_of_);
  event.where = builder_.where(line.number);
  builder_.task(cmdline_of_, line.number);
  builder_.add_event(std::move(event));
  builder_.used();
  cmdline_of_ = 0;
  return true;
}

}  // namespace unzap::text
