#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs `unzap check` from outside: verdicts and exit codes, JSON by its schema, what mistakes are answered with.

usage: check_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import re
import subprocess
import sys
import tempfile
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
SCENARIO = os.path.join(SOURCE, "scenarios/npm-zombie.toml")
with open(os.path.join(SOURCE, "docs/schema/check.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)
with open(SCENARIO, encoding="utf-8") as scenario_file:
    SCENARIO_TEXT = scenario_file.read()

EXIT_CODES = {"proved": 0, "lockup": 13, "busy-wait": 14, "inconclusive": 5, "broken": 70}
KERNELS = ("v5.15.160", "v5.15.162", "v6.1.94", "v6.1.95", "v6.1.192", "v6.6.34", "v6.6.35")


def run(*arguments, stdout=subprocess.PIPE, cwd=None):
    return subprocess.run([UNZAP, "check", *arguments], stdin=subprocess.DEVNULL, stdout=stdout,
                          stderr=subprocess.PIPE, timeout=100, check=False, cwd=cwd)


class Case(unittest.TestCase):
    def assert_schema(self, document):
        """Names the place that breaks the schema; with `oneOf` at its top, a validator would print all of it."""
        kind = "matrix" if "checks" in document else "check"
        schema = {"$schema": SCHEMA["$schema"], "$defs": SCHEMA["$defs"], "$ref": f"#/$defs/{kind}"}
        wrong = [f"{'/'.join(map(str, error.path))}: {error.message[:200]}"
                 for error in jsonschema.Draft202012Validator(schema).iter_errors(document)]
        self.assertEqual(wrong, [])
        jsonschema.Draft202012Validator(SCHEMA).validate(document)

    def check(self, *arguments, scenario=SCENARIO):
        """The JSON of one check, which holds to the schema and to what the exit code says."""
        result = run(scenario, "--json", *arguments)
        self.assertIn(result.returncode, EXIT_CODES.values(), result.stderr)
        document = json.loads(result.stdout.decode("utf-8"))
        self.assert_schema(document)
        self.assertEqual(EXIT_CODES[document["verdict"]], result.returncode)
        self.assertEqual(result.stderr, b"", "stderr is not a terminal: no progress")
        return document

    def refused(self, code, *arguments):
        """What is said of a mistake: one line on standard error, nothing on standard output."""
        result = run(*arguments)
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
        self.assertTrue(result.stderr.startswith(b"unzap: "), result.stderr)
        return result.stderr.decode("utf-8")

    def scenario(self, text, name="scenario.toml"):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        path = os.path.join(folder.name, name)
        with open(path, "wb") as out:
            out.write(text if isinstance(text, bytes) else text.encode())
        return path


class Verdicts(Case):
    def test_kernels_and_preemption(self):
        rows = [
            (("--kernel", "v5.15.160", "--preempt", "none"), "lockup"),
            (("--kernel", "v5.15.160", "--preempt", "voluntary"), "lockup"),
            (("--kernel", "v5.15.160", "--preempt", "full"), "busy-wait"),
            (("--kernel", "v5.15.162"), "proved"),
            (("--kernel", "v6.1.192"), "proved"),
            (("--kernel", "v5.15.160", "--with", "fix-2024"), "proved"),
            (("--kernel", "v5.15.160", "--with", "fix-2026"), "proved"),
            (("--kernel", "v5.15.162", "--without", "fix-2024"), "lockup"),
            (("--kernel", "v6.1.192", "--without", "fix-2026"), "lockup"),
            (("--max-states", "500"), "inconclusive"),
        ]
        for arguments, verdict in rows:
            with self.subTest(arguments=arguments):
                self.assertEqual(self.check(*arguments)["verdict"], verdict)

    def test_the_first_report_is_the_default(self):
        document = self.check()
        self.assertEqual((document["verdict"], document["kernel"], document["preempt"]),
                         ("lockup", "v5.15.160", "none"))

    def test_switches_are_reported_as_they_were_run(self):
        document = self.check("--kernel", "v5.15.160", "--with", "fix-2024", "--without", "fix-2026",
                              "--with", "second-loop-idle")
        switches = {**document["fixes"], **document["switches"]}
        self.assertTrue(switches["fix-2024"])
        self.assertFalse(switches["fix-2026"])
        self.assertTrue(switches["second-loop-idle"])
        self.assertFalse(self.check("--kernel", "v5.15.160")["switches"]["second-loop-idle"])

    def test_a_limit_proves_nothing(self):
        document = self.check("--kernel", "v5.15.162", "--max-states", "500")
        self.assertEqual(document["verdict"], "inconclusive")
        self.assertIn("limit", document["search"])
        self.assertIn(b"INCONCLUSIVE", run(SCENARIO, "--max-states", "500").stdout)

    def test_a_busy_wait_before_a_limit_is_told_and_decides_nothing(self):
        document = self.check("--max-states", "3000")
        self.assertEqual((document["verdict"], document["trap"]), ("inconclusive", None))
        self.assertTrue(document["loop"] and document["replayed"])
        self.assertEqual(len(document["busy_wait"]["spinning"]), 1)
        text = run(SCENARIO, "--max-states", "3000").stdout
        self.assertIn(b"can go round without sleeping, and whether all can still end is unknown", text)
        self.assertNotIn(b"everything can still end", text)

    def test_a_limit_does_not_move_the_fatal_step(self):
        whole = self.check()["trap"]
        for states in ("5000", "6000", "7000"):
            cut = self.check("--max-states", states)["trap"]
            self.assertTrue(cut["fatal_step_exact"])
            self.assertEqual(cut["fatal_step"], whole["fatal_step"])

    def test_compact_says_what_it_may_have_missed(self):
        full, compact = self.check("--workers", "2"), self.check("--compact", "--workers", "1")
        self.assertEqual((full["compact"], full["omission_odds"], full["workers"]), (False, 0, 2))
        self.assertEqual((compact["compact"], compact["workers"]), (True, 1))
        self.assertGreater(compact["omission_odds"], 0)
        self.assertLess(compact["omission_odds"], 1e-9)
        self.assertGreater(compact["bytes_kept_per_state"], 0)
        for same in ("verdict", "states", "transitions", "trap", "trace", "loop"):
            self.assertEqual(full[same], compact[same])

    def test_who_is_paranoid_gets_the_same_answer(self):
        for kernel in ("v5.15.160", "v6.1.192"):
            plain, paranoid = self.check("--kernel", kernel), self.check("--kernel", kernel, "--paranoid")
            for field in ("verdict", "states", "transitions", "doomed_states", "trace"):
                self.assertEqual(plain[field], paranoid[field], (kernel, field))
            self.assertNotIn("broken", paranoid)

    def test_a_proof_of_nothing_is_seen_for_what_it_is(self):
        document = self.check("--kernel", "v5.15.162")
        self.assertEqual((document["vacuous"], document["never_ends"]), (False, False))
        quiet = self.scenario('name = "quiet"\nsummary = "an init alone, that somebody outside holds the mounts of"\n'
                              '[[process]]\nname = "init"\n[[container]]\noutside_holders = 1\n')
        document = self.check(scenario=quiet)
        self.assertEqual((document["verdict"], document["vacuous"]), ("proved", True))
        self.assertIn(b"the proof may be empty", run(quiet).stdout)
        jam = self.check(scenario=os.path.join(SOURCE, "scenarios/injected-zombie.toml"))
        self.assertTrue(jam["never_ends"])

    def test_a_proof_is_not_empty(self):
        document = self.check("--kernel", "v5.15.162")
        self.assertGreater(document["states"], 1000)
        self.assertTrue(document["witnesses"])
        for fact, states in document["witnesses"].items():
            self.assertGreater(states, 0, fact)

    def test_the_same_question_has_the_same_answer(self):
        documents = [self.check() for _ in range(2)]
        for document in documents:
            for figure in ("seconds", "states_per_second"):
                del document[figure]
        self.assertEqual(*documents)


class Counterexample(Case):
    def setUp(self):
        self.document = self.check("--kernel", "v5.15.160", "--preempt", "none")
        self.tasks = {task["task"]: task for task in self.document["trap"]["tasks"]}

    def assert_in_order(self, functions, stack):
        """The stack holds the functions in this order, others may stand between."""
        rest = iter(stack)
        self.assertTrue(all(function in rest for function in functions), (functions, stack))

    def test_the_worker_spins_in_the_reaper(self):
        trap = self.document["trap"]
        self.assertEqual(trap["kind"], "livelock")
        self.assertEqual(len(trap["spinning"]), 1)
        worker = trap["spinning"][0]
        self.assertRegex(worker, r"^iou-wrk-\d+$")
        self.assertEqual(self.tasks[worker]["state"], "spins")
        self.assertIsInstance(self.tasks[worker]["cpu"], int)
        self.assert_in_order(["do_wait", "kernel_wait4", "zap_pid_ns_processes", "exit_notify", "do_exit"],
                             self.tasks[worker]["stack"])

    def test_the_diagnosis_of_a_host_in_the_trap(self):
        self.assertEqual(self.document["on_host"], {"verdict": "stuck", "cause": "reaper-busy-loop", "confidence": "certain",
                                                    "culprit": self.document["trap"]["spinning"][0]})
        self.assertIn(b"`unzap diagnose` would say: reaper-busy-loop (certain)", run(SCENARIO).stdout)
        self.assertNotIn("on_host", self.check("--kernel", "v5.15.162"))

    def test_no_step_can_be_left_out(self):
        self.assertTrue(self.document["minimal"])
        self.assertTrue(self.document["trap"]["fatal_step_exact"])
        self.assertIn(b"none can be left out", run(SCENARIO).stdout)

    def test_the_child_hangs_in_the_mount_teardown(self):
        self.assertIn("npm run zombie", self.document["trap"]["hung"])
        self.assertEqual(self.tasks["npm run zombie"]["state"], "hung")
        self.assert_in_order(["synchronize_rcu_expedited", "namespace_unlock", "put_mnt_ns", "free_nsproxy",
                              "exit_task_namespaces", "do_exit"], self.tasks["npm run zombie"]["stack"])
        self.assertEqual(self.tasks["npm start"]["state"], "zombie")

    def test_the_trace_counts_up_and_holds_the_fatal_step(self):
        steps = [step["step"] for step in self.document["trace"]]
        self.assertTrue(steps)
        self.assertEqual(steps, sorted(set(steps)))
        fatal = [step for step in self.document["trace"] if step["step"] == self.document["trap"]["fatal_step"]]
        self.assertEqual(len(fatal), 1)
        self.assertEqual(fatal[0]["function"], "exit_notify", "the worker becomes the reaper")
        self.assertGreater(self.document["loop"][0]["step"], steps[-1])
        self.assertTrue(self.document["replayed"])
        self.assertGreater(self.document["doomed_states"], 0)

    def test_files_and_functions_are_the_kernels(self):
        for step in self.document["trace"]:
            self.assertRegex(step["function"], r"^\w+$")
            self.assertRegex(step["file"], r"^([\w/-]+\.[ch])?$", step)

    def test_the_screen_says_the_same(self):
        text = run(SCENARIO).stdout.decode("utf-8")
        first = text.splitlines()[0]
        self.assertTrue(first.startswith("LOCKUP  npm-zombie"), first)
        self.assertIn(self.document["trap"]["spinning"][0], first)
        self.assertIn("npm run zombie", first)
        self.assertIn(f"step {self.document['trap']['fatal_step']} is the fatal one", text)
        self.assertNotIn("\x1b", text, "no terminal, no colour")
        for line in text.splitlines():
            self.assertLessEqual(len(line), 100, line)

    def test_a_busy_wait_is_shown_with_its_loop(self):
        document = self.check("--preempt", "full")
        self.assertRegex(document["busy_wait"]["spinning"][0], r"^iou-wrk-\d+$")
        self.assertEqual({step["task"] for step in document["loop"]}, set(document["busy_wait"]["spinning"]))


class Matrix(Case):
    def test_json_has_every_kernel_and_agrees_with_single_checks(self):
        result = run(SCENARIO, "--matrix", "--json")
        self.assertEqual(result.returncode, 13)
        document = json.loads(result.stdout.decode("utf-8"))
        self.assert_schema(document)
        verdicts = {(one["kernel"], one["preempt"]): one["verdict"] for one in document["checks"]}
        self.assertEqual(len(verdicts), len(document["checks"]))
        self.assertLessEqual({(kernel, preempt) for kernel in KERNELS for preempt in ("none", "voluntary", "full")},
                             set(verdicts))
        for kernel in ("v5.15.160", "v6.1.192"):
            self.assertEqual(self.check("--kernel", kernel)["verdict"], verdicts[kernel, "none"])

    def test_table_has_a_line_each(self):
        result = run(SCENARIO, "--matrix")
        lines = result.stdout.decode("utf-8").splitlines()
        self.assertRegex(lines[0], r"^kernel +preemption")
        words = [line.split() for line in lines[1:]]
        verdicts = {tuple(row[:2]): [one for one in EXIT_CODES if one in row] for row in words}
        self.assertEqual(verdicts["v5.15.160", "none"], ["lockup"])
        self.assertEqual(verdicts["v5.15.160", "full"], ["busy-wait"])
        self.assertEqual(verdicts["v5.15.162", "none"], ["proved"])


class Mistakes(Case):
    def test_usage_is_64_and_names_what_there_is(self):
        rows = [
            ((SCENARIO, "--kernel", "v9.9"), ["v9.9", *KERNELS]),
            ((SCENARIO, "--kernel", "v5.15.161"), ["did you mean", *KERNELS]),
            ((SCENARIO, "--with", "fix-2025"), ["fix-2025", "fix-2024", "fix-2026", "second-loop-idle"]),
            ((SCENARIO, "--without", "luck"), ["luck", "fix-2024", "fix-2026"]),
            ((SCENARIO, "--preempt", "lazy"), ["lazy", "none", "voluntary", "full"]),
            ((SCENARIO, "--max-memory", "0"), ["--max-memory"]),
            ((SCENARIO, "--max-states", "many"), ["--max-states"]),
            ((SCENARIO, "--timeout", "soon"), ["--timeout"]),
            ((SCENARIO, "--kernle", "v6.1.94"), ["did you mean --kernel?"]),
            ((), ["scenario"]),
        ]
        for arguments, words in rows:
            with self.subTest(arguments=arguments[1:]):
                message = self.refused(64, *arguments)
                for word in words:
                    self.assertIn(word, message)

    def test_what_is_no_file_is_66_or_74(self):
        self.assertIn("no-such.toml", self.refused(66, "no-such.toml"))
        self.assertIn("folder", self.refused(74, os.path.join(SOURCE, "scenarios")))

    def test_a_wrong_scenario_is_65_with_its_place_and_what_is_allowed(self):
        rows = [  # what to replace in the scenario, by what, the place, what is said
            ("cpus = 2", "cpuss = 2", "1", ["`cpuss`", "[machine]", "did you mean `cpus`?", "balance"]),
            ("cpus = 2", "cpus = 99", "8", ["`cpus`", "1 to 4"]),
            ("cpus = 2", 'cpus = "two"', "8", ["`cpus`", "1 to 4"]),
            ('ends = "exit_group"', 'ends = "crash"', "8", ["`crash`", "exit_group", "exit", "sigkill"]),
            ('ends = "exit_group"', "ends = 1", "8", ["`ends`", "exit_group"]),
            ('workers = ["idle"]', 'workers = ["lazy"]', "25", ["`lazy`", "idle", "reading"]),
            ('workers = ["idle"]', 'workers = "idle"', "24", ["list"]),
            ("idle_timeouts = false", 'idle_timeouts = "no"', "17", ["true, false"]),
            ("[[process]]", "[[proces]]", None, ["did you mean `process`?", "environment"]),
            ('ends = "exit_group"', 'ends = "exit_group', None, ["TOML"]),
            ("[machine]", "[machine", None, ["TOML"]),
        ]
        for old, new, column, words in rows:
            with self.subTest(new=new):
                self.assertIn(old, SCENARIO_TEXT)
                line = SCENARIO_TEXT[:SCENARIO_TEXT.index(old)].count("\n") + 1
                path = self.scenario(SCENARIO_TEXT.replace(old, new, 1))
                message = self.refused(65, path)
                self.assertIn(f"{path}:{line}:{column + ':' if column else ''}", message)
                self.assertRegex(message, r"scenario\.toml:\d+:\d+: ")
                for word in words:
                    self.assertIn(word, message)

    def test_the_old_form_is_read_with_a_hint_for_each_table(self):
        old = self.scenario('name = "old"\n[init.io_uring]\narmed_request = true\n[child]\n')
        result = run(old)
        self.assertEqual(result.returncode, EXIT_CODES["lockup"])
        hints = result.stderr.decode().splitlines()
        self.assertEqual([hint.split(" is of the old form")[0] for hint in hints],
                         [f"unzap: {old}:2:1: [init]", f"unzap: {old}:4:1: [child]"])
        self.assertIn("[[process]]", hints[0])
        self.assertEqual(run(old, "--quiet").stderr, b"")

    def test_what_is_no_scenario_at_all_is_65(self):
        rows = [("empty", b""), ("zeros", bytes(1000)), ("random", b"\xff\xfe\x80" * 100),
                ("two megabytes", b"#" * (2 << 20)), ("escape", b'name = "x"\n"\x1b[31m" = 1\n')]
        for name, content in rows:
            with self.subTest(name=name):
                self.assertNotIn("\x1b", self.refused(65, self.scenario(content)))

    def test_full_and_closed_output_are_74(self):
        with open("/dev/full", "wb") as full:
            self.assertEqual(run(SCENARIO, stdout=full).returncode, 74)
        closed = subprocess.run(["sh", "-c", 'exec "$0" check "$1" >&-', UNZAP, SCENARIO], stderr=subprocess.PIPE,
                                timeout=20, check=False)
        self.assertEqual(closed.returncode, 74)

    def test_help_has_examples_that_work(self):
        result = run("--help")
        self.assertEqual(result.returncode, 0)
        text = result.stdout.decode("utf-8")
        self.assertIn("EXAMPLE", text)
        examples = re.findall(r"^  unzap check (.*?)(?:  +.*)?$", text, re.MULTILINE)
        self.assertGreater(len(examples), 2)
        for example in examples:
            with self.subTest(example=example):
                arguments = [SCENARIO if word == "scenarios/npm-zombie.toml" else word for word in example.split()]
                with tempfile.TemporaryDirectory() as folder:  # one of them writes a file
                    self.assertIn(run(*arguments, cwd=folder).returncode, (0, 13))

    def test_list_names_the_kernels_and_fixes(self):
        text = run("--list").stdout.decode("utf-8")
        for word in (*KERNELS, "fix-2024", "fix-2026"):
            self.assertIn(word, text)


class EveryScenario(Case):
    def test_is_accepted_and_bears_the_name_of_its_file(self):
        folder = os.path.join(SOURCE, "scenarios")
        names = [name for name in sorted(os.listdir(folder)) if name.endswith(".toml")]
        self.assertTrue(names)
        for name in names:
            with self.subTest(scenario=name):
                document = self.check("--max-states", "500", scenario=os.path.join(folder, name))
                self.assertEqual(document["scenario"] + ".toml", name)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
