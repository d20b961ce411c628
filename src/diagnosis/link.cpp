// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/link.hpp"

#include <utility>

namespace unzap {

std::string WaitObject::text(std::size_t waiters) const {
  const std::string_view owner = !own ? "" : waiters == 1 ? "its " : "their ";
  return std::string(owner) + std::string(what);
}

NodeRef NodeRef::of(const Task& task) {
  NodeRef out = NodeKind::task;
  out.name = task.label();
  if (task.tid) out.number = *task.tid;
  if (task.start_ticks) out.start_ticks = *task.start_ticks;
  return out;
}

NodeRef NodeRef::namespace_of(const Task& init) {
  NodeRef out = NodeKind::pid_namespace;
  out.name = init.label();
  out.number = init.tgid ? *init.tgid : init.tid.value_or(0);
  return out;
}

NodeRef NodeRef::cpu(std::int32_t number) {
  NodeRef out = NodeKind::cpu;
  out.number = number;
  return out;
}

NodeRef NodeRef::tracer(std::int32_t number) {
  NodeRef out = NodeKind::tracer;
  out.number = number;
  return out;
}

NodeRef NodeRef::cgroup(std::string path) {
  NodeRef out = NodeKind::cgroup;
  out.name = std::move(path);
  return out;
}

NodeRef NodeRef::outside(const WaitObject& object) {
  NodeRef out = NodeKind::outside;
  out.object = object;
  return out;
}

NodeRef NodeRef::below_do_exit(std::vector<std::string> functions) {
  NodeRef out = NodeKind::below_do_exit;
  out.functions = std::move(functions);
  return out;
}

NodeRef NodeRef::mmap_lock_of(const Task& task) {
  NodeRef out = NodeKind::mmap_lock;
  out.name = task.label();
  if (task.tid) out.number = *task.tid;
  return out;
}

Reason Reason::waits(std::vector<std::string> functions) {
  Reason out = waits_in;
  out.functions = std::move(functions);
  return out;
}

Reason Reason::for_dying(const WaitObject& object) {
  Reason out = waits_for_dying;
  out.object = object;
  return out;
}

}  // namespace unzap
