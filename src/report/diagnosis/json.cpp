// SPDX-License-Identifier: Apache-2.0
#include "report/diagnosis/finding_json.hpp"
#include "report/diagnosis/report.hpp"
#include "report/diagnosis/words.hpp"
#include "util/text.hpp"

namespace unzap {
namespace {

constexpr std::size_t k_max_problems = 200;

Json to_json(const Party& party) {
  return {{"pid", value_or_null(party.pid)},
          {"tid", value_or_null(party.tid)},
          {"comm", party.comm},
          {"role", words(party.role)},
          {"container", text_or_null(party.container)},
          {"pod", text_or_null(party.pod)},
          {"start_ticks", value_or_null(party.start_ticks)}};
}

Json to_json(const ContainerRef& container) {
  return {{"id", text_or_null(container.id)},
          {"name", text_or_null(container.name)},
          {"runtime", text_or_null(container.runtime)},
          {"namespace", text_or_null(container.ns)},
          {"pod", text_or_null(container.pod)},
          {"sandbox", text_or_null(container.sandbox)},
          {"process", container.process ? to_json(*container.process) : Json(nullptr)}};
}

Json host_json(const Snapshot& snapshot) {
  const Host& host = snapshot.host;
  return {{"name", host.name ? Json(printable(*host.name, k_shown_host_bytes)) : Json(nullptr)},
          {"kernel", value_or_null(host.kernel_release)},
          {"cpus", value_or_null(host.cpus)},
          {"origin", name(snapshot.origin)},
          {"preemption", host.preemption ? Json(name(*host.preemption)) : Json(nullptr)},
          {"counters",
           {{"hung_tasks", value_or_null(host.hung_tasks)},
            {"soft_lockups", value_or_null(host.soft_lockups)},
            {"hard_lockups", value_or_null(host.hard_lockups)},
            {"rcu_stalls", value_or_null(host.rcu_stalls)}}}};
}

Json problems_json(const std::vector<Problem>& problems) {
  Json out = Json::array();
  for (std::size_t i = 0; i < problems.size() && i < k_max_problems; ++i)
    out.push_back({{"where", problems[i].where}, {"text", problems[i].text}});
  if (problems.size() > k_max_problems)
    out.push_back(
        {{"where", ""}, {"text", std::to_string(problems.size() - k_max_problems) + " more like these"}});
  return out;
}

Json symptoms_json(const std::vector<Symptom>& symptoms) {
  Json out = Json::array();
  for (const Symptom& symptom : symptoms)
    out.push_back({{"where", symptom.where},
                   {"text", symptom.text},
                   {"container", text_or_null(symptom.container)},
                   {"pod", text_or_null(symptom.pod)}});
  return out;
}

}  // namespace

Json finding_json(const Finding& finding) {
  Json victims = Json::array();
  for (const Party& victim : finding.victims) victims.push_back(to_json(victim));
  Json chain = Json::array();
  for (const Link& link : finding.chain)
    chain.push_back({{"what", words(link.from)}, {"waits_for", awaited(link)}, {"evidence", link.evidence}});
  Json evidence = Json::array();
  for (const Evidence& piece : finding.evidence)
    evidence.push_back({{"id", piece.id}, {"source", piece.source}, {"text", piece.text}});
  Json remedies = Json::array();
  for (const Remedy& remedy : finding.remedies)
    remedies.push_back(
        {{"id", remedy.id}, {"text", remedy.text}, {"risk", remedy.risk.empty() ? "none" : remedy.risk}});
  return {{"cause", name(finding.cause)},
          {"confidence", name(finding.confidence)},
          {"summary", finding.summary},
          {"culprit", finding.culprit ? to_json(*finding.culprit) : Json(nullptr)},
          {"victims", std::move(victims)},
          {"chain", std::move(chain)},
          {"evidence", std::move(evidence)},
          {"refuted_by", finding.refuted_by},
          {"next_evidence", finding.next_evidence},
          {"remedies", std::move(remedies)},
          {"references", finding.references},
          {"pid_ns", value_or_null(finding.pid_ns)},
          {"reaper", finding.reaper ? to_json(*finding.reaper) : Json(nullptr)},
          {"unproved", words(finding.unproved)},
          {"container", finding.container ? to_json(*finding.container) : Json(nullptr)}};
}

std::string to_json(const Diagnosis& diagnosis, const Snapshot& snapshot) {
  Json findings = Json::array();
  for (const Finding& finding : diagnosis.findings) findings.push_back(finding_json(finding));
  Json document = {{"schema_version", k_finding_schema_version},
                   {"verdict", name(diagnosis.verdict)},
                   {"host", host_json(snapshot)},
                   {"findings", std::move(findings)},
                   {"limits", words(diagnosis.limits)},
                   {"problems", problems_json(snapshot.problems)},
                   {"symptoms", symptoms_json(snapshot.symptoms)}};
  return json_text(std::move(document), 2);
}

}  // namespace unzap
