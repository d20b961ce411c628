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

    def test_a_story_has_all_its_parts(self):
        text = run("explain", "npm-zombie").stdout
        for words in ("Who takes part", "iou-wrk-4701: an io-wq worker, a thread of npm start",
                      "What happens on v5.15.160", "exit_notify() (kernel/exit.c)", "The fatal step, number 23",
                      "Why nothing helps", "What helps", "fix-2024 (proved):", "7fea700e04bd", "See for yourself",
                      "unzap check npm-zombie --kernel v5.15.160 --preempt none   # lockup"):
            self.assertIn(words, text)
        self.assertNotIn("\\x0a", text)
        self.assertLessEqual(len(text.splitlines()), 100, "one or two screens")
        for line in text.splitlines():
            self.assertLessEqual(len(line), 100, line)

    def test_every_scenario_has_a_story(self):
        for name in names("scenarios/*.toml"):
            with self.subTest(scenario=name):
                result = run("explain", name + ".toml")
                self.assertEqual((result.returncode, result.stderr), (0, ""))
                wanted = "lockup" if "# lockup" in result.stdout else "busy-wait" if "# busy-wait" in result.stdout else "proved"
                heading = {"lockup": "Why nothing helps", "busy-wait": "What goes on for no use", "proved": "What is proved"}
                self.assertIn(heading[wanted], result.stdout)

    def test_a_name_that_a_cause_and_a_scenario_share_says_so(self):
        result = run("explain", "traced-member")
        self.assertTrue(result.stdout.startswith("# traced-member"))
        self.assertIn("unzap explain traced-member.toml", result.stderr)

    def test_a_scenario_of_ones_own(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "mine.toml")
            with open(os.path.join(SOURCE, "scenarios/one-cpu.toml"), encoding="utf-8") as scenario:
                text = scenario.read()
            with open(path, "w", encoding="utf-8") as out:
                out.write(text.replace("one-cpu", "mine"))
            self.assertIn("Why nothing helps", run("explain", path).stdout)
            self.assertEqual(run("explain", os.path.join(folder, "none.toml")).returncode, 66)

    def test_mistakes(self):
        result = run("explain", "fuse-requst")
        self.assertEqual(result.returncode, 64)
        self.assertIn("did you mean fuse-request?", result.stderr)
        self.assertEqual(run("explain", "no-such-thing-at-all").returncode, 64)
        self.assertIn("reaper-busy-loop", run("explain").stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
