# SPDX-License-Identifier: Apache-2.0
"""What the live tests share: processes in namespaces, states to wait for, and an end that leaves nothing behind.

Each test makes one real state and lets the real binary look at it, both in namespaces of their own (Home): pids, mounts
and cgroups. What else is jammed on the machine is not seen there and cannot be touched, so a test passes next to it. The
price: /proc of a pid namespace shows no kernel threads, so unzap says `unknown` where it would say `healthy`; tests for
silence ask that nothing of ours is called stuck (Look.silent). All numbers are those of the inner namespace. What
needs the view of the whole machine is run there (Stage.outside), and asked about our own tasks only (Stage.outer_tid).

Nothing here waits for time to pass: every wait polls for a state and has a deadline. A state that cannot be made here
ends in Skip, with the reason.
"""
import contextlib
import ctypes
import errno
import glob
import json
import os
import secrets
import select
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
import traceback

EXIT_SKIP = 77  # SKIP_RETURN_CODE of the tests
DEADLINE = 20.0

CLONE_NEWNS = 0x00020000
CLONE_NEWCGROUP = 0x02000000
CLONE_NEWPID = 0x20000000
INITIAL_PID_NS = f"pid:[{0xEFFFFFFC}]"  # PROC_PID_INIT_INO, include/linux/proc_ns.h: the one that sees every task
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


def child_list(pid):
    """The processes whose parent is pid: number and comm."""
    found = []
    for path in glob.glob("/proc/[0-9]*"):
        fields = stat_fields(os.path.basename(path))
        if len(fields) > 1 and int(fields[1]) == pid:
            found.append((int(os.path.basename(path)), read(path + "/comm").strip()))
    return found


def children(pid):
    """The same by comm."""
    return {comm: child for child, comm in child_list(pid)}


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


def below(path):
    """A cgroup and those in it, the innermost first."""
    return [folder for folder, _, _ in os.walk(path, topdown=False)]


def remove_cgroup(path, seconds=DEADLINE):
    """Thaws a cgroup of either version with all that is in it, kills who is there and removes it."""
    end = time.monotonic() + seconds
    while os.path.isdir(path):
        for folder in below(path):
            for file, text in (("freezer.state", "THAWED"), ("cgroup.freeze", "0")):
                if os.path.exists(os.path.join(folder, file)):
                    with contextlib.suppress(OSError):
                        write(os.path.join(folder, file), text)
            for pid in read(os.path.join(folder, "cgroup.procs")).split():
                with contextlib.suppress(OSError):
                    os.kill(int(pid), signal.SIGKILL)
            with contextlib.suppress(OSError):
                os.rmdir(folder)
        if time.monotonic() > end:
            raise AssertionError(f"cannot remove {path}")
        select.select([], [], [], 0.01)


def cgroup_mounts():
    """Where cgroup v2 and the freezer of v1 are mounted: {version: path}."""
    found = {}
    for line in read("/proc/self/mountinfo").splitlines():
        fields, _, after = line.partition(" - ")
        kind, _, options = after.split(" ", 2)
        version = 2 if kind == "cgroup2" else 1 if kind == "cgroup" and "freezer" in options.split(",") else None
        if version is not None and fields.split()[4].startswith("/sys/fs/cgroup"):
            found.setdefault(version, fields.split()[4])
    return found


def end_process(code):
    sys.stdout.flush()
    sys.stderr.flush()
    os._exit(code)


def code_of(name, function):
    """Runs a test or a part of one; its exit code, with what there is to say printed."""
    try:
        return function() or 0
    except Skip as reason:
        print(f"SKIP {name}: {reason}", flush=True)
        return EXIT_SKIP
    except BaseException:  # pylint: disable=broad-except
        traceback.print_exc()
        return 1


def descends(pid, ancestor):
    while pid not in (0, ancestor):
        pid = int((stat_fields(pid) or [0, 0])[1])
    return pid == ancestor


def outer_tid(ancestor, inner):
    """The number here of a task that the pid namespace below this one knows by another. Numbers are given anew in
    each namespace, so it has to be a descendant of ancestor."""
    for path in glob.glob("/proc/[0-9]*/task/[0-9]*"):
        numbers = status(os.path.relpath(path, "/proc"), "NSpid").split()
        if len(numbers) > 1 and numbers[1] == str(inner):
            if descends(int(path.split("/")[2]), ancestor):
                return int(numbers[0])
    return None


class Home:
    """A pid, a mount and a cgroup namespace for one test, made and ended from outside.

    Four processes: the keeper (this one), a guard that cleans up when the keeper is gone, however it went, a shim that
    makes the namespaces, and their init. The test is a child of the init: for it /proc shows itself and what it starts,
    /sys/fs/cgroup its own groups, and no process of the machine can be named, let alone signalled. When the test has
    ended the guard thaws and kills what is left in its cgroups, and the end of the init takes the rest."""

    def __init__(self):
        if os.geteuid() != 0:
            raise Skip("needs root")
        if not os.path.exists("/proc/self/stat"):
            raise Skip("no /proc is mounted here")
        if not read("/proc/self/stack"):
            raise Skip("kernel stacks cannot be read here")
        self.label = f"unzap-live-{secrets.token_hex(4)}"
        self.sees_all = os.readlink("/proc/self/ns/pid") == INITIAL_PID_NS  # who is outside of it
        self.mounts = cgroup_mounts()
        self.groups = [os.path.join(path, self.label) for path in self.mounts.values()]
        self.requests, self.outside = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)

    def ask_outside(self, **request):
        """In the test: has the keeper do something. See _serve_until()."""
        self.outside.send(json.dumps(request).encode())
        with open(self.outside.recv(4096), encoding="utf-8") as file:
            answer = json.load(file)
        self.outside.send(b".")
        return answer

    def run(self, name, body):
        """The exit code of body(), which runs in the namespaces as the test of this name."""
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        end_of_guard, guard = os.pipe()
        self._child(lambda: self._guard(end_of_guard), close=[guard])
        out, into = os.pipe()
        try:
            shim = self._child(lambda: self._shim(name, body, into), close=[guard, out])
            os.close(into)
            while not select.select([out], [], [], 0)[0]:
                self._serve_until(out, shim)
            text = os.read(out, 16)  # empty when shim and init are gone before they could say anything
            with contextlib.suppress(ProcessLookupError):
                os.kill(shim, signal.SIGKILL)  # and with it the init
        finally:
            os.close(guard)
            self._reap_all()
        assert text, "the test was killed"
        return int(text)

    def _serve_until(self, end, shim):
        """Does for the test what needs the view of the machine: runs a command, or tells the number of a task there."""
        ready, _, _ = select.select([end, self.requests], [], [])
        if self.requests not in ready:
            return
        request = json.loads(self.requests.recv(1 << 16))
        if "tid" in request:
            answer = outer_tid(shim, request["tid"])
        elif "outer" in request:
            answer = descends(int(status(request["outer"], "Tgid") or 0), shim)
        else:
            done = subprocess.run(request["command"], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False)
            answer = [done.returncode, done.stdout.decode("utf-8", "replace"), done.stderr.decode("utf-8", "replace")]
        with tempfile.NamedTemporaryFile("w", encoding="utf-8") as file:  # an answer may be longer than a message
            json.dump(answer, file)
            file.flush()
            self.requests.send(file.name.encode())
            self.requests.recv(1)  # it is read

    def _child(self, body, close=()):
        parent, pid = os.getpid(), os.fork()
        if pid == 0:
            code = 1
            try:
                for descriptor in close:
                    os.close(descriptor)
                if os.getppid() in (parent, 0):
                    body()
                    code = 0
            except BaseException:  # pylint: disable=broad-except
                traceback.print_exc()
            finally:
                end_process(code)
        return pid

    def _reap_all(self):
        end = time.monotonic() + 2 * DEADLINE
        while True:
            try:
                pid, _ = os.waitpid(-1, os.WNOHANG)
            except ChildProcessError:
                return
            assert time.monotonic() < end, "a process of the test does not end"
            if pid == 0:
                select.select([], [], [], 0.005)

    def _guard(self, end_of_guard):
        os.setsid()
        set_name("unzap-guard")
        os.read(end_of_guard, 1)  # ends when the keeper does
        for group in self.groups:
            remove_cgroup(group)
        shutil.rmtree(os.path.join(tempfile.gettempdir(), self.label), ignore_errors=True)

    def _shim(self, name, body, into):
        """Makes the namespaces. Its own pid namespace stays the one of the keeper."""
        def start():
            call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
            for group in self.groups:
                with contextlib.suppress(OSError):  # what needs a cgroup finds out that it has none
                    os.mkdir(group)
                    write(os.path.join(group, "cgroup.procs"), "0")
            or_skip("namespaces of its own", call, "unshare", CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWCGROUP)
            init = self._child(lambda: self._init(name, body, into))
            os.waitpid(init, 0)

        code = code_of(name, start)
        if code != 0:
            os.write(into, str(code).encode())

    def _init(self, name, body, into):
        call("prctl", PR_SET_PDEATHSIG, signal.SIGKILL, 0, 0, 0)
        code = code_of(name, self._mount)
        if code == 0:
            test = self._child(lambda: end_process(code_of(name, body)), close=[into])
            while True:
                pid, status_of = os.wait()
                if pid == test:
                    break
            code = os.waitstatus_to_exitcode(status_of)
        os.write(into, str(code if code >= 0 else 128 - code).encode())

    def _mount(self):
        """/proc and the cgroups as these namespaces show them."""
        or_skip("mounts that stay in here", call, "mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
        or_skip("a /proc of its own", call, "mount", b"proc", b"/proc", b"proc", 0, None)
        for version, path in self.mounts.items():
            with contextlib.suppress(OSError):
                call("umount2", path.encode(), MNT_DETACH)
                kind, option = (b"cgroup2", None) if version == 2 else (b"cgroup", b"freezer")
                call("mount", b"unzap-live", path.encode(), kind, 0, option)


class Stage:
    """The processes, cgroups and mounts of one test, in a Home. All of them are gone when the with block ends, however it
    ends."""

    def __init__(self, home):
        self.home = home
        self.label = home.label
        self.folder = os.path.join(tempfile.gettempdir(), self.label)
        self.stack = contextlib.ExitStack()
        self.children = set()
        self.cgroups = []

    def __enter__(self):
        call("prctl", PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
        return self

    def __exit__(self, *_):
        try:
            self.stack.close()
        finally:
            self._clean()  # first: what is frozen cannot be killed
            self._end_children()

    def _clean(self):
        for path in self.cgroups:
            remove_cgroup(path)
        _libc.umount2(self.folder.encode(), MNT_DETACH)  # without a look at it, for that may block
        with contextlib.suppress(OSError):
            os.rmdir(self.folder)

    def _end_children(self):
        alive = self.children
        end = time.monotonic() + 2 * DEADLINE
        while True:  # as a subreaper we get the orphans, too
            for pid in alive:
                with contextlib.suppress(ProcessLookupError):
                    os.kill(pid, signal.SIGKILL)
            try:
                while os.waitpid(-1, os.WNOHANG | 0x40000000)[0]:  # __WALL
                    continue
            except ChildProcessError:
                return
            alive = [pid for pid, _ in child_list(os.getpid())]
            if time.monotonic() > end:
                raise AssertionError(f"left behind: {children(os.getpid())}")
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
                os.close(out)
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

    def outside(self, *command):
        """Runs a command that sees the whole machine, from outside of the Home: exit code, output, errors. It must change
        nothing but what a plan names that is ours (OuterRescue.check_ours()), and what it says of others than ours is not
        for a test to judge."""
        return tuple(self.home.ask_outside(command=command))

    def outer_tid(self, tid):
        """The number by which a command that runs outside() knows one of our tasks."""
        return self.home.ask_outside(tid=tid)

    def owned(self, outer_tid):  # pylint: disable=redefined-outer-name
        """True when a task that is known outside by this number is there, and is ours."""
        return self.home.ask_outside(outer=outer_tid)

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

    def cgroup(self, version, name=None):
        """A new cgroup with a freezer; of this name, when one is given ("kubepods/pod1": each part is made)."""
        mount = cgroup_mounts().get(version)
        if mount is None:
            raise Skip(f"no cgroup v{version} with a freezer is mounted below /sys/fs/cgroup")
        name = name or f"{self.label}-{len(self.cgroups)}"
        top = os.path.join(mount, name.split("/", maxsplit=1)[0])
        if top not in self.cgroups:
            self.cgroups.append(top)
        path = os.path.join(mount, name)
        or_skip(f"a cgroup v{version}", os.makedirs, path)
        if not os.path.exists(os.path.join(path, "freezer.state" if version == 1 else "cgroup.freeze")):
            raise Skip(f"the cgroups v{version} of this kernel have no freezer")
        return path


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


def names_ours(finding):
    """True when a party of the finding is a task that this test can see: all of them are its own."""
    parties = [finding.get("culprit"), finding.get("reaper"), *finding["victims"]]
    return any(party and read(f"/proc/{party.get('tid') or party.get('pid')}/comm").strip() == party.get("comm")
               for party in parties)


class Look:
    """What `unzap diagnose` says of this host now. The kernel log is the one thing of the machine that is seen in a
    Home: findings that name none of our tasks are of somebody else's jam, and are kept apart."""

    def __init__(self, unzap, *options):
        start = time.monotonic()
        done = subprocess.run([unzap, "diagnose", "--format", "json", *options], capture_output=True, timeout=60,
                              check=False)
        self.seconds = time.monotonic() - start
        self.code = done.returncode
        self.text = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
        if self.code not in (0, 1, 2):
            raise AssertionError(f"exit code {self.code}: {self.text}")
        self.document = json.loads(done.stdout)
        self.findings = [finding for finding in self.document["findings"] if names_ours(finding)]
        self.foreign = [finding for finding in self.document["findings"] if not names_ours(finding)]

    def expect(self, condition, what):
        if not condition:
            raise AssertionError(f"{what}\n{self.text}")

    def first(self, cause, confidence=("likely", "certain")):
        """The best finding that names one of ours, which has to be this one."""
        self.expect(self.findings, f"nothing was found; {cause} was expected")
        finding = self.findings[0]
        self.expect(finding["cause"] == cause, f"the first finding is not {cause}")
        self.expect(finding["confidence"] in confidence, f"{cause} is not {' or '.join(confidence)}")
        return finding

    def above_possible(self):
        return [finding for finding in self.findings if finding["confidence"] != "possible"]

    def silent(self):
        """True when nothing of ours is called stuck."""
        others = any(finding["confidence"] != "possible" for finding in self.foreign)
        return not self.above_possible() and (self.code != 1 or others)


def main(tests):
    """usage: <file> UNZAP TEST [ARGUMENT...]"""
    unzap, name = os.path.abspath(sys.argv[1]), sys.argv[2]

    def test():
        with Stage(home) as stage:
            tests[name](stage, unzap, *sys.argv[3:])
        print(f"ok {name}", flush=True)

    def run():
        nonlocal home
        home = Home()
        return home.run(name, test)

    home = None
    sys.exit(code_of(name, run))
