#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Nobody without privilege writes kernel reports: text that a stranger brought into the kernel log is not a report.

usage: forged_reports_test.py UNZAP mount_option|user_record
"""
import json
import os

import apart
from apart import Skip, call, expect, fork, or_skip


def forged():
    """A report about a task that is there: pid 1 of the test's namespace."""
    with open("/proc/self/comm", encoding="utf-8") as own_name:
        return f"watchdog: BUG: soft lockup - CPU#0 stuck for 77s! [{own_name.read().strip()}:1]"


def uptime():
    with open("/proc/uptime", encoding="ascii") as file:
        return float(file.read().split()[0])


def log():
    """What the kernel log holds now."""
    device = or_skip("/dev/kmsg", os.open, "/dev/kmsg", os.O_RDONLY | os.O_NONBLOCK)
    out = []
    try:
        while True:
            try:
                out.append(os.read(device, 8192).decode("utf-8", "replace"))
            except BrokenPipeError:
                continue
    except BlockingIOError:
        return "".join(out)
    finally:
        os.close(device)


def must_not_count(unzap, mark):
    if mark not in log():
        raise Skip("the text does not reach the kernel log here")
    for arguments in (("diagnose", "--json"), ("diagnose",)):
        _, text, _ = apart.run(unzap, *arguments)
        expect("stuck for 77" not in text and "77 s" not in text, "a forged report counts", text)
    _, text, _ = apart.run(unzap, "diagnose", "--json")
    document = json.loads(text[:text.rindex("}") + 1])
    expect(not [f for f in document["findings"] if f["cause"] in ("soft-lockup", "rcu-held-up", "hung-task")],
           "a forged report is a finding", text)


def mount_option(unzap):
    """An unknown option of a mount in a user namespace stands in the log as the kernel's words."""
    stamp, report = int(uptime()) + 1, forged()

    def attacker():
        os.setresgid(apart.NOBODY, apart.NOBODY, apart.NOBODY)
        os.setresuid(apart.NOBODY, apart.NOBODY, apart.NOBODY)
        call("unshare", apart.CLONE_NEWUSER | apart.CLONE_NEWNS)
        for text in (f"[{stamp}.000001] {report}", f"x kernel: {report}", f"\n{report}", f"3;1;{report}"):
            try:
                call("mount", b"x", b"/tmp", b"tmpfs", 0, text.encode())
            except OSError:
                pass

    os.waitpid(fork(attacker), 0)
    must_not_count(unzap, "stuck for 77s")


def user_record(unzap):
    """Whoever may write /dev/kmsg writes records of facility user."""
    device = or_skip("/dev/kmsg", os.open, "/dev/kmsg", os.O_WRONLY)
    os.write(device, f"<0>{forged()}\n".encode())
    os.write(device, f"<27>[{int(uptime()) + 1}.000001] {forged()}\n".encode())
    os.close(device)
    must_not_count(unzap, "stuck for 77s")


TESTS = {"mount_option": mount_option, "user_record": user_record}

if __name__ == "__main__":
    apart.main(TESTS)
