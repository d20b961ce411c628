# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: processes in namespaces, states to wait for, and an end that leaves nothing behind.

Each test makes one real state on this machine and lets the real binary look at it. Nothing here waits for time to
pass: every wait polls for a state and has a deadline. A state that cannot be made here ends in Skip, with the reason.
"""
import contextlib
import ctypes
import errno
import fcntl
import glob
import json
import os
import select
import signal
import subprocess
import sys
import tempfile
import time

EXIT_SKIP = 77  # SKIP_RETURN_CODE of the tests
DEADLINE = 20.0

CLONE_NEWNS = 0x00020000
CLONE_NEWPID = 0x20000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 1 << 18
MNT_DETACH = 2
PR_SET_PDEATHSIG, PR_SET_NAME, PR_SET_CHILD_SUBREAPER = 1, 15, 36
PTRACE_SEIZE = 0x4206
PTRACE_O_TRACEEXIT = 0x40

_libc = ctypes.CDLL(None, use_errno=True)
_libc.ptrace.argtypes = [ctypes.c_long, ctypes.c_long, ctypes.c_void_p, ctypes.c_void_p]
_libc.ptrace.restype = ctypes.c_long


class Skip(Exception):
    """This state cannot be made here."""


def call(name, *arguments):
    """A function of the C library that gives -1 and errno."""
    ctypes.set_errno(0)
    if getattr(_libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def or_skip(what, function, *arguments):
    """Calls function; what this machine refuses is a reason to skip."""
    try:
        return function(*arguments)
    except OSError as error:
        if error.errno in (errno.EPERM, errno.EACCES, errno.ENOENT, errno.ENODEV, errno.ENOSYS, errno.EROFS,
                           errno.EINVAL, errno.EBUSY, errno.ENOSPC, errno.EOPNOTSUPP):
            raise Skip(f"{what}: {error}") from error
        raise


def read(path):
    """The text of a file; empty when it is gone or refused."""
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read()
    except (FileNotFoundError, ProcessLookupError, PermissionError):
        return ""


def write(path, text):
    with open(path, "w", encoding="utf-8") as file:
        file.write(str(text))


def stat_fields(tid):
    """The fields of a stat line from the third on (state, ppid, ...); empty when the task is gone."""
    text = read(f"/proc/{tid}/stat")
    return text[text.rfind(")") + 2:].split() if text else []


def state(tid):
    return (stat_fields(tid) or ["gone"])[0]


def wchan(tid):
    return read(f"/proc/{tid}/wchan")


def status(tid, field):
    for line in read(f"/proc/{tid}/status").splitlines():
        if line.startswith(field + ":"):
            return line.split(":", 1)[1].strip()
    return ""


def kill_pending(tid):
    bits = int(status(tid, "SigPnd") or "0", 16) | int(status(tid, "ShdPnd") or "0", 16)
    return bits & 1 << (signal.SIGKILL - 1) != 0


def children(pid):
    """The processes whose parent is pid, by comm."""
    found = {}
    for path in glob.glob("/proc/[0-9]*"):
        fields = stat_fields(os.path.basename(path))
        if len(fields) > 1 and int(fields[1]) == pid:
            found[read(path + "/comm").strip()] = int(os.path.basename(path))
    return found


def wait_for(what, condition, seconds=DEADLINE):
    """Polls until condition() is true, and gives what it gave."""
    end = time.monotonic() + seconds
    while True:
        value = condition()
        if value:
            return value
        if time.monotonic() > end:
            raise AssertionError(f"did not come to pass within {seconds} s: {what}")
        select.select([], [], [], 0.01)


def in_zap(pid):
    """An init that has come to rest in zap_pid_ns_processes()."""
    return state(pid) in "SID" and "zap_pid_ns_processes" in read(f"/proc/{pid}/stack")


def pause():
    while True:
        signal.pause()


def set_name(name):
    call("prctl", PR_SET_NAME, name.encode(), 0, 0, 0)


def remove_cgroup(path, seconds=DEADLINE):
    """Thaws a cgroup of either version, kills who is in it and removes it."""
    end = time.monotonic() + seconds
    while os.path.isdir(path):
        for file, text in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
            if os.path.exists(os.path.join(path, file)):
                with contextlib.suppress(OSError):
                    write(os.path.join(path, file), text)
        for pid in read(os.path.join(path, "cgroup.procs")).split():
            with contextlib.suppress(OSError):
                os.kill(int(pid), signal.SIGKILL)
        try:
            os.rmdir(path)
        except FileNotFoundError:
            return
        except OSError as error:
            if time.monotonic() > end:
                raise AssertionError(f"cannot remove {path}: {error}") from error
        select.select([], [], [], 0.01)


class Stage:
    """The processes, cgroups and mounts of one test. All of them are gone when the with block ends, however it ends;
    when this process is killed, a guard process does what is left to do."""

    def __enter__(self):
        if os.geteuid() != 0:
            raise Skip("needs root")
        if not read("/proc/self/stack"):
            raise Skip("kernel stacks cannot be read here")
        # States of two tests at once would be found by both; so one at a time on this machine.
        self.lock = os.open(os.path.join(tempfile.gettempdir(), "unzap-live.lock"), os.O_CREAT | os.O_RDWR, 0o600)
        fcntl.flock(self.lock, fcntl.LOCK_EX)
        self.stack = contextlib.ExitStack()
        self.children = set()
        self.label = f"unzap-live-{os.getpid()}"
        self.folder = os.path.join(tempfile.gettempdir(), self.label)
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        or_skip("a mount namespace", call, "unshare", CLONE_NEWNS)
        call("mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        self._start_guard()
        return self

    def __exit__(self, *_):
        try:
            self.stack.close()
        finally:
            self._clean()  # first: what is frozen cannot be killed
            self._end_children()
            os.close(self.guard_pipe)
            os.waitpid(self.guard, 0)
            os.close(self.lock)

    def _start_guard(self):
        end_of_guard, self.guard_pipe = os.pipe()
        self.guard = os.fork()
        if self.guard == 0:
            try:
                os.setsid()
                set_name("unzap-guard")
                os.close(self.guard_pipe)
                os.close(self.lock)
                os.read(end_of_guard, 1)  # ends when the test does
                self._clean()
            finally:
                os._exit(0)
        os.close(end_of_guard)

    def _clean(self):
        for root in ("/sys/fs/cgroup", "/sys/fs/cgroup/unified", "/sys/fs/cgroup/freezer"):
            for path in glob.glob(f"{root}/{self.label}*"):
                remove_cgroup(path)
        _libc.umount2(self.folder.encode(), MNT_DETACH)  # without a look at it, for that may block
        with contextlib.suppress(FileNotFoundError):
            os.rmdir(self.folder)

    def _end_children(self):
        for pid in self.children:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        end = time.monotonic() + DEADLINE
        while True:  # as a subreaper we get the orphans, too
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG | 0x40000000)  # __WALL
            except ChildProcessError:
                return
            alive = children(os.getpid())
            alive.pop("unzap-guard", None)
            if pid == 0 and not alive:
                return
            for orphan in alive.values():
                with contextlib.suppress(ProcessLookupError):
                    os.kill(orphan, signal.SIGKILL)
            if time.monotonic() > end:
                raise AssertionError(f"left behind: {alive}")
            select.select([], [], [], 0.005)

    def fork(self, name, body, reap=True):
        """A process that runs body(tell) and dies with this one at the latest. tell(number) gives a number to the
        caller, who waits for the first one."""
        out, into = os.pipe()
        parent = os.getpid()
        pid = os.fork()
        if pid == 0:
            code = 1
            try:
                call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
                if os.getppid() not in (parent, 0):
                    os._exit(1)
                for descriptor in (out, self.guard_pipe, self.lock):
                    with contextlib.suppress(OSError):
                        os.close(descriptor)
                set_name(name)
                body(lambda number: os.write(into, f"{number}\n".encode()))
                code = 0
            except BaseException as error:  # pylint: disable=broad-except
                print(f"{name}: {error!r}", file=sys.stderr, flush=True)
            finally:
                os._exit(code)
        os.close(into)
        if reap:
            self.children.add(pid)
        return pid, Teller(out, name)

    def run(self, name, body):
        """fork(), and the first number that the process tells."""
        pid, teller = self.fork(name, body)
        return pid, teller.next()

    def container(self, members=None, before=None):
        """A pid namespace: its init, and below it a process for each of members (name -> body). Gives the init's pid
        and the members' by name."""
        members = members or {}

        def init(_):
            for name, body in members.items():
                self.fork(name, lambda tell, body=body: body(), reap=False)
            pause()

        def shim(tell):
            call("unshare", CLONE_NEWPID | CLONE_NEWNS)
            if before is not None:
                before()
            pid, _ = self.fork("uz-init", init)
            tell(pid)
            os.waitpid(pid, 0)

        or_skip("a pid namespace", self._try_namespace)
        _, pid = self.run("uz-shim", shim)
        wait_for("the members of the container", lambda: set(members) <= set(children(pid)))
        return pid, children(pid)

    def _try_namespace(self):
        pid = os.fork()
        if pid == 0:
            os._exit(_libc.unshare(CLONE_NEWPID) and ctypes.get_errno())
        code = os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])
        if code != 0:
            raise OSError(code, os.strerror(code))

    def cgroup(self, version):
        """A new cgroup with a freezer."""
        candidates = ["/sys/fs/cgroup/freezer"] if version == 1 else ["/sys/fs/cgroup", "/sys/fs/cgroup/unified"]
        probe = "freezer.state" if version == 1 else "cgroup.freeze"
        for root in candidates:
            marker = "cgroup.clone_children" if version == 1 else "cgroup.controllers"
            if not os.path.exists(os.path.join(root, marker)):
                continue
            path = os.path.join(root, f"{self.label}-{len(glob.glob(f'{root}/{self.label}*'))}")
            or_skip(f"a cgroup v{version}", os.mkdir, path)
            if os.path.exists(os.path.join(path, probe)):
                return path
            os.rmdir(path)
        raise Skip(f"no cgroup v{version} with a freezer is mounted below /sys/fs/cgroup")


class Teller:
    """The numbers that a process tells, one after the other."""

    def __init__(self, descriptor, name):
        self.file = os.fdopen(descriptor, "rb", buffering=0)
        self.name = name

    def next(self, seconds=DEADLINE):
        ready, _, _ = select.select([self.file], [], [], seconds)
        line = self.file.readline() if ready else b""
        if not line:
            raise AssertionError(f"{self.name} ended or hangs before it came to its place")
        return int(line)


class Look:
    """What `unzap diagnose` says of this host now."""

    def __init__(self, unzap):
        start = time.monotonic()
        done = subprocess.run([unzap, "diagnose", "--format", "json"], capture_output=True, timeout=30, check=False)
        self.seconds = time.monotonic() - start
        self.code = done.returncode
        self.text = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
        if self.code not in (0, 1, 2):
            raise AssertionError(f"exit code {self.code}: {self.text}")
        self.document = json.loads(done.stdout)
        self.findings = self.document["findings"]

    def expect(self, condition, what):
        if not condition:
            raise AssertionError(f"{what}\n{self.text}")

    def first(self, cause, confidence=("likely", "certain")):
        """The best finding, which has to be this one."""
        self.expect(self.findings, f"nothing was found; {cause} was expected")
        finding = self.findings[0]
        self.expect(finding["cause"] == cause, f"the first finding is not {cause}")
        self.expect(finding["confidence"] in confidence, f"{cause} is not {' or '.join(confidence)}")
        return finding

    def above_possible(self):
        return [finding for finding in self.findings if finding["confidence"] != "possible"]


def main(tests):
    """usage: <file> UNZAP TEST [ARGUMENT...]"""
    unzap, name = os.path.abspath(sys.argv[1]), sys.argv[2]
    try:
        with Stage() as stage:
            tests[name](stage, unzap, *sys.argv[3:])
    except Skip as reason:
        print(f"SKIP {name}: {reason}")
        sys.exit(EXIT_SKIP)
    print(f"ok {name}")
