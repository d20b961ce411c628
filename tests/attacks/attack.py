# SPDX-License-Identifier: Apache-2.0
"""What the attacks share: unzap under a measure, and jams by the dozen. They run in a Home of their own (../live/live.py),
so the attacker is at home there with his victims, and nobody else can be hit."""
import json
import os
import resource
import signal
import subprocess
import sys
import tempfile
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import live  # noqa: E402  pylint: disable=wrong-import-position
from live import call, in_zap, pause, read, set_name, state, wait_for  # noqa: E402  pylint: disable=wrong-import-position,unused-import

NOBODY = 65534
LOOK_SECONDS = 4.5  # the deadline of a look


class Run:
    """One run of unzap: exit code, what it wrote, how long it took and how much memory it and its helpers had at most."""

    def __init__(self, command, timeout=60, before=None, **options):
        with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as errors:
            start = time.monotonic()
            process = subprocess.Popen(command, stdin=subprocess.DEVNULL, stdout=options.get("stdout", out),
                                       stderr=options.get("stderr", errors), preexec_fn=before)
            try:
                end = start + timeout
                while True:
                    pid, status, usage = os.wait4(process.pid, os.WNOHANG)
                    if pid:
                        break
                    assert time.monotonic() < end, f"{command} does not end within {timeout} s"
                    time.sleep(0.005)
                process.returncode = os.waitstatus_to_exitcode(status)
            finally:
                if process.returncode is None:
                    process.kill()
                    process.wait()
            self.seconds = time.monotonic() - start
            out.seek(0)
            errors.seek(0)
            self.output = out.read().decode("utf-8", "replace")
            self.errors = errors.read().decode("utf-8", "replace")
        self.code, self.kib = process.returncode, usage.ru_maxrss

    def json(self):
        return json.loads(self.output)

    def __str__(self):
        shown = self.output if len(self.output) <= 6000 else f"{self.output[:2000]}\n...\n{self.output[-4000:]}"
        return f"exit code {self.code}, {self.seconds:.1f} s, {self.kib} KiB\n{shown}\n{self.errors[:2000]}"

    def expect(self, condition, what):
        assert condition, f"{what}: {self}"


def as_nobody(user=NOBODY):
    """To be run in the child, between fork and exec: from now on a user without any privilege."""
    os.setgroups([])
    os.setresgid(NOBODY, NOBODY, NOBODY)
    os.setresuid(user, user, user)


def padding(unzap):
    """How much more memory this build may take: AddressSanitizer pads each piece, and keeps what was freed for a while."""
    with open(unzap, "rb") as program:
        return 4 if b"__asan_init" in program.read() else 1


def limit(what, most):
    return lambda: resource.setrlimit(what, (most, most))


def outside_jam(stage, name="uz-jammer"):
    """A dying init in its second loop, because of a zombie whose parent is outside of its namespace and does not reap: the
    numbers of parent, init and zombie. All of them end with the parent."""
    def body(tell):
        call("unshare", live.CLONE_NEWPID)
        init = os.fork()
        if init == 0:
            set_name("uz-init")
            pause()
        zombie = os.fork()
        if zombie == 0:
            os._exit(0)
        os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)  # it is dead, and stays
        os.kill(init, signal.SIGKILL)
        for pid in (init, zombie):
            tell(pid)
        pause()

    live.or_skip("a pid namespace", stage._try_namespace)  # pylint: disable=protected-access
    parent, teller = stage.fork(name, body)
    return parent, teller


def settle(jams):
    """Waits until the inits of all jams hang; gives (parent, init, zombie) of each."""
    found = []
    for parent, teller in jams:
        init, zombie = teller.next(), teller.next()
        wait_for(f"the init {init} in zap_pid_ns_processes()", lambda init=init: in_zap(init))
        found.append((parent, init, zombie))
    return found


def tasks():
    """How many tasks /proc shows."""
    count = 0
    for name in os.listdir("/proc"):
        if name.isdigit():
            try:
                count += len(os.listdir(f"/proc/{name}/task"))
            except OSError:
                continue
    return count
