#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Containers of real runtimes that do not end, or that do: the real binary names cause, container and runtime.

usage: containers_test.py UNZAP RUNTIME_CASE

RUNTIME_CASE is a runtime (runc, crun, ctr, docker, podman) and a case (frozen_files, frozen_pod, stopped_keeper, exec,
tracer, fuse_host, fuse_own, two, nobody, silent) joined by '_'. A runtime that is not installed is a skip.
"""
import contextlib
import glob
import json
import os
import shutil
import signal
import struct
import subprocess

import live
import stuck_test
from live import Look, Skip, call, in_zap, kill_pending, or_skip, read, state, wait_for
from runtimes import POD, RUNTIMES, run, tool

NOBODY = 65534
MNT_FORCE = 1  # of a FUSE mount: ends the connection
FUSE_GETATTR = 3


SLEEP = ["/bin/sleep", "999"]
# An init with one child.
FAMILY = ["/bin/sh", "-c", "/bin/sleep 999 & wait"]


def about(look, ident):
    """The findings that are about this container."""
    return [finding for finding in look.document["findings"]
            if (finding.get("container") or {}).get("id") == ident]


def expect(look, ident, cause, keeper=None):
    """The one likely finding about the container, which names container and cause."""
    found = [finding for finding in about(look, ident) if finding["confidence"] != "possible"]
    look.expect([finding["cause"] for finding in found] == [cause], f"{cause} of {ident}, and nothing else, is likely")
    look.expect(look.code == 1, "something is stuck")
    if keeper is not None:
        process = found[0]["container"]["process"] or {}
        look.expect(process.get("pid") == keeper, f"the runtime's process is {keeper}")
    advice = json.dumps(found[0]["remedies"])
    look.expect("<pid>" not in advice and "<parent>" not in advice, "the numbers are filled in")
    return found[0]


def signed(look, finding, runtime):
    """The finding says which runtime, and by which namespace of containerd."""
    container = finding["container"]
    name = RUNTIMES[runtime][1]
    if name and name != "runc":
        look.expect(container["runtime"] == name, f"it is {name}'s")
    if runtime == "ctr":
        look.expect(container["namespace"] == "k8s.io", "it is in namespace k8s.io")
        look.expect(container["id"] in json.dumps(finding["remedies"]), "the command of ctr has the id")


def kill(pid, number=signal.SIGKILL):
    with contextlib.suppress(ProcessLookupError):
        os.kill(pid, number)


def unmount(point):
    with contextlib.suppress(OSError):
        call("umount2", point.encode(), live.MNT_DETACH | MNT_FORCE)  # without a look at it, for that may block


def gone(pid):
    wait_for("the end of the init", lambda: state(pid) in ("gone", "Z"))


def loop_volume(box):
    """A file system of its own in a file. The loop device lets go of it with the mount."""
    image, point = box.folder + "/image", box.folder + "/volume"
    os.mkdir(point)
    with open(image, "wb") as file:
        file.truncate(16 << 20)
    run(tool("mkfs.ext4"), "-q", "-F", image)
    text = run(tool("mount"), "-o", "loop", image, point, check=False)
    if text:
        raise Skip(f"no loop device can be mounted here: {text.strip()}")
    return point


def frozen_files(box, unzap, runtime):
    """The init writes to a file system that fsfreeze holds: in D, with SIGKILL pending."""
    fsfreeze = tool("fsfreeze")
    point = loop_volume(box)
    box.stage.stack.callback(unmount, point)
    writer = "exec 3>/data/file; while :; do echo x >&3; /bin/sleep 0.05; done"
    ident, pid, keeper = box.start(["/bin/sh", "-c", writer], mounts=[(point, "/data")])
    wait_for("the first write", lambda: os.path.exists(point + "/file"))
    run(fsfreeze, "-f", point)
    box.stage.stack.callback(lambda: run(fsfreeze, "-u", point, check=False))
    wait_for("the init in D", lambda: state(pid) == "D")
    box.kill(ident)
    wait_for("the SIGKILL", lambda: kill_pending(pid))
    look = Look(unzap)
    finding = expect(look, ident, "block-io-wait", keeper)
    signed(look, finding, runtime)
    look.expect("/data" in finding["summary"] and "frozen" in finding["summary"], "it is said what it waits for, and where")
    look.expect("fsfreeze -u" in finding["remedies"][0]["text"], "and how it goes on")
    look.expect(finding["remedies"][0]["text"].count("<") == 0, "with the device")
    run(fsfreeze, "-u", point)
    gone(pid)


def frozen_pod(box, unzap, runtime):
    """The pod's cgroup above the container's is frozen. In v2 a kill gets through."""
    del runtime
    if not os.path.isdir("/sys/fs/cgroup/freezer"):
        raise Skip("no freezer of cgroup v1 is mounted below /sys/fs/cgroup")
    ident, pid, _ = box.start(SLEEP, pod=True)
    freezer = wait_for("the pod's freezer", lambda: glob.glob(f"/sys/fs/cgroup/freezer/**/pod{POD}/freezer.state",
                                                                recursive=True))[0]
    live.write(freezer, "FROZEN")
    box.stage.stack.callback(lambda: live.write(freezer, "THAWED"))
    wait_for("the freeze", lambda: read(freezer).strip() == "FROZEN")
    os.kill(pid, signal.SIGKILL)
    look = Look(unzap)
    finding = expect(look, ident, "frozen-cgroup")
    look.expect(finding["container"]["pod"] == POD, "the pod is named")
    look.expect(POD in json.dumps(finding["remedies"]), "the pod's cgroup is the one to thaw")
    live.write(freezer, "THAWED")
    gone(pid)


def stopped_keeper(box, unzap, runtime):
    """Shim, conmon or runc is stopped, and the dead init is a zombie."""
    ident, pid, keeper = box.start(SLEEP)
    os.kill(keeper, signal.SIGSTOP)
    box.stage.stack.callback(kill, keeper, signal.SIGCONT)
    wait_for("the stop", lambda: state(keeper) == "T")
    os.kill(pid, signal.SIGKILL)
    wait_for("the zombie", lambda: state(pid) == "Z")
    look = Look(unzap)
    finding = expect(look, ident, "runtime-does-not-reap", keeper)
    signed(look, finding, runtime)
    look.expect(finding["culprit"]["pid"] == keeper, "the runtime's process is the culprit")
    look.expect(f"kill -CONT {keeper}" in json.dumps(finding["remedies"]), "the remedy has its number")
    only = Look(unzap, "--container", ident[:14])
    only.expect(about(only, ident), "--container finds it")
    other = Look(unzap, "--pid", str(os.getpid()))
    other.expect(not other.document["findings"] and other.code == 2, "--pid of another process does not")
    os.kill(keeper, signal.SIGCONT)
    wait_for("the end of the zombie", lambda: state(pid) == "gone")


def exec_parent(box, unzap, runtime):
    """A process that was sent in (exec) is a zombie whose parent outside does not reap it."""
    del runtime
    ident, pid, _ = box.start(SLEEP)
    sent, parent = box.exec(ident)
    os.kill(parent, signal.SIGSTOP)
    box.stage.stack.callback(kill, parent, signal.SIGCONT)
    wait_for("the stop", lambda: state(parent) == "T")
    os.kill(sent, signal.SIGKILL)
    wait_for("the zombie", lambda: state(sent) == "Z")
    os.kill(pid, signal.SIGKILL)
    wait_for("the init in zap_pid_ns_processes()", lambda: in_zap(pid))
    look = Look(unzap)
    finding = expect(look, ident, "unreaped-by-outside-parent")
    look.expect(finding["culprit"]["pid"] == parent, "the parent outside is the culprit")
    os.kill(parent, signal.SIGCONT)
    gone(pid)


def member_of(pid):
    return wait_for("the child of the init", lambda: live.children(pid).get("sleep"))


def jam_by_tracer(box):
    ident, pid, _ = box.start(FAMILY)
    tracer = stuck_test.trace(box.stage, member_of(pid), None)
    box.stage.stack.callback(kill, tracer)
    os.kill(pid, signal.SIGKILL)
    wait_for("the init in zap_pid_ns_processes()", lambda: in_zap(pid))
    return ident, pid, tracer


def tracer(box, unzap, runtime):
    """A tracer outside holds a member."""
    ident, pid, holder = jam_by_tracer(box)
    look = Look(unzap)
    finding = expect(look, ident, "traced-member")
    signed(look, finding, runtime)
    look.expect(finding["culprit"]["pid"] == holder, "the tracer is the culprit")
    os.kill(holder, signal.SIGKILL)
    gone(pid)


def mount_fuse(box):
    """A FUSE mount whose requests nobody has read yet: its device and mount point."""
    device = or_skip("/dev/fuse", os.open, "/dev/fuse", os.O_RDWR)
    point = box.folder + "/fuse"
    os.mkdir(point)
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0,allow_other".encode()
    or_skip("a FUSE mount", call, "mount", b"unzap-live", point.encode(), b"fuse", live.MS_NOSUID | live.MS_NODEV,
            options)
    box.stage.stack.callback(unmount, point)
    return device, point


def serve_root(device, tell):
    """A FUSE server that answers what concerns the root, so that it can be mounted elsewhere, and tells the operation of
    each other request instead."""
    attributes = struct.pack("<QII QQQQQQ IIIIIIIIII", 3600, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0o40755, 2, 0, 0, 0, 4096, 0)
    start = struct.pack("<IIIIHHIIHHI28x", 7, 31, 1 << 16, 0, 12, 9, 1 << 16, 1, 16, 0, 0)
    while True:
        request = os.read(device, 1 << 17)
        _, operation, unique, node = struct.unpack_from("<IIQQ", request)
        body = {stuck_test.FUSE_INIT: start, FUSE_GETATTR: attributes}.get(operation)
        if body is not None and node in (0, 1):
            os.write(device, struct.pack("<IiQ", 16 + len(body), 0, unique) + body)
        else:
            tell(operation)


def fuse_host(box, unzap, runtime):
    """The init waits for a FUSE server of the host that has read its request and does not answer."""
    device, point = mount_fuse(box)
    server, teller = box.stage.fork("uz-server", lambda tell: serve_root(device, tell))
    box.stage.stack.callback(kill, server)
    os.close(device)
    ident, pid, keeper = box.start(["/bin/sh", "-c", "/bin/sleep 0.5; exec /bin/stat /data/file"],
                                   mounts=[(point, "/data")])
    teller.next()
    box.kill(ident)
    wait_for("the init in D", lambda: state(pid) == "D" and kill_pending(pid))
    look = Look(unzap)
    finding = expect(look, ident, "fuse-request", keeper)
    signed(look, finding, runtime)
    os.kill(server, signal.SIGKILL)
    gone(pid)


def fuse_own(box, unzap, runtime):
    """Server and waiter are both of the container; the waiter holds the device, so that it outlives the server."""
    del runtime
    device, point = mount_fuse(box)
    ident, pid, _ = box.start(SLEEP)

    def sent(tell):
        with open(f"/proc/{pid}/ns/pid", encoding="ascii") as namespace:
            call("setns", namespace.fileno(), live.CLONE_NEWPID)
        server = os.fork()
        if server == 0:
            live.set_name("uz-server")
            stuck_test.serve_nothing(device, lambda operation: tell(0))
        waiter = os.fork()
        if waiter == 0:
            live.set_name("uz-waiter")
            os.stat(point + "/file")
            os._exit(0)
        tell(waiter)
        os.waitpid(server, 0)
        os.waitpid(waiter, 0)
        live.pause()

    _, teller = box.stage.fork("uz-sender", sent)
    os.close(device)
    waiter = max(teller.next(), teller.next())  # 0 is the server, which has read the request: before, a kill takes it back
    os.kill(pid, signal.SIGKILL)
    wait_for("the init in zap_pid_ns_processes()", lambda: in_zap(pid))
    wait_for("the waiter in D", lambda: state(waiter) == "D")
    look = Look(unzap)
    finding = expect(look, ident, "fuse-request")
    look.expect(finding["culprit"]["pid"] == waiter, "the waiter is the culprit")
    unmount(point)
    gone(pid)


def two(box, unzap, runtime):
    """Two containers that hang on different things are two findings."""
    del runtime
    first, first_pid, holder = jam_by_tracer(box)
    second, second_pid, keeper = box.start(SLEEP)
    os.kill(keeper, signal.SIGSTOP)
    box.stage.stack.callback(kill, keeper, signal.SIGCONT)
    os.kill(second_pid, signal.SIGKILL)
    wait_for("the zombie", lambda: state(second_pid) == "Z")
    look = Look(unzap)
    expect(look, first, "traced-member")
    expect(look, second, "runtime-does-not-reap", keeper)
    os.kill(keeper, signal.SIGCONT)
    os.kill(holder, signal.SIGKILL)
    gone(first_pid)
    gone(second_pid)


def nobody(box, unzap, runtime):
    """Who may not read stacks and namespaces is told that, and never that all is well."""
    del runtime
    ident, pid, holder = jam_by_tracer(box)
    shown = box.folder + "/unzap"
    shutil.copy(unzap, shown)
    os.chmod(shown, 0o755)
    os.chmod(box.folder, 0o755)
    for options in ((), ("--container", ident)):
        done = subprocess.run([shown, "diagnose", *options], capture_output=True, timeout=30, check=False, user=NOBODY,
                              group=NOBODY, extra_groups=[])
        text = done.stdout.decode() + done.stderr.decode()
        assert done.returncode in (1, 2), f"{done.returncode}: {text}"  # who traces whom anybody may see
        assert "healthy" not in text, text
        assert "not permitted" in text, text
    os.kill(holder, signal.SIGKILL)
    gone(pid)


def silent(box, unzap, runtime):
    """A container that runs, and one that is paused, are not jams."""
    del runtime
    running, _, _ = box.start(FAMILY)
    paused, pid, _ = box.start(FAMILY)
    box.pause(paused)
    look = Look(unzap)
    likely = [finding for finding in about(look, running) + about(look, paused) if finding["confidence"] != "possible"]
    look.expect(not likely, "neither is stuck")
    asked = Look(unzap, "--container", paused)
    asked.expect(asked.code != 1, "nothing is said of the paused one")
    box.resume(paused)
    wait_for("the thaw", lambda: state(pid) == "S")
    missing = subprocess.run([unzap, "diagnose", "--container", "zz"], capture_output=True, timeout=30, check=False)
    assert missing.returncode in (2, 66), missing


CASES = {"frozen_files": frozen_files, "frozen_pod": frozen_pod, "stopped_keeper": stopped_keeper, "exec": exec_parent,
         "tracer": tracer, "fuse_host": fuse_host, "fuse_own": fuse_own, "two": two, "nobody": nobody, "silent": silent}


def test_of(runtime, case):
    def test(stage, unzap):
        CASES[case](RUNTIMES[runtime][0](stage), unzap, runtime)
    return test


if __name__ == "__main__":
    live.main({f"{runtime}_{case}": test_of(runtime, case) for runtime in RUNTIMES for case in CASES})
