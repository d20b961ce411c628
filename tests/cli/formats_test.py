#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""What other programs read of `unzap diagnose`, and --watch: the real binary from outside.

usage: formats_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import re
import selectors
import shutil
import signal
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
with open(UNZAP, "rb") as program:
    # AddressSanitizer keeps what was freed for a while.
    MOST_GROWTH_KIB = 16384 if b"__asan_init" in program.read() else 512
DEADLINE = 60.0
HOSTILE = b'n\x1b]0;p|w"n\\\xff\xc2\x9b'
JAM = b"""watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [NAME:300]
CPU: 1 PID: 300 Comm: NAME Not tainted 5.15.0-107-generic #117-Ubuntu
Call Trace:
 <TASK>
 do_wait+0x53/0x320
 kernel_wait4+0xb0/0x150
 zap_pid_ns_processes+0x100/0x190
 do_exit+0x9fa/0xb80
 </TASK>
"""


def schema(name):
    with open(os.path.join(SOURCE, "docs/schema", name), encoding="utf-8") as file:
        return file.read()


# The schema of the lines refers to the other one; here they are one.
LINES = jsonschema.Draft202012Validator({
    **json.loads(schema("diagnose-lines.schema.json").replace("diagnose.schema.json#", "#")),
    "$defs": json.loads(schema("diagnose.schema.json"))["$defs"]})


def run(*arguments, stdin=b"", timeout=30):
    return subprocess.run([UNZAP, *arguments], input=stdin, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                          timeout=timeout, check=False)


def stat_line(tid, comm, state, flags=0, start=77):
    return f"{tid} ({comm}) {state} 1 0 0 0 0 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 {start} " + "0 " * 16 + "1 0 0\n"


class Formats(unittest.TestCase):
    def jam(self, name=b"npm start"):
        return JAM.replace(b"NAME", name)

    def test_jsonl_is_one_document_a_line(self):
        for name in (b"npm start", HOSTILE, b"x" * 3000):
            result = run("diagnose", "--format", "jsonl", "-", stdin=self.jam(name))
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertNotIn(b"\x1b", result.stdout)
            lines = [json.loads(line) for line in result.stdout.decode("utf-8").splitlines()]
            for line in lines:
                LINES.validate(line)
            self.assertEqual(lines[0]["type"], "verdict")
            self.assertEqual(lines[0]["findings"], len(lines) - 1)
            self.assertEqual(lines[1]["cause"], "reaper-busy-loop")
        nothing = run("diagnose", "--format", "jsonl", "-", stdin=b"")
        self.assertEqual((nothing.returncode, nothing.stdout.count(b"\n")), (2, 1))

    def test_nrpe_is_one_line_with_numbers_and_the_exit_codes_of_nagios(self):
        for name in (b"npm start", HOSTILE, b"x" * 3000):
            result = run("diagnose", "--format", "nrpe", "-", stdin=self.jam(name))
            self.assertEqual(result.returncode, 2, result.stderr)
            self.assertRegex(result.stdout, rb"^UNZAP CRITICAL - reaper-busy-loop \(certain\): [ -{}~]+ \| "
                                            rb"findings=1;;;0 threads=\d+;;;0 uninterruptible=\d+;;;0 zombies=\d+;;;0\n$")
            self.assertLessEqual(len(result.stdout), 1024)
        nothing = run("diagnose", "--format", "nrpe", "-", stdin=b"")
        self.assertEqual(nothing.returncode, 3)
        self.assertRegex(nothing.stdout, rb"^UNZAP UNKNOWN - could not tell")

    def test_npd_is_one_short_line_that_stays_the_same(self):
        for name in (b"npm start", HOSTILE, b"x" * 3000):
            result = run("diagnose", "--format", "npd", "-", stdin=self.jam(name))
            self.assertEqual(result.returncode, 1, result.stderr)
            self.assertRegex(result.stdout, rb"^stuck: reaper-busy-loop \(certain\), [ -~]{1,40}\n$")
            self.assertLessEqual(len(result.stdout), 80)
            later = self.jam(name).replace(b"22s", b"231s")
            self.assertEqual(run("diagnose", "--format", "npd", "-", stdin=later).stdout, result.stdout)
        self.assertEqual(run("diagnose", "--format", "npd", "-", stdin=b"").returncode, 2)

    def test_a_plugin_that_cannot_look_says_so_in_its_line(self):
        for form, code, begin in (("nrpe", 3, b"UNZAP UNKNOWN - "), ("npd", 2, b"cannot look: ")):
            result = run("diagnose", "--format", form, "/no/such\nfile")
            self.assertEqual(result.returncode, code)
            self.assertTrue(result.stdout.startswith(begin), result.stdout)
            self.assertEqual(result.stdout.count(b"\n"), 1)

    def test_dot_is_well_formed(self):
        for name in (b"npm start", HOSTILE):
            result = run("diagnose", "--format", "dot", "-", stdin=self.jam(name))
            self.assertEqual(result.returncode, 1)
            self.assertTrue(result.stdout.startswith(b"digraph unzap {"))
            self.assertNotIn(b"\x1b", result.stdout)
            if shutil.which("dot"):
                drawn = subprocess.run(["dot", "-Tsvg"], input=result.stdout, stdout=subprocess.PIPE,
                                       stderr=subprocess.PIPE, check=False)
                self.assertEqual((drawn.returncode, drawn.stderr), (0, b""))
                self.assertIn(b"zap_pid_ns_processes", drawn.stdout)

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_a_live_look_in_each_format(self):
        codes = {"text": (0, 1, 2), "json": (0, 1, 2), "jsonl": (0, 1, 2), "dot": (0, 1, 2), "nrpe": (0, 1, 2, 3),
                 "npd": (0, 1, 2)}
        for form, expected in codes.items():
            self.assertIn(run("diagnose", "--format", form).returncode, expected, form)


class Watch(unittest.TestCase):
    """A procfs of our own making, which changes while it is watched."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.root = folder.name
        self.put("2/task/2/stat", stat_line(2, "kthreadd", "S", 0x200000))
        self.put("9/task/9/stat", stat_line(9, "systemd", "S"))

    def put(self, name, text):
        path = os.path.join(self.root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path + ".new", "w", encoding="utf-8") as file:
            file.write(text)
        os.rename(path + ".new", path)

    def hang(self, tid=40, start=77):
        """A task in D, in a FUSE request, and not moving; nothing says that a container hangs on it."""
        folder = f"{tid}/task/{tid}"
        self.put(f"{folder}/status", f"Name:\tuz\nState:\tD (disk sleep)\nTgid:\t{tid}\nPid:\t{tid}\nPPid:\t1\n"
                                     f"NSpid:\t{tid}\nvoluntary_ctxt_switches:\t7\nnonvoluntary_ctxt_switches:\t1\n")
        self.put(f"{folder}/stack", "[<0>] request_wait_answer+0x10/0x200\n[<0>] fuse_simple_request+0x1/0x2\n"
                                    "[<0>] fuse_flush+0x1/0x2\n[<0>] filp_close+0x1/0x2\n[<0>] do_exit+0x1/0x2\n")
        self.put(f"{folder}/stat", stat_line(tid, "uz", "D", 4, start))

    def watch(self, *arguments):
        process = subprocess.Popen([UNZAP, "diagnose", "--watch", "0.1", "--path.procfs", self.root, *arguments],
                                   bufsize=0, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.addCleanup(process.kill)
        self.addCleanup(process.stdout.close)
        self.addCleanup(process.stderr.close)
        return process

    def line(self, process):
        selector = selectors.DefaultSelector()
        selector.register(process.stdout, selectors.EVENT_READ)
        self.assertTrue(selector.select(DEADLINE), "nothing came")
        return process.stdout.readline()

    def end(self, process, how):
        process.send_signal(how)
        return process.wait(timeout=DEADLINE)

    def test_changes_only_and_the_exit_code_of_the_last_verdict(self):
        process = self.watch("--format", "jsonl")
        first = json.loads(self.line(process))
        LINES.validate(first)
        self.assertEqual((first["type"], first["verdict"]), ("verdict", "healthy"))
        self.hang()
        verdict, finding = json.loads(self.line(process)), json.loads(self.line(process))
        for line in (verdict, finding):
            LINES.validate(line)
        self.assertEqual(verdict["verdict"], "unknown")
        self.assertEqual((finding["change"], finding["cause"]), ("new", "fuse-request"))
        shutil.rmtree(os.path.join(self.root, "40"))
        verdict, finding = json.loads(self.line(process)), json.loads(self.line(process))
        self.assertEqual((verdict["verdict"], finding["change"]), ("healthy", "gone"))
        self.hang()
        self.line(process)
        self.line(process)
        self.assertEqual(self.end(process, signal.SIGINT), 2, "that of the last look")
        self.assertEqual(process.stdout.read(), b"", "nothing more")

    def test_since_when_and_a_number_given_again(self):
        """A task is its number and its start time: the same number later is another jam. Since when is of the first look."""
        process = self.watch("--format", "jsonl")
        self.line(process)
        self.hang()
        self.line(process)
        first = json.loads(self.line(process))
        self.assertEqual((first["change"], first["since"], first["since_seconds"]), ("new", first["time"], 0))
        time.sleep(2.2)  # for the clock of the lines, which goes by seconds
        self.hang(start=99)
        found = {}
        while len(found) < 2:  # with a verdict between them when a look saw the task change
            line = json.loads(self.line(process))
            LINES.validate(line)
            if line["type"] == "finding":
                found[line["change"]] = line
        self.assertEqual(found["gone"]["since"], first["since"])
        self.assertGreaterEqual(found["gone"]["since_seconds"], 2)
        self.assertGreater(found["new"]["since"], first["since"])
        self.assertEqual(self.end(process, signal.SIGTERM), 2)

    def test_text_has_a_time_in_each_line(self):
        process = self.watch()
        self.assertRegex(self.line(process), rb"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ  healthy: nothing is stuck\n$")
        self.assertEqual(self.end(process, signal.SIGTERM), 0)

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_memory_stays_and_no_process_is_left_behind(self):
        process = self.watch("--quiet")
        self.line(process)

        def field(name):
            with open(f"/proc/{process.pid}/status", encoding="ascii") as file:
                return int(re.search(rf"^{name}:\s+(\d+)", file.read(), re.M)[1])

        def looks_after(switches):
            end = time.monotonic() + DEADLINE
            while field("voluntary_ctxt_switches") < switches:
                self.assertLess(time.monotonic(), end, "it does not look any more")
                time.sleep(0.01)

        begin = field("voluntary_ctxt_switches")
        looks_after(begin + 30)
        early = field("VmRSS")
        looks_after(begin + 200)
        self.assertLess(field("VmRSS") - early, MOST_GROWTH_KIB, "KiB more")
        with open(f"/proc/{process.pid}/task/{process.pid}/children", encoding="ascii") as file:
            self.assertLessEqual(len(file.read().split()), 2, "at most the helpers of one look")
        self.assertEqual(self.end(process, signal.SIGTERM), 0)

    def test_what_does_not_go_together_is_64(self):
        for arguments in (("--watch", "1", "capture.txt"), ("--watch", "1", "--format", "dot"), ("--watch", "0"),
                          ("--watch", "1", "--json")):
            self.assertEqual(run("diagnose", *arguments).returncode, 64, arguments)

    def test_a_host_that_is_none_ends_at_once(self):
        self.assertEqual(run("diagnose", "--watch", "1", "--path.procfs", self.root + "/none").returncode, 66)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0]] + sys.argv[3:], verbosity=1)
