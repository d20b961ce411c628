#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Makes real stuck containers, one at a time, and lets the real binary name what they hang on.

usage: stuck_test.py UNZAP TEST
"""
import os
import signal
import struct
import time

import live
from live import Look, Skip, call, in_zap, or_skip, pause, read, state, wait_for, write


def dies(init):
    """Kills the init and waits until it hangs in zap_pid_ns_processes()."""
    os.kill(init, signal.SIGKILL)
    wait_for("the init in zap_pid_ns_processes()", lambda: in_zap(init))


def inject(stage, init, name="uz-exec", reaps=False):
    """A process outside that has forked a child into the namespace. The child is a zombie that it does not reap; with
    `reaps` the child lives on, and is reaped when it has died. Gives both."""
    def body(tell):
        with open(f"/proc/{init}/ns/pid", encoding="ascii") as namespace:
            call("setns", namespace.fileno(), live.CLONE_NEWPID)
        child = os.fork()
        if child == 0:
            live.set_name("uz-zombie")
            if reaps:
                pause()
            os._exit(0)
        tell(child)
        if reaps:
            os.waitpid(child, 0)
        pause()

    parent, child = stage.run(name, body)
    if not reaps:
        wait_for("the zombie", lambda: state(child) == "Z")
    return parent, child


def gone(pid):
    wait_for(f"the end of {pid}", lambda: state(pid) == "gone")


def gone_with_parent(parent, zombie, init):
    """What the remedy says: without its parent the zombie goes to the nearest subreaper outside, which is this process,
    and not to the init. Reaped by it, it lets the init end."""
    os.kill(parent, signal.SIGKILL)
    wait_for("another parent for the zombie", lambda: live.stat_fields(zombie)[1] == str(os.getpid()))
    assert state(init) != "gone"
    os.waitpid(zombie, 0)
    gone(init)


def outside_parent(stage, unzap):
    """A zombie with its parent outside keeps a number of the namespace."""
    init, _ = stage.container()
    parent, zombie = inject(stage, init)
    dies(init)
    look = Look(unzap)
    finding = look.first("unreaped-by-outside-parent")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == parent, "the parent outside is the culprit")
    look.expect({zombie, init} <= {victim["tid"] for victim in finding["victims"]}, "zombie and init are victims")
    look.expect(look.code == 1, "something is stuck")
    shim = live.stat_fields(init)[1]
    look = Look(unzap, "--pid", shim)
    look.first("unreaped-by-outside-parent")
    look.expect(look.code == 1, f"--pid {shim}, the parent of the init, is about its container")
    gone_with_parent(parent, zombie, init)


def stopped_parent(stage, unzap):
    """The parent outside would reap, but somebody has stopped it."""
    init, _ = stage.container()
    parent, zombie = inject(stage, init)
    os.kill(parent, signal.SIGSTOP)
    wait_for("the stop", lambda: state(parent) == "T")
    dies(init)
    look = Look(unzap)
    finding = look.first("unreaped-by-outside-parent")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == parent, "the parent outside is the culprit")
    look.expect("stopped" in finding["summary"], "the summary says why it does not reap")
    gone_with_parent(parent, zombie, init)


def nested(stage, unzap):
    """A pid namespace in a pid namespace: both inits are dying, the inner one waits for the zombie."""
    def inner_shim():
        call("unshare", live.CLONE_NEWPID)
        if os.fork() == 0:
            live.set_name("uz-inner")
            pause()
        pause()

    init, members = stage.container({"uz-inner-shim": inner_shim})
    inner = wait_for("the inner init", lambda: live.children(members["uz-inner-shim"]).get("uz-inner"))
    parent, zombie = inject(stage, inner)
    dies(init)
    wait_for("the inner init in zap_pid_ns_processes()", lambda: in_zap(inner))
    look = Look(unzap)
    finding = look.first("unreaped-by-outside-parent")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == parent, "the parent outside is the culprit")
    look.expect({zombie, inner} <= {victim["tid"] for victim in finding["victims"]}, "zombie and init are victims")
    gone_with_parent(parent, zombie, init)


def trace(stage, member, options):
    def body(tell):
        call("ptrace", live.PTRACE_SEIZE, member, None, options)
        tell(1)
        pause()

    tracer, teller = stage.fork("uz-tracer", body)
    try:
        teller.next()
    except AssertionError as error:
        raise Skip(f"a process cannot be traced here ({error})") from error
    return tracer


def check_traced(stage, unzap, options, letter):
    init, members = stage.container({"uz-member": pause})
    member = members["uz-member"]
    tracer = trace(stage, member, options)
    dies(init)
    wait_for(f"the member in state {letter}", lambda: state(member) == letter)
    look = Look(unzap)
    finding = look.first("traced-member")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == tracer, "the tracer is the culprit")
    look.expect({member, init} <= {victim["tid"] for victim in finding["victims"]}, "member and init are victims")
    look.expect(look.code == 1, "something is stuck")
    os.kill(tracer, signal.SIGKILL)  # what the remedy says
    gone(init)


def traced_zombie(stage, unzap):
    """A dead member that its tracer has not waited for."""
    check_traced(stage, unzap, None, "Z")


def traced_exit_stop(stage, unzap):
    """A member that stops on its way out because its tracer asked for that."""
    check_traced(stage, unzap, live.PTRACE_O_TRACEEXIT, "t")


def check_frozen_v1(stage, unzap, body):
    cgroup = stage.cgroup(1)
    init, members = stage.container({"uz-member": body})
    member = members["uz-member"]
    wait_for("the member asleep", lambda: state(member) == "S")
    write(f"{cgroup}/cgroup.procs", member)
    write(f"{cgroup}/freezer.state", "FROZEN")
    wait_for("the freeze", lambda: read(f"{cgroup}/freezer.state").strip() == "FROZEN")
    paused = Look(unzap)
    paused.expect(paused.silent(), "a paused container is not stuck")
    dies(init)
    look = Look(unzap)
    finding = look.first("frozen-cgroup")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == member, "the frozen member is the culprit")
    look.expect(init in {victim["tid"] for victim in finding["victims"]}, "the init is a victim")
    look.expect(os.path.basename(cgroup) in look.text, "the cgroup to thaw is named")
    look.expect(look.code == 1, "something is stuck")
    write(f"{cgroup}/freezer.state", "THAWED")  # what the remedy says
    gone(init)


def frozen_v1(stage, unzap):
    """SIGKILL does not act on a member that a v1 freezer holds."""
    check_frozen_v1(stage, unzap, pause)


def frozen_v1_asleep(stage, unzap):
    """Since 6.1 a task in a freezable sleep is frozen where it sleeps: its stack does not name the freezer."""
    check_frozen_v1(stage, unzap, lambda: time.sleep(3600))


def frozen_v1_container(stage, unzap):
    """A whole container that is paused in v1 and then killed: not even its init comes as far as dying."""
    cgroup = stage.cgroup(1)
    init, members = stage.container({"uz-member": pause})
    for pid in (init, members["uz-member"]):
        write(f"{cgroup}/cgroup.procs", pid)
    write(f"{cgroup}/freezer.state", "FROZEN")
    wait_for("the freeze", lambda: read(f"{cgroup}/freezer.state").strip() == "FROZEN")
    os.kill(init, signal.SIGKILL)
    assert live.kill_pending(init)
    look = Look(unzap)
    finding = look.first("frozen-cgroup")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == init, "the frozen init is the culprit")
    look.expect(look.code == 1, "something is stuck")
    write(f"{cgroup}/freezer.state", "THAWED")
    gone(init)


def freeze_v2(cgroup):
    write(f"{cgroup}/cgroup.freeze", "1")
    wait_for("the freeze", lambda: "frozen 1" in read(f"{cgroup}/cgroup.events"))


def frozen_v2_member(stage, unzap):
    """A v2 freezer lets SIGKILL through: a paused container is fine, and ends when its init is killed."""
    cgroup = stage.cgroup(2)
    init, members = stage.container({"uz-member": pause})
    for pid in (init, members["uz-member"]):
        write(f"{cgroup}/cgroup.procs", pid)
    freeze_v2(cgroup)
    look = Look(unzap)
    look.expect(look.silent(), "a paused container is not stuck")
    os.kill(init, signal.SIGKILL)
    gone(init)


def frozen_v2_parent(stage, unzap):
    """What a v2 freeze does keep: a parent outside that is frozen does not reap its zombie."""
    cgroup = stage.cgroup(2)
    init, _ = stage.container()
    parent, zombie = inject(stage, init)
    write(f"{cgroup}/cgroup.procs", parent)
    freeze_v2(cgroup)
    dies(init)
    look = Look(unzap)
    finding = look.first("frozen-cgroup")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == parent, "the frozen parent is the culprit")
    look.expect({zombie, init} <= {victim["tid"] for victim in finding["victims"]}, "zombie and init are victims")
    look.expect(os.path.basename(cgroup) in look.text, "the cgroup to thaw is named")
    look.expect(look.code == 1, "something is stuck")


FUSE_INIT = 26


def serve_nothing(descriptor, tell):
    """A FUSE server that answers FUSE_INIT and nothing else, and tells the operation of each other request."""
    while True:
        request = os.read(descriptor, 1 << 17)
        _, operation, unique = struct.unpack_from("<IIQ", request)
        if operation == FUSE_INIT:
            body = struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 16, 0, 12, 9, 1 << 16, 1, 16, 0, 0)
            os.write(descriptor, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
        else:
            tell(operation)


def fuse(stage, unzap):
    """A member whose request the server has read and does not answer cannot even be killed."""
    device = or_skip("/dev/fuse", os.open, "/dev/fuse", os.O_RDWR)
    os.mkdir(stage.folder)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    or_skip("a FUSE mount", call, "mount", b"unzap-live", stage.folder.encode(), b"fuse",
            live.MS_NOSUID | live.MS_NODEV, options)
    server, teller = stage.fork("uz-server", lambda tell: serve_nothing(device, tell))
    os.close(device)
    init, members = stage.container({"uz-member": lambda: os.stat(os.path.join(stage.folder, "file"))})
    member = members["uz-member"]
    teller.next()  # the look-up of the file
    dies(init)
    wait_for("the member in state D", lambda: state(member) == "D")
    look = Look(unzap)
    finding = look.first("fuse-request")
    look.expect(finding["culprit"] and finding["culprit"]["pid"] == member, "the member is the culprit")
    look.expect(init in {victim["tid"] for victim in finding["victims"]}, "the init is a victim")
    look.expect(look.code == 1, "something is stuck")
    os.kill(server, signal.SIGKILL)  # closes the connection
    gone(init)


def zombie_under_live_parent(stage, unzap):
    """Zombies that their parent in the container has not reaped: untidy, and nothing is stuck."""
    def parent():
        for _ in range(3):
            if os.fork() == 0:
                os._exit(0)
        pause()

    _, members = stage.container({"uz-parent": parent})
    wait_for("the zombies", lambda: "uz-parent" in live.children(members["uz-parent"]))
    look = Look(unzap)
    look.expect(look.silent(), "nothing is stuck")


TESTS = (outside_parent, stopped_parent, nested, traced_zombie, traced_exit_stop, frozen_v1, frozen_v1_asleep,
         frozen_v1_container, frozen_v2_member, frozen_v2_parent, fuse, zombie_under_live_parent)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
