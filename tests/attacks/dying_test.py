#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Many dying pid namespaces at once: each stuck container is named, with its own culprit, and the time stays.

usage: dying_test.py UNZAP TEST
"""
from attack import LOOK_SECONDS, Run, live, outside_jam, settle

NAMESPACES = 200
SPARE_SECONDS = 7.5


def check(stage, unzap, count):
    jams = settle([outside_jam(stage, f"uz-jam-{number}") for number in range(count)])
    run = Run([unzap, "diagnose", "-q", "--json"])
    findings = [finding for finding in run.json()["findings"] if finding["cause"] == "unreaped-by-outside-parent"]
    print(f"{count} dying namespaces: {run.seconds:.1f} s, {run.kib >> 10} MiB, {len(findings)} findings", flush=True)
    run.expect(run.code == 1, "something is stuck")
    run.expect(run.seconds < LOOK_SECONDS + SPARE_SECONDS, "within its time")
    by_culprit = {}
    for finding in findings:
        by_culprit.setdefault((finding["culprit"] or {}).get("pid"), []).append(finding)
    for parent, init, zombie in jams:
        own = by_culprit.get(parent, [])
        run.expect(len(own) == 1, f"one finding about the jam of {parent}")
        parties = [*own[0]["victims"], own[0].get("reaper")]
        named = {party["tid"] for party in parties if party}
        run.expect({init, zombie} <= named, f"{init} and {zombie} are named as stuck because of {parent}")
        others = {tid for jam in jams for tid in jam if jam[0] != parent}
        run.expect(not named & others, f"nobody of another jam is in that of {parent}")
    return jams


def many(stage, unzap):
    check(stage, unzap, NAMESPACES)


def two(stage, unzap):
    """In the text every container that is stuck is named, too."""
    jams = check(stage, unzap, 2)
    run = Run([unzap, "diagnose", "-q"])
    for parent, init, _ in jams:
        run.expect(f"[{parent}]" in run.output and f"[{init}]" in run.output, f"{parent} and {init} are named")


def plans(stage, unzap):
    """The plans against many jams: one for each culprit, in time."""
    jams = settle([outside_jam(stage, f"uz-jam-{number}") for number in range(NAMESPACES // 4)])
    run = Run([unzap, "rescue", "-q", "--json"])
    run.expect(run.seconds < LOOK_SECONDS + SPARE_SECONDS, "within its time")
    targets = [plan["action"]["target"]["tid"] for plan in run.json()["plans"]
               if plan["cause"] == "unreaped-by-outside-parent" and plan["action"].get("target")]
    run.expect(sorted(set(targets)) == sorted(jam[0] for jam in jams), "each culprit is a target of a plan of its own")


TESTS = (two, many, plans)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
