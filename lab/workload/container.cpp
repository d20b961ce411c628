// SPDX-License-Identifier: Apache-2.0
#include "container.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdint>
#include <cstring>
#include <string>

#include "ring.hpp"
#include "say.hpp"

namespace lab {
namespace {

void await_byte(int fd) {
  char byte = 0;
  if (::read(fd, &byte, 1) < 0) die("read of a pipe");
}

void send_byte(int fd) {
  if (::write(fd, "x", 1) != 1) die("write to a pipe");
}

struct Pipe {
  int in = -1, out = -1;
  Pipe() {
    int ends[2];
    if (::pipe(ends) != 0) die("pipe");
    in = ends[0];
    out = ends[1];
  }
};

void arm_poll(Ring& ring) {
  io_uring_sqe& entry = ring.next();
  entry.opcode = IORING_OP_POLL_ADD;
  entry.fd = ::eventfd(0, 0);  // never fires
  entry.poll32_events = POLLIN;
  ring.submit();
}

void arm_timeout(Ring& ring) {
  static const __kernel_timespec long_time{1000, 0};
  io_uring_sqe& entry = ring.next();
  entry.opcode = IORING_OP_TIMEOUT;
  entry.addr = reinterpret_cast<std::uint64_t>(&long_time);
  entry.len = 1;
  ring.submit();
}

void complete_nop(Ring& ring) {
  ring.next().opcode = IORING_OP_NOP;
  ring.submit(1);
}

/// Reads of a pipe that stays empty, each in a worker of its own.
void block_workers(Ring& ring, int count) {
  static char bytes[64];
  const Pipe empty;
  for (int i = 0; i < count; ++i) {
    io_uring_sqe& entry = ring.next();
    entry.opcode = IORING_OP_READ;
    entry.flags = IOSQE_ASYNC;
    entry.fd = empty.in;
    entry.addr = reinterpret_cast<std::uint64_t>(bytes);
    entry.len = sizeof bytes;
  }
  ring.submit();
}

/// Bounded work that no worker has begun when the init exits: the last drain has something to do.
void queue_statx(Ring& ring, int count) {
  static struct statx answers[16];
  for (int i = 0; i < count; ++i) {
    io_uring_sqe& entry = ring.next();
    entry.opcode = IORING_OP_STATX;
    entry.fd = AT_FDCWD;
    entry.addr = reinterpret_cast<std::uint64_t>("/");
    entry.len = STATX_BASIC_STATS;
    entry.off = reinterpret_cast<std::uint64_t>(&answers[i % 16]);
  }
  ring.submit();
}

[[noreturn]] void be_child(const Plan& plan, int ready) {
  ::prctl(PR_SET_NAME, "lab-child");
  if (plan.child == "sqpoll") {
    static Ring ring(8, IORING_SETUP_SQPOLL);
    complete_nop(ring);
  }
  send_byte(ready);
  for (;;) ::pause();
}

[[noreturn]] void be_init(const Plan& plan, int ready, int go) {
  ::prctl(PR_SET_NAME, "lab-init");
  if (::mount(nullptr, "/", nullptr, MS_REC | MS_PRIVATE, nullptr) != 0) die("mount --make-rprivate /");
  if (plan.child != "none") {
    const Pipe child_ready;
    const pid_t child = ::fork();
    if (child < 0) die("fork of the child");
    if (child == 0) be_child(plan, child_ready.out);
    await_byte(child_ready.in);
  }
  static Ring* ring = plan.init == "plain" ? nullptr : new Ring(64);
  if (plan.init == "busy-workers") block_workers(*ring, plan.workers);
  if (plan.init == "completed-nop") complete_nop(*ring);
  send_byte(ready);
  await_byte(go);
  if (plan.init == "armed-poll") arm_poll(*ring);
  if (plan.init == "armed-timeout") arm_timeout(*ring);
  if (plan.init == "queued-statx" || plan.init == "busy-workers") queue_statx(*ring, 16);
  if (ring != nullptr) ring->unmap();
  ::syscall(SYS_exit_group, 0);
  __builtin_unreachable();
}

/// The host's number of the only child of `init`, by its line in /proc.
pid_t child_of(pid_t init) {
  const std::string path = "/proc/" + std::to_string(init) + "/task/" + std::to_string(init) + "/children";
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) die(path);
  char text[64] = {};
  if (::read(fd, text, sizeof text - 1) < 0) die(path);
  ::close(fd);
  return static_cast<pid_t>(std::strtol(text, nullptr, 10));
}

/// A tracer that seizes the child and then neither waits nor lets go.
[[noreturn]] void trace(pid_t child, int ready) {
  ::prctl(PR_SET_NAME, "lab-tracer");
  if (::ptrace(PTRACE_SEIZE, child, nullptr, nullptr) != 0) die("PTRACE_SEIZE");
  send_byte(ready);
  for (;;) ::pause();
}

/// A parent outside that puts a process into the namespace and never reaps it (docker exec, a probe).
[[noreturn]] void inject(pid_t init, int ready) {
  ::prctl(PR_SET_NAME, "lab-injector");
  const int ns = ::open(("/proc/" + std::to_string(init) + "/ns/pid").c_str(), O_RDONLY | O_CLOEXEC);
  if (ns < 0 || ::setns(ns, CLONE_NEWPID) != 0) die("setns");
  const pid_t injected = ::fork();
  if (injected < 0) die("fork into the namespace");
  if (injected == 0) {
    ::prctl(PR_SET_NAME, "lab-injected");
    for (;;) ::pause();
  }
  send_byte(ready);
  for (;;) ::pause();
}

void write_text(const std::string& path, const std::string& text) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CLOEXEC);
  if (fd < 0 || ::write(fd, text.data(), text.size()) < 0) die(path);
  ::close(fd);
}

void freeze(pid_t child) {
  const std::string folder = "/sys/fs/cgroup/frozen";
  if (::mkdir(folder.c_str(), 0755) != 0 && errno != EEXIST) die(folder);
  write_text(folder + "/cgroup.procs", std::to_string(child));
  write_text(folder + "/cgroup.freeze", "1");
  for (int i = 0; i < 100; ++i) {  // up to 5 s for "frozen 1"
    char text[128] = {};
    const int fd = ::open((folder + "/cgroup.events").c_str(), O_RDONLY | O_CLOEXEC);
    if (fd < 0 || ::read(fd, text, sizeof text - 1) < 0) die(folder);
    ::close(fd);
    if (std::strstr(text, "frozen 1") != nullptr) return;
    ::usleep(50'000);
  }
  say("error=\"the child does not freeze\"");
}

pid_t lay_hand_on(const Plan& plan, const Container& container) {
  if (plan.outside == "freezer") freeze(container.child);
  if (plan.outside != "tracer" && plan.outside != "injector") return 0;
  const Pipe ready;
  const pid_t outside = ::fork();
  if (outside < 0) die("fork of the one outside");
  if (outside == 0) {
    if (plan.outside == "tracer") trace(container.child, ready.out);
    inject(container.init, ready.out);
  }
  ::close(ready.out);
  await_byte(ready.in);
  ::close(ready.in);
  return outside;
}

}  // namespace

const std::vector<std::string>& init_kinds() {
  static const std::vector<std::string> all = {"plain",         "completed-nop", "armed-poll",
                                               "armed-timeout", "queued-statx",  "busy-workers"};
  return all;
}

const std::vector<std::string>& child_kinds() {
  static const std::vector<std::string> all = {"none", "pause", "sqpoll"};
  return all;
}

const std::vector<std::string>& outside_kinds() {
  static const std::vector<std::string> all = {"none", "tracer", "injector", "freezer"};
  return all;
}

Container start(const Plan& plan) {
  const Pipe ready, go;
  Container container;
  const long init = ::syscall(SYS_clone, CLONE_NEWPID | CLONE_NEWNS | SIGCHLD, nullptr, nullptr, nullptr, 0);
  if (init < 0) die("clone of a container");
  if (init == 0) {
    ::close(go.out);
    be_init(plan, ready.out, go.in);
  }
  ::close(ready.out);
  ::close(go.in);
  await_byte(ready.in);
  ::close(ready.in);
  container.init = static_cast<pid_t>(init);
  container.go = go.out;
  if (plan.child != "none") container.child = child_of(container.init);
  container.outside = lay_hand_on(plan, container);
  return container;
}

void let_go(Container& container) {
  send_byte(container.go);
  ::close(container.go);
  container.go = -1;
}

}  // namespace lab
