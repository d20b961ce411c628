#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `unzap replay` from outside: what fits, where a trace no longer fits, and what hostile files are answered with.

usage: replay_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
SCENARIOS = sorted(name[:-5] for name in os.listdir(os.path.join(SOURCE, "scenarios")) if name.endswith(".toml"))
with open(os.path.join(SOURCE, "docs/schema/replay.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)


def run(*arguments, stdin=b""):
    return subprocess.run([UNZAP, *arguments], input=stdin, capture_output=True, timeout=100, check=False)


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(cls.folder.cleanup)
        cls.file = os.path.join(cls.folder.name, "trace.json")
        assert run("check", "npm-zombie", "-q", "--trace", cls.file).returncode == 13
        with open(cls.file, encoding="utf-8") as trace:
            cls.text = trace.read()

    def changed(self, change):
        """A file with the trace after `change(trace)`."""
        trace = json.loads(self.text)
        change(trace)
        return self.written(json.dumps(trace).encode())

    def written(self, data):
        path = os.path.join(self.folder.name, "changed.json")
        with open(path, "wb") as out:
            out.write(data)
        return path

    def replay(self, code, *arguments):
        result = run("replay", *arguments, "--json")
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stderr, b"")
        document = json.loads(result.stdout)
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        self.assertEqual(document["fits"], code == 0)
        return document


class Fits(Case):
    def test_the_same_program_comes_to_the_same_states(self):
        document = self.replay(0, self.file)
        self.assertEqual((document["fit"], document["fate"], document["trap"]), ("fits", "trapped", "livelock"))
        text = run("replay", self.file).stdout.decode()
        self.assertTrue(text.startswith("FITS  npm-zombie on v5.15.160, preemption none: "), text)
        self.assertIn("no schedule leads out", text)

    def test_a_busy_wait_found_before_a_limit(self):
        path = os.path.join(self.folder.name, "cut.json")
        self.assertEqual(run("check", "npm-zombie", "-q", "--max-states", "3000", "--trace", path).returncode, 5)
        self.assertEqual(self.replay(0, path)["trap"], None)

    def test_standard_input_will_do(self):
        self.assertEqual(run("replay", "-", stdin=self.text.encode()).returncode, 0)

    def test_every_counterexample_of_the_scenarios(self):
        looked = 0
        for name in SCENARIOS:
            with self.subTest(scenario=name):
                path = os.path.join(self.folder.name, name + ".json")
                result = run("check", name, "-q", "--json", "--trace", path, "--max-states", "300000")
                if result.returncode in (13, 14):
                    document = self.replay(0, path)
                    self.assertEqual(document["verdict"], json.loads(result.stdout)["verdict"])
                    looked += 1
        self.assertGreater(looked, 8)


class Differs(Case):
    def test_with_the_fix_it_parts_where_the_fix_acts(self):
        document = self.replay(1, self.file, "--with", "fix-2024")
        self.assertEqual(document["fit"], "elsewhere")
        misfit = document["misfit"]
        self.assertEqual(misfit["recorded"]["function"], "zap_pid_ns_processes")
        self.assertTrue(any("TIF_NOTIFY_SIGNAL" in one for one in misfit["differences"]), misfit)
        text = run("replay", self.file, "--with", "fix-2024").stdout.decode()
        self.assertIn(f"at step {misfit['step']} of", text)
        self.assertIn("recorded", text)

    def test_another_scenario_begins_elsewhere(self):
        document = self.replay(1, self.file, "--scenario", "injected-zombie")
        self.assertEqual((document["fit"], document["misfit"]["step"]), ("other-start", 0))
        self.assertTrue(document["misfit"]["differences"])

    def test_an_action_that_is_not_possible(self):
        def swap(trace):
            trace["steps"][4], trace["steps"][20] = trace["steps"][20], trace["steps"][4]
        document = self.replay(1, self.changed(swap))
        self.assertEqual(document["misfit"]["step"], 5)
        self.assertTrue(document["misfit"]["possible"])

    def test_a_changed_digest(self):
        def change(trace):
            trace["steps"][9]["digest"] = "0" * 16
        document = self.replay(1, self.changed(change))
        self.assertEqual((document["fit"], document["misfit"]["step"]), ("elsewhere", 10))
        self.assertIn("does not show", run("replay", self.file.replace("trace", "changed")).stdout.decode())

    def test_a_loop_that_does_not_close(self):
        def cut(trace):
            trace["loop"].pop()
        self.assertEqual(self.replay(1, self.changed(cut))["fit"], "open-loop")

    def test_a_lockup_that_is_none(self):
        def cut(trace):
            trace["steps"], trace["loop"] = trace["steps"][:10], []
        self.assertEqual(self.replay(1, self.changed(cut))["fit"], "can-end")


class Strangers(Case):
    def refused(self, code, *arguments, stdin=b""):
        result = run("replay", *arguments, stdin=stdin)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
        self.assertNotIn(b"\x1b", result.stderr)
        return result.stderr.decode()

    def test_what_is_no_json_is_65_with_line_and_column(self):
        data = self.text.encode()
        half = self.refused(65, self.written(data[:len(data) // 2]))
        self.assertRegex(half, r"changed\.json:\d+:\d+: the file ends in the middle")
        self.assertRegex(self.refused(65, self.written(b'{\n "format": nix}')), r"changed\.json:2:\d+: this is not JSON")
        for junk in (b"", bytes(1000), b"\xff\xfe" * 50, b"[" * 100000, b'{"a":' * 50000, b"1e999999"):
            with self.subTest(junk=junk[:10]):
                self.refused(65, self.written(junk))

    def test_what_is_no_trace_is_65_with_the_place(self):
        rows = [
            (lambda t: t.pop("steps"), "/", "`steps` is missing"),
            (lambda t: t.update(format="other"), "/format", "unzap-trace"),
            (lambda t: t.update(schema_version=2), "/schema_version", "version 1"),
            (lambda t: t.update(preempt="lazy"), "/preempt", "voluntary"),
            (lambda t: t.update(verdict="proved"), "/verdict", "busy-wait"),
            (lambda t: t["switches"].update(luck=True), "/switches/luck", "no such switch"),
            (lambda t: t["switches"].update({"fix-2024": 1}), "/switches/fix-2024", "true or false"),
            (lambda t: t["start"].update(digest="xyz"), "/start/digest", "hexadecimal"),
            (lambda t: t["steps"][3]["action"].update(event="jump"), "/steps/3/action/event", "no such event"),
            (lambda t: t["steps"][3]["action"].update(cpu=-1), "/steps/3/action/cpu", "number"),
            (lambda t: t["steps"][3]["action"].update(task=1 << 70), "/steps/3/action/task", "number"),
            (lambda t: t["loop"].append([]), "/loop/4", "object"),
            (lambda t: t["tasks"].extend(["x"] * 99), "/tasks", "more than"),
            (lambda t: t["scenario"].update(text="cpus = 3"), "/scenario/text:1", ""),
            (lambda t: t.update(steps="\x1b[31m"), "/steps", "list"),
        ]
        for change, place, words in rows:
            with self.subTest(place=place, words=words):
                message = self.refused(65, self.changed(change))
                self.assertIn(f"changed.json:{place}", message)
                self.assertIn(words, message)

    def test_usage_and_missing_files(self):
        self.refused(64)
        self.refused(64, self.file, "--kernel", "v9.9")
        self.refused(64, self.file, "--with", "luck")
        self.refused(66, "no-such-trace.json")
        self.refused(66, self.file, "--scenario", "no-such-scenario")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
