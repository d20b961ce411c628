#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a node short of everything, or a sandbox, takes from unzap: it ends in time with an exit code of its own, never with a
signal, never with "healthy", and says what was missing.

usage: limits_test.py UNZAP TEST
"""
import os
import resource
import signal
import tempfile

from attack import Run, as_nobody, call, limit, live, outside_jam, settle

LOOKS = ("diagnose", "rescue", "risk")
SECONDS = 12  # a look has 4.5 s; the machine may be busy
NOT_WELL = (1, 2, 65, 66, 69, 70, 71, 74, 77)  # of sysexits.h, and what a look answers itself


def mounted(kind, path, options=None):
    return lambda: call("mount", b"unzap-live", path.encode(), kind.encode(), 0, options and options.encode())


def check(run, what, words):
    run.expect(run.code in NOT_WELL, f"{what}: an exit code of its own, and not that of a healthy machine")
    run.expect(run.seconds < SECONDS, f"{what}: in time")
    text = (run.output + run.errors).lower()
    run.expect(not words or any(word in text for word in words), f"{what}: says what was missing ({' or '.join(words)})")
    first = (run.output.splitlines() or [""])[0].lower()
    run.expect("healthy" not in first and "cannot" not in first.split(), f"{what}: the first line does not calm")


def looks(unzap, what, before, words):
    """Each verb under the same fault. Each of them, for each opens its own files and starts its own helpers."""
    for verb in LOOKS:
        check(Run([unzap, verb, "-q"], before=before), f"{verb}, {what}", words)


def output(_, unzap):
    """A full disk and a closed pipe behind standard output."""
    for verb in (*LOOKS, "patched", "record"):
        command = [unzap, verb, "-q", *(["-o", "-"] if verb == "record" else [])]
        with open("/dev/full", "wb") as full:
            run = Run(command, stdout=full)
        run.expect(run.code == 74 and "standard output" in run.errors.lower(), f"{verb} to a full disk")
        reader, writer = os.pipe()
        os.close(reader)
        run = Run(command, stdout=writer)
        os.close(writer)
        run.expect(run.code in (74, 141, -13, 0, 1, 2), f"{verb} into a closed pipe")


def record(_, unzap):
    """A bundle that does not fit is an error (or the end, by SIGXFSZ), and nothing of it stays."""
    with tempfile.TemporaryDirectory() as folder:
        run = Run([unzap, "record", "-q", "-o", os.path.join(folder, "bundle")], before=limit(resource.RLIMIT_FSIZE, 512))
        run.expect(run.code in (74, -signal.SIGXFSZ), "an error of input and output")
        run.expect(os.listdir(folder) == [], f"nothing stays: {os.listdir(folder)}")


def descriptors(stage, unzap):
    """EMFILE beside a jam: the jam may be missed, but the reason is named."""
    settle([outside_jam(stage)])
    for most in (6, 12):
        looks(unzap, f"{most} descriptors", limit(resource.RLIMIT_NOFILE, most), ("open files", "descriptors", "emfile"))


def memory(stage, unzap):
    settle([outside_jam(stage)])
    for most in (25 << 20, 60 << 20):
        for verb in LOOKS:
            run = Run([unzap, verb, "-q"], before=limit(resource.RLIMIT_AS, most))
            run.expect(run.code in NOT_WELL or run.code in (0, 127), f"{verb}, {most >> 20} MiB of memory")
            run.expect(run.code != 127 or "cannot" in run.errors or "error" in run.errors, f"{verb}: the loader says why")


def processes(stage, unzap):
    """No helper can be started."""
    def before():
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        as_nobody()

    settle([outside_jam(stage)])
    looks(unzap, "no process more", before, ("process", "fork"))


def nobody(stage, unzap):
    """Without any privilege, beside a jam: never "healthy", and the right that is missing is named."""
    settle([outside_jam(stage)])
    looks(unzap, "as nobody", as_nobody, ("not permitted", "root", "cap_"))


def no_proc(_, unzap):
    """An empty /proc."""
    call("mount", b"unzap-live", b"/proc", b"tmpfs", 0, None)
    try:
        looks(unzap, "an empty /proc", None, ("/proc",))
    finally:
        call("umount2", b"/proc", live.MNT_DETACH)


def subset(_, unzap):
    """A /proc with processes only."""
    live.or_skip("subset=pid", mounted("proc", "/proc", "subset=pid"))
    try:
        looks(unzap, "subset=pid", None, ())
    finally:
        call("umount2", b"/proc", live.MNT_DETACH)


TESTS = (output, record, descriptors, memory, processes, nobody, no_proc, subset)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
