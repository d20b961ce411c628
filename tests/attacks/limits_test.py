#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What a node short of everything, or a sandbox, takes from unzap: it ends in time with an exit code of its own, never with a
signal, never with "healthy", and says what was missing.

usage: limits_test.py UNZAP TEST
"""
import os
import resource
import secrets
import tempfile

from attack import Run, as_nobody, call, limit, live, outside_jam, settle, padding

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
    """A full disk and a closed pipe behind standard output, and a full disk behind both."""
    for verb in (*LOOKS, "patched", "record"):
        command = [unzap, verb, "-q", *(["-o", "-"] if verb == "record" else [])]
        with open("/dev/full", "wb") as full:
            run = Run(command, stdout=full)
            deaf = Run(command, stdout=full, stderr=full)
        run.expect(run.code == 74 and "standard output" in run.errors.lower(), f"{verb} to a full disk")
        deaf.expect(deaf.code == 74, f"{verb} to a full disk, and nobody to tell")
        reader, writer = os.pipe()
        os.close(reader)
        run = Run(command, stdout=writer)
        os.close(writer)
        run.expect(run.code == 74 and "standard output" not in run.errors, f"{verb} into a closed pipe, which is not worth a word")


def record(_, unzap):
    """A bundle that does not fit is an error, and nothing of it stays. (One of so few processes has some 500 bytes.)"""
    for most in (0, 1, 64):
        with tempfile.TemporaryDirectory() as folder:
            run = Run([unzap, "record", "-q", "-o", os.path.join(folder, "bundle")], before=limit(resource.RLIMIT_FSIZE, most))
            run.expect(run.code == 74, f"at most {most} bytes: an error of input and output")
            run.expect(os.listdir(folder) == [], f"at most {most} bytes: nothing stays: {os.listdir(folder)}")


def descriptors(stage, unzap):
    """EMFILE next to a jam: it may be missed, but then the reason is named."""
    settle([outside_jam(stage)])
    # UndefinedBehaviorSanitizer opens pipes of its own to see whether memory may be read, and errs without.
    few = () if padding(unzap) > 1 else (4, 6)
    for most in (*few, 8, 10, 12):
        for verb in LOOKS:
            run = Run([unzap, verb, "-q"], before=limit(resource.RLIMIT_NOFILE, most))
            found = verb != "risk" and run.code == 1 and "uz-jammer" in run.output
            if not found:
                check(run, f"{verb}, {most} descriptors", ("open files", "descriptors", "emfile") if most < 8 else ())


def memory(stage, unzap):
    """From what the loader needs to enough: found, or not and why. Never a signal, nor a defect."""
    step = 1 << 18

    def loads(steps):
        return Run([unzap, "--version"], before=limit(resource.RLIMIT_AS, steps * step)).code in (0, 74)

    if not loads((1 << 30) // step):
        raise live.Skip("1 GiB of addresses is not enough for this build (a sanitizer)")
    settle([outside_jam(stage)])
    least = next(steps for steps in range(8, (1 << 30) // step) if loads(steps))
    for more in (0, 1, 2, 4, 8, 16, 32, 160):
        for verb in LOOKS:
            run = Run([unzap, verb, "-q"], before=limit(resource.RLIMIT_AS, (least + more) * step))
            what = f"{verb}, {(least + more) * step >> 10} KiB of memory"
            if verb == "risk" or run.code != 1 or "uz-jammer" not in run.output:
                check(run, what, ("memory",) if run.code == 74 else ())
                run.expect(run.code != 70 and "defect" not in run.errors, f"{what}: no defect")
            run.expect(more < 160 or verb == "risk" or run.code == 1, f"{what}: enough, and found")


def processes(stage, unzap):
    """No helper can be started. By a user who has no process elsewhere: with one more execve() fails (EAGAIN) already."""
    user = 1_000_000_000 + secrets.randbelow(1_000_000_000)

    def before():
        resource.setrlimit(resource.RLIMIT_NPROC, (1, 1))
        as_nobody(user)

    settle([outside_jam(stage)])
    looks(unzap, "no process more", before, ("process", "fork"))


def nobody(stage, unzap):
    """Without any privilege, next to a jam: never "healthy", and the right that is missing is named."""
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
