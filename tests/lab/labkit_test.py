#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lab without a machine: how a boot is judged, counted and kept, and what goes into a guest.

usage: labkit_test.py SOURCE_DIR [unittest arguments]
"""
import dataclasses
import os
import pathlib
import re
import stat
import sys
import tempfile
import unittest

SOURCE = pathlib.Path(sys.argv[1]).resolve()
sys.dont_write_bytecode = True
sys.path.insert(0, str(SOURCE / "lab"))

from labkit import base, guest, initramfs, judge, kernels, matrix, runs, scenario  # noqa: E402

REPORT = ["[   10.1] watchdog: BUG: soft lockup - CPU#0 stuck for 9s! [lab-init:35]", "[   10.1] Call Trace:",
          "[   10.1]  kernel_wait4+0xac/0x130", "[   10.1]  zap_pid_ns_processes+0xf9/0x160"]
LOCKUP = ["LAB boot kernel=6.1 cpus=2", 'LAB spinner pid=41 tid=41 start=242 comm="lab-init"',
          "LAB left init=41 child=42 outside=0", "LAB verdict=lockup seconds=0.171 rounds=1",
          "LAB step=diagnose.json exit=1 ms=2250"]


def boot(console, files=None, ended="done"):
    return guest.Boot(ended, 9.0, console, files or {}, pathlib.Path("."))


def lockup_scenario(**changes):
    table = {"name": "s", "place": pathlib.Path("."), "summary": "", "expect": {"unfixed-none": "lockup"}}
    return scenario.Scenario(**{**table, **changes})


def diagnosis(cause="reaper-busy-loop", confidence="certain", tid=41):
    return ('{"findings": [{"cause": "%s", "confidence": "%s", "culprit": {"tid": %d, "comm": "x"}}]}' % (cause, confidence, tid)).encode()


class Judge(unittest.TestCase):
    kernel = kernels.choose(["unfixed-none"])[0]

    def wrong(self, one, made):
        judged = judge.judge(made)
        judge.compare(one, self.kernel, made, judged)
        return judged.wrong

    def test_the_guest_says_what_became_of_it(self):
        judged = judge.judge(boot(LOCKUP))
        self.assertEqual((judged.verdict, judged.seconds, judged.culprit, judged.comm), ("lockup", 0.171, 41, "lab-init"))
        self.assertEqual(judged.steps, {"diagnose.json": (1, 2250)})

    def test_a_silent_guest_is_judged_by_its_kernels_report(self):
        judged = judge.judge(boot(LOCKUP[:1] + REPORT, ended="seen enough"))
        self.assertEqual((judged.verdict, judged.culprit), ("lockup", 35))

    def test_a_lockup_elsewhere_is_no_answer(self):
        self.assertEqual(judge.judge(boot(REPORT[:3])).verdict, "no-answer")
        self.assertEqual(judge.judge(boot([])).verdict, "no-answer")

    def test_another_workload_is_not_the_one_that_is_judged(self):
        self.assertEqual(judge.judge(boot([*LOCKUP, "LAB more verdict=clean seconds=9.0 rounds=200"])).verdict, "lockup")

    def test_a_victim_is_not_the_spinner(self):
        self.assertEqual(judge.judge(boot([*LOCKUP, "LAB hung tid=44 comm=iou-sqp-43 in=x,"])).culprit, 41)

    def test_what_differs_is_named(self):
        good = {"diagnose.json": diagnosis()}
        one = lockup_scenario(cause="reaper-busy-loop", steps=(("diagnose.json", 1, 5000),))
        self.assertEqual(self.wrong(one, boot(LOCKUP, good)), [])
        rows = [(one, boot(LOCKUP), "no diagnosis"),
                (one, boot(LOCKUP, {"diagnose.json": diagnosis(tid=7)}), "the spinner is"),
                (one, boot(LOCKUP, {"diagnose.json": diagnosis(confidence="likely")}), "likely"),
                (one, boot([line.replace("exit=1", "exit=2") for line in LOCKUP], good), "exit code 2"),
                (one, boot(LOCKUP[:4], good), "did not end"),
                (one, boot(["LAB verdict=clean seconds=1.0 rounds=1"]), "verdict clean"),
                (lockup_scenario(see=("cleared:",)), boot(LOCKUP), "not seen"),
                (lockup_scenario(), boot([*LOCKUP, 'LAB error="fork: no memory"']), "fork: no memory")]
        for number, (which, made, text) in enumerate(rows):
            with self.subTest(row=number, text=text):
                self.assertIn(text, "; ".join(self.wrong(which, made)))


    def test_a_slow_step_is_said_and_is_no_failure(self):
        one = lockup_scenario(steps=(("diagnose.json", 1, 5000),))
        for ms, said in ((2250, 0), (6000, 1)):
            made = boot([line.replace("2250", str(ms)) for line in LOCKUP])
            judged = judge.judge(made)
            judge.compare(one, self.kernel, made, judged)
            self.assertEqual((judged.wrong, len(judged.slow)), ([], said))

    def test_the_spinner_is_the_one_of_its_own_report(self):
        other = [line.replace("lab-init:35", "migration/1:16") for line in REPORT[:3]]
        judged = judge.judge(boot([*other, *REPORT, *other]))
        self.assertEqual((judged.verdict, judged.comm, judged.culprit), ("lockup", "lab-init", 35))
        self.assertEqual(judge.judge(boot([*REPORT[:3], "[   10.2] watchdog: BUG: soft lockup - CPU#1 stuck for 9s! [x y:1]"])).verdict, "no-answer")


class Rate(unittest.TestCase):
    def test_the_interval_is_wilsons(self):
        for hits, total, low, high in ((20, 20, 83.9, 100.0), (0, 20, 0.0, 16.1), (10, 20, 29.9, 70.1), (0, 0, 0, 100)):
            got = runs.wilson(hits, total)
            self.assertAlmostEqual(got[0], low, delta=0.06)
            self.assertAlmostEqual(got[1], high, delta=0.06)

    def test_its_line_says_how_often_and_how_fast(self):
        text = runs.Rate("s", "k", 2, 4, [0.2, 0.4], []).text()
        self.assertIn("2 of   4", text)
        self.assertIn("median 0.30 s", text)


class Matrix(unittest.TestCase):
    def test_what_agrees_with_the_model(self):
        rows = [("lockup", "lockup", True), ("clean", "proved", True), ("stuck", "lockup", True), ("clean", "-", True),
                ("clean", "busy-wait", False), ("clean", "lockup", False), ("lockup", "proved", False)]
        for seen, model, agrees in rows:
            with self.subTest(seen=seen, model=model):
                self.assertEqual(matrix.Cell(None, None, seen, model=model).agrees, agrees)


class Initramfs(unittest.TestCase):
    def test_entries_are_those_of_the_newc_form(self):
        archive = initramfs.Archive()
        archive.file("a/b/c", b"hello", 0o644)
        archive.link("a/l", "b")
        archive.character_device("dev/console", 5, 1)
        text, entries, at = archive.text(), {}, 0
        while True:
            self.assertEqual(text[at:at + 6], b"070701")
            field = [int(text[at + 6 + 8 * i:at + 14 + 8 * i], 16) for i in range(13)]
            name = text[at + 110:at + 110 + field[11] - 1].decode()
            data = at + (110 + field[11] + 3) // 4 * 4
            at = data + (field[6] + 3) // 4 * 4
            if name == "TRAILER!!!":
                break
            entries[name] = (field[1], text[data:data + field[6]], field[9:11])
        self.assertEqual(list(entries), ["a", "a/b", "a/b/c", "a/l", "dev", "dev/console"])
        self.assertEqual(entries["a/b/c"], (stat.S_IFREG | 0o644, b"hello", [0, 0]))
        self.assertEqual(entries["a/l"][:2], (stat.S_IFLNK | 0o777, b"b"))
        self.assertEqual(entries["dev/console"][2], [5, 1])


class Files(unittest.TestCase):
    def test_every_scenario_is_well_formed(self):
        found = scenario.load_all()
        self.assertGreaterEqual(len(found), 10)
        for one in found:
            with self.subTest(one.name):
                self.assertTrue((one.place / "run").is_file())
                if one.model:
                    self.assertTrue((SOURCE / "scenarios" / f"{one.model}.toml").is_file())

    def test_a_guest_has_no_terminal_to_ask_at_so_a_plan_is_named(self):
        named = re.compile(r'--apply (?:"\$\(plan_id [\w.-]+\)"|[0-9a-hjkmnp-tv-z]{12}) ')
        lines = [(one.name, line) for one in scenario.load_all() for line in (one.place / "run").read_text().splitlines() if "--apply" in line]
        self.assertGreaterEqual(len(lines), 4)
        for name, line in lines:
            with self.subTest(name):
                self.assertRegex(line, named)

    def test_a_wrong_scenario_is_refused_with_what_is_allowed(self):
        for text, said in (('summary = "x"\nsmp = 2\n[expect]\n', "cpus"), ('summary = "x"\n[expect]\nunfixed-none = "hang"\n', "lockup"),
                           ('summary = "x"\n[expect]\nno-such = "clean"\n', "unfixed-none"), ("summary = [", "scenario.toml")):
            with self.subTest(text), tempfile.TemporaryDirectory() as folder:
                (pathlib.Path(folder) / "scenario.toml").write_text(text)
                with self.assertRaisesRegex(base.LabError, said):
                    scenario.load(pathlib.Path(folder))

    def test_what_goes_into_a_kernel_is_in_its_key(self):
        source = dataclasses.make_dataclass("Source", ["key"])("s")
        keys = {kernels.key_of(kernel, source) for kernel in kernels.catalogue()}
        self.assertEqual(len(keys), len(kernels.catalogue()))
        other = dataclasses.make_dataclass("Source", ["key"])("t")
        kernel = kernels.catalogue()[0]
        self.assertNotEqual(kernels.key_of(kernel, source), kernels.key_of(kernel, other))


if __name__ == "__main__":
    os.chdir(SOURCE)
    unittest.main(argv=sys.argv[:1] + sys.argv[2:])
