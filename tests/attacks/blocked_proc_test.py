#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Tasks whose /proc files block must cost a look only themselves: the jam next to them is still found.

usage: blocked_proc_test.py UNZAP one|eight|many|crowd|between_looks

A server that never answers FLUSH, and a process that has a file of it open and calls execve(): the kernel closes the
file while it holds the process's exec_update_lock (begin_new_exec(), fs/exec.c), and reads of its /proc files wait.
Nothing here reads /proc of such a process.
"""
import json
import os
import signal
import struct
import time

import apart
from apart import Skip, call, expect, fork, or_skip, pause

LOOKUP, FORGET, GETATTR, OPEN, FLUSH, INIT, INTERRUPT, BATCH_FORGET = 1, 2, 3, 14, 25, 26, 36, 42


def attributes(node):
    kind = 0o40755 if node == 1 else 0o100644
    return struct.pack("<6Q10I", node, 100, 0, 0, 0, 0, 0, 0, 0, kind, 1, 0, 0, 0, 512, 0)


def serve(device):
    """Answers what it takes to open a file, and never a FLUSH."""
    while True:
        try:
            request = os.read(device, 1 << 20)
        except OSError:
            continue
        _, opcode, unique, node = struct.unpack_from("<IIQQ", request)
        answer, error = b"", 0
        if opcode in (FLUSH, FORGET, BATCH_FORGET, INTERRUPT):
            continue
        if opcode == INIT:
            answer = struct.pack("<4I2H2I2H8I", 7, 31, 4096, 0, 0, 0, 4096, 1, 0, 0, *[0] * 8)
        elif opcode == LOOKUP:
            answer = struct.pack("<4Q2I", 2, 0, 0, 0, 0, 0) + attributes(2)
        elif opcode == GETATTR:
            answer = struct.pack("<Q2I", 0, 0, 0) + attributes(node)
        elif opcode == OPEN:
            answer = struct.pack("<Q2I", 1, 0, 0)
        else:
            error = -38  # ENOSYS
        os.write(device, struct.pack("<IiQ", 16 + len(answer), error, unique) + answer)


def mount():
    """Where the server's files are, and its process."""
    device = or_skip("/dev/fuse", os.open, "/dev/fuse", os.O_RDWR)
    folder = b"/mnt"
    options = f"fd={device},rootmode=40000,user_id=0,group_id=0".encode()
    or_skip("a FUSE mount", call, "mount", b"unzap-test", folder, b"fuse", apart.MS_NOSUID | apart.MS_NODEV, options)
    server = fork(lambda: serve(device))
    os.close(device)
    return folder.decode(), server


def block(folder, count):
    """So many processes that hang in execve(), and then are killed."""
    come, tell = os.pipe()

    def body():
        os.open(f"{folder}/file", os.O_RDWR | os.O_CLOEXEC)
        os.write(tell, b"x")
        os.execv("/bin/sleep", ["blinder", "1000"])

    pids = [fork(body) for _ in range(count)]
    for _ in range(count):
        os.read(come, 1)
    time.sleep(0.3)  # nothing of them can be polled for without being caught
    for pid in pids:
        os.kill(pid, signal.SIGKILL)
    return pids


def found(unzap, parent, init):
    code, text, seconds = apart.run(unzap, "diagnose", "--json")
    expect(code == 1, f"exit code {code} after {seconds:.1f} s: the jam was not found", text)
    expect(seconds < 5, f"it took {seconds:.1f} s")
    document = json.loads(text[:text.rindex("}") + 1])
    jams = [f for f in document["findings"] if f["cause"] == "unreaped-by-outside-parent"]
    expect(len(jams) == 1 and jams[0]["confidence"] == "likely", "one jam, and it is likely", text)
    expect(jams[0]["culprit"]["pid"] == parent, "the parent is the culprit", text)
    expect(init in {victim["tid"] for victim in jams[0]["victims"]}, "the init is a victim", text)
    return text


def one_of(times, function, *arguments):
    """What the function gives; all attempts but the last may fail."""
    for _ in range(times - 1):
        try:
            return function(*arguments)
        except AssertionError as error:
            print(f"once more: {error}"[:200], flush=True)
    return function(*arguments)


def sanitized(unzap):
    """A build whose every helper has AddressSanitizer's shadow to set up: hundreds take longer than a look."""
    with open(unzap, "rb") as program:
        return b"__asan_init" in program.read()


def beside(count, looks=1):
    """`looks`: one of so many has to find it. A busy machine may not start a helper for each of hundreds in time."""
    def test(unzap):
        folder, server = mount()
        parent, init = apart.outside_parent()
        found(unzap, parent, init)
        block(folder, count)
        if looks > 1 and sanitized(unzap):
            code, text, _ = apart.run(unzap, "diagnose")
            expect(code in (1, 2) and "healthy" not in text, "found, or not called healthy", text)
        else:
            text = one_of(looks, found, unzap, parent, init)
        os.kill(server, signal.SIGKILL)
        if "did not answer in time" not in text:
            raise Skip("this kernel lets the files be read")
        expect("block" in text, "it says that reading their files blocks", text)
    return test


def between_looks(unzap):
    """They come while the jam is looked at again."""
    folder, server = mount()
    parent, init = apart.outside_parent()

    def later():
        time.sleep(0.2)
        block(folder, 8)
        pause()

    fork(later)
    found(unzap, parent, init)
    os.kill(server, signal.SIGKILL)


TESTS = {"one": beside(1), "eight": beside(8), "many": beside(64), "crowd": beside(200, looks=3), "between_looks": between_looks}

if __name__ == "__main__":
    apart.main(TESTS)
