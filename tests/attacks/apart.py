# SPDX-License-Identifier: Apache-2.0
"""A pid and a mount namespace of its own for one test, whose end is the end of all that it started, and what the tests
of the look share."""
import ctypes
import os
import select
import signal
import subprocess
import sys
import time

EXIT_SKIP = 77
SECONDS = 100
NOBODY = 65534
CLONE_NEWNS, CLONE_NEWUSER, CLONE_NEWPID = 0x00020000, 0x10000000, 0x20000000
MS_NOSUID, MS_NODEV, MS_REC, MS_PRIVATE = 2, 4, 0x4000, 1 << 18

_libc = ctypes.CDLL(None, use_errno=True)


class Skip(Exception):
    """This cannot be made here."""


def call(name, *arguments):
    ctypes.set_errno(0)
    if getattr(_libc, name)(*arguments) == -1:
        number = ctypes.get_errno()
        raise OSError(number, f"{name}: {os.strerror(number)}")


def or_skip(what, function, *arguments):
    try:
        return function(*arguments)
    except OSError as error:
        raise Skip(f"{what}: {error}") from error


def wait_for(what, condition, seconds=20):
    end = time.monotonic() + seconds
    while not condition():
        if time.monotonic() > end:
            raise AssertionError(f"did not come to pass within {seconds} s: {what}")
        select.select([], [], [], 0.01)


def fork(body):
    """A process that runs body() and does not come back."""
    pid = os.fork()
    if pid == 0:
        code = 1
        try:
            body()
            code = 0
        except BaseException as error:  # pylint: disable=broad-except
            print(f"{body.__name__}: {error!r}", file=sys.stderr, flush=True)
        finally:
            os._exit(code)
    return pid


def pause():
    while True:
        signal.pause()


def state(pid):
    """The state letter. Only of a process whose files are known not to block."""
    try:
        with open(f"/proc/{pid}/stat", encoding="utf-8", errors="replace") as file:
            text = file.read()
    except (FileNotFoundError, ProcessLookupError):
        return "gone"
    return text[text.rfind(")") + 2:].split()[0]


def run(unzap, *arguments, prefix=(), seconds=20):
    """(exit code, output, seconds) of the real binary."""
    start = time.monotonic()
    # LeakSanitizer needs a thread at the end, which a test may deny; the other tests look for leaks.
    done = subprocess.run([*prefix, unzap, *arguments], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=seconds, check=False, env={**os.environ, "ASAN_OPTIONS": "detect_leaks=0"})
    text = done.stdout.decode("utf-8", "replace") + done.stderr.decode("utf-8", "replace")
    return done.returncode, text, time.monotonic() - start


def expect(condition, what, text=""):
    if not condition:
        raise AssertionError(f"{what}\n{text}")


def outside_parent():
    """A jam: a dying init, and a zombie of its namespace whose parent outside does not reap. Gives parent and init."""
    come, tell = os.pipe()

    def shim():
        call("unshare", CLONE_NEWPID)
        init = fork(pause)
        os.write(tell, f"{init}\n".encode())
        os.waitpid(init, 0)

    def parent(init):
        with open(f"/proc/{init}/ns/pid", encoding="ascii") as namespace:
            call("setns", namespace.fileno(), CLONE_NEWPID)
        zombie = fork(lambda: None)
        os.write(tell, f"{zombie}\n".encode())
        pause()

    or_skip("a pid namespace", fork, shim)
    numbers = os.fdopen(come, "rb", buffering=0)
    init = int(numbers.readline())
    pid = fork(lambda: parent(init))
    zombie = int(numbers.readline())
    wait_for("the zombie", lambda: state(zombie) == "Z")
    os.kill(init, signal.SIGKILL)

    def in_zap():
        with open(f"/proc/{init}/wchan", encoding="ascii") as file:
            return "zap_pid_ns_processes" in file.read()

    wait_for("the init in zap_pid_ns_processes()", in_zap)
    return pid, init


def main(tests):
    """usage: <file> UNZAP TEST"""
    unzap, name = os.path.abspath(sys.argv[1]), sys.argv[2]
    if os.geteuid() != 0:
        print(f"SKIP {name}: needs root")
        sys.exit(EXIT_SKIP)

    def stage():
        code = 1
        try:
            or_skip("a mount", call, "mount", b"none", b"/", None, MS_REC | MS_PRIVATE, None)
            or_skip("a procfs", call, "mount", b"proc", b"/proc", b"proc", 0, None)
            tests[name](unzap)
            print(f"ok {name}", flush=True)
            code = 0
        except Skip as reason:
            print(f"SKIP {name}: {reason}", flush=True)
            code = EXIT_SKIP
        finally:
            if code == 1:
                import traceback  # pylint: disable=import-outside-toplevel
                traceback.print_exc()
                sys.stderr.flush()
            os._exit(code)

    try:
        or_skip("namespaces", call, "unshare", CLONE_NEWPID | CLONE_NEWNS)
    except Skip as reason:
        print(f"SKIP {name}: {reason}")
        sys.exit(EXIT_SKIP)
    pid = fork(stage)
    handle = os.pidfd_open(pid)
    if not select.select([handle], [], [], SECONDS)[0]:
        os.kill(pid, signal.SIGKILL)
    sys.exit(os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1]) & 0xff)
