#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""One kernel, one preemption model: whether its host is pasted, read from a procfs, or recorded.

usage: preemption_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import subprocess
import sys
import tempfile
import unittest

UNZAP = os.path.abspath(sys.argv[1])

# words of `uname -v`, what the kernel was booted with, the model, and the confidence in the pasted jam
KERNELS = (
    ("SMP", "quiet", None, "certain"),
    ("SMP PREEMPT", "quiet", "full", "likely"),
    ("SMP PREEMPT", "preempt=none", "full", "likely"),
    ("SMP PREEMPT_RT", "quiet", "rt", "likely"),
    ("SMP PREEMPT RT", "quiet", "rt", "likely"),
    ("SMP PREEMPT(none)", "quiet", "none", "certain"),
    ("SMP PREEMPT(voluntary)", "quiet", "voluntary", "certain"),
    ("SMP PREEMPT(full)", "quiet", "full", "likely"),
    ("SMP PREEMPT(lazy)", "quiet", "lazy", "likely"),
    ("SMP PREEMPT(undef)", "quiet", None, "certain"),
    ("SMP PREEMPT_{RT,(full)}", "quiet", "rt", "likely"),
    ("SMP PREEMPT_DYNAMIC", "quiet", None, "certain"),
    ("SMP PREEMPT_DYNAMIC", "preempt=none", "none", "certain"),
    ("SMP PREEMPT_DYNAMIC", "preempt=voluntary", "voluntary", "certain"),
    ("SMP PREEMPT_DYNAMIC", "preempt=full", "full", "likely"),
    ("SMP PREEMPT_DYNAMIC", "preempt=lazy", "lazy", "likely"),
    ("SMP PREEMPT_DYNAMIC", "preempt=lazy quiet preempt=none", "none", "certain"),
    ("SMP PREEMPT_DYNAMIC", "preempt=none preempt=sometimes", "none", "certain"),
)
JAM = """\
watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [npm start:300]
CPU: 1 PID: 300 Comm: npm start Not tainted 6.1.0 #1
Call Trace:
 <TASK>
 do_wait+0x53/0x320
 kernel_wait4+0xb0/0x150
 zap_pid_ns_processes+0x100/0x190
 do_exit+0x9fa/0xb80
 </TASK>
"""


def diagnose(*arguments, stdin=b""):
    done = subprocess.run([UNZAP, "diagnose", "--json", *arguments], input=stdin, capture_output=True, timeout=60,
                          check=False)
    return json.loads(done.stdout)


def paste(*lines):
    return diagnose("-", stdin="".join(line + "\n" for line in lines).encode())


def confidence(document):
    return [finding["confidence"] for finding in document["findings"] if finding["cause"] == "reaper-busy-loop"]


class Preemption(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(content)

    def host(self, words, command_line):
        """A procfs with nothing in it but a kernel and kthreadd."""
        self.write("proc/2/task/2/stat", "2 (kthreadd) S 0 0 0 0 0 2097152 " + "0 " * 12 + "77 " + "0 " * 22 + "\n")
        self.write("proc/sys/kernel/osrelease", "6.1.0\n")
        self.write("proc/sys/kernel/version", f"#1 {words} Thu Nov 26 12:00:00 UTC 2026\n")
        self.write("proc/cmdline", command_line + "\n")
        return os.path.join(self.folder, "proc")

    def test_the_same_from_every_source(self):
        for words, command_line, model, _ in KERNELS:
            with self.subTest(words=words, command_line=command_line):
                version = f"#1 {words} Thu Nov 26 12:00:00 UTC 2026"
                boot = (f"[    0.000000] Linux version 6.1.0 (root@build) (gcc 12.2) {version}",
                        f"[    0.000000] Command line: BOOT_IMAGE=/vmlinuz {command_line}")
                self.assertEqual(paste(*boot)["host"]["preemption"], model, "boot log")
                self.assertEqual(paste(*reversed(boot))["host"]["preemption"], model, "in another order")
                pasted = paste(f"Linux node7 6.1.0 {version} x86_64 GNU/Linux", f"BOOT_IMAGE=/vmlinuz {command_line}")
                self.assertEqual(pasted["host"]["preemption"], model, "uname -a and /proc/cmdline")
                procfs = self.host(words, command_line)
                self.assertEqual(diagnose("--path.procfs", procfs)["host"]["preemption"], model, "procfs")
                bundle = os.path.join(self.folder, "node.unzap")
                subprocess.run([UNZAP, "record", "--path.procfs", procfs, "--force", "-q", "-o", bundle], timeout=60,
                               check=True, stdin=subprocess.DEVNULL)
                self.assertEqual(diagnose(bundle)["host"]["preemption"], model, "bundle")

    def test_no_certainty_where_kernel_code_is_preempted(self):
        for words, command_line, _, expected in KERNELS:
            with self.subTest(words=words, command_line=command_line):
                document = paste(f"Linux version 6.1.0 (root@build) (gcc 12.2) #1 {words} Thu Nov 26",
                                 f"Command line: {command_line}", JAM)
                self.assertEqual(confidence(document), [expected])

    def test_what_the_log_debugfs_and_a_config_say(self):
        dynamic = "Linux version 6.13.0 (root@build) (gcc 12.2) #1 SMP PREEMPT_DYNAMIC Thu Nov 26"
        for lines, model in (
                ((dynamic, "Dynamic Preempt: lazy"), "lazy"),
                ((dynamic, "Command line: preempt=none", "Dynamic Preempt: none", "Dynamic Preempt: full"), "full"),
                ((dynamic, "$ cat /sys/kernel/debug/sched/preempt", "none voluntary full (lazy)"), "lazy"),
                ((dynamic, "CONFIG_PREEMPT_VOLUNTARY=y", "CONFIG_PREEMPT_DYNAMIC=y"), None),
                ((dynamic, "Command line: quiet", "CONFIG_PREEMPT_VOLUNTARY=y"), "voluntary"),
                (("CONFIG_PREEMPT_NONE=y",), "none"),
                (("CONFIG_PREEMPT_RT=y", "CONFIG_PREEMPT_LAZY=y"), "rt"),
                (("CPU: 1 PID: 7 Comm: sh Not tainted 6.15.0 #12 PREEMPT(lazy)",), "lazy"),
                (("CPU: 1 PID: 7 Comm: sh Not tainted 6.15.0 #12 VOLUNTARY",), "voluntary"),
                (("Oops: 0000 [#1] PREEMPT SMP NOPTI", "CPU: 1 PID: 7 Comm: sh Not tainted 6.1.0 #12"), None)):
            with self.subTest(lines=lines):
                self.assertEqual(paste(*lines)["host"]["preemption"], model)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
