// SPDX-License-Identifier: Apache-2.0
#pragma once

#include "snapshot/snapshot.hpp"

namespace unzap {

/// The snapshot without the names that belong to its owner, for a bundle that leaves the house.
///
/// What stays is on a list, and everything else is masked: numbers that count something, states, signals,
/// functions and modules of the kernel, names that the kernel and container runtimes give to their own tasks,
/// words of the kernel's and of our own sentences (redact_words.hpp). Reports of a known kind are written
/// anew from what was parsed of them. So names of hosts, domains, users, tasks, cgroups, pods, containers,
/// devices, volumes, network interfaces and files, addresses, mail addresses, tokens, the arguments of system
/// calls and who built the kernel are gone, also in forms that nobody thought of.
///
/// What the kernel gives as a function or a module stays when it could be one (letters, digits, _; no device,
/// no id): a module of the owner's own keeps its name.
///
/// The same name has the same mask everywhere in the snapshot, so that the diagnosis stays what it is. Masks
/// are numbers in the order of the first use and tell nothing of the name.
Snapshot redacted(Snapshot snapshot);

}  // namespace unzap
