#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Runs the real binary from outside: exit codes, streams, JSON by its schema, a live look.

usage: diagnose_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
import unittest

import jsonschema

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
with open(os.path.join(SOURCE, "docs/schema/diagnose.schema.json"), encoding="utf-8") as schema_file:
    SCHEMA = json.load(schema_file)

JAM = """\
watchdog: BUG: soft lockup - CPU#1 stuck for 22s! [npm start:300]
CPU: 1 PID: 300 Comm: npm start Not tainted 5.15.0-107-generic #117-Ubuntu
Call Trace:
 <TASK>
 do_wait+0x53/0x320
 kernel_wait4+0xb0/0x150
 zap_pid_ns_processes+0x100/0x190
 do_exit+0x9fa/0xb80
 do_group_exit+0x35/0xa0
 </TASK>
"""
ESCAPE = b"\x1b["


def run(*arguments, stdin=b"", env=None, prefix=(), stdout=subprocess.PIPE):
    environment = {key: value for key, value in os.environ.items() if key != "NO_COLOR"}
    environment.update(env or {})
    return subprocess.run([*prefix, UNZAP, *arguments], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=20, env=environment, check=False)


def on_terminal(arguments, env):
    """What the program writes when its standard output is a terminal."""
    primary, secondary = os.openpty()
    process = subprocess.Popen([UNZAP, *arguments], stdin=subprocess.DEVNULL, stdout=secondary, stderr=secondary,
                               env={"TERM": "xterm", **env})
    os.close(secondary)
    out = b""
    while True:
        try:
            chunk = os.read(primary, 65536)
        except OSError:  # the terminal's last user is gone
            break
        if not chunk:
            break
        out += chunk
    os.close(primary)
    process.wait(timeout=20)
    return out


def stat_line(tid, comm, state, ppid, flags=0):
    return f"{tid} ({comm}) {state} {ppid} 0 0 0 0 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 77 " + "0 " * 16 + "1 0 0\n"


CONTAINER = "3f2a9c0b7d1e4f5a6b8c9d0e1f2a3b4c5d6e7f8091a2b3c4d5e6f708192a3b4c"
POD = "9fa1b2c3-0d4e-4f56-8a7b-0123456789ab"
KUBELET = (f'E1129 10:00:00.1 99 kuberuntime_container.go:714] "Kill container failed" err="rpc error: code = '
           f'DeadlineExceeded desc = context deadline exceeded" pod="default/web-0" podUID="{POD}" '
           f'containerID="containerd://{CONTAINER}"\n')


class Symptoms(unittest.TestCase):
    """What kubelet and runtimes say is that a container does not end, and not why."""

    def test_alone_it_is_unknown_with_the_ids_and_what_to_run(self):
        done = run("diagnose", "-", stdin=KUBELET.encode())
        self.assertEqual(done.returncode, 2)
        text = " ".join(done.stdout.decode().split())
        self.assertIn(f"unzap diagnose --container {CONTAINER}", text)
        self.assertIn(POD, text)
        self.assertNotIn("Nothing in this input was understood", text)

    def test_in_json(self):
        done = run("diagnose", "--json", "-", stdin=KUBELET.encode() * 3)
        document = json.loads(done.stdout)
        jsonschema.validate(document, SCHEMA)
        self.assertEqual([(symptom["container"], symptom["pod"]) for symptom in document["symptoms"]], [(CONTAINER, POD)])

    def test_a_jam_beside_it_is_another_matter(self):
        done = run("diagnose", "--json", "-", stdin=(JAM + KUBELET).encode())
        document = json.loads(done.stdout)
        self.assertEqual(document["findings"][0]["cause"], "reaper-busy-loop")
        self.assertNotIn("Kill container failed", json.dumps(document["findings"]))
        self.assertIn(CONTAINER, json.dumps(document["limits"]))


class Selected(unittest.TestCase):
    """--container, --pod and --pid."""

    def test_of_a_capture(self):
        done = run("diagnose", "--pid", "300", "-", stdin=JAM.encode())
        self.assertEqual(done.returncode, 1)
        done = run("diagnose", "--json", "--pid", "301", "-", stdin=JAM.encode())
        document = json.loads(done.stdout)
        self.assertEqual((done.returncode, document["verdict"], document["findings"]), (2, "unknown", []))
        self.assertIn("nothing was found about process 301", document["limits"][0])

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_a_pod_by_name_is_refused_with_the_way_to_its_uid(self):
        done = run("diagnose", "--pod", "web-0")
        self.assertEqual(done.returncode, 66)
        self.assertIn(b"metadata.uid", done.stderr)

    def test_not_with_watch(self):
        self.assertEqual(run("diagnose", "--watch", "1", "--pid", "1").returncode, 64)


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name

    def as_nobody(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        prefix = ("setpriv", "--reuid=65534", "--clear-groups")
        tried = subprocess.run([*prefix, "true"], capture_output=True, timeout=20, check=False)
        if tried.returncode != 0:
            self.skipTest(tried.stderr.decode())
        return prefix

    def write(self, name, content):
        path = os.path.join(self.folder, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as out:
            out.write(content if isinstance(content, bytes) else content.encode())
        return path

    def check_json(self, result):
        self.assertIn(result.returncode, (0, 1, 2), result.stderr)
        document = json.loads(result.stdout.decode("utf-8"))
        jsonschema.Draft202012Validator(SCHEMA).validate(document)
        self.assertEqual({"healthy": 0, "stuck": 1, "unknown": 2}[document["verdict"]], result.returncode)
        for finding in document["findings"]:
            known = {piece["id"] for piece in finding["evidence"]}
            self.assertEqual(len(known), len(finding["evidence"]), "evidence ids are unique")
            for link in finding["chain"]:
                self.assertLessEqual(set(link["evidence"]), known, "the chain cites evidence that is there")
        return document


class Usage(Case):
    def test_mistakes_are_64_with_a_hint_and_nothing_on_stdout(self):
        rows = [
            ((), b"see unzap --help"),
            (("diagnos",), b"did you mean diagnose?"),
            (("diagnose", "--fromat", "json"), b"did you mean --format?"),
            (("diagnose", "--format", "xml"), b"see unzap diagnose --help"),
            (("diagnose", "--timeout", "soon"), b"--timeout"),
            (("diagnose", "--timeout", "-1"), b"--timeout"),
            (("diagnose", "a", "b"), b"not expected"),
            (("diagnose", "--path.procfs", "/proc", "capture.txt"), b"give one of them"),
        ]
        for arguments, hint in rows:
            with self.subTest(arguments=arguments):
                result = run(*arguments)
                self.assertEqual(result.returncode, 64)
                self.assertIn(hint, result.stderr)
                self.assertEqual(result.stdout, b"")
                self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)

    def test_help_has_an_example(self):
        result = run("diagnose", "--help")
        self.assertEqual(result.returncode, 0)
        self.assertIn(b"EXAMPLE", result.stdout)
        self.assertIn(b"unzap diagnose", result.stdout)
        self.assertEqual(run("-h").returncode, 0)
        self.assertIn(b"diagnose", run("-h").stdout)

    def test_version(self):
        for flag in ("-V", "--version"):
            self.assertRegex(run(flag).stdout, rb"^unzap \d+\.\d+\.\d+\n$")


class Input(Case):
    def test_missing_file_is_66(self):
        result = run("diagnose", os.path.join(self.folder, "missing.txt"))
        self.assertEqual(result.returncode, 66)
        self.assertIn(b"missing.txt", result.stderr)

    def test_folder_is_74(self):
        self.assertEqual(run("diagnose", self.folder).returncode, 74)

    def test_what_is_no_procfs_is_65_and_a_missing_one_66(self):
        self.assertEqual(run("diagnose", "--path.procfs", self.folder).returncode, 65)
        self.assertEqual(run("diagnose", "--path.procfs", self.folder + "/x").returncode, 66)

    def test_file_that_may_not_be_read_is_77(self):
        path = self.write("secret.txt", "x")
        os.chmod(path, 0)
        os.chmod(self.folder, 0o755)
        result = run("diagnose", path, prefix=self.as_nobody())
        self.assertEqual(result.returncode, 77, result.stderr)

    def test_nothing_understood_is_2_and_tells_what_can_be_pasted(self):
        for name, content in (("empty", b""), ("prose", b"hello world\n"), ("random", os.urandom(200000)),
                              ("zeros", bytes(100000)), ("one line", b"a" * 3000000)):
            with self.subTest(name=name):
                result = run("diagnose", self.write("capture", content))
                self.assertEqual(result.returncode, 2, result.stdout[:500])
                self.assertIn(b"dmesg", result.stdout)
                self.assertNotIn(b"\x1b", result.stdout)
                self.check_json(run("diagnose", "--json", self.write("capture", content)))

    def test_a_jam_from_a_file_and_from_standard_input(self):
        document = self.check_json(run("diagnose", "--format", "json", self.write("jam.txt", JAM)))
        self.assertEqual(document["verdict"], "stuck")
        self.assertEqual(document["findings"][0]["cause"], "reaper-busy-loop")
        self.assertTrue(document["findings"][0]["evidence"][0]["source"].startswith("jam.txt:"))
        piped = self.check_json(run("diagnose", "--json", "-", stdin=JAM.encode()))
        self.assertEqual(piped["findings"][0]["cause"], "reaper-busy-loop")
        self.assertEqual(piped["host"]["origin"], "text")

    def test_names_with_foreign_bytes_stay_json(self):
        jam = JAM.encode().replace(b"npm start", b"n\xff\x1b]0;m")
        self.check_json(run("diagnose", "--json", "-", stdin=jam))
        self.assertNotIn(b"\x1b", run("diagnose", "-", stdin=jam).stdout)


class Streams(Case):
    def test_full_and_closed_output_are_74(self):
        capture = self.write("jam.txt", JAM)
        with open("/dev/full", "wb") as full:
            result = run("diagnose", capture, stdout=full)
        self.assertEqual(result.returncode, 74)
        self.assertIn(b"cannot write", result.stderr)
        closed = subprocess.run(["sh", "-c", 'exec "$0" diagnose "$1" >&-', UNZAP, capture], stderr=subprocess.PIPE,
                                timeout=20, check=False)
        self.assertEqual(closed.returncode, 74)

    def test_nobody_to_tell_changes_no_exit_code(self):
        for arguments, code in ((("diagnose", "/not/there"), 66), (("no-such-verb",), 64)):
            with open("/dev/full", "wb") as full:
                done = subprocess.run([UNZAP, *arguments], stdin=subprocess.DEVNULL, stderr=full, timeout=20, check=False)
            self.assertEqual(done.returncode, code, arguments)

    def test_want_of_memory_is_no_defect(self):
        """From what the loader needs to enough: an exit code and a sentence, never a signal."""
        step = 1 << 18

        def under(steps, *arguments):
            most = (steps * step, steps * step)
            return subprocess.run([UNZAP, *arguments], input=JAM.encode(), capture_output=True, timeout=20, check=False,
                                  preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_AS, most))

        if under((1 << 30) // step, "--version").returncode != 0:
            self.skipTest("1 GiB of addresses is not enough for this build (a sanitizer)")
        least = next(steps for steps in range(8, (1 << 30) // step) if under(steps, "--version").returncode in (0, 74))
        for more in (0, 1, 2, 4, 8, 16, 160):
            done = under(least + more, "diagnose", "-")
            self.assertIn(done.returncode, (1, 74) if more < 160 else (1,), (more, done.stderr))
            self.assertTrue(done.returncode == 1 or b"this machine denied memory" in done.stderr, (more, done.stderr))

    def test_a_reader_who_leaves_is_no_news(self):
        read_end, write_end = os.pipe()
        os.close(read_end)
        with os.fdopen(write_end, "wb") as gone:
            result = run("diagnose", self.write("jam.txt", JAM), stdout=gone)
        self.assertEqual(result.returncode, 74)
        self.assertEqual(result.stderr, b"")

    @unittest.skipUnless(os.path.exists("/dev/pts/ptmx"), "no devpts is mounted here")
    def test_colour(self):
        capture = self.write("jam.txt", JAM)
        self.assertNotIn(ESCAPE, run("diagnose", capture).stdout, "no terminal")
        self.assertIn(ESCAPE, run("diagnose", "--color=always", capture).stdout)
        self.assertIn(ESCAPE, run("diagnose", "--color=always", capture, env={"NO_COLOR": "1"}).stdout)
        self.assertIn(ESCAPE, on_terminal(["diagnose", "--color=auto", capture], {}))
        self.assertNotIn(ESCAPE, on_terminal(["diagnose", capture], {"NO_COLOR": "1"}))
        self.assertNotIn(ESCAPE, on_terminal(["diagnose", capture], {"TERM": "dumb"}))
        self.assertNotIn(ESCAPE, on_terminal(["diagnose", "--color=never", capture], {}))

    def test_lines_fit_100_columns_but_commands_stay_whole(self):
        text = run("diagnose", self.write("jam.txt", JAM)).stdout.decode()
        in_commands = False
        for line in text.splitlines():
            if line.startswith("   ") and not line.startswith("    "):
                in_commands = line.strip() == "look at this next"
            if not in_commands:
                self.assertLessEqual(len(line), 100, line)
        self.assertIn("look at this next", text)


class Live(Case):
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_this_host_is_answered_in_time(self):
        start = time.monotonic()
        result = run("diagnose", "--json")
        self.assertLess(time.monotonic() - start, 10)
        document = self.check_json(result)
        self.assertEqual(document["host"]["origin"], "live")
        self.assertEqual(document["host"]["kernel"], os.uname().release)
        self.assertEqual(result.stderr, b"", "stderr is not a terminal: no progress")

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_without_root_it_says_what_stays_open(self):
        result = run("diagnose", prefix=self.as_nobody())
        self.assertIn(result.returncode, (0, 1, 2), result.stderr)
        text = b" ".join(result.stdout.split())
        # Where only the few tasks of a container are seen, there may be none whose stack is of interest.
        self.assertRegex(text, rb"not permitted: .*stack.*leaves open|not seen: tasks outside of what this /proc shows")

    def test_files_that_block_do_not_hold_it_up(self):
        tid = 4711
        task = f"{tid}/task/{tid}"
        self.write("2/task/2/stat", stat_line(2, "kthreadd", "S", 0, 0x200000))
        self.write(f"{task}/stat", stat_line(tid, "worker", "D", 1))
        self.write(f"{task}/status", "State:\tD (disk sleep)\n")
        os.mkfifo(os.path.join(self.folder, task, "stack"))
        start = time.monotonic()
        # The pipes to this test close only when nobody holds them: also not the helper that is left behind.
        document = self.check_json(run("diagnose", "--json", "--path.procfs", self.folder))
        self.assertLess(time.monotonic() - start, 5)
        self.assertTrue(any("stack (1 times)" in problem["text"] for problem in document["problems"]), document)

    def test_a_jam_of_another_procfs(self):
        zap = "".join(f"[<0>] {function}+0x1/0x2\n"
                      for function in ("do_wait", "kernel_wait4", "zap_pid_ns_processes", "do_exit"))
        self.write("2/task/2/stat", stat_line(2, "kthreadd", "S", 0, 0x200000))
        self.write("90/task/90/stat", stat_line(90, "init", "S", 1, 4))
        switches = "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n"
        self.write("90/task/90/status", "State:\tS (sleeping)\nNSpid:\t90\t1\n" + switches)
        self.write("90/task/90/stack", zap)
        self.write("91/task/91/stat", stat_line(91, "reader", "D", 90, 4))
        self.write("91/task/91/status", "State:\tD (disk sleep)\nNSpid:\t91\t2\n" + switches)
        self.write("91/task/91/stack", "[<0>] request_wait_answer+0x1/0x2 [fuse]\n[<0>] do_exit+0x1/0x2\n")
        document = self.check_json(run("diagnose", "--json", "--path.procfs", self.folder))
        self.assertEqual(document["verdict"], "stuck")
        self.assertEqual(document["findings"][0]["cause"], "fuse-request")
        self.assertEqual(document["findings"][0]["culprit"]["tid"], 91)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
