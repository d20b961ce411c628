// SPDX-License-Identifier: Apache-2.0
#pragma once

// Steps that nobody else can see, and why a search need not stop before them.
//
// The problem. Two tasks that have nothing to do with each other can take their steps in any order. If A has
// a steps to go and B has b, a search sees (a+1)(b+1) states, though where they come out is always the same:
// with n such tasks it grows as a power of n.
//
//         s --B--> .             A: exit_task_work() in one container
//         |        |             B: a step of a task in another container
//         A        A
//         v        v
//         . --B--> t
//
// The idea. If in a state some task has a step that nobody else can see or hinder (a lone step), take it at
// once, as part of the step that led there, and forget the state in between. The search then knows s after A,
// and t, but not s itself nor s after B.
//
// An example. The child of a container is the last one awake; it stands in do_exit() before exit_task_work().
// The other members of its container are dead or asleep, and nobody outside wakes them. Whatever the tasks of
// other containers do, the child will take that step, it will be the same, and they will not notice. So its
// way through do_exit(), up to where it touches what others share (a mount namespace, a lock, another task),
// is one step.
//
// Why it is right. Let l be a lone step of s, and s' the state after it. Three conditions, which the steps
// below are chosen to meet (explorer/reductions.hpp, PartlyOrdered):
//
//   (1) l and any sequence of other steps can be exchanged: neither makes the other impossible, and both
//       orders lead to the same state;
//   (2) l changes neither whether a state is a goal, nor its witnesses, nor whether others' steps are busy;
//   (3) l lies on no cycle.
//
// A goal that can be reached from s' can be reached from s: take l first. And the other way round: take a way
// from s to a goal. The task of l must have moved on by then, because a task that still has a step to take is
// not gone. So l is on that way, and by (1) it can be moved to the front without changing where the way ends;
// what remains is a way from s'. So s is doomed if and only if s' is, and to look at s' is enough. That it is
// the only successor kept is what makes this hold of "whatever happens, a goal can still be reached", and not
// only of single ways: no choice of the others is left out before l, they all come after it.
//
// By (3) s lies in no trap and on no busy cycle: it leads to s', and s' never leads back. So no state of a
// trap has a lone step, and each is in the smaller graph with all its successors. And (3) is also why taking
// lone steps one after another comes to an end.
//
// Which steps are lone is for the code below to say: stays_inside() of the step, dormant() and alone() of the
// others in its container, environment_is_quiet() of the world outside, stays_lone() of the state after it.
// Where that world may look into a container at any moment, no step is lone, and why_not_partly_ordered()
// refuses the whole. Tests take the states of every scenario and try all exchanges with steps of others
// (reductions_test.cpp).
//
// What it saves. With one container hardly anything: there nobody is alone. With four, 57.9 million states
// become 33.8 million, and together with symmetry 4.7 million (docs/performance.md).

#include <optional>
#include <string>

#include "kernel/machine/machine.hpp"

namespace unzap::kernel {

/// A step that nobody but the task who takes it can see or hinder, if one is due; for explorer::PartialOrder.
///
/// It belongs to a task that is alone in its container: every other task there is dead, or sleeps and is
/// woken by nobody outside. The step touches nothing but the task, its process and what belongs to its
/// container (pid namespace, reference counts of the mount namespace); so no task elsewhere sees it, the
/// other members cannot look before it is done, and it does not look at anything that others change. It is
/// part of a straight way (do_exit() and what leads there), so it lies on no cycle.
std::optional<Action> lone_step(const Config& c, const State& s);

/// Whether `after`, which `step` made of `before`, is what a lone step may do: the task still runs, and
/// nobody was woken. (A task that is queued shows elsewhere: an idle CPU that has one to run is not idle to
/// RCU.)
bool stays_lone(const Config& c, const State& before, const State& after, const Action& step);

/// Why no step of the scenario can ever be left to itself; empty if some can.
std::string why_not_partly_ordered(const Config& c);

}  // namespace unzap::kernel
