// SPDX-License-Identifier: Apache-2.0
#include "sources/text/listings.hpp"

#include "sources/text/pstree.hpp"
#include "util/scan.hpp"

namespace unzap::text {

void Listings::leave() {
  has_layout_ = threads_ = command_pending_ = false;
  strangers_ = 0;
  seen_.clear();
  branches_.clear();
  pstree_ = false;
}

void Listings::command(std::string_view command) {
  leave();
  pstree_ = contains(command, "pstree");
  if (const auto layout = parse_ps_command(command)) {
    layout_ = *layout;
    has_layout_ = true;
  }
}

Reading<std::int32_t> Listings::parent_at(std::size_t depth, std::int32_t pid) {
  while (!branches_.empty() && branches_.back().depth >= depth) branches_.pop_back();
  Reading<std::int32_t> parent;
  if (!branches_.empty()) parent = branches_.back().pid;
  branches_.push_back({depth, pid});
  return parent;
}

bool Listings::take_row(const Line& line, const PsLayout& layout) {
  const auto row = parse_ps_row(line.raw, layout);
  if (!row) return false;
  const bool thread_row = static_cast<bool>(row->tid) || threads_;
  const Reading<std::int32_t> tid = row->tid ? row->tid : row->pid;
  // The same process again: a listing of threads without their numbers (ps auxH).
  const bool repeated = !thread_row && tid && seen_.size() < k_most_tasks && !seen_.insert(*tid).second;
  const TaskRef ref =
      tid && !repeated ? builder_.task(*tid, line.number) : builder_.unnamed_task(line.number);
  Task& task = builder_.at(ref);
  if (!task.tgid && row->pid && !threads_) task.tgid = row->pid;
  if (row->ppid) task.ppid = row->ppid;
  if (row->state) builder_.offer_state(ref, *row->state, StateSource::look);
  if (row->defunct && !row->state) builder_.offer_state(ref, 'Z', StateSource::look);
  if (row->multi_threaded) task.multi_threaded = row->multi_threaded;
  if (row->cpu_percent) task.cpu_percent = row->cpu_percent;
  if (row->processor) task.processor = row->processor;
  if (row->threads) task.threads = row->threads;
  if (row->pid_ns) task.pid_ns = row->pid_ns;
  if (row->mnt_ns) task.mnt_ns = row->mnt_ns;
  if (!row->wchan.empty()) task.wchan = std::string(row->wchan);
  builder_.offer_comm(ref, row->comm, row->comm_is_kernels ? CommSource::listing : CommSource::command_line);
  if (row->pid && row->depth && !thread_row) {
    const Reading<std::int32_t> parent = parent_at(*row->depth, *row->pid);
    if (row->in_tree && !task.ppid && parent) task.ppid = parent;
  }
  last_ = ref;
  command_pending_ = row->comm.empty();
  strangers_ = 0;
  last_line_ = line.number;
  builder_.used();
  return true;
}

bool Listings::take_rest_of_row(const Line& line) {
  if (!command_pending_ || line.number - last_line_ > 1) return false;
  command_pending_ = false;
  const std::string joined = "1 " + std::string(line.text.substr(0, 1024));
  const auto row = parse_ps_row(joined, {{Column::pid, Column::command}, false, false});
  if (!row) return false;
  builder_.offer_comm(last_, row->comm,
                      row->comm_is_kernels ? CommSource::listing : CommSource::command_line);
  return true;
}

bool Listings::take_bare_branch(const Line& line) {
  std::string_view text = line.text;
  eat_while(text, [](char c) { return c == '|' || is_blank(c); });
  if (!eat(text, "\\_ ") || text.empty() || !(is_letter(text[0]) || text[0] == '[' || text[0] == '/'))
    return false;
  const bool defunct = contains(text, "<defunct>");
  if (defunct) text = trim(text.substr(0, text.find("<defunct>")));
  const bool bracketed = text.size() > 2 && text.front() == '[' && text.back() == ']';
  if (bracketed)
    text = text.substr(1, text.size() - 2);
  else
    text = text.substr(0, text.find(' '));
  if (text.empty()) return false;
  const TaskRef ref = builder_.unnamed_task(line.number);
  builder_.offer_comm(ref, text.substr(text.rfind('/') + 1),
                      bracketed ? CommSource::listing : CommSource::command_line);
  if (defunct) builder_.offer_state(ref, 'Z', StateSource::look);
  builder_.used();
  return true;
}

bool Listings::take(const Line& line) {
  const std::string_view text = line.text;
  if (text.empty()) return false;
  const char first = text[0];
  if (text.starts_with("Threads:") && contains(text, "total")) return threads_ = true;
  if ((is_upper(first) || first == '%') && (contains(text, "ID") || contains(text, "LWP"))) {
    if (const auto header = parse_ps_header(text)) {
      const bool threads = threads_;
      leave();
      threads_ = threads;
      layout_ = *header;
      has_layout_ = true;
      builder_.used();
      return true;
    }
  }
  if (has_layout_ && layout_.stated) {
    if (take_row(line, layout_)) return true;
    constexpr int k_most_strangers = 4;
    if (++strangers_ > k_most_strangers) has_layout_ = false;
  }
  if (first == '\\' || first == '|') {
    if (take_bare_branch(line)) return true;
  }
  if (const auto layout = guess_ps_layout(line.raw); layout && take_row(line, *layout)) return true;
  if (has_layout_ && !layout_.stated && take_row(line, layout_)) return true;
  return take_rest_of_row(line) || take_pstree(line);
}

bool Listings::take_pstree(const Line& line) {
  const TreeLine tree = parse_tree_line(line.raw);
  if (tree.nodes.empty() || !(tree.has_branch || pstree_)) return false;
  for (const TreeNode& node : tree.nodes) {
    const TaskRef ref = builder_.task(node.tid, line.number);
    builder_.offer_comm(ref, node.comm, CommSource::listing);
    while (!branches_.empty() && branches_.back().depth >= node.column) branches_.pop_back();
    Task& task = builder_.at(ref);
    if (node.thread) {
      if (!branches_.empty()) task.tgid = branches_.back().pid;
      continue;
    }
    task.tgid = node.tid;
    if (!branches_.empty()) task.ppid = branches_.back().pid;
    branches_.push_back({node.column, node.tid});
  }
  builder_.used();
  return true;
}

}  // namespace unzap::text
