// SPDX-License-Identifier: Apache-2.0
#include "report/kernel/risk_report.hpp"
#include "report/json_text.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <nlohmann/json.hpp>

#include "report/writer.hpp"

namespace unzap {
namespace {

constexpr int k_schema_version = 1;
constexpr std::size_t k_indent = 2;
constexpr std::size_t k_max_threads = 4;
constexpr std::size_t k_short_id = 12;

template <class T>
Json or_null(const Reading<T>& reading) {
  return reading ? Json(*reading) : Json(nullptr);
}
Json or_null(const std::string& text) {
  return text.empty() ? Json(nullptr) : Json(text);
}

Json thread_json(const IoThread& thread) {
  return {{"tid", thread.tid},
          {"comm", thread.comm},
          {"kind", thread.sqpoll ? "sqpoll" : "worker"},
          {"creator", {{"tid", or_null(thread.creator)}, {"comm", or_null(thread.creator_comm)}}}};
}

Json user_json(const RingUser& user) {
  Json threads = Json::array();
  for (const IoThread& thread : user.io_threads) threads.push_back(thread_json(thread));
  return {{"pid", user.pid},
          {"comm", user.comm},
          {"init", user.init},
          {"rings", or_null(user.rings)},
          {"threads", std::move(threads)}};
}

Json container_json(const ContainerRisk& container) {
  Json users = Json::array();
  for (const RingUser& user : container.users) users.push_back(user_json(user));
  Json advice = Json::array();
  for (const Advice& one : container.advice)
    advice.push_back({{"id", one.id}, {"text", one.text}, {"command", or_null(one.command)}});
  return {{"pid_ns", or_null(container.pid_ns)},
          {"host", container.host},
          {"container", or_null(container.container)},
          {"pod", or_null(container.pod)},
          {"rank", name(container.rank)},
          {"reason", container.reason},
          {"init",
           {{"pid", or_null(container.init_pid)},
            {"comm", or_null(container.init_comm)},
            {"kind", name(container.init_kind)},
            {"uses_io_uring", or_null(container.init_uses)}}},
          {"processes", container.processes},
          {"workers", container.workers},
          {"sqpoll", container.sqpoll},
          {"own_mount_namespace", or_null(container.own_mount_ns)},
          {"users", std::move(users)},
          {"advice", std::move(advice)}};
}

Tone tone_of(RiskRank rank) {
  switch (rank) {
    case RiskRank::can_jam_node: return Tone::bad;
    case RiskRank::can_waste_cpu:
    case RiskRank::unknown: return Tone::warning;
    case RiskRank::cannot: return Tone::good;
  }
  return Tone::plain;
}

std::string count_of(std::size_t count, std::string_view one, std::string_view many) {
  return fmt::format("{} {}", count, count == 1 ? one : many);
}

std::string title_of(const ContainerRisk& container) {
  if (container.host) return "the host";
  std::string out = container.container.empty() ? "pid namespace"
                                                : "container " + container.container.substr(0, k_short_id);
  if (!container.pod.empty()) out += " of pod " + container.pod;
  if (container.pid_ns) out += fmt::format(" pid:[{}]", *container.pid_ns);
  if (container.init_pid)
    out += fmt::format(", init {}[{}] ({})", container.init_comm, *container.init_pid,
                       name(container.init_kind));
  return out;
}

std::string thread_text(const IoThread& thread) {
  std::string out = fmt::format("{}[{}]", thread.comm, thread.tid);
  if (!thread.creator) return out;
  if (thread.creator_comm.empty())
    return out + fmt::format(" of thread {}, which is not seen", *thread.creator);
  return out + fmt::format(" of {}[{}]", thread.creator_comm, *thread.creator);
}

void write_user(const RingUser& user, bool verbose, TextWriter& out) {
  std::string text = fmt::format("{}[{}]{}: ", user.comm, user.pid, user.init ? ", the init" : "");
  text += user.rings ? count_of(static_cast<std::size_t>(*user.rings), "ring", "rings")
                     : fmt::format("rings {}", name(*user.rings.absence()));
  if (user.io_threads.empty()) text += ", no worker now";
  const std::size_t shown =
      verbose ? user.io_threads.size() : std::min(user.io_threads.size(), k_max_threads);
  for (std::size_t i = 0; i < shown; ++i) text += ", " + thread_text(user.io_threads[i]);
  if (shown < user.io_threads.size()) text += fmt::format(", and {} more", user.io_threads.size() - shown);
  out.item(k_indent, "uses io_uring  ", text);
}

void write_container(const ContainerRisk& container, const TextOptions& options, TextWriter& out) {
  out.gap();
  out.item(0, std::string(name(container.rank)) + "  ", title_of(container), tone_of(container.rank));
  out.paragraph(k_indent, container.reason);
  for (const RingUser& user : container.users) write_user(user, options.verbose, out);
  if (container.own_mount_ns)
    out.paragraph(k_indent, *container.own_mount_ns ? "It has a mount namespace of its own."
                                                    : "It shares the host's mount namespace.");
  for (const Advice& advice : container.advice) {
    out.item(k_indent, fmt::format("{:<10}", advice.id), advice.text);
    if (!advice.command.empty()) out.verbatim(2 * k_indent, "", advice.command);
  }
}

std::string headline(const RiskReport& report) {
  const auto count = [&report](RiskRank rank) {
    return static_cast<std::size_t>(
        std::count_if(report.containers.begin(), report.containers.end(),
                      [rank](const ContainerRisk& one) { return one.rank == rank; }));
  };
  const auto containers =
      static_cast<std::size_t>(std::count_if(report.containers.begin(), report.containers.end(),
                                             [](const ContainerRisk& one) { return !one.host; }));
  return fmt::format("{} can jam the node, {} can waste a CPU, {} not known; {} and {} looked at",
                     count(RiskRank::can_jam_node), count(RiskRank::can_waste_cpu), count(RiskRank::unknown),
                     count_of(containers, "container", "containers"),
                     count_of(report.threads, "thread", "threads"));
}

}  // namespace

std::string risk_json(const RiskReport& report) {
  Json containers = Json::array();
  for (const ContainerRisk& container : report.containers) containers.push_back(container_json(container));
  Json document = {{"schema_version", k_schema_version},
                   {"verdict", name(report.worst())},
                   {"kernel", {{"verdict", name(report.kernel)}, {"reason", report.kernel_reason}}},
                   {"threads", report.threads},
                   {"containers", std::move(containers)},
                   {"gaps", report.gaps}};
  return json_text(std::move(document), 2);
}

std::string risk_text(const RiskReport& report, const TextOptions& options) {
  TextWriter out(options.width, options.color);
  out.item(0, "", headline(report), tone_of(report.worst()));
  out.item(0, "Kernel    ", fmt::format("{}: {}", name(report.kernel), report.kernel_reason), Tone::heading);
  for (const std::string& gap : report.gaps) out.item(0, "Not seen  ", gap, Tone::heading);
  std::size_t quiet = 0;
  for (const ContainerRisk& container : report.containers) {
    const bool shown = options.verbose || container.rank != RiskRank::cannot || !container.users.empty();
    if (shown) write_container(container, options, out);
    quiet += shown ? 0 : 1;
  }
  if (quiet > 0) {
    out.gap();
    out.paragraph(0, fmt::format("{} without io_uring (--verbose shows them).",
                                 count_of(quiet, "container", "containers")));
  }
  return out.text();
}

}  // namespace unzap
