#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Somebody has put something else where the record of a rescue is to be kept. It is refused with a reason, at once, and
nothing is done to anybody.

usage: audit_file_test.py UNZAP TEST
"""
import os
import tempfile

from attack import NOBODY, Run, live, outside_jam, settle, state
from race_test import plan_of


def make(folder):
    """What may lie there: path, exit code and a word of the reason."""
    def path(name):
        return os.path.join(folder, name)

    def file(name, mode, owner=0):
        with open(path(name), "w", encoding="utf-8") as out:
            out.write("hi\n")
        os.chmod(path(name), mode)
        os.chown(path(name), owner, 0)

    os.symlink(path("elsewhere"), path("link"))
    os.mkfifo(path("fifo"))
    os.mkdir(path("folder"))
    file("theirs", 0o644, NOBODY)
    file("open", 0o666)
    file("one", 0o600)
    os.link(path("one"), path("two"))
    os.mkdir(path("for-all"))
    os.chmod(path("for-all"), 0o777)
    os.symlink("for-all", path("way"))
    os.mkdir(path("of-nobody"))
    os.chown(path("of-nobody"), NOBODY, 0)
    return [(path("link"), 74, "link"), (path("fifo"), 74, "pipe"), (path("folder"), 74, "folder"),
            ("/dev/full", 74, "device"), ("/dev/null", 74, "device"), (path("none/x"), 74, "no folder"),
            (path("theirs"), 77, "somebody else"), (path("open"), 77, "others may write"),
            (path("two"), 77, "more names"), (path("for-all/x"), 77, "others may write"),
            (path("way/x"), 77, "others may write"), (path("of-nobody/x"), 77, "somebody else")]


def refused(stage, unzap):
    """Whatever it is: refused, and the target lives."""
    parent, init, _ = settle([outside_jam(stage)])[0]
    plan = plan_of(unzap, parent)
    with tempfile.TemporaryDirectory() as folder:
        for path, code, why in make(folder):
            run = Run([unzap, "rescue", "-q", "--apply", plan, "--audit", path], timeout=20)
            run.expect(run.code == code and why in run.errors, f"{path}: {why}")
            run.expect(state(parent) == "S" and state(init) != "gone", f"{path}: nothing was done")
        assert not os.path.exists(os.path.join(folder, "elsewhere"))
        assert os.listdir(os.path.join(folder, "for-all")) == []


TESTS = (refused,)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
