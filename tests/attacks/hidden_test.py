#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A /proc that does not show everybody: hidepid, and a pid namespace of its own. Who is not seen may be stuck, so nothing is
called well.

usage: hidden_test.py UNZAP TEST
"""
from attack import Run, as_nobody, call, live, outside_jam, settle


def not_well(run, what):
    run.expect(run.code == 2, f"{what}: could not tell")
    first = (run.output.splitlines() or [""])[0]
    run.expect("healthy" not in first.lower(), f"{what}: the first line does not calm")


def hidepid(stage, unzap):
    """hidepid=1, 2 and 4 next to a jam that is not shown."""
    settle([outside_jam(stage)])
    for level in ("1", "2", "4"):
        live.or_skip(f"hidepid={level}", call, "mount", b"unzap-live", b"/proc", b"proc", 0, f"hidepid={level}".encode())
        try:
            for verb in ("diagnose", "rescue", "risk"):
                run = Run([unzap, verb, "-q"], before=as_nobody)
                not_well(run, f"{verb} under hidepid={level}")
            answer = Run([unzap, "risk", "-q", "--json"], before=as_nobody).json()
            assert answer["verdict"] == "unknown", answer["verdict"]
        finally:
            call("umount2", b"/proc", live.MNT_DETACH)


def own_namespace(_, unzap):
    """Seen from within a pid namespace, the node is not seen. (Every test is at home in one.)"""
    for verb in ("diagnose", "risk"):
        not_well(Run([unzap, verb, "-q"]), f"{verb} in a pid namespace")


TESTS = (hidepid, own_namespace)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
