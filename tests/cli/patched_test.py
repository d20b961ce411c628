#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the real binary about the running kernel and about files that are none.

usage: patched_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import gzip
import json
import os
import resource
import subprocess
import sys
import tempfile
import unittest

import jsonschema

sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
import hostile_images  # in this folder

UNZAP = os.path.abspath(sys.argv[1])
with open(UNZAP, "rb") as program:
    # AddressSanitizer reserves terabytes of addresses: with a limit it does not even start.
    SANITIZED = b"__asan_init" in program.read()
with open(os.path.join(sys.argv[2], "docs/schema/patched.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)
EXIT_OF = {"fixed": 0, "not-affected": 0, "can-lock-up": 1, "wastes-cpu": 1, "unknown": 2}


def run(*arguments, stdin=b"", limit=None):
    def less():
        resource.setrlimit(resource.RLIMIT_AS, (limit, limit))
    return subprocess.run([UNZAP, "patched", *arguments], input=stdin, capture_output=True, timeout=60, check=False,
                          preexec_fn=less if limit and not SANITIZED else None)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        with open(path, "wb") as out:
            out.write(content)
        return path

    @unittest.skipUnless(os.path.exists("/proc/sys/kernel/osrelease"), "no /proc is mounted here")
    def test_the_running_kernel_gets_an_answer_that_fits_the_schema(self):
        done = run("--json")
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, SCHEMA)
        self.assertEqual(done.returncode, EXIT_OF[answer["verdict"]])
        self.assertEqual(answer["kernel"]["release"], os.uname().release)
        text = run().stdout.decode()
        self.assertIn(os.uname().release, text)
        self.assertIn(answer["reason"].split()[0], text)

    def test_root_with_bpf_or_kcore_is_told_the_code(self):
        if os.geteuid() != 0 or not (os.path.exists("/sys/kernel/btf/vmlinux") or os.path.exists("/proc/kcore")):
            self.skipTest("needs root, and BPF or /proc/kcore")
        answer = json.loads(run("--json").stdout)
        if answer["verdict"] == "unknown":
            self.skipTest(answer["reason"])
        self.assertNotEqual(answer["fix"], "unknown")
        self.assertTrue(any(piece["function"] == "zap_pid_ns_processes" for piece in answer["evidence"]))

    @unittest.skipUnless(os.path.exists("/proc/kallsyms"), "no /proc is mounted here, or one without kallsyms")
    def test_without_privilege_the_reason_says_what_is_missing(self):
        done = subprocess.run(["setpriv", "--reuid=65534", "--regid=65534", "--clear-groups", UNZAP, "patched", "--json"],
                              capture_output=True, timeout=60, check=False)
        if b"setpriv:" in done.stderr:
            self.skipTest("setpriv is not permitted here")
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, SCHEMA)
        self.assertEqual((done.returncode, answer["verdict"]), (2, "unknown"))
        self.assertIn("root", answer["reason"])

    def test_a_procfs_without_a_kernel_is_unknown(self):
        done = run("--path.procfs", self.folder, "--json")
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, SCHEMA)
        self.assertEqual(done.returncode, 2)
        self.assertIn("kallsyms", answer["reason"])

    def test_a_bundle_answers_for_the_kernel_of_its_host(self):
        step = "wait_fix_step: zap_pid_ns_processes 291 f08063fdfb lock\\x20and clears\n"
        rows = (("wait_fix: none /proc/kcore\npreempt_rcu: no\n" + step, "can-lock-up", "none"),
                ("wait_fix: none /proc/kcore\npreempt_rcu: yes\n", "wastes-cpu", "none"),
                ("wait_fix: none /proc/kcore\nio_uring: no\n", "not-affected", "none"),
                ("wait_fix: fix-2026 /proc/kcore\n", "fixed", "fix-2026"),
                ("wait_fix! not permitted\n", "unknown", "unknown"),
                ("", "unknown", "unknown"))
        for host, verdict, fix in rows:
            with self.subTest(host):
                bundle = f"unzap-bundle 1\n[host]\nkernel_release: 6.1.90\n{host}[end]\n".encode()
                done = run(self.write("node.unzap", bundle), "--json")
                answer = json.loads(done.stdout)
                jsonschema.validate(answer, SCHEMA)
                self.assertEqual((answer["verdict"], answer["fix"], done.returncode), (verdict, fix, EXIT_OF[verdict]))
                self.assertEqual(answer["kernel"]["release"], "6.1.90")
                self.assertEqual(run("-", "--json", stdin=bundle).returncode, EXIT_OF[verdict])
        self.assertIn("record the host again" if not host else "", answer["reason"])

    def test_what_is_no_bundle_is_refused(self):
        done = run(self.write("vmlinuz", b"MZ"))
        self.assertEqual(done.returncode, 65)
        self.assertIn(b"--image", done.stderr)
        self.assertEqual(run(self.write("node.unzap", b""), "--image", "x").returncode, 64)

    def test_files_that_are_no_kernel_are_refused_with_their_name(self):
        rows = {
            "text": (b"hello\n", b"not a kernel image"),
            "empty": (b"", b"empty"),
            "elf": (b"\x7fELF" + bytes(8), b"ends within its head"),
            "payload": (hostile_images.bzimage(b"")[:0x240], b"ends within its head"),
            "cut": (hostile_images.bzimage(gzip.compress(bytes(4096))[:20]), b"too early"),
            "deb": (b"!<arch>\n", b"data.tar"),
        }
        for name, (content, message) in rows.items():
            with self.subTest(name):
                done = run("--image", self.write(name, content), limit=(512 << 20) + (128 << 20))
                self.assertEqual(done.returncode, 65, done.stderr)
                self.assertIn(message, done.stderr)
                self.assertIn(name.encode(), done.stderr)
                self.assertEqual(done.stdout, b"")
                self.assertEqual(run("--image", "-", stdin=content).returncode, 65)

    def test_hostile_images_get_a_clear_answer_within_their_memory(self):
        for name, path, status, said in hostile_images.each(self.folder):
            with self.subTest(name):
                # The limit of time is a guard against a hang; ./dev bench measures.
                returned, text, _, mib = hostile_images.ask(UNZAP, path, 300)
                self.assertEqual(returned, status, text)
                self.assertIn(said, text)
                self.assertGreater(len(text), 40)
                if not SANITIZED:
                    self.assertLess(mib, 512)

    def test_what_is_not_there_is_said(self):
        self.assertEqual(run("--image", os.path.join(self.folder, "none")).returncode, 66)
        self.assertEqual(run("--image", self.folder).returncode, 74)
        self.assertEqual(run("--config", "x").returncode, 64)

    def test_the_seccomp_profile_denies_io_uring(self):
        done = run("--seccomp")
        self.assertEqual(done.returncode, 0)
        profile = json.loads(done.stdout)
        self.assertEqual(profile["defaultAction"], "SCMP_ACT_ALLOW")
        self.assertEqual(profile["syscalls"][0]["names"], ["io_uring_setup", "io_uring_enter", "io_uring_register"])
        self.assertEqual(profile["syscalls"][0]["action"], "SCMP_ACT_ERRNO")


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
