#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the real binary about the kernels that the lab has built.

usage: lab_test.py UNZAP [unittest arguments]
A folder NAME-PREEMPTION-HASH in $XDG_CACHE_HOME/unzap-lab/kernels says what its kernel is; the lab saw what it does.
Exit: 0 all agree, 1 one does not, 77 no kernel was built here.
"""
import json
import os
import re
import subprocess
import sys
import unittest

UNZAP = os.path.abspath(sys.argv[1])
KERNELS = os.path.join(os.environ.get("XDG_CACHE_HOME") or os.path.expanduser("~/.cache"), "unzap-lab", "kernels")
FIX = {"unfixed": "none", "fix-2024": "fix-2024", "fix-2026": "fix-2026"}
VERDICT = {("unfixed", "none"): "can-lock-up", ("unfixed", "voluntary"): "can-lock-up", ("unfixed", "full"): "wastes-cpu"}


def kernels():
    names = sorted(os.listdir(KERNELS)) if os.path.isdir(KERNELS) else []
    for name in names:
        match = re.fullmatch(r"(unfixed|fix-2024|fix-2026)-(none|voluntary|full)-[0-9a-f]+", name)
        image = os.path.join(KERNELS, name, "bzImage")
        if match and os.path.exists(image):
            yield match.group(1), match.group(2), image


class Case(unittest.TestCase):
    def test_the_verdict_is_what_the_lab_saw(self):
        for kind, preemption, image in FOUND:
            with self.subTest(image):
                done = subprocess.run([UNZAP, "patched", "--image", image, "--json"], capture_output=True, timeout=60,
                                      check=False)
                answer = json.loads(done.stdout)
                verdict = VERDICT.get((kind, preemption), "fixed")
                self.assertEqual((answer["fix"], answer["verdict"]), (FIX[kind], verdict))
                self.assertEqual(done.returncode, 0 if verdict == "fixed" else 1)
                self.assertEqual(answer["config"]["preemption"], preemption)
        print(f"looked at {len(FOUND)} kernels of the lab")


FOUND = list(kernels())
if __name__ == "__main__":
    if not FOUND:
        print(f"skip: the lab has built no kernel in {KERNELS}")
        sys.exit(77)
    unittest.main(argv=[sys.argv[0], *sys.argv[2:]])
