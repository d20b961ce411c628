// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "diagnosis/blind_spots.hpp"
#include "diagnosis/cause_id.hpp"
#include "diagnosis/link.hpp"
#include "diagnosis/party.hpp"
#include "util/names.hpp"

namespace unzap {

/// How sure a finding is. `certain` is said only when the evidence excludes the known look-alikes; a wrong
/// `certain` is worse than a miss.
enum class Confidence : std::uint8_t { possible, likely, certain };
constexpr auto names_of(Confidence) {
  return name_table<Confidence>(
      {{Confidence::possible, "possible"}, {Confidence::likely, "likely"}, {Confidence::certain, "certain"}});
}

/// What diagnosis answers as a whole; decides the exit code of `unzap diagnose`.
enum class Verdict : std::uint8_t {
  healthy,  ///< nothing stuck, and the source could have shown it
  stuck,    ///< at least one finding that says so well enough: see diagnose()
  unknown,  ///< could not tell
};
constexpr auto names_of(Verdict) {
  return name_table<Verdict>(
      {{Verdict::healthy, "healthy"}, {Verdict::stuck, "stuck"}, {Verdict::unknown, "unknown"}});
}

/// One piece of evidence: where it was seen and what it says.
struct Evidence {
  std::string id;      ///< "e1", "e2", ... unique within its finding
  std::string source;  ///< "capture.txt:4", "/proc/308312/stack"
  std::string text;

  bool operator==(const Evidence&) const = default;
};

/// The container that a finding is about, as its runtime knows it. An empty field: not known.
struct ContainerRef {
  std::string id;       ///< as `docker ps --no-trunc`, `crictl ps` or `ctr containers ls` shows it
  std::string name;     ///< where the runtime identifies containers by names (ctr)
  std::string runtime;  ///< "docker", "containerd", "cri-o", "podman", "runc", "lxc"
  std::string ns;       ///< namespace of containerd: "k8s.io", "moby", "default"
  std::string pod;      ///< uid of its Kubernetes pod
  std::string sandbox;  ///< id of the pod's sandbox, by which crictl knows the pod
  std::optional<Party> process = {};  ///< the runtime's process that holds it: shim, conmon, runc
  bool claimed = false;  ///< the id is from a cgroup that its owner may have named; see Container

  bool operator==(const ContainerRef&) const = default;
};

/// One thing that can be done, in the order an on-call engineer would try it.
struct Remedy {
  std::string id;  ///< stable: "upgrade-kernel"
  std::string text;
  std::string risk = {};  ///< what it may break and cannot undo; empty: nothing

  bool operator==(const Remedy&) const = default;
};

/// Something about who belongs to whom that is inferred (from names, depth, a listing) and not proved.
struct Unproved {
  enum Kind : std::uint8_t {
    namespace_of_init,  ///< which one `who` takes down: its ns/pid is missing, because of `absence`
    membership,         ///< of `who` in the namespace of `init`: container, depth or parent stand in for it
    runtime_by_name,    ///< that `who` is a container runtime's
    runtime_unknown,    ///< the same, and not even its name says so
  };
  Kind kind;
  std::string who;         ///< label of the first
  std::size_t others = 0;  ///< how many more
  std::string init = {};
  std::optional<Absence> absence = {};

  bool operator==(const Unproved&) const = default;
};

/// Something that was not seen or not done, and leaves a question open.
struct Limit {
  enum Kind : std::uint8_t {
    hidden,            ///< `blind_spots`
    stacks_refused,    ///< of `count` tasks
    tasks_missing,     ///< not every task of the host was seen
    empty_input,       ///< no task and no kernel report in it
    one_look,          ///< so a task that spins cannot be told from a busy one
    out_of_time,       ///< after `seconds`: `count` of `all` causes were not looked for
    too_many_jams,     ///< more than `count` of `cause`
    outranked,         ///< `cause` is not listed, because `why`; `by` says so, where it is one cause
    unexplained,       ///< `symptom`
    more_unexplained,  ///< `count` symptoms
    only_chosen,       ///< what is about `chosen`; `count` findings about others are left out
    nothing_chosen,    ///< the same, and none is left
  };
  Kind kind;
  std::size_t count = 0;
  std::size_t all = 0;
  double seconds = 0;
  CauseId cause = {};
  std::optional<CauseId> by = {};
  std::string_view why = {};  ///< of the table of causes
  BlindSpots blind_spots = {};
  Symptom symptom = {};
  std::string chosen = {};  ///< "container 3f2a9c"

  bool operator==(const Limit&) const = default;
};

/// One cause, with its reasons. The fields are those of the JSON (docs/design: cause ids are stable).
struct Finding {
  CauseId cause{};
  Confidence confidence = Confidence::possible;
  std::string summary;
  std::optional<Party> culprit;
  std::vector<Party> victims;
  std::vector<Link> chain;
  std::vector<Evidence> evidence;
  std::vector<std::string> refuted_by;
  std::vector<std::string> next_evidence;
  std::vector<Remedy> remedies;
  std::vector<std::string> references;
  /// The dying pid namespace that it is about (inode), and the thread that zaps it. Nothing: it is about
  /// none, or which one is not known.
  std::optional<std::uint64_t> pid_ns = {};
  std::optional<Party> reaper = {};
  /// Whose container it is about; nothing: none is known.
  std::optional<ContainerRef> container = {};
  /// Empty: every task named here is proved to be part of this jam. Nothing is done about one with gaps.
  std::vector<Unproved> unproved = {};

  /// Adds a piece of evidence and returns its id; the same source and text is added once.
  std::string add_evidence(std::string source, std::string text);

  bool operator==(const Finding&) const = default;
};

/// What diagnosis says of one snapshot.
struct Diagnosis {
  Verdict verdict = Verdict::unknown;
  std::vector<Finding> findings;  ///< ranked, the best explained first
  std::vector<Limit> limits;      ///< what could not be seen, and what that leaves open

  bool operator==(const Diagnosis&) const = default;
};

}  // namespace unzap
