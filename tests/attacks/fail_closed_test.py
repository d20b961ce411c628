#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Who cannot see does not say "healthy": without the rights, the limits or the view that a look needs, unzap exits with
2 (or with the code of the failure) and says first what is missing.

usage: fail_closed_test.py UNZAP own_pid_namespace|nobody|no_capability|hidepid|subset_pid|limits|no_procfs
"""
import os
import tempfile

import apart
from apart import call, expect, or_skip

NOBODY = ("setpriv", f"--reuid={apart.NOBODY}", f"--regid={apart.NOBODY}", "--clear-groups")
VERBS = ("diagnose", "rescue", "risk")


def cannot_tell(unzap, verb, words, prefix=(), arguments=()):
    code, text, _ = apart.run(unzap, verb, "-q", *arguments, prefix=prefix)
    expect(code == 2, f"{verb}: exit code {code}, not 2", text)
    expect("healthy" not in text.lower(), f"{verb} says healthy", text)
    first = text.splitlines()[0]
    if verb != "rescue":
        expect(any(word in first for word in words), f"{verb}: the first line names none of {words}", text)


def without(capability):
    return ("setpriv", f"--bounding-set=-{capability}", f"--inh-caps=-{capability}")


def own_pid_namespace(unzap):
    for verb in VERBS:
        cannot_tell(unzap, verb, ("tasks outside", "no kernel threads"))


def nobody(unzap):
    """A stranger sees that there is a host, and no more."""
    for verb in VERBS:
        cannot_tell(unzap, verb, ("CAP_SYS_PTRACE", "no kernel threads", "tasks outside"), NOBODY)


def no_capability(unzap):
    for capability in ("sys_ptrace", "sys_admin"):
        cannot_tell(unzap, "diagnose", ("not seen",), without(capability))
    cannot_tell(unzap, "risk", ("could not tell",), without("sys_ptrace"))


def hidepid(unzap):
    or_skip("hidepid", call, "mount", b"proc", b"/proc", b"proc", 0, b"hidepid=2")
    for verb in VERBS:
        cannot_tell(unzap, verb, ("no kernel threads", "tasks outside"), NOBODY)


def subset_pid(unzap):
    or_skip("subset=pid", call, "mount", b"proc", b"/proc", b"proc", 0, b"subset=pid")
    for verb in VERBS:
        cannot_tell(unzap, verb, ("no kernel threads", "tasks outside"))


def limits(unzap):
    """What the machine denies is named as what it is, with what to do."""
    for verb in VERBS:
        for prefix, words in ((("prlimit", "--nofile=6"), ("Too many open files", "EMFILE", "ulimit")),
                              ((*NOBODY, "prlimit", "--nproc=1"), ("EAGAIN", "ulimit"))):
            code, text, _ = apart.run(unzap, verb, "-q", prefix=prefix)
            expect(code in (2, 74), f"{verb} {prefix}: exit code {code}", text)
            expect("healthy" not in text.lower(), f"{verb} {prefix} says healthy", text)
            if code == 74:
                expect(all(word in text for word in words), f"{verb} {prefix}: not named", text)


def no_procfs(unzap):
    with tempfile.TemporaryDirectory() as folder:
        for verb in VERBS:
            code, text, _ = apart.run(unzap, verb, "-q", "--path.procfs", folder)
            expect(code == 65 and "not a procfs" in text, f"{verb}: exit code {code}", text)
            code, text, _ = apart.run(unzap, verb, "-q", "--path.procfs", f"{folder}/none")
            expect(code == 66 and "no such folder" in text or "cannot list" in text, f"{verb}: exit code {code}", text)


TESTS = {"own_pid_namespace": own_pid_namespace, "nobody": nobody, "no_capability": no_capability, "hidepid": hidepid,
         "subset_pid": subset_pid, "limits": limits, "no_procfs": no_procfs}

if __name__ == "__main__":
    apart.main(TESTS)
