#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks SPIN about a model written by hand and `unzap check` about the scenario npm-zombie; both must answer alike.

usage: oracle_test.py UNZAP SOURCE_DIR [unittest arguments]
Exit 77, with the reason: spin or a C compiler is missing.
"""
import concurrent.futures
import json
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
HERE = os.path.dirname(os.path.abspath(__file__))
MODEL = os.path.join(HERE, "npm_zombie.pml")
COMPILER = shutil.which("gcc") or shutil.which("cc")
DEPTH = 100000

FIXES = {0: [], 1: ["--with", "fix-2024"], 2: ["--with", "fix-2026"]}
CELLS = [(preempt, cpus, fix) for preempt in ("none", "full") for cpus in (1, 2) for fix in FIXES]


def made(*command, folder):
    done = subprocess.run(command, cwd=folder, capture_output=True, text=True, timeout=100, check=False)
    if done.returncode != 0:
        raise AssertionError(f"{' '.join(command)}: {done.stdout}{done.stderr}")
    return done.stdout


def pan(folder, defines, *options):
    """What a verifier with these options found: the kind of its first error, or None after a whole search."""
    program = os.path.join(folder, "pan" + "".join(defines).replace("-D", "_"))
    if not os.path.exists(program):
        made(COMPILER, "-O0", "-w", *defines, "-o", program, "pan.c", folder=folder)
    said = made(program, f"-m{DEPTH}", *options, folder=folder)
    errors = re.search(r"errors: (\d+)", said)
    if errors is None or "max search depth too small" in said:
        raise AssertionError(f"pan {options}: {said}")
    if errors.group(1) == "0":
        return None
    for kind in ("non-progress cycle", "invalid end state"):
        if f"pan:1: {kind}" in said:
            return kind
    raise AssertionError(f"pan {options}: {said}")


def spin_verdict(preempt, cpus, fix, model=MODEL):
    """README.md says why these three searches decide."""
    with tempfile.TemporaryDirectory() as folder:
        made("spin", f"-DCPUS={cpus}", f"-DFULL={int(preempt == 'full')}", f"-DFIX={fix}", "-a", model, folder=folder)
        if pan(folder, ("-DSAFETY",)):
            return "lockup"
        if pan(folder, ("-DNP",), "-l", "-f"):
            return "lockup"
        return "busy-wait" if pan(folder, ("-DNP",), "-l") else "proved"


def unzap_verdict(folder, preempt, cpus, fix):
    with open(os.path.join(SOURCE, "scenarios/npm-zombie.toml"), encoding="utf-8") as file:
        text = file.read()
    assert "cpus = 2" in text
    path = os.path.join(folder, f"{cpus}.toml")
    with open(path, "w", encoding="utf-8") as out:
        out.write(text.replace("cpus = 2", f"cpus = {cpus}"))
    done = subprocess.run([UNZAP, "check", path, "--kernel", "v5.15.160", "--preempt", preempt, *FIXES[fix], "--json"],
                          capture_output=True, timeout=100, check=False)
    return json.loads(done.stdout)["verdict"]


class Oracle(unittest.TestCase):
    def test_both_answer_alike_in_every_cell(self):
        with tempfile.TemporaryDirectory() as folder, concurrent.futures.ThreadPoolExecutor(2) as team:
            theirs = dict(zip(CELLS, team.map(lambda cell: spin_verdict(*cell), CELLS)))
            mine = {cell: unzap_verdict(folder, *cell) for cell in CELLS}
        self.assertEqual(mine, theirs)
        self.assertEqual(set(theirs.values()), {"lockup", "busy-wait", "proved"}, "each answer is given somewhere")

    def test_spin_sees_a_state_without_a_way_on(self):
        """The searches do find a deadlock when there is one: the wake-up of the reaper is taken out."""
        with open(MODEL, encoding="utf-8") as file:
            text = file.read()
        with tempfile.TemporaryDirectory() as folder:
            broken = os.path.join(folder, "broken.pml")
            with open(broken, "w", encoding="utf-8") as out:
                out.write(re.sub(r"if :: ZAPS\([LW]\) -> wake\([LW]\) :: else fi;", "skip;", text))
            self.assertEqual(spin_verdict("none", 2, 1, broken), "lockup")


if __name__ == "__main__":
    for tool, found in (("spin", shutil.which("spin")), ("a C compiler", COMPILER)):
        if not found:
            print(f"skipped: {tool} is not installed (packages.txt)")
            sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
