#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes real stuck containers, one at a time, and lets `unzap rescue` free them: first the plan, which must change nothing,
then --apply with its id, which must end with everybody gone and a record of it.

usage: rescue_test.py UNZAP TEST
"""
import contextlib
import errno
import json
import os
import select
import signal
import subprocess
import tempfile
import time

import live
from live import call, in_zap, or_skip, pause, read, state, wait_for, write
from outer_rescue import OuterRescue, enter
from stuck_test import dies, freeze_v2, inject, serve_nothing, trace

SECONDS = 30


def reap(pids):
    for pid in pids:
        with contextlib.suppress(ChildProcessError):
            os.waitpid(pid, os.WNOHANG)


def check_ready(plan, init):
    assert plan["ready"] and plan["action"]["changes"] and plan["action"]["cannot_undo"], plan
    assert in_zap(init) or live.kill_pending(init), f"the plan changed something: {plan}"


def check_record(events, plan, outcome):
    names = [event["event"] for event in events]
    assert names[0] == "begin" and names.count("act") == 1 and names[-1] == "end", names
    assert events[-1]["outcome"] == outcome and all(event["plan"] == plan["id"] for event in events), events


class Rescue:
    """`unzap rescue` for one cause on this host. Orphans of outside parents become ours, so they are reaped meanwhile."""

    def __init__(self, unzap, cause, init, orphans=(), options=()):
        self.command = [unzap, "rescue", "--json", "-q", "--cause", cause, *options]
        self.init, self.orphans = init, orphans

    def run(self, *more):
        with tempfile.TemporaryFile() as out:
            process = subprocess.Popen([*self.command, *more], stdin=subprocess.DEVNULL, stdout=out)
            try:
                end = time.monotonic() + SECONDS
                while process.poll() is None:
                    assert time.monotonic() < end, "unzap rescue does not end"
                    reap(self.orphans)
                    select.select([], [], [], 0.01)
            finally:
                process.kill()
                process.wait()
            out.seek(0)
            text = out.read().decode("utf-8", "replace")
        return process.returncode, json.loads(text), text

    def plan(self, number=0):
        """A plan of the first finding, by its place among those, which leaves all as it is."""
        code, answer, text = self.run()
        first = answer["plans"][answer["chosen"]]["finding"]
        plan = [one for one in answer["plans"] if one["finding"] == first][number]
        assert code == 1 and answer["applied"] is None, text
        check_ready(plan, self.init)
        return plan

    def apply(self, plan, outcome="freed"):
        """Does it; everybody must be free, and the record must say so."""
        with tempfile.TemporaryDirectory() as folder:
            audit = os.path.join(folder, "audit.jsonl")
            code, answer, text = self.run("--apply", plan["id"], "--audit", audit)
            events = [json.loads(line) for line in read(audit).splitlines()]
        assert answer["applied"]["outcome"] == outcome and code == (0 if outcome == "freed" else 1), text
        check_record(events, plan, outcome)
        if outcome == "freed":
            wait_for("the end of the init", lambda: state(self.init) == "gone")
        else:
            assert state(self.init) != "gone" and str(self.init) in answer["applied"]["why"], text


def outside_parent(stage, unzap):
    """SIGCHLD tells a parent nothing that does not listen, and that is what is said; SIGTERM ends it, and its zombie goes
    to the nearest subreaper, which is this test."""
    init, _ = stage.container()
    parent, zombie = inject(stage, init)
    dies(init)
    rescue = Rescue(unzap, "unreaped-by-outside-parent", init, [zombie])
    plan = rescue.plan()
    assert (plan["action"]["target"]["tid"], plan["action"]["signal"]) == (parent, signal.SIGCHLD), plan
    rescue.apply(plan, "not freed")
    harder = rescue.plan(1)
    assert (harder["action"]["target"]["tid"], harder["action"]["signal"]) == (parent, signal.SIGTERM), harder
    assert harder["after"] == plan["id"], harder
    rescue.apply(harder)


def stopped_parent(stage, unzap):
    """SIGCONT lets a stopped parent outside reap; it goes on living."""
    init, _ = stage.container()
    parent, child = inject(stage, init, reaps=True)
    os.kill(parent, signal.SIGSTOP)
    wait_for("the stop", lambda: state(parent) == "T")
    dies(init)
    wait_for("the zombie", lambda: state(child) == "Z")
    rescue = Rescue(unzap, "unreaped-by-outside-parent", init)
    plan = rescue.plan()
    assert (plan["action"]["target"]["tid"], plan["action"]["signal"]) == (parent, signal.SIGCONT), plan
    rescue.apply(plan)
    assert state(parent) == "S", "the parent lives on"


def tracer(stage, unzap):
    """A dead member that its tracer has not waited for: the tracer is ended."""
    init, members = stage.container({"uz-member": pause})
    by = trace(stage, members["uz-member"], None)
    dies(init)
    wait_for("the zombie", lambda: state(members["uz-member"]) == "Z")
    rescue = Rescue(unzap, "traced-member", init)
    plan = rescue.plan()
    assert (plan["action"]["target"]["tid"], plan["action"]["signal"]) == (by, signal.SIGTERM), plan
    rescue.apply(plan)


def thaw(stage, unzap, cgroup, init, culprit, *options):
    """From outside, where it is seen who else is in that cgroup."""
    rescue = OuterRescue(stage, unzap)
    plan = rescue.plan(cgroup, [culprit], *options)
    check_ready(plan, init)
    code, answer, events = rescue.apply(plan, *options)
    assert answer["applied"]["outcome"] == "freed" and code == 0, answer
    check_record(events, plan, "freed")
    wait_for("the end of the init", lambda: state(init) == "gone")


def frozen_v1(stage, unzap):
    """The member's cgroup is thawed."""
    cgroup = stage.cgroup(1)
    init, members = stage.container({"uz-member": pause})
    enter(stage, cgroup, members["uz-member"])
    write(f"{cgroup}/freezer.state", "FROZEN")
    wait_for("the freeze", lambda: read(f"{cgroup}/freezer.state").strip() == "FROZEN")
    dies(init)
    thaw(stage, unzap, cgroup, init, members["uz-member"])
    assert state(members["uz-member"]) == "gone"


def frozen_v2_parent(stage, unzap):
    """The parent outside is thawed, and then reaps. Nobody has killed it, so that has to be allowed."""
    cgroup = stage.cgroup(2)
    init, _ = stage.container()
    parent, child = inject(stage, init, reaps=True)
    enter(stage, cgroup, parent)
    freeze_v2(cgroup)
    dies(init)
    wait_for("the zombie", lambda: state(child) == "Z")
    thaw(stage, unzap, cgroup, init, parent, "--thaw-others")
    assert state(child) == "gone" and "frozen 0" in read(f"{cgroup}/cgroup.events"), "the parent is thawed"


def fuse(stage, unzap):
    """The connection whose server does not answer is aborted; the server reads ENODEV from then on."""
    def serve(tell):
        try:
            serve_nothing(device, tell)
        except OSError as error:
            assert error.errno == errno.ENODEV, error
            tell(error.errno)

    if not os.path.isdir("/sys/fs/fuse/connections"):
        or_skip("/sys/fs/fuse", os.listdir, "/sys/fs/fuse")
    if not os.listdir("/sys/fs/fuse/connections"):
        or_skip("the fusectl file system", call, "mount", b"fusectl", b"/sys/fs/fuse/connections", b"fusectl", 0, None)
    device = or_skip("/dev/fuse", os.open, "/dev/fuse", os.O_RDWR)
    os.mkdir(stage.folder)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    or_skip("a FUSE mount", call, "mount", b"unzap-live", stage.folder.encode(), b"fuse", live.MS_NOSUID | live.MS_NODEV, options)
    _, teller = stage.fork("uz-server", serve)
    os.close(device)
    init, members = stage.container({"uz-member": lambda: os.stat(os.path.join(stage.folder, "file"))})
    teller.next()  # the look-up of the file
    dies(init)
    wait_for("the member in state D", lambda: state(members["uz-member"]) == "D")
    rescue = Rescue(unzap, "fuse-request", init)
    plan = rescue.plan()
    assert plan["action"]["file"].endswith("/abort")
    rescue.apply(plan)
    while teller.next() != errno.ENODEV:  # other requests come first
        continue


TESTS = (outside_parent, stopped_parent, tracer, frozen_v1, frozen_v2_parent, fuse)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
