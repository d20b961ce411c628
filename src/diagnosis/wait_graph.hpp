// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "diagnosis/link.hpp"
#include "diagnosis/scene.hpp"

namespace unzap {

/// What can wait, or be waited for.
struct Node {
  NodeRef ref;
  const Task* task = nullptr;  ///< of a task node
};

/// `from` cannot come on before `to` does. The proofs are what was seen; `inferred` says that the edge itself
/// was not seen but follows from how the kernel works.
struct Edge {
  std::size_t from = 0;
  std::size_t to = 0;
  Reason reason;
  bool inferred = false;
  std::vector<Proof> proofs;
};

/// Who waits for whom: nodes, edges, and the ways between them. It knows no snapshot: build_graph() draws it.
/// Its size is linear in what it is drawn from: a node for each task that waits or is waited for, and one for
/// each thing they wait for.
class WaitGraph {
 public:
  /// Adds a node of its own.
  std::size_t add(NodeRef ref, const Task* task = nullptr);
  /// The node of a task, added when it is new.
  std::size_t task_node(const Task& task);
  /// The node of something that is not a task, added when it is new.
  std::size_t thing(const NodeRef& ref);
  /// Adds an edge; when there is one already, the proofs go to that. Nobody waits for himself.
  void connect(std::size_t from, std::size_t to, Reason reason, std::vector<Proof> proofs,
               bool inferred = false);

  const std::vector<Node>& nodes() const { return nodes_; }
  const std::vector<Edge>& edges() const { return edges_; }
  std::optional<std::size_t> node_of(const Task& task) const;
  /// Edges that leave a node.
  std::vector<const Edge*> out(std::size_t node) const;
  /// Edges that come into a node.
  std::vector<const Edge*> into(std::size_t node) const;
  /// The edges of a shortest way from one node to another; empty when there is none or they are the same.
  std::vector<const Edge*> path(std::size_t from, std::size_t to) const;
  /// The same between two tasks; a task does not wait for itself here.
  std::vector<const Edge*> way(const Task& from, const Task& to) const;
  /// True when `from` waits for `to`, directly or through others.
  bool reaches(const Task& from, const Task& to) const { return !way(from, to).empty(); }
  /// The edges of a shortest cycle through this node; empty when it is on none.
  std::vector<const Edge*> cycle_through(std::size_t node) const;

 private:
  std::vector<Node> nodes_;
  std::vector<Edge> edges_;
  std::vector<std::vector<std::size_t>> out_;  ///< edge numbers by node
  std::vector<std::vector<std::size_t>> in_;
  std::map<std::pair<std::size_t, std::size_t>, std::size_t> edge_between_;
  std::map<const Task*, std::size_t> task_nodes_;
  std::map<NodeRef, std::size_t> things_;
};

}  // namespace unzap
