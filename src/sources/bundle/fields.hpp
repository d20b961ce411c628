// SPDX-License-Identifier: Apache-2.0
#pragma once

// Which fields a bundle carries, and under which key: the one table for writing and for reading. Each
// function takes its struct apart into all of its members, so that a new member that is not carried here
// does not compile.

namespace unzap::bundle {

template <class Archive, class AnySnapshot>
void host_fields(Archive& archive, AnySnapshot& snapshot) {
  auto& [origin, host, tasks, events, cgroups, problems, symptoms, all_tasks] = snapshot;
  auto& [name, kernel_release, kernel_version, cpus, preemption, hung_tasks, soft_lockups, hard_lockups,
         rcu_stalls, wait_fix, setup] = host;
  auto& [machine, io_uring, io_uring_disabled, guard_loaded, preempt_rcu, preempt_count, modules, kprobes,
         module_sig_force] = setup;
  archive("origin", origin);
  archive("all_tasks", all_tasks);
  archive("name", name);
  archive("kernel_release", kernel_release);
  archive("kernel_version", kernel_version);
  archive("cpus", cpus);
  archive("preemption", preemption);
  archive("hung_tasks", hung_tasks);
  archive("soft_lockups", soft_lockups);
  archive("hard_lockups", hard_lockups);
  archive("rcu_stalls", rcu_stalls);
  archive("machine", machine);
  archive("io_uring", io_uring);
  archive("io_uring_disabled", io_uring_disabled);
  archive("guard_loaded", guard_loaded);
  archive("preempt_rcu", preempt_rcu);
  archive("preempt_count", preempt_count);
  archive("modules", modules);
  archive("kprobes", kprobes);
  archive("module_sig_force", module_sig_force);
  archive.code("wait_fix", "wait_fix_step", wait_fix);
}

template <class Archive, class AnyTask>
void task_fields(Archive& archive, AnyTask& task) {
  auto& [tid, tgid, ppid, start_ticks, comm, state, flags, processor, threads, multi_threaded, has_mm,
         cpu_percent, wchan, syscall, stack, ns_pids, pid_ns, pid_ns_chain, mnt_ns, tracer_pid,
         pending_private, pending_shared, blocked, ignored, core_dumping, cgroup, container, work_dir,
         file_system, blocked_read, rings, blocked_seconds, samples, where] = task;
  archive("tid", tid);
  archive("tgid", tgid);
  archive("ppid", ppid);
  archive("comm", comm);
  archive("state", state);
  archive("start_ticks", start_ticks);
  archive.mask("flags", flags);
  archive("processor", processor);
  archive("threads", threads);
  archive("multi_threaded", multi_threaded);
  archive("has_mm", has_mm);
  archive("cpu_percent", cpu_percent);
  archive("wchan", wchan);
  archive("syscall", syscall);
  archive("ns_pids", ns_pids);
  archive("pid_ns", pid_ns);
  archive("pid_ns_chain", pid_ns_chain);
  archive("mnt_ns", mnt_ns);
  archive("tracer_pid", tracer_pid);
  archive.mask("pending_private", pending_private);
  archive.mask("pending_shared", pending_shared);
  archive.mask("blocked", blocked);
  archive.mask("ignored", ignored);
  archive("core_dumping", core_dumping);
  archive("cgroup", cgroup);
  archive("container", container);
  archive("work_dir", work_dir);
  archive("file_system", file_system);
  archive("blocked_read", blocked_read);
  archive("rings", rings);
  archive("blocked_seconds", blocked_seconds);
  archive("where", where);
  archive.samples("sample", samples);
  archive.stack("stack", "frame", stack);
}

template <class Archive, class AnyEvent>
void event_fields(Archive& archive, AnyEvent& event) {
  auto& [kind, at_seconds, duration_seconds, cpus, tid, comm, stack, text, where] = event;
  archive("kind", kind);
  archive("at_seconds", at_seconds);
  archive("duration_seconds", duration_seconds);
  archive("cpus", cpus);
  archive("tid", tid);
  archive("comm", comm);
  archive("text", text);
  archive("where", where);
  archive.stack("stack", "frame", stack);
}

template <class Archive, class AnyCgroup>
void cgroup_fields(Archive& archive, AnyCgroup& cgroup) {
  auto& [path, version, freeze_asked, frozen, where, self_freezing] = cgroup;
  archive("path", path);
  archive("version", version);
  archive("freeze_asked", freeze_asked);
  archive("frozen", frozen);
  archive("self_freezing", self_freezing);
  archive("where", where);
}

template <class Archive, class AnyProblem>
void problem_fields(Archive& archive, AnyProblem& problem) {
  auto& [where, text] = problem;
  archive("where", where);
  archive("text", text);
}

template <class Archive, class AnySymptom>
void symptom_fields(Archive& archive, AnySymptom& symptom) {
  auto& [text, container, pod, where] = symptom;
  archive("text", text);
  archive("container", container);
  archive("pod", pod);
  archive("where", where);
}

}  // namespace unzap::bundle
