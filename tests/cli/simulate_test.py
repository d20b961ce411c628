#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `unzap simulate` from outside.

usage: simulate_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
with open(os.path.join(SOURCE, "docs/schema/simulate.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)


def run(*arguments):
    return subprocess.run([UNZAP, *arguments], stdin=subprocess.DEVNULL, capture_output=True, timeout=100, check=False,
                          text=True)


class Simulate(unittest.TestCase):
    def simulate(self, code, *arguments):
        result = run("simulate", *arguments, "--json")
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stderr, "")
        document = json.loads(result.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        shares = [document[one] for one in ("lockup", "busy_wait", "ended", "undecided")]
        self.assertEqual(sum(share["count"] for share in shares), document["runs"])
        for share in shares:
            self.assertLessEqual(share["low"], share["share"])
            self.assertLessEqual(share["share"], share["high"])
        return document

    def test_lockup_busy_wait_and_nothing(self):
        hit = self.simulate(13, "npm-zombie", "--runs", "2000")
        self.assertGreater(hit["lockup"]["count"], 0)
        self.assertEqual(hit["hit"]["check"]["trap"]["spinning"], ["iou-wrk-4701"])
        self.assertLessEqual(len(hit["hit"]["check"]["trace"]), hit["hit"]["run_steps"] + 40)
        self.assertTrue(hit["hit"]["check"]["minimal"])
        self.simulate(14, "npm-zombie", "--preempt", "full", "--runs", "2000")
        self.assertEqual(self.simulate(5, "npm-zombie", "--with", "fix-2024", "--runs", "100")["ended"]["count"], 100)

    def test_a_seed_gives_one_answer_whatever_the_workers(self):
        answers = []
        for workers in ("1", "2", "3"):
            document = self.simulate(13, "npm-zombie", "--runs", "2000", "--seed", "42", "--workers", workers)
            for figure in ("seconds",):
                del document[figure]
            for figure in ("seconds", "workers", "states_per_second"):
                document["hit"]["check"].pop(figure, None)
            answers.append(document)
        self.assertEqual(answers[0], answers[1])
        self.assertEqual(answers[0], answers[2])
        other = self.simulate(13, "npm-zombie", "--runs", "2000", "--seed", "43")
        self.assertNotEqual(answers[0]["steps"], other["steps"])

    def test_the_hit_is_a_trace_that_replays(self):
        with tempfile.TemporaryDirectory() as folder:
            path = os.path.join(folder, "hit.json")
            self.assertEqual(run("simulate", "npm-zombie", "--runs", "2000", "--trace", path).returncode, 13)
            replayed = run("replay", path)
            self.assertEqual(replayed.returncode, 0, replayed.stdout)

    def test_the_screen_says_what_is_counted(self):
        result = run("simulate", "npm-zombie", "--runs", "2000")
        self.assertTrue(result.stdout.startswith("LOCKUP HIT  npm-zombie on v5.15.160"), result.stdout[:80])
        for words in ("came to where no schedule ends", "95 %", "seed 1", "no run proves"):
            self.assertIn(words, result.stdout)
        for line in result.stdout.splitlines():
            self.assertLessEqual(len(line), 130, line)

    def test_few_steps_decide_nothing(self):
        document = self.simulate(5, "npm-zombie", "--runs", "20", "--max-steps", "3")
        self.assertEqual(document["undecided"]["count"], 20)

    def test_mistakes(self):
        for code, arguments in ((64, ()), (64, ("npm-zombie", "--runs", "0")), (64, ("npm-zombie", "--seed", "x")),
                                (64, ("npm-zombie", "--kernel", "v9")), (66, ("no-such",)),
                                (64, ("npm-zombie", "--trace", "hit.png"))):
            with self.subTest(arguments=arguments):
                result = run("simulate", *arguments)
                self.assertEqual(result.returncode, code, result.stderr)
                self.assertEqual(result.stdout, "")

    def test_help_has_an_example(self):
        self.assertIn("EXAMPLE", run("simulate", "--help").stdout)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
