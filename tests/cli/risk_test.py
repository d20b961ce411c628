#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Asks the real binary about this node and about made-up ones.

usage: risk_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import gzip
import json
import os
import subprocess
import sys
import tempfile
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
with open(os.path.join(SOURCE, "docs/schema/risk.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)


def run(*arguments):
    return subprocess.run([UNZAP, "risk", *arguments], capture_output=True, timeout=60, check=False)


def stat_line(tid, comm, flags=0):
    return f"{tid} ({comm}) S 1 0 0 0 0 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 77 " + "0 " * 16 + "1 0 0\n"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def write(self, name, content, link=False):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if link:
            os.symlink(content, path)
        else:
            with open(path, "wb") as out:
                out.write(content if isinstance(content, bytes) else content.encode())

    def container(self, ring=True, config=""):
        """A node with one container, whose init has a ring or not, and a kernel whose config alone is seen."""
        self.write("1/task/1/stat", stat_line(1, "systemd"))
        self.write("2/task/2/stat", stat_line(2, "kthreadd", 0x200000))  # the whole node is seen
        self.write("1/ns/pid", "pid:[4026531836]", link=True)
        self.write("1/ns/mnt", "mnt:[10]", link=True)
        self.write("90/task/90/stat", stat_line(90, "node"))
        self.write("90/ns/pid", "pid:[77]", link=True)
        self.write("90/ns/mnt", "mnt:[20]", link=True)
        self.write("90/status", "State:\tS (sleeping)\nNSpid:\t90\t1\n")
        self.write("90/fd/5", "anon_inode:[io_uring]" if ring else "/dev/null", link=True)
        self.write("config.gz", gzip.compress(("CONFIG_64BIT=y\n" + config).encode()))
        return ("--path.procfs", self.folder)

    def record(self, *arguments):
        bundle = os.path.join(self.folder, "node.unzap")
        done = subprocess.run([UNZAP, "record", "-q", "--force", "-o", bundle, *arguments], capture_output=True, timeout=60,
                              check=False)
        self.assertEqual(done.returncode, 0, done.stderr)
        return bundle

    def test_a_bundle_is_answered_as_its_host(self):
        for ring in (True, False):
            for config in ("CONFIG_IO_URING=y\n", ""):
                with self.subTest(ring=ring, config=config):
                    self.setUp()
                    node = self.container(ring, config)
                    self.write("90/task/92/stat", stat_line(92, "iou-wrk-90", 0x10))
                    self.write("90/cgroup", "0::/docker/" + "c" * 64 + "\n")
                    live, recorded = run("--json", *node), run("--json", self.record(*node))
                    self.assertEqual(json.loads(recorded.stdout), json.loads(live.stdout))
                    self.assertEqual(recorded.returncode, live.returncode)
                    container, = json.loads(recorded.stdout)["containers"]
                    self.assertEqual((container["container"], container["workers"]), ("c" * 64, 1))

    def test_masked_names_change_no_rank(self):
        node = self.container(config="CONFIG_IO_URING=y\n")
        rank = lambda done: [one["rank"] for one in json.loads(done.stdout)["containers"]]
        self.assertEqual(rank(run("--json", self.record("--redact", *node))), rank(run("--json", *node)))

    def test_a_bundle_without_what_it_takes_is_not_known_and_says_what_to_do(self):
        old = os.path.join(SOURCE, "tests/cases/lab-armed-poll/capture.unzap")
        done = run("--json", old)
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, SCHEMA)
        self.assertEqual((done.returncode, answer["verdict"], answer["kernel"]["verdict"]), (2, "unknown", "unknown"))
        self.assertTrue(any("unzap record" in gap for gap in answer["gaps"]), answer["gaps"])

    def test_what_is_no_bundle_is_said(self):
        self.write("text", "hello")
        self.assertEqual(run(os.path.join(self.folder, "text")).returncode, 65)
        self.assertEqual(run(os.path.join(self.folder, "none.unzap")).returncode, 66)
        self.assertEqual(run("x.unzap", "--path.procfs", self.folder).returncode, 64)

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_this_node_gets_an_answer_that_fits_the_schema(self):
        done = run("--json")
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, SCHEMA)
        self.assertIn(done.returncode, {"cannot": (0, 2), "unknown": (2,)}.get(answer["verdict"], (1,)))
        self.assertGreater(answer["threads"], 0)

    def test_a_ring_on_a_kernel_that_was_not_read_is_not_known(self):
        node = self.container(config="CONFIG_IO_URING=y\n")
        done = run("--json", *node)
        answer = json.loads(done.stdout)
        jsonschema.validate(answer, SCHEMA)
        self.assertEqual((done.returncode, answer["verdict"]), (2, "unknown"))
        self.assertEqual(answer["containers"][0]["users"][0]["rings"], 1)
        text = run(*node).stdout.decode()
        self.assertIn("node[90]", text)
        self.assertIn("1 ring, no worker now", text)

    def test_a_kernel_without_io_uring_has_nothing_to_fear(self):
        done = run("--json", *self.container())
        answer = json.loads(done.stdout)
        self.assertEqual((done.returncode, answer["verdict"], answer["kernel"]["verdict"]), (0, "cannot", "not-affected"))

    def test_without_kernel_threads_the_node_is_not_seen(self):
        node = self.container(ring=False)
        os.remove(os.path.join(self.folder, "2/task/2/stat"))
        done = run(*node)
        self.assertEqual(done.returncode, 2)
        self.assertIn("could not tell: no kernel threads are shown", done.stdout.decode().splitlines()[0])

    def test_a_container_without_a_ring_is_no_risk_whatever_the_kernel(self):
        done = run("--json", *self.container(ring=False, config="CONFIG_IO_URING=y\n"))
        answer = json.loads(done.stdout)
        self.assertEqual((done.returncode, answer["verdict"], answer["kernel"]["verdict"]), (0, "cannot", "unknown"))
        self.assertEqual(answer["containers"][0]["users"], [])

    def test_what_is_no_procfs_is_said(self):
        self.assertEqual(run("--path.procfs", self.folder).returncode, 65)
        self.assertEqual(run("--path.procfs", self.folder + "/none").returncode, 66)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
