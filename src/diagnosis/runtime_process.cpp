// SPDX-License-Identifier: Apache-2.0
#include "diagnosis/runtime_process.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <iterator>
#include <string>
#include <vector>

#include "diagnosis/task_facts.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr int k_most_steps = 64;  // from a task up to its runtime; namespaces alone nest 32 deep

const Task* task_of(const TaskIndex& index, const Party& party) {
  if (!party.tid) return nullptr;
  const Task* task = index.by_tid(*party.tid);
  const bool other = task != nullptr && party.start_ticks && !task->start_ticks.is(*party.start_ticks);
  return other ? nullptr : task;
}

/// Everybody of the finding, those first whose container does not end.
std::vector<const Party*> parties(const Finding& finding) {
  std::vector<const Party*> out;
  if (finding.reaper) out.push_back(&*finding.reaper);
  for (const Party& victim : finding.victims) out.push_back(&victim);
  if (finding.culprit) out.push_back(&*finding.culprit);
  return out;
}

/// What makes the runtime give the container up; empty when it is not known which runtime, or whether the id
/// is the container's.
std::string command(const ContainerRef& container) {
  const std::string& id = container.id;
  if (id.empty() || container.claimed) return "";
  if (!container.sandbox.empty()) return fmt::format("crictl stopp {}", container.sandbox);
  if (!container.pod.empty())
    return fmt::format("crictl stopp $(crictl pods -q --label io.kubernetes.pod.uid={})", container.pod);
  if (container.runtime == "docker") return fmt::format("docker rm -f {}", id);
  if (container.runtime == "podman") return fmt::format("podman rm -f {}", id);
  if (container.runtime == "cri-o") return fmt::format("crictl stop {}", id);
  if (container.runtime == "runc") return fmt::format("runc delete -f {}", id);
  if (container.runtime == "containerd" && !container.ns.empty())
    return fmt::format("ctr -n {} tasks kill -s SIGKILL {}", container.ns, id);
  return "";
}

/// What the runtime says of a container that it cannot end, in its own words; empty when that is not known.
std::string_view words(const ContainerRef& container) {
  if (!container.pod.empty() || container.runtime == "cri-o")
    return "context deadline exceeded, or failed to kill container";
  if (container.runtime == "docker") return "tried to kill container, but did not receive an exit event";
  if (container.runtime == "podman") return "given PID did not die within timeout";
  if (container.runtime == "containerd") return "the task stays RUNNING, or context deadline exceeded";
  return "";
}

/// Before what gives up: a new kernel, a reboot and what leads to it.
void advise(Finding& finding, const ContainerRef& container) {
  const std::string told = command(container);
  if (told.empty()) return;
  const auto last_resort = [](const Remedy& remedy) {
    constexpr std::string_view k_ids[] = {"upgrade-kernel", "save-evidence", "cordon", "reboot"};
    return std::count(std::begin(k_ids), std::end(k_ids), remedy.id) > 0;
  };
  const std::string_view said = words(container);
  const std::string until = said.empty() ? "" : fmt::format(" (until then it says: {})", said);
  finding.remedies.insert(
      std::find_if(finding.remedies.begin(), finding.remedies.end(), last_resort),
      {"tell-runtime", fmt::format("Once that is done, let the runtime finish{}: {}", until, told),
       "it ends the container, if anything of it still runs"});
}

}  // namespace

bool outside_containers(const Task& task) {
  if (!task.ns_pids || task.ns_pids->size() != 1) return false;
  return !task.cgroup || container_id(*task.cgroup).empty();
}

std::optional<RuntimeProcess> runtime_over(const TaskIndex& index, const Task& task) {
  const Task* at = &task;
  for (int step = 0; step < k_most_steps; ++step) {
    const std::int32_t parent = at->ppid.value_or(0);
    if (parent <= 1) return std::nullopt;
    at = index.by_tid(parent);
    if (at == nullptr) return std::nullopt;
    if (!at->comm || !runtime_name(*at->comm) || !outside_containers(*at)) continue;
    return RuntimeProcess{at, at->work_dir ? container_of_work_dir(*at->work_dir) : Container{}};
  }
  return std::nullopt;
}

ContainerRef container_ref(const TaskIndex& index, const Task& task) {
  const Container path = task.cgroup ? container_of(*task.cgroup) : Container{};
  ContainerRef out;
  out.id = path.id.empty() && task.container ? *task.container : path.id;
  out.pod = path.pod;
  out.runtime = path.runtime;
  out.ns = path.ns;
  out.claimed = path.claimed;
  if (const auto runtime = runtime_over(index, task)) {
    const Container& told = runtime->container;
    out.process = party(*runtime->task);
    if (!told.runtime.empty()) out.runtime = told.runtime;
    if (!told.ns.empty()) out.ns = told.ns;
    // The shim of Kubernetes holds a whole pod and works in the folder of its sandbox.
    const bool of_pod = told.ns == "k8s.io" && !path.pod.empty();
    if (of_pod) out.sandbox = told.id;
    if (!told.id.empty() && !of_pod) {
      out.id = told.id;
      out.claimed = false;
    }
  }
  if (out.runtime.empty() && !out.pod.empty() && !out.id.empty() && out.process)
    out.runtime = out.process->comm == "conmon" ? "cri-o" : "";
  out.id = printable(out.id, 76);
  // ctr and LXC name what they start; of the others the id is a number.
  if (out.id.size() < 64) out.name = out.id;
  return out;
}

void name_container(Finding& finding, const TaskIndex& index) {
  for (const Party* party : parties(finding)) {
    const Task* task = task_of(index, *party);
    if (task == nullptr) continue;
    ContainerRef found = container_ref(index, *task);
    if (found.id.empty()) continue;
    advise(finding, found);
    finding.container = std::move(found);
    return;
  }
}

}  // namespace unzap
