#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Of two FUSE connections the wrong one is never aborted: where it can be either, neither is.

usage: fuse_test.py UNZAP TEST
"""
import errno
import json
import os
import signal
import struct
import subprocess
import sys

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import live  # noqa: E402  pylint: disable=wrong-import-position
from live import Skip, call, or_skip, read, state, wait_for  # noqa: E402  pylint: disable=wrong-import-position
from stuck_test import FUSE_INIT, dies, serve_nothing  # noqa: E402  pylint: disable=wrong-import-position

CONNECTIONS = "/sys/fs/fuse/connections"
FUSE_LOOKUP, FUSE_FORGET, FUSE_GETATTR, FUSE_OPEN, FUSE_FLUSH, FUSE_INTERRUPT = 1, 2, 3, 14, 25, 36


def waiting(number):
    return int(read(f"{CONNECTIONS}/{number}/waiting") or 0)


def mount_fusectl():
    if not os.path.isdir(CONNECTIONS):
        raise Skip("this kernel has no FUSE")
    try:
        call("mount", b"none", CONNECTIONS.encode(), b"fusectl", 0, None)
    except OSError as error:
        if error.errno != errno.EBUSY:
            raise Skip(f"fusectl: {error}") from error
    foreign = [number for number in os.listdir(CONNECTIONS) if waiting(number) > 0]
    if foreign:
        raise Skip(f"other FUSE connections of this machine have requests without an answer: {foreign}")


def serve_all_but_flush(device, tell):
    """A server whose one file can be looked up and opened. To close it does not come to an end: FLUSH has no answer."""
    def attributes(node):
        mode = 0o40755 if node == 1 else 0o100644
        return struct.pack("<6Q10I", node, 0, 0, 0, 0, 0, 0, 0, 0, mode, 1, 0, 0, 0, 4096, 0)

    init = struct.pack("<4I2H2I2HI28x", 7, 31, 1 << 16, 0, 12, 9, 1 << 16, 1, 16, 0, 0)
    answers = {FUSE_INIT: lambda node: init, FUSE_LOOKUP: lambda node: struct.pack("<4Q2I", 2, 0, 0, 0, 0, 0) + attributes(2),
               FUSE_GETATTR: lambda node: struct.pack("<Q2I", 0, 0, 0) + attributes(node),
               FUSE_OPEN: lambda node: struct.pack("<Q2I", 1, 0, 0)}
    while True:
        _, operation, unique, node = struct.unpack_from("<IIQQ", os.read(device, 1 << 17))
        if operation == FUSE_FLUSH:
            tell(operation)
        elif operation in answers:
            body = answers[operation](node)
            os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
        elif operation not in (FUSE_FORGET, FUSE_INTERRUPT):
            os.write(device, struct.pack("<IiQ", 16, -errno.ENOSYS, unique))


class Server:
    """A FUSE mount in a folder of the stage, and its server."""

    def __init__(self, stage, name, serve=serve_nothing):
        self.path = os.path.join(stage.folder, name)
        device = or_skip("/dev/fuse", os.open, "/dev/fuse", os.O_RDWR)
        os.mkdir(self.path)
        options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
        or_skip("a FUSE mount", call, "mount", name.encode(), self.path.encode(), b"fuse",
                live.MS_NOSUID | live.MS_NODEV, options)
        fields = [line.split() for line in read("/proc/self/mountinfo").splitlines()]
        self.number = next(one[2].split(":")[1] for one in fields if one[4] == self.path)
        self.pid, self.teller = stage.fork(name, lambda tell: serve(device, tell))
        os.close(device)

    def ask(self):
        """What a client does: it waits for the answer."""
        os.stat(os.path.join(self.path, "file"))


def folder(stage):
    os.mkdir(stage.folder)
    call("mount", b"none", stage.folder.encode(), b"tmpfs", 0, None)


def rescue(unzap, *options):
    done = subprocess.run([unzap, "rescue", "--json", "-q", *options], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False)
    return json.loads(done.stdout) if done.stdout else {"plans": [], "stderr": done.stderr.decode()}


def apply(unzap, plan, *options):
    """Lets unzap do this plan, as a user would who has read it."""
    chosen = [plan["id"]] if plan.get("id") else []
    audit = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"unzap-attack-{os.getpid()}.jsonl")
    try:
        return rescue(unzap, "--apply", *chosen, "--audit", audit, *options)
    finally:
        if os.path.exists(audit):
            os.unlink(audit)


def abort_plan(unzap, culprit):
    answer = rescue(unzap, "--cause", "fuse-request")
    plans = [plan for plan in answer["plans"] if plan["cause"] == "fuse-request" and plan["culprit"]
             and plan["culprit"]["pid"] == culprit]
    assert plans, f"no plan for {culprit}: {answer}"
    return plans[0]


def victim(stage, server):
    """A container whose member waits for this server and has been killed."""
    init, members = stage.container({"uz-member": server.ask})
    server.teller.next()
    dies(init)
    wait_for("the member in state D", lambda: state(members["uz-member"]) == "D")
    return init, members["uz-member"]


def tied(stage, unzap):
    """One connection alone can be it: it is aborted, and its neighbour, which is not involved, is not."""
    folder(stage)
    mount_fusectl()
    mine, other = Server(stage, "uz-mine"), Server(stage, "uz-other")
    init, member = victim(stage, mine)
    plan = abort_plan(unzap, member)
    assert plan["ready"] and plan["action"]["file"] == f"{CONNECTIONS}/{mine.number}/abort", plan
    assert mine.path in plan["action"]["text"], plan
    done = apply(unzap, plan, "--cause", "fuse-request")
    assert done["applied"]["outcome"] == "freed", done
    wait_for("the end of the init", lambda: state(init) == "gone")
    assert state(other.pid) == "S", "the other server has lost its connection"


def slow_neighbour(stage, unzap):
    """A mount of somebody else is slow at the same time: neither is touched, and both are listed."""
    folder(stage)
    mount_fusectl()
    mine, other = Server(stage, "uz-mine"), Server(stage, "uz-other")
    stage.fork("uz-innocent", lambda _: other.ask())
    other.teller.next()
    _, member = victim(stage, mine)
    plan = abort_plan(unzap, member)
    assert plan["action"] is None, plan
    for server in (mine, other):
        assert f"connection {server.number} " in plan["why_none"] and server.path in plan["why_none"], plan
    assert waiting(other.number) > 0 and state(other.pid) == "S"


def unmounted(stage, unzap):
    """The attacker has unmounted what it waits for, and has the mount of somebody else, which is slow: it alone is listed
    among the attacker's mounts."""
    folder(stage)
    mount_fusectl()
    mine, other = Server(stage, "uz-mine"), Server(stage, "uz-other")
    stage.fork("uz-innocent", lambda _: other.ask())
    other.teller.next()
    _, member = victim(stage, mine)
    call("umount2", mine.path.encode(), live.MNT_DETACH)

    def forget(_):
        descriptor = os.open(f"/proc/{member}/ns/mnt", os.O_RDONLY)
        call("setns", descriptor, live.CLONE_NEWNS)
        call("umount2", mine.path.encode(), live.MNT_DETACH)

    helper, _ = stage.fork("uz-forget", forget)
    wait_for("the mount to go", lambda: state(helper) in ("Z", "gone") and mine.path not in read(f"/proc/{member}/mountinfo"))
    assert other.path in read(f"/proc/{member}/mountinfo")
    plan = abort_plan(unzap, member)
    assert plan["action"] is None, plan
    assert f"connection {mine.number} " in plan["why_none"], plan
    assert waiting(other.number) > 0 and state(other.pid) == "S"


def not_mounted(stage, unzap):
    """Without fusectl the connections cannot be seen: it says how to mount it, and not that nothing waits."""
    folder(stage)
    if os.path.isdir(CONNECTIONS) and os.listdir(CONNECTIONS):
        call("umount2", CONNECTIONS.encode(), live.MNT_DETACH)
    mine = Server(stage, "uz-mine")
    _, member = victim(stage, mine)
    plan = abort_plan(unzap, member)
    assert plan["action"] is None and "mount -t fusectl none" in plan["why_none"], plan


def hangs_anew(stage, unzap):
    """Two that were killed wait for one server. Freed of that, one of them dies; the other hangs on its way out, in the
    flush of a file of another server. That is not FREED, whichever of them the finding names first."""
    folder(stage)
    mount_fusectl()
    first, second = Server(stage, "uz-first"), Server(stage, "uz-second", serve_all_but_flush)

    def flushes():
        os.open(os.path.join(second.path, "file"), os.O_RDONLY)
        os.statvfs(first.path)

    _, members = stage.container({"uz-flushes": flushes, "uz-asks": first.ask})
    for _ in members:
        first.teller.next()
    for pid in members.values():
        os.kill(pid, signal.SIGKILL)
    for name, pid in members.items():
        wait_for(f"{name} in state D", lambda pid=pid: state(pid) == "D")
    plans = [plan for plan in rescue(unzap, "--cause", "fuse-request")["plans"] if plan["ready"]]
    assert len(plans) == 1, plans
    done = apply(unzap, plans[0], "--cause", "fuse-request")
    assert state(members["uz-flushes"]) == "D", "it hangs in the flush"
    assert done["applied"]["outcome"] == "not freed", done["applied"]
    assert f"uz-flushes[{members['uz-flushes']}] (D" in done["applied"]["why"], done["applied"]


TESTS = (tied, slow_neighbour, unmounted, not_mounted, hangs_anew)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
