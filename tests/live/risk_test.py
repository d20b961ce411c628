#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Real containers with and without io_uring, as `unzap risk` sees them from the machine: the names of io_uring's threads
carry numbers of the initial pid namespace, and inside of another one there is nothing to judge.

usage: risk_test.py UNZAP TEST
"""
import ctypes
import errno
import json
import mmap
import os
import struct
import subprocess
import sys
import threading

import live
from live import Skip, call, pause, read, wait_for

IO_URING_SETUP, IO_URING_ENTER = 425, 426
SETUP_SQPOLL = 2
OP_READ, SQE_ASYNC = 22, 1 << 4
OFF_SQES = 0x10000000
LIBC = ctypes.CDLL(None, use_errno=True)
EXIT_OF = {"cannot": (0, 2), "unknown": (2,), "can-waste-cpu": (1,), "can-jam-node": (1,)}
EXPECTED_RANK = {"fixed": "cannot", "not-affected": "cannot", "unknown": "unknown", "wastes-cpu": "can-waste-cpu",
                 "can-lock-up": "can-jam-node"}


def syscall(number, *arguments):
    result = LIBC.syscall(number, *arguments)
    if result < 0:
        code = ctypes.get_errno()
        raise OSError(code, os.strerror(code))
    return result


def make_ring(flags=0):
    """A ring of four entries: its descriptor and its parameters."""
    params = ctypes.create_string_buffer(120)
    struct.pack_into("<I", params, 8, flags)
    return syscall(IO_URING_SETUP, 4, params), params.raw


def submit_read(ring, params):
    """Gives a read that has to be done by a worker (IOSQE_ASYNC) to the kernel."""
    tail, array = struct.unpack_from("<I", params, 44)[0], struct.unpack_from("<I", params, 64)[0]
    queue = mmap.mmap(ring, array + 16, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE, offset=0)
    entries = mmap.mmap(ring, 4 * 64, flags=mmap.MAP_SHARED, prot=mmap.PROT_READ | mmap.PROT_WRITE, offset=OFF_SQES)
    empty, _ = os.pipe()
    buffer = ctypes.create_string_buffer(16)
    struct.pack_into("<BBHiQQI", entries, 0, OP_READ, SQE_ASYNC, 0, empty, 0, ctypes.addressof(buffer), 16)
    struct.pack_into("<I", queue, array, 0)
    struct.pack_into("<I", queue, tail, 1)
    syscall(IO_URING_ENTER, ring, 1, 0, 0, None, 0)
    return queue, entries, buffer  # the kernel works with them


def need_io_uring():
    try:
        os.close(make_ring()[0])
    except OSError as error:
        if error.errno in (errno.ENOSYS, errno.EPERM, errno.ENOMEM):
            raise Skip(f"io_uring: {error}") from error
        raise


def start_container(stage, body):
    """A pid and mount namespace whose init runs body: its pid."""
    def shim(tell):
        call("unshare", live.CLONE_NEWPID | live.CLONE_NEWNS)
        pid, teller = stage.fork("uz-init", lambda tell_init: (body(), tell_init(1), pause()), reap=False)
        teller.next()
        tell(pid)
        os.waitpid(pid, 0)

    live.or_skip("a pid namespace", stage._try_namespace)  # pylint: disable=protected-access
    return stage.run("uz-shim", shim)[1]


def threads_of(pid):
    return {int(tid): read(f"/proc/{pid}/task/{tid}/comm").strip() for tid in os.listdir(f"/proc/{pid}/task")}


def look(stage, unzap, pid):
    """The answer, and in it the container of pid. Numbers in it are those of the machine."""
    code, output, _ = stage.outside(unzap, "risk", "--json")
    answer = json.loads(output)
    inode = os.stat(f"/proc/{pid}/ns/pid").st_ino
    found = [one for one in answer["containers"] if one["pid_ns"] == inode]
    assert len(found) == 1, f"one container of pid:[{inode}] in {answer['containers']}"
    assert code in EXIT_OF[answer["verdict"]], (code, answer["verdict"])
    kernel = subprocess.run([unzap, "patched", "--json"], capture_output=True, timeout=60, check=False)
    assert answer["kernel"]["verdict"] == json.loads(kernel.stdout)["verdict"]
    return answer, found[0]


def worker(stage, unzap):
    """An init with a ring and a worker that one of its threads created."""
    need_io_uring()
    kept = []

    def body():
        def submit():
            live.set_name("uz-submitter")
            ring, params = make_ring()
            kept.append(submit_read(ring, params))
            done.set()
            threading.Event().wait()

        done = threading.Event()
        threading.Thread(target=submit, daemon=True).start()
        done.wait()

    init = start_container(stage, body)
    wait_for("the worker", lambda: any(comm.startswith("iou-wrk-") for comm in threads_of(init).values()))
    creator = stage.outer_tid(next(tid for tid, comm in threads_of(init).items() if comm == "uz-submitter"))
    answer, container = look(stage, unzap, init)
    outer = stage.outer_tid(init)
    assert container["init"] == {"pid": outer, "comm": "uz-init", "kind": "application", "uses_io_uring": True}, container
    assert container["rank"] == EXPECTED_RANK[answer["kernel"]["verdict"]], container
    assert container["own_mount_namespace"] is True, container
    assert container["workers"] >= 1 and container["sqpoll"] == 0, container
    user, = container["users"]
    assert user["pid"] == outer and user["init"] and user["rings"] >= 1, user  # a map holds one, too
    for thread in user["threads"]:
        assert thread["kind"] == "worker" and thread["creator"] == {"tid": creator, "comm": "uz-submitter"}, thread
        assert thread["tid"] in {stage.outer_tid(tid) for tid in threads_of(init)}, thread


def sqpoll(stage, unzap):
    """An init with a ring that a kernel thread polls."""
    need_io_uring()
    kept = []
    init = start_container(stage, lambda: kept.append(make_ring(SETUP_SQPOLL)))
    wait_for("the thread that polls", lambda: any(comm.startswith("iou-sqp-") for comm in threads_of(init).values()))
    _, container = look(stage, unzap, init)
    assert container["sqpoll"] == 1 and container["init"]["uses_io_uring"], container
    thread, = container["users"][0]["threads"]
    assert thread["kind"] == "sqpoll" and thread["creator"] == {"tid": stage.outer_tid(init), "comm": "uz-init"}, thread


def ring_only(stage, unzap):
    """An init with a ring that has no thread: only its open files show it."""
    need_io_uring()
    kept = []
    init = start_container(stage, lambda: kept.append(make_ring()))
    _, container = look(stage, unzap, init)
    assert container["workers"] == 0 and container["init"]["uses_io_uring"] is True, container
    assert container["users"][0]["rings"] == 1, container


def none(stage, unzap):
    """A container without io_uring, one of whose threads gives itself the name of a worker."""
    def body():
        def boast():
            live.set_name("iou-wrk-1")
            done.set()
            threading.Event().wait()

        done = threading.Event()
        threading.Thread(target=boast, daemon=True).start()
        done.wait()

    init = start_container(stage, body)
    _, container = look(stage, unzap, init)
    assert container["users"] == [] and container["init"]["uses_io_uring"] is False, container
    assert container["rank"] == "cannot", container


TESTS = (worker, sqpoll, ring_only, none)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
