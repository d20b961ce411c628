// SPDX-License-Identifier: Apache-2.0
#include "sources/bundle/redact_words.hpp"

#include <algorithm>
#include <iterator>

namespace unzap::bundle {
namespace {

// Each list in rising order, for a search by halves.

// clang-format off
constexpr std::string_view k_plain_words[] = {
    "a", "about", "above", "accounting", "active", "after", "again", "all", "allocation", "allocator",
    "allowed", "already", "also", "an", "and", "anon", "anon-rss", "another", "answer", "answered",
    "answers", "any", "anything", "are", "as", "asked", "at", "atomic", "available", "back",
    "backtrace", "bad", "be", "because", "become", "been", "before", "behind", "being", "belong",
    "below", "between", "blocked", "blocking", "blocks", "both", "bound", "brk", "budget", "bug",
    "busy", "but", "by", "bytes", "call", "cannot", "cap", "cap_dac_read_search", "cap_kill",
    "cap_net_admin", "cap_perfmon", "cap_sys_admin", "cap_sys_ptrace", "cap_syslog", "capability",
    "cgroup", "cgroups", "change", "changed", "child", "children", "cleanup", "clock", "closed",
    "cmdline", "code", "columns", "come", "comes", "comm", "configuration", "constraint",
    "constraint_memcg", "constraint_none", "container", "containers", "context", "core", "could",
    "count", "counters", "cpu", "cpu_online", "cpus", "cpuset", "cut", "data", "dead", "deadline",
    "deadlock", "default", "delayed", "depth", "dereference", "descriptor", "descriptors", "detach",
    "detected", "did", "different", "disabled", "disk", "dmesg", "do", "does", "done", "double",
    "dropped", "dump", "dumped", "eacces", "each", "earlier", "early", "emfile", "empty", "enabled",
    "end", "ended", "ends", "enfile", "enomem", "enough", "environ", "environment", "eperm", "error",
    "errors", "event", "events", "exceeded", "exception", "exe", "exit", "exited", "exiting", "exits",
    "expected", "expedited", "expired", "fail", "failed", "failing", "failures", "fault", "fd", "fds",
    "few", "field", "file", "file-rss", "files", "filesystem", "first", "flag", "flags", "folder",
    "footprint", "for", "forever", "fork", "forked", "found", "fqs", "free", "freeze", "freezer",
    "freezing", "from", "frozen", "full", "function", "further", "fuse", "futex", "gap", "gaps", "gb",
    "general", "given", "global_oom", "gone", "got", "gps", "grace", "group", "groups", "had", "hang",
    "hangs", "hard", "has", "have", "held", "help", "helper", "helpers", "hidden", "hidepid",
    "hidepid=2", "hint", "hold", "holding", "holds", "host", "hours", "how", "hung",
    "hung_task_timeout_secs", "id", "idle", "if", "ignored", "in", "info", "init", "initial", "inits",
    "inode", "instead", "interrupt", "interrupts", "into", "invalid", "io", "ioctl", "is", "it", "its",
    "jammed", "jiffies", "jiffies_till_next_fqs", "job", "jump", "kallsyms", "kb", "kcore", "kernel",
    "kernels", "khungtaskd", "kill", "killed", "kmsg", "kmsg_read", "kthread", "kthread_starved",
    "kthreads", "last", "late", "later", "leader", "least", "left", "less", "level", "like", "likely",
    "limit", "limits", "line", "lines", "link", "list", "listed", "little", "lock", "lockdown",
    "locked", "locks", "lockup", "log", "long", "longer", "look", "looked", "looking", "lookup", "loop",
    "lost", "made", "map", "mapped", "maps", "may", "mb", "me", "memory", "mems_allowed", "message",
    "messages", "mib", "millisecond", "milliseconds", "minute", "minutes", "missed", "missing", "mm",
    "mnt", "mode", "module", "modules", "more", "most", "mount", "mounted", "mounts", "ms", "must",
    "name", "namespace", "namespaces", "ncpus", "need", "needs", "neither", "net", "never", "new",
    "next", "nmi", "no", "nobody", "node", "nodemask", "nor", "not", "note", "nothing", "now",
    "nowhere", "ns", "nspid", "null", "number", "numbers", "nvcsw", "of", "off", "old", "older", "on",
    "once", "one", "only", "oom", "oom-kill", "oom_memcg", "oom_score_adj", "oops", "open", "opened",
    "or", "order", "other", "others", "out", "outcome", "outermost", "outside", "over", "overflow",
    "own", "page", "panic", "parent", "parse", "parsed", "part", "pending", "perf", "perhaps", "period",
    "permission", "permitted", "pgid", "pgtables", "pid", "pidfd", "pidns", "pids", "place", "places",
    "pointer", "pool", "possible", "ppid", "preempt", "preempted", "preemption", "previous",
    "privilege", "privileges", "problem", "problems", "proc", "process", "processes", "procfs", "procs",
    "protection", "ps", "ptrace", "qs", "ran", "rcu", "rcu_bh", "rcu_exp_gp_kthread_worker",
    "rcu_preempt", "rcu_sched", "rcu_tasks", "rcu_tasks_kthread", "rcu_tasks_rude", "rcu_tasks_trace",
    "read", "reading", "reads", "really", "reaped", "reaper", "reason", "reclaim", "record", "records",
    "recursive", "refused", "refusing", "register", "release", "remaining", "report", "reported",
    "reports", "requested", "rest", "restarting", "return", "right", "room", "root", "rss", "run",
    "running", "runs", "s", "same", "sample", "sampled", "samples", "saved", "saw", "say", "says",
    "scanned", "scheduler", "score", "sec", "second", "seconds", "secs", "see", "seen", "sees", "self",
    "self-detected", "send", "sent", "session", "set", "shim", "shmem", "shmem-rss", "shown", "shows",
    "sigcont", "sigkill", "signal", "signals", "sigterm", "since", "size", "skipped", "sleep",
    "sleeping", "slow", "so", "soft", "softirq", "softirqs", "softlockup", "some", "somebody", "spent",
    "spinning", "stack", "stacks", "stall", "stalled", "stalls", "start", "started", "starts",
    "starved", "stat", "state", "states", "status", "stay", "still", "stop", "stopped", "stuck",
    "subset", "subtree", "such", "syscall", "syscalls", "sysctl", "sysrq", "system", "table", "taint",
    "tainted", "taken", "takes", "task", "task_memcg", "tasks", "ten", "tgid", "than", "that", "the",
    "their", "them", "then", "there", "these", "they", "thing", "things", "this", "those", "thread",
    "threads", "tick", "ticks", "tid", "time", "timed", "timeout", "timer", "times", "to", "too",
    "total", "total-vm", "trace", "traced", "tracer", "tried", "trouble", "truncated", "try", "two",
    "uid", "unable", "unblocked", "understood", "unfreeze", "uninterruptible", "unknown", "unreachable",
    "unreadable", "unreaped", "unregister", "unregister_netdevice", "until", "unused", "up", "usage",
    "used", "user", "users", "uses", "usual", "value", "vanished", "version", "very", "view", "vm",
    "wait", "waited", "waiting", "waits", "wakeup", "warning", "was", "watchdog", "wchan", "we", "were",
    "what", "when", "where", "whether", "which", "while", "who", "whose", "why", "will", "with",
    "within", "without", "word", "words", "work", "worker", "workers", "workqueue", "would", "write",
    "writer", "written", "x", "yama", "yet", "younger", "zero", "zombie", "zombies"};

constexpr std::string_view k_thread_words[] = {
    "acpi", "addr", "addrconf", "aio", "alloc", "ata", "balloon", "bdi", "bh", "bio", "blkcg",
    "blockgc", "bpf", "btrfs", "buf", "bufio", "callback", "ceph", "cgroup", "charger", "cil",
    "cleaner", "comp", "con", "conv", "conversion", "cpu", "cpuhp", "cpuset", "cq", "crypt", "cryptd",
    "crypto", "cxgb", "delalloc", "delete", "destroy", "dev", "devfreq", "dio", "dmcrypt", "drm",
    "ecryptfs", "edac", "efficient", "eh", "endio", "events", "exit", "exp", "ext", "fence", "flush",
    "flushwq", "frag", "freezable", "fuse", "gfx", "gp", "h", "handlerd", "health", "highpri",
    "hotplug", "hub", "hv", "hwrng", "i915", "ib", "idle", "inet", "inject", "inodegc", "io", "iou",
    "ipv", "irq", "iscsi", "jbd", "jbd2", "kaluad", "kauditd", "kblockd", "kcompactd", "kcopyd",
    "kcryptd", "kdevtmpfs", "kdmflush", "kfree", "khugepaged", "khungtaskd", "kintegrityd", "kmpath",
    "kprobe", "kprobe-optimizer", "ksmd", "ksoftirqd", "kswapd", "kthread", "kthreadd", "kthrotl",
    "kthrotld", "kvfree", "kvm", "kworker", "lockd", "log", "long", "ltp", "mad", "manager", "mgr",
    "migrate", "migration", "misc", "mld", "mlx", "mlx5", "mm", "mrucache", "msgr", "napi", "netns",
    "nfs", "nfsd", "nfsiod", "nfsv", "nic", "notify", "nvmet", "o", "oom", "oom_reaper", "optimizer",
    "page", "par", "pdecrypt", "pencrypt", "percpu", "percpuwq", "perf", "pm", "poll", "poller",
    "power", "preempt", "prog", "psi", "psimon", "punt", "put", "pvpanic", "qp", "r", "raid", "rcu",
    "rcub", "rcuc", "rcuo", "rcuob", "rcuog", "rcuop", "rcuos", "rdacd", "reaper", "reclaim",
    "recovery", "reg", "rescuer", "reset", "resync", "ring", "rpc", "rpciod", "rsv", "rude", "sched",
    "scsi", "sdma", "sff", "shrink", "slub", "sqp", "stop", "stopper", "storage", "swapper", "sync",
    "target", "tasks", "tcp", "thermal", "thin", "tmf", "tpm", "trace", "transaction", "trx", "ttm",
    "ttx", "u", "uas", "uh", "uk", "unbound", "vballoon", "verity", "virtio", "vmbus", "vmstat",
    "watch", "watchdog", "watchdogd", "wg", "worker", "wq", "write", "writeback", "wrk", "xfs",
    "xfs-blockgc", "xfs-buf", "xfs-cil", "xfs-conv", "xfs-inodegc", "xfs-log", "xfs-reclaim",
    "xfs-sync", "xfsaild", "xprtiod", "zswap"};

constexpr std::string_view k_runtime_comms[] = {
    "catatonit", "conmon", "containerd", "containerd-shim", "containerd-shim-runc-v1",
    "containerd-shim-runc-v2", "crio", "crun", "dbus-daemon", "docker-containe", "docker-containerd",
    "docker-containerd-shim", "docker-init", "dockerd", "dockerd-current", "dumb-init", "init",
    "kubelet", "podman", "runc", "sshd", "systemd", "systemd-journal", "systemd-logind",
    "systemd-udevd", "tini"};

constexpr std::string_view k_path_words[] = {
    "blkio", "cgroup", "cgroup.controllers", "cgroup.events", "cgroup.freeze", "cgroup.kill",
    "cgroup.procs", "cgroup.threads", "children", "cmdline", "comm", "connections", "containerd",
    "containers", "cpu", "cpuset", "crio", "crun", "cwd", "debug", "default", "dev", "devices", "dmesg",
    "docker", "environ", "exe", "fd", "fdinfo", "freezer", "freezer.parent_freezing",
    "freezer.self_freezing", "freezer.state", "fs", "fuse", "hardlockup_count", "hostname",
    "hung_task_detect_count", "hung_task_timeout_secs", "hung_task_warnings", "io",
    "io.containerd.runtime.v1.linux", "io.containerd.runtime.v2.task", "k8s.io", "kernel", "kmsg",
    "lib", "libpod", "loadavg", "maps", "memory", "mnt", "moby", "mountinfo", "net", "ns", "online",
    "osrelease", "overlay-containers", "pid", "pid_for_children", "pids", "podman", "proc", "rcu",
    "rcu_stall_count", "rootfs", "run", "runc", "sched", "self", "smaps", "softlockup_count", "stack",
    "stat", "state", "status", "storage", "sys", "syscall", "system", "systemd", "task", "thread-self",
    "timerslack_ns", "tracing", "unified", "uptime", "user", "userdata", "var", "version", "watchdog",
    "wchan"};

constexpr std::string_view k_release_words[] = {
    "aarch64", "alpine", "amd64", "amzn1", "amzn2", "amzn2023", "arch1", "arm64", "armhf", "aws",
    "azure", "bpo10", "bpo11", "bpo12", "bpo13", "bpo9", "centos", "cloud", "coreos", "cos", "deb",
    "deb10", "deb11", "deb12", "deb13", "deb9", "debian", "default", "eks", "el10", "el6", "el6uek",
    "el7", "el7uek", "el8", "el8uek", "el9", "el9uek", "fc36", "fc37", "fc38", "fc39", "fc40", "fc41",
    "fc42", "fcos", "fix", "flatcar", "gcp", "generic", "gke", "gkeop", "hardened", "hwe", "i386",
    "i686", "kvm", "lima", "linuxkit", "lowlatency", "lts", "microsoft", "opensuse", "oracle",
    "orbstack", "pae", "ppc64el", "ppc64le", "preempt", "preempt_dynamic", "preempt_rt", "pve", "raspi",
    "rc", "rc1", "rc2", "rc3", "rc4", "rc5", "rc6", "rc7", "rc8", "rhel", "riscv64", "rocky", "rt",
    "s390x", "server", "smp", "standard", "suse", "talos", "ubuntu", "uek", "unfixed", "unpatched",
    "v7", "v8", "virtual", "wsl2", "x86_64", "zen1"};

// clang-format on
template <std::size_t N>
bool is_in(const std::string_view (&list)[N], std::string_view word) {
  return std::binary_search(std::begin(list), std::end(list), word);
}

static_assert(std::is_sorted(std::begin(k_plain_words), std::end(k_plain_words)));
static_assert(std::is_sorted(std::begin(k_thread_words), std::end(k_thread_words)));
static_assert(std::is_sorted(std::begin(k_runtime_comms), std::end(k_runtime_comms)));
static_assert(std::is_sorted(std::begin(k_path_words), std::end(k_path_words)));
static_assert(std::is_sorted(std::begin(k_release_words), std::end(k_release_words)));

}  // namespace

bool is_plain_word(std::string_view word) {
  return is_in(k_plain_words, word);
}
bool is_thread_word(std::string_view word) {
  return is_in(k_thread_words, word);
}
bool is_runtime_comm(std::string_view comm) {
  return is_in(k_runtime_comms, comm);
}
bool is_path_word(std::string_view part) {
  return is_in(k_path_words, part);
}
bool is_release_word(std::string_view word) {
  return is_in(k_release_words, word);
}

bool is_machine(std::string_view text) {
  return text == "x86-64" || text == "arm64" || text == "another machine";
}

}  // namespace unzap::bundle
