#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A target that dies while rescue is about to act on it: whatever the moment, the outcome is a clean one. FREED is said
only of what was done and has helped; a target that is gone is a refusal, or nothing to do.

usage: race_test.py UNZAP TEST
"""
import json
import os
import signal
import tempfile
import threading

from attack import Run, live, outside_jam, read, settle, state, wait_for

ROUNDS, STEP = 12, 0.15  # moments from before the second look until after the deed
CLEAN = {"freed": 0, "refused": 1, "not_freed": 1, "unknown": 2}


def plan_of(unzap, parent):
    run = Run([unzap, "rescue", "-q", "--json"])
    plans = [plan for plan in run.json()["plans"] if plan["action"] and plan["action"]["signal"] == signal.SIGTERM
             and plan["action"]["target"]["tid"] == parent]
    run.expect(len(plans) == 1 and plans[0]["id"], f"one plan against {parent}, with an id")
    return plans[0]["id"]


def events(audit):
    return [json.loads(line) for line in read(audit).splitlines()]


def check(run, audit, moment):
    """One of the outcomes, with an exit code and an audit record that say the same."""
    run.expect(run.code in (0, 1, 2), f"killed after {moment:.2f} s: an answer")
    if not run.output:  # there was no such plan any more
        run.expect(run.code != 0 and run.errors, f"killed after {moment:.2f} s: says why")
        return "nothing to do"
    applied = run.json()["applied"]
    if applied is None:
        run.expect(run.code != 0 or run.json()["verdict"] == "healthy", f"killed after {moment:.2f} s: nothing done")
        return "nothing to do"
    outcome = applied["outcome"].replace(" ", "_")
    run.expect(CLEAN.get(outcome) == run.code, f"killed after {moment:.2f} s: exit code of {outcome}")
    names = [event["event"] for event in events(audit)]
    run.expect(outcome != "freed" or "act" in names, f"killed after {moment:.2f} s: freed, but nothing was done: {names}")
    run.expect(outcome != "refused" or "act" not in names, f"killed after {moment:.2f} s: refused, but acted: {names}")
    return outcome


def target_dies(stage, unzap):
    """The parent that is to get a signal is killed by somebody else, at another moment in each round."""
    outcomes = {}
    for number in range(ROUNDS):
        parent, init, zombie = settle([outside_jam(stage)])[0]
        plan, moment = plan_of(unzap, parent), 0.8 + number * STEP
        with tempfile.TemporaryDirectory() as folder:
            audit = os.path.join(folder, "audit.jsonl")
            killer = threading.Timer(moment, lambda parent=parent: os.kill(parent, signal.SIGKILL))
            killer.start()
            with reaping(parent, init, zombie):
                run = Run([unzap, "rescue", "-q", "--json", "--apply", plan, "--audit", audit], timeout=30)
            killer.cancel()
            outcome = check(run, audit, moment)
        outcomes[outcome] = outcomes.get(outcome, 0) + 1
        with live.contextlib.suppress(ProcessLookupError):
            os.kill(parent, signal.SIGKILL)
        with reaping(parent, init, zombie):
            wait_for("the end of the jam", lambda init=init: state(init) == "gone")
    print(outcomes)


class reaping:  # pylint: disable=invalid-name
    """Reaps these orphans while it lasts: a jam ends only with the last of its zombies."""

    def __init__(self, *pids):
        self.pids, self.stop = pids, threading.Event()
        self.thread = threading.Thread(target=self._run)

    def __enter__(self):
        self.thread.start()

    def __exit__(self, *_):
        self.stop.set()
        self.thread.join()

    def _run(self):
        while not self.stop.wait(0.01):
            for pid in self.pids:
                with live.contextlib.suppress(ChildProcessError):
                    os.waitpid(pid, os.WNOHANG)


def gone_before(stage, unzap):
    """A plan whose target is gone is not a plan: nothing is done, and nobody is FREED."""
    parent, init, zombie = settle([outside_jam(stage)])[0]
    plan = plan_of(unzap, parent)
    os.kill(parent, signal.SIGKILL)
    with reaping(parent, init, zombie):
        wait_for("the end of the jam", lambda: state(init) == "gone")
    with tempfile.TemporaryDirectory() as folder:
        audit = os.path.join(folder, "audit.jsonl")
        run = Run([unzap, "rescue", "-q", "--apply", plan, "--audit", audit], timeout=30)
        run.expect("FREED" not in run.output and run.output + run.errors, "nothing is freed, and it is said")
        run.expect("act" not in [event["event"] for event in events(audit)], "nothing was done")


TESTS = (target_dies, gone_before)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
