#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `unzap scenarios`, `unzap explain` and `unzap check NAME` from outside.

usage: explain_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import glob
import json
import os
import subprocess
import sys
import tempfile
import unittest

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]


def run(*arguments):
    # Away from the checkout: the program must bring its texts along.
    return subprocess.run([UNZAP, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=60, check=False,
                          text=True, cwd=tempfile.gettempdir())


def names(pattern):
    return sorted(os.path.splitext(os.path.basename(path))[0] for path in glob.glob(os.path.join(SOURCE, pattern)))


class Scenarios(unittest.TestCase):
    def test_lists_every_file_with_what_is_expected(self):
        listed = json.loads(run("scenarios", "--json").stdout)["scenarios"]
        self.assertEqual(sorted(one["name"] for one in listed), names("scenarios/*.toml"))
        for one in listed:
            self.assertTrue(one["story"], one["name"])
            self.assertTrue(one["expect"], one["name"])

    def test_a_name_will_do_for_check(self):
        result = run("check", "one-cpu", "--json")
        self.assertEqual(result.returncode, 13, result.stderr)
        self.assertEqual(json.loads(result.stdout)["trap"]["starved"], ["pause"])

    def test_an_unknown_name_says_where_the_names_are(self):
        result = run("check", "two-cpus")
        self.assertEqual(result.returncode, 66)
        self.assertIn("unzap scenarios", result.stderr)


class Explain(unittest.TestCase):
    def test_every_cause_has_its_page(self):
        for name in names("docs/causes/*.md"):
            with self.subTest(cause=name), open(os.path.join(SOURCE, f"docs/causes/{name}.md"), encoding="utf-8") as page:
                result = run("explain", name)
                self.assertEqual(result.returncode, 0)
                self.assertEqual(result.stdout, page.read())

    def test_a_scenario_tells_its_story_and_the_commands(self):
        result = run("explain", "second-loop")
        self.assertEqual(result.returncode, 0)
        self.assertIn("livepatch", result.stdout)
        self.assertIn("unzap check second-loop --kernel v6.1.192 --preempt none   # proved", result.stdout)

    def test_mistakes(self):
        result = run("explain", "fuse-requst")
        self.assertEqual(result.returncode, 64)
        self.assertIn("did you mean fuse-request?", result.stderr)
        self.assertEqual(run("explain", "no-such-thing-at-all").returncode, 64)
        self.assertIn("reaper-busy-loop", run("explain").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
