// SPDX-License-Identifier: Apache-2.0
#include "cli/selection.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <set>
#include <vector>

#include "diagnosis/catalogue.hpp"
#include "snapshot/container.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

std::vector<const Party*> parties(const Finding& finding) {
  std::vector<const Party*> out;
  if (finding.culprit) out.push_back(&*finding.culprit);
  if (finding.reaper) out.push_back(&*finding.reaper);
  if (finding.container && finding.container->process) out.push_back(&*finding.container->process);
  for (const Party& victim : finding.victims) out.push_back(&victim);
  return out;
}

bool in_container(const Finding& finding, const std::string& id) {
  if (id.empty()) return false;
  const auto fits = [&](const std::string& other) { return other.starts_with(id); };
  if (finding.container && (fits(finding.container->id) || fits(finding.container->sandbox))) return true;
  const auto all = parties(finding);
  return std::any_of(all.begin(), all.end(), [&](const Party* party) { return fits(party->container); });
}

bool in_pod(const Finding& finding, const std::string& uid) {
  if (uid.empty()) return false;
  if (finding.container && finding.container->pod == uid) return true;
  const auto all = parties(finding);
  return std::any_of(all.begin(), all.end(), [&](const Party* party) { return party->pod == uid; });
}

bool names(const Finding& finding, std::int32_t pid) {
  if (pid == 0) return false;
  const auto all = parties(finding);
  return std::any_of(all.begin(), all.end(),
                     [pid](const Party* party) { return party->pid == pid || party->tid == pid; });
}

/// Whether the process is the parent of an init that the finding names: the shim of its container is.
bool parent_of_init(const Finding& finding, std::int32_t pid, const Snapshot& snapshot) {
  if (pid == 0) return false;
  return std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(), [&](const Task& task) {
    const bool init = task.ns_pids && task.ns_pids->size() > 1 && task.ns_pids->back() == 1;
    return init && task.ppid.is(pid) && task.tid && names(finding, *task.tid);
  });
}

bool shown(const Snapshot& snapshot, std::int32_t pid) {
  return std::any_of(snapshot.tasks.begin(), snapshot.tasks.end(),
                     [pid](const Task& task) { return task.tid.is(pid) || task.tgid.is(pid); });
}

Error no_such(const Selection& selection, const std::string& remedy) {
  return {ErrorKind::no_input, "there is none on this host: " + selection.text(), "", remedy};
}

bool is_uid(std::string_view text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef-") == std::string_view::npos;
}

/// A process of a container or a pod, by its cgroup.
struct Contained {
  std::int32_t pid = 0;
  Container container;
};

std::vector<Contained> contained(const Snapshot& snapshot) {
  std::vector<Contained> out;
  for (const Task& task : snapshot.tasks) {
    if (!task.is_leader() || !task.cgroup) continue;
    Container found = container_of(*task.cgroup);
    if (!found.id.empty() || !found.pod.empty()) out.push_back({*task.tid, std::move(found)});
  }
  return out;
}

/// Every process that there is could be asked.
bool complete(const Snapshot& snapshot) {
  const auto asked = [](const Task& task) {
    const bool kernel_thread = (task.flags.value_or(0) & k_pf_kthread) != 0;
    const Absence* why = task.cgroup.absence();
    return !task.is_leader() || kernel_thread || why == nullptr || *why == Absence::gone;
  };
  return snapshot.all_tasks && std::all_of(snapshot.tasks.begin(), snapshot.tasks.end(), asked);
}

/// The one container whose id begins like that.
Result<std::string> whole_id(const Selection& selection, const std::vector<Contained>& all, bool whole) {
  std::set<std::string> ids;
  for (const Contained& one : all)
    if (one.container.id.starts_with(selection.container)) ids.insert(one.container.id);
  if (ids.count(selection.container) > 0) return selection.container;
  if (ids.size() > 1)
    return Error{ErrorKind::usage, fmt::format("{} containers begin like that", ids.size()),
                 selection.container, "give more of the id"};
  if (ids.size() == 1) return *ids.begin();
  if (whole)
    return no_such(selection, "docker ps --no-trunc, crictl ps -a or ctr containers ls shows the ids");
  return selection.container;
}

}  // namespace

std::string Selection::text() const {
  std::string out;
  const auto add = [&](const std::string& part) { out += (out.empty() ? "" : ", ") + part; };
  if (!container.empty()) add("container " + printable(container, 76));
  if (!pod.empty()) add("pod " + printable(pod, 76));
  if (pid != 0) add(fmt::format("process {}", pid));
  return out;
}

void add_selection_options(CLI::App& verb, Selection& selection) {
  verb.add_option("--container", selection.container,
                  "Only about this container: its id, or the beginning of it")
      ->type_name("ID");
  verb.add_option("--pod", selection.pod, "Only about this pod of Kubernetes")->type_name("UID");
  verb.add_option("--pid", selection.pid, "Only about this process of the host, and its container")
      ->type_name("PID")
      ->check(CLI::Range(1, 1 << 22));
}

Result<Selection> found_on_host(const Selection& selection, const Snapshot& snapshot) {
  Selection out = selection;
  std::replace(out.pod.begin(), out.pod.end(), '_', '-');
  if (!out.any()) return out;
  if (!out.pod.empty() && !is_uid(out.pod))
    return Error{ErrorKind::no_input, "a node knows its pods by uid, not by name", out.pod,
                 "kubectl get pod NAME -o jsonpath={.metadata.uid} tells it"};
  const std::vector<Contained> all = contained(snapshot);
  const bool whole = complete(snapshot);
  if (!out.container.empty()) {
    const auto id = whole_id(out, all, whole);
    if (!id) return id.error();
    out.container = *id;
  }
  const auto in_pod = [&](const Contained& one) { return one.container.pod == out.pod; };
  if (!out.pod.empty() && whole && std::none_of(all.begin(), all.end(), in_pod))
    return no_such(out, "crictl pods, or kubectl get pods -o wide, shows where it runs");
  if (out.pid != 0 && !shown(snapshot, out.pid)) {
    if (whole) return no_such(out, "give the number that the host gives it");
  } else if (out.pid != 0 && out.container.empty()) {
    for (const Contained& one : all)
      if (one.pid == out.pid) out.container = one.container.id;
  }
  return out;
}

void keep_selected(Diagnosis& diagnosis, const Selection& selection, const Snapshot& snapshot) {
  if (!selection.any()) return;
  const std::size_t all = diagnosis.findings.size();
  std::erase_if(diagnosis.findings, [&](const Finding& finding) {
    return !in_container(finding, selection.container) && !in_pod(finding, selection.pod) &&
           !names(finding, selection.pid) && !parent_of_init(finding, selection.pid, snapshot);
  });
  const std::size_t left = diagnosis.findings.size();
  const auto harmless = [](const Finding& finding) {
    return cause(finding.cause).kind == CauseKind::harmless;
  };
  const bool stuck = std::any_of(
      diagnosis.findings.begin(), diagnosis.findings.end(),
      [&](const Finding& finding) { return finding.confidence >= Confidence::likely && !harmless(finding); });
  const bool perhaps = !std::all_of(diagnosis.findings.begin(), diagnosis.findings.end(), harmless);
  // What a look at one container could not see may be what it hangs on.
  const bool whole = diagnosis.verdict == Verdict::healthy ||
                     (diagnosis.verdict == Verdict::stuck && snapshot.all_tasks && diagnosis.limits.empty());
  diagnosis.verdict = stuck ? Verdict::stuck : perhaps || !whole ? Verdict::unknown : Verdict::healthy;
  if (left != 0 && all == left) return;
  Limit limit{left == 0 ? Limit::nothing_chosen : Limit::only_chosen, all - left};
  limit.chosen = selection.text();
  diagnosis.limits.insert(diagnosis.limits.begin(), std::move(limit));
}

}  // namespace unzap
