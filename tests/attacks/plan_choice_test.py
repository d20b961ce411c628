#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Between reading a plan and applying it the host changes: another jam comes, or the first one ends. What is applied is the
plan that was read, or nothing.

usage: plan_choice_test.py UNZAP TEST
"""
import os
import signal
import tempfile

from attack import Run, live, outside_jam, settle, state, wait_for
from race_test import plan_of, reaping


def another_jam(stage, unzap):
    """More jams than one: only the chosen one is freed."""
    first = settle([outside_jam(stage, "uz-first")])[0]
    plan = plan_of(unzap, first[0])
    others = settle([outside_jam(stage, "uz-other") for _ in range(3)])
    with tempfile.TemporaryDirectory() as folder, reaping(*first):
        run = Run([unzap, "rescue", "-q", "--json", "--apply", plan, "--audit", os.path.join(folder, "a")])
    run.expect(run.code == 0 and run.json()["applied"]["outcome"] == "freed", "the plan that was read")
    run.expect(state(first[1]) == "gone", "the first jam is gone")
    for parent, init, _ in others:
        run.expect(state(parent) == "S" and state(init) != "gone", "the others stand as they were")


def first_ends(stage, unzap):
    """The jam that was read of ends, another one is there: nothing is done, and the plans of now are shown."""
    first = settle([outside_jam(stage, "uz-first")])[0]
    plan = plan_of(unzap, first[0])
    other = settle([outside_jam(stage, "uz-other")])[0]
    with tempfile.TemporaryDirectory() as folder:
        audit = os.path.join(folder, "a")
        with reaping(*first):
            os.kill(first[0], signal.SIGKILL)
            wait_for("the end of the first", lambda: state(first[1]) == "gone")
        run = Run([unzap, "rescue", "-q", "--apply", plan, "--audit", audit])
        run.expect(not os.path.exists(audit), "nothing was begun")
    run.expect(run.code == 1 and "REFUSED" in run.output and plan in run.output, "refused, by its id")
    run.expect(plan_of(unzap, other[0]) in run.output, "the plan of now is shown with its id")
    run.expect(state(other[0]) == "S" and state(other[1]) != "gone", "the other one stands as it was")


def no_id(stage, unzap):
    """Without an id and without a terminal nothing is even looked at."""
    parent, init, _ = settle([outside_jam(stage)])[0]
    run = Run([unzap, "rescue", "--apply"])
    run.expect(run.code == 64 and "--apply PLAN" in run.errors and run.output == "", "give the id")
    run.expect(state(parent) == "S" and state(init) != "gone", "nothing was done")


def the_same_id(stage, unzap):
    """An id stays the same from look to look, whatever else comes."""
    parent, _, _ = settle([outside_jam(stage)])[0]
    before = plan_of(unzap, parent)
    more = settle([outside_jam(stage, "uz-more")])[0]
    assert plan_of(unzap, parent) == before
    assert plan_of(unzap, more[0]) != before


TESTS = (another_jam, first_ends, no_id, the_same_id)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
