#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The ground of the live tests themselves: whatever they meet, they end as passed, failed or skipped, and clean.

usage: stage_test.py UNZAP TEST
"""
import os
import signal
import subprocess
import sys

import live
from live import EXIT_SKIP, in_zap, read, wait_for

HERE = os.path.dirname(os.path.abspath(__file__))
# A test that gets as far as a step and then skips, fails or waits. It runs in a Home inside of this test's.
STEPS = ("begin", "fork", "container", "cgroup", "frozen", "dying")
INNER = """
import os, sys
sys.path.insert(0, sys.argv[3])
import live
from stuck_test import dies

def steps(stage, unzap, _, until, how):
    def at(step):
        if step == until:
            if how == "skip":
                raise live.Skip("as asked")
            if how == "wait":
                print("waiting", stage.label, flush=True)
                live.pause()
            assert how == "pass", "as asked"
    at("begin")
    stage.fork("uz-sleeper", lambda tell: live.pause())
    at("fork")
    init, members = stage.container({"uz-member": live.pause})
    at("container")
    version = 1 if 1 in live.cgroup_mounts() else 2
    group = stage.cgroup(version)
    at("cgroup")
    live.write(f"{group}/cgroup.procs", members["uz-member"])
    file, text = ("freezer.state", "FROZEN") if version == 1 else ("cgroup.freeze", "1")
    live.write(f"{group}/{file}", text)
    at("frozen")
    if version == 1:
        dies(init)
    at("dying")

def refused(stage, unzap, *_):
    steps(stage, unzap, "", "dying", "pass")

if sys.argv[2] == "refused":
    calls, plain = [int(sys.argv[4])], live.call
    def call(name, *arguments):
        calls[0] -= 1
        if calls[0] == 0 and name in ("unshare", "mount"):
            print("refusing", name, file=sys.stderr, flush=True)
            raise PermissionError(1, "as asked")
        plain(name, *arguments)
    live.call = call
live.main({"steps": steps, "refused": refused})
"""


def inner(unzap, test, *arguments):
    return subprocess.Popen([sys.executable, "-B", "-c", INNER, unzap, test, HERE, *arguments], stdin=subprocess.DEVNULL,
                            stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)


def leftovers():
    """Groups and folders of inner Homes that are still there."""
    return [path for mount in live.cgroup_mounts().values() for path in os.listdir(mount) if path.startswith("unzap-live")]


def ends(process, code):
    output, errors = process.communicate(timeout=60)
    assert process.returncode == code, f"exit code {process.returncode}, not {code}\n{output}\n{errors}"
    assert not leftovers(), leftovers()
    return output, errors


def skips(_, unzap):
    """A Skip at any step is exit code 77 with its reason, and no traceback."""
    for step in STEPS:
        output, errors = ends(inner(unzap, "steps", step, "skip"), EXIT_SKIP)
        assert "SKIP steps: as asked" in output and "Traceback" not in output + errors, (step, output, errors)


def fails(_, unzap):
    """A failure at any step is a failure, not a skip, and leaves nothing either."""
    for step in STEPS:
        ends(inner(unzap, "steps", step, "fail"), 1)


def refusals(_, unzap):
    """What a container or a sandbox refuses, of all that makes the namespaces, is a reason to skip."""
    refused = 0
    for number in range(1, 40):
        process = inner(unzap, "refused", str(number))
        output, errors = process.communicate(timeout=60)
        if "refusing" not in errors:
            assert process.returncode == 0, (number, output, errors)
            continue
        refused += 1
        if "uz-shim" not in errors:  # what a process of the test itself is refused is a failure of this test
            assert process.returncode in (0, EXIT_SKIP) and "Traceback" not in output + errors, (number, output, errors)
    assert refused >= 2, refused


def killed(_, unzap):
    """Killed at its worst moment, with a member frozen and an init that cannot end, a test leaves nothing behind."""
    process = inner(unzap, "steps", "dying", "wait")
    assert "waiting" in process.stdout.readline()
    assert leftovers() or not live.cgroup_mounts()
    process.send_signal(signal.SIGKILL)
    process.communicate(timeout=60)
    wait_for("an end without leftovers", lambda: not leftovers())
    wait_for("the end of its processes", lambda: "uz-member" not in
             {read(f"/proc/{pid}/comm").strip() for pid in os.listdir("/proc") if pid.isdigit()})


def beside(stage, unzap):
    """A test passes next to a jam that is not its own, and does not touch it."""
    from stuck_test import dies, inject  # pylint: disable=import-outside-toplevel
    init, _ = stage.container()
    inject(stage, init)
    dies(init)
    for file, test in (("stuck_test.py", "outside_parent"), ("stuck_test.py", "zombie_under_live_parent"),
                       ("rescue_test.py", "outside_parent")):
        done = subprocess.run([sys.executable, "-B", os.path.join(HERE, file), unzap, test], capture_output=True, text=True,
                              timeout=120, check=False)
        assert done.returncode == 0, done.stdout + done.stderr
        assert in_zap(init), "the other jam is gone"


TESTS = (skips, fails, refusals, killed, beside)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
