#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A user who starts as much as allowed, next to a jam: the look stays within its time and a memory in proportion to what there
is, and finds the jam, or says that it could not see all.

usage: crowds_test.py UNZAP TEST
"""
import errno
import os
import tempfile
import threading

import attack
from attack import Run, live, outside_jam, pause, settle

SPARE_SECONDS = 5.5  # for what follows the look, on a machine that others use as well
MAKE_SECONDS = 90
BASE_KIB, KIB_PER_TASK = 48 << 10, 4


def threads(count):
    def body(tell):
        threading.stack_size(64 << 10)
        try:
            for _ in range(count - 1):
                threading.Thread(target=pause_thread, daemon=True).start()
        except RuntimeError:
            tell(errno.EAGAIN)
            return
        tell(0)
        pause()
    return body


def pause_thread():
    threading.Event().wait()


def zombies(count):
    def body(tell):
        try:
            for _ in range(count):
                if os.fork() == 0:
                    os._exit(0)
        except OSError as error:
            tell(error.errno)
            return
        tell(0)
        pause()
    return body


def check(stage, unzap, makers):
    parent, init, _ = settle([outside_jam(stage)])[0]
    for name, body in makers:
        if stage.fork(name, body)[1].next(MAKE_SECONDS) != 0:
            raise live.Skip("that many tasks cannot be started here")
    crowd = attack.tasks()
    with tempfile.TemporaryDirectory() as folder:
        for verb in ("diagnose", "rescue", "risk", "record"):
            options = ["--force", "-o", os.path.join(folder, "bundle")] if verb == "record" else ["--json"]
            run = Run([unzap, verb, "-q", *options])
            print(f"{crowd} tasks: {verb} {run.seconds:.1f} s, {run.kib >> 10} MiB, exit code {run.code}", flush=True)
            run.expect(run.code in (0, 1, 2), "an answer")
            run.expect(run.seconds < attack.LOOK_SECONDS + SPARE_SECONDS, "within its time")
            most = attack.padding(unzap) * (BASE_KIB + KIB_PER_TASK * crowd)
            run.expect(run.kib < most, f"memory in proportion to {crowd} tasks")
            if verb == "diagnose":
                named = [finding["culprit"]["pid"] for finding in run.json()["findings"]
                         if finding["cause"] == "unreaped-by-outside-parent" and finding["culprit"]]
                run.expect(parent in named, f"the jam of {parent} and {init} is found among them")
                run.expect(run.code == 1, "something is stuck")


def many_threads(stage, unzap):
    check(stage, unzap, [(f"uz-crowd-{number}", threads(200)) for number in range(25)])


def many_processes(stage, unzap):
    check(stage, unzap, [(f"uz-crowd-{number}", forks(100)) for number in range(10)])


def forks(count):
    def body(tell):
        try:
            for _ in range(count):
                if os.fork() == 0:
                    pause()
        except OSError as error:
            tell(error.errno)
            return
        tell(0)
        pause()
    return body


def many_zombies(stage, unzap):
    check(stage, unzap, [("uz-crowd", zombies(4000))])


TESTS = (many_threads, many_processes, many_zombies)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
