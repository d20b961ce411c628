#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Plans a rescue with the real binary; nothing here is applied to this machine.

usage: rescue_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import contextlib
import json
import os
import pty
import re
import select
import subprocess
import sys
import tempfile
import threading
import time
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
JAM = os.path.join(SOURCE, "tests/cases/lab-armed-poll/capture.unzap")

POD = "9fa1b2c3-0d4e-4f56-8a7b-0123456789ab"


ID = re.compile(r"^[0-9a-z]{12}$")


def at_terminal(answer, *arguments):
    """The same at a terminal, at which somebody types `answer`: exit code and all that was shown."""
    master, slave = pty.openpty()
    process = subprocess.Popen([UNZAP, "rescue", *arguments], stdin=slave, stdout=slave, stderr=slave)
    os.close(slave)
    os.write(master, answer)
    shown = b""
    with contextlib.suppress(OSError):  # EIO: the other end is closed
        while select.select([master], [], [], 60)[0]:
            more = os.read(master, 65536)
            if not more:
                break
            shown += more
    os.close(master)
    return process.wait(60), shown.decode("utf-8", "replace")


def run(*arguments):
    return subprocess.run([UNZAP, "rescue", *arguments], stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, timeout=60, check=False, text=True)


class Rescue(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def procfs(self, stats):
        """A procfs of these stat lines."""
        for line in stats:
            tid = line.split(" ", 1)[0]
            path = os.path.join(self.folder, tid, "task", tid)
            os.makedirs(path)
            with open(os.path.join(path, "stat"), "w", encoding="utf-8") as out:
                out.write(line + "\n")
            with open(os.path.join(path, "status"), "w", encoding="utf-8") as out:
                out.write("State:\tS (sleeping)\n")
        return self.folder

    def test_a_recorded_jam_gets_a_plan_that_cannot_be_applied_here(self):
        done = run(JAM, "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        document = json.loads(done.stdout)
        with open(os.path.join(SOURCE, "docs/schema/rescue.schema.json"), encoding="utf-8") as schema:
            jsonschema.validate(document, json.load(schema))
        plan = document["plans"][document["chosen"]]
        self.assertEqual((plan["cause"], plan["action"]["kind"]), ("reaper-busy-loop", "clear-notify-signal"))
        self.assertEqual(plan["action"]["target"], plan["culprit"])
        self.assertFalse(plan["ready"])
        self.assertRegex(plan["id"], ID)
        self.assertEqual(json.loads(run(JAM, "--json").stdout)["plans"][0]["id"], plan["id"], "the same look, the same id")
        self.assertIsNone(document["applied"])
        self.assertIn("run it on the host itself", " ".join(run(JAM).stdout.split()))

    def test_the_plan_says_what_it_changes_and_what_not_to_undo(self):
        text = run(JAM).stdout
        for word in ("what must hold", "action", "changes", "no undo of", "frees"):
            self.assertIn(word, text)

    def test_nothing_stuck_is_nothing_to_do(self):
        done = run("--path.procfs", self.procfs(["2 (kthreadd) S 0 0 0 0 0 2097216 " + "0 " * 12 + "77 " + "0 " * 22,
                                                 "7 (sh) S 1 0 0 0 0 0 " + "0 " * 12 + "78 " + "0 " * 22]))
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        self.assertIn("NOTHING TO DO", done.stdout)

    def jammed_procfs(self):
        """A container's init that spins, exiting, and its child behind RCU. Its system time grows while one looks."""
        def stat(tid, comm, state, parent, ticks, cpu):
            return (f"{tid} ({comm}) {state} {parent} {tid} {tid} 0 -1 4194308 0 0 0 0 0 {ticks} 0 0 20 0 1 0 {4000 + tid} "
                    + "0 " * 16 + f"{cpu} " + "0 " * 13)

        def write(path, text):
            with open(path + ".new", "w", encoding="utf-8") as out:
                out.write(text)
            os.replace(path + ".new", path)
        stack = ("synchronize_rcu_expedited", "namespace_unlock", "put_mnt_ns", "free_nsproxy", "do_exit")
        for tid, comm, state, parent, numbers in ((57, "lab-init", "R", 1, "57 1"), (58, "lab-child", "D", 57, "58 2")):
            folder = os.path.join(self.folder, str(tid), "task", str(tid))
            os.makedirs(folder)
            for place in (folder, os.path.join(self.folder, str(tid))):
                write(os.path.join(place, "stat"), stat(tid, comm, state, parent, 100, 1))
                write(os.path.join(place, "status"),
                      f"Name:\t{comm}\nState:\t{state}\nTgid:\t{tid}\nPid:\t{tid}\nPPid:\t{parent}\nNSpid:\t"
                      + numbers.replace(" ", "\t") + "\nThreads:\t1\nvoluntary_ctxt_switches:\t7\n"
                      "nonvoluntary_ctxt_switches:\t3\n")
                write(os.path.join(place, "cgroup"),
                      f"0::/kubepods.slice/kubepods-pod{POD.replace('-', '_')}.slice/cri-containerd-{'c' * 64}.scope\n")
                write(os.path.join(place, "wchan"), "0" if state == "R" else "synchronize_rcu_expedited")
                write(os.path.join(place, "syscall"), "running\n" if state == "R" else "231 0 0 0 0 0 0 0 0\n")
                write(os.path.join(place, "stack"),
                      "" if state == "R" else "".join(f"[<0>] {one}+0x1/0x2\n" for one in stack))
        done = threading.Event()

        def spin():
            start = time.monotonic()
            while not done.wait(0.005):
                ticks = 100 + int((time.monotonic() - start) * os.sysconf("SC_CLK_TCK"))
                for place in ("57/task/57/stat", "57/stat"):
                    write(os.path.join(self.folder, place), stat(57, "lab-init", "R", 1, ticks, 1))
        spinner = threading.Thread(target=spin)
        spinner.start()
        self.addCleanup(spinner.join)
        self.addCleanup(done.set)
        return self.folder

    def test_a_live_jam_is_held_against_the_kernels_code(self):
        done = run("--path.procfs", self.jammed_procfs(), "--json")
        self.assertEqual(done.returncode, 1, done.stdout + done.stderr)
        plan = json.loads(done.stdout)["plans"][0]
        self.assertEqual(plan["cause"], "reaper-busy-loop", done.stdout)
        said = [one for one in plan["conditions"] if "code" in one["text"]]
        self.assertEqual(len(said), 1, done.stdout)  # that procfs has no symbols
        self.assertEqual((said[0]["met"], said[0]["in_the_way"]), ("unknown", False))
        self.assertIn("kallsyms", said[0]["seen"])
        self.assertIsNotNone(plan["action"])
        told = subprocess.run([UNZAP, "diagnose", "--path.procfs", self.folder, "--json"], stdin=subprocess.DEVNULL,
                              capture_output=True, timeout=60, check=False, text=True)
        culprit = json.loads(told.stdout)["findings"][0]["culprit"]
        self.assertEqual((culprit["pod"], culprit["container"]), (POD, "c" * 64))

    def test_apply_is_for_this_host_alone(self):
        for arguments in ((JAM,), ("4c0h2n7k9qtw", JAM), ("4c0h2n7k9qtw", "--path.procfs", self.folder),
                          ("4c0h2n7k9qtw", "--dry-run"), ("--path.procfs", self.folder), ("--dry-run",)):
            with self.subTest(arguments):
                done = run("--apply", *arguments)
                self.assertEqual(done.returncode, 64, done.stdout + done.stderr)
                self.assertEqual(done.stdout, "")

    def test_apply_wants_the_id_of_a_plan(self):
        done = run("--apply")
        self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
        self.assertIn("unzap rescue --apply PLAN", done.stderr)
        for text in (JAM, "4c0h", "4C0H2N7K9QTW", "4c0h2n7k9qtw4", "../../etc/pass", "reaper-busy-l"):
            with self.subTest(text):
                done = run("--apply", text)
                self.assertEqual((done.returncode, done.stdout), (64, ""), done.stderr)
                self.assertIn("is not an id of a plan", done.stderr)

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_an_id_that_no_plan_has_is_refused(self):
        audit = os.path.join(self.folder, "audit.jsonl")
        done = run("--apply", "4c0h2n7k9qtw", "--audit", audit, "--json")
        self.assertEqual(done.returncode, 1, done.stderr)
        document = json.loads(done.stdout)
        with open(os.path.join(SOURCE, "docs/schema/rescue.schema.json"), encoding="utf-8") as schema:
            jsonschema.validate(document, json.load(schema))
        self.assertEqual(document["applied"]["outcome"], "refused", done.stdout)
        self.assertIn("4c0h2n7k9qtw", document["applied"]["why"])
        self.assertFalse(os.path.exists(audit), "nothing was begun")

    @unittest.skipUnless(os.path.exists("/dev/pts/ptmx"), "no devpts is mounted here")
    def test_at_a_terminal_a_host_without_a_jam_is_not_asked_about(self):
        code, shown = at_terminal(b"n\n", "--apply", "-q", "--cause", "reaper-busy-loop")
        self.assertNotEqual(code, 64, shown)
        self.assertNotIn("FREED", shown)

    def test_a_task_that_no_finding_names_is_refused(self):
        for task in ("1", "57,1", "nonsense"):
            with self.subTest(task):
                done = run(JAM, "--task", task)
                self.assertEqual(done.returncode, 66, done.stdout)
                self.assertIn("nothing was changed", done.stderr)

    def test_a_cause_is_chosen_by_its_name(self):
        self.assertEqual(run(JAM, "--cause", "reaper-busy-loop").returncode, 1)
        self.assertEqual(run(JAM, "--cause", "fuse-request").returncode, 66)
        self.assertEqual(run(JAM, "--cause", "no-such-cause").returncode, 64)

    def test_a_pasted_text_is_no_bundle(self):
        done = run(os.path.join(SOURCE, "tests/cases/npm-zombie-soft-lockup/capture.txt"))
        self.assertEqual(done.returncode, 65)
        self.assertIn("unzap diagnose", done.stderr)

    def test_help_has_an_example(self):
        done = run("--help")
        self.assertEqual(done.returncode, 0)
        self.assertIn("unzap rescue --apply", done.stdout)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[3:])
