#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Records a host with the real binary, and diagnoses what was recorded.

usage: record_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import pty
import re
import shutil
import signal
import stat
import subprocess
import sys
import tempfile
import unittest

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
ZSTD_MAGIC = b"\x28\xb5\x2f\xfd"
SECRET = "acme-billing"


def run(*arguments, stdin=b"", prefix=(), stdout=subprocess.PIPE):
    return subprocess.run([*prefix, UNZAP, *arguments], input=stdin, stdout=stdout, stderr=subprocess.PIPE,
                          timeout=30, check=False)


def stat_line(tid, comm, state, ppid, flags=0):
    return f"{tid} ({comm}) {state} {ppid} 0 0 0 0 {flags} 0 0 0 0 0 0 0 0 20 0 1 0 77 " + "0 " * 16 + "1 0 0\n"


class Case(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = folder.name
        self.file = self.path("node.unzap")
        self.procfs = self.path("proc")
        self.jam()

    def path(self, name):
        return os.path.join(self.folder, name)

    def write(self, name, content):
        path = self.path(name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "w", encoding="utf-8") as out:
            out.write(content)
        return path

    def jam(self):
        """A procfs in which an init waits for a member that waits for FUSE."""
        zap = "".join(f"[<0>] {function}+0x1/0x2\n"
                      for function in ("do_wait", "kernel_wait4", "zap_pid_ns_processes", "do_exit"))
        switches = "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n"
        self.write("proc/2/task/2/stat", stat_line(2, "kthreadd", "S", 0, 0x200000))
        self.write("proc/90/task/90/stat", stat_line(90, SECRET, "S", 1, 4))
        self.write("proc/90/task/90/status", "State:\tS (sleeping)\nNSpid:\t90\t1\n" + switches)
        self.write("proc/90/task/90/stack", zap)
        self.write("proc/91/task/91/stat", stat_line(91, "reader", "D", 90, 4))
        self.write("proc/91/task/91/status", "State:\tD (disk sleep)\nNSpid:\t91\t2\n" + switches)
        self.write("proc/91/task/91/stack", "[<0>] request_wait_answer+0x1/0x2 [fuse]\n[<0>] do_exit+0x1/0x2\n")

    def record(self, *arguments):
        return run("record", "--path.procfs", self.procfs, *arguments)

    def check_refused(self, result, code, words):
        self.assertEqual(result.returncode, code, result.stderr)
        self.assertIn(words, result.stderr)
        self.assertEqual(result.stderr.count(b"\n"), 1, result.stderr)
        self.assertEqual(result.stdout, b"")


class Safe(Case):
    """What is written, for whom, and what is left when it cannot be written."""

    def names(self):
        return sorted(os.listdir(self.folder))

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_only_the_owner_may_read_it(self):
        before = os.umask(0)
        self.addCleanup(os.umask, before)
        self.assertEqual(self.record("-o", self.file).returncode, 0)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)
        os.chmod(self.file, 0o666)
        with open(self.file, "rb") as old:
            os.link(self.file, self.path("other-name"))
            self.assertEqual(self.record("-o", self.file, "--force").returncode, 0)
            found = os.stat(self.file)
            self.assertEqual(stat.S_IMODE(found.st_mode), 0o600)
            self.assertNotEqual(found.st_ino, os.fstat(old.fileno()).st_ino, "who has the old one open sees no new data")
            self.assertEqual(os.stat(self.path("other-name")).st_ino, os.fstat(old.fileno()).st_ino)

    @unittest.skipUnless(os.geteuid() == 0, "only root gives files away")
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_a_file_of_somebody_else_becomes_ours(self):
        open(self.file, "wb").close()
        try:
            os.chown(self.file, 65534, 65534)
        except OSError as error:
            self.skipTest(f"chown: {error}")
        self.assertEqual(self.record("-o", self.file, "--force").returncode, 0)
        self.assertEqual((os.stat(self.file).st_uid, stat.S_IMODE(os.stat(self.file).st_mode)), (0, 0o600))

    def test_links_and_pipes_are_not_followed(self):
        os.symlink(self.path("target"), self.path("link"))
        os.mkfifo(self.path("pipe"))
        for name in ("link", "pipe"):
            self.check_refused(self.record("-q", "-o", self.path(name), "--force"), 64, b"is not a regular file")
        self.assertNotIn("target", self.names())

    @unittest.skipUnless(shutil.which("prlimit"), "no prlimit")
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_a_limit_of_file_size_leaves_nothing(self):
        before = self.names()
        for force in ((), ("--force",)):
            result = run("record", "--path.procfs", self.procfs, "-q", "-o", self.file, *force,
                         prefix=("prlimit", "--fsize=16"))
            self.check_refused(result, 74, b"File too large")
            self.assertEqual(self.names(), before)
        with open(self.path("out"), "wb") as out:
            result = run("record", "--path.procfs", self.procfs, "-q", "-o", "-", prefix=("prlimit", "--fsize=16"), stdout=out)
        self.assertEqual(result.returncode, 74, result.stderr)
        self.assertIn(b"cannot write to standard output: File too large", result.stderr)

    def test_a_full_disk_leaves_nothing(self):
        """A disk of 4 KiB in a mount namespace of its own; what is on it afterwards."""
        script = ('mount -t tmpfs -o size=4k x "$1" && head -c 4096 /dev/zero > "$1/full"; '
                  '"$2" record --path.procfs "$3" -q -o "$1/b"; echo "rc=$?"; ls -A "$1"')
        disk = self.path("disk")
        os.mkdir(disk)
        result = subprocess.run(["unshare", "-m", "sh", "-c", script, "sh", disk, UNZAP, self.procfs], stdin=subprocess.DEVNULL,
                                capture_output=True, timeout=30, check=False)
        if b"rc=" not in result.stdout or b"mount" in result.stderr:
            self.skipTest(f"no mount here: {result.stderr.decode()}")
        self.assertEqual(result.stdout, b"rc=74\nfull\n", result.stderr)
        self.assertIn(b"No space left on device", result.stderr)

    def test_standard_output_that_is_full_or_closed(self):
        with open("/dev/full", "wb") as full:
            result = run("record", "--path.procfs", self.procfs, "-q", "-o", "-", stdout=full)
        self.assertEqual(result.returncode, 74)
        self.assertIn(b"cannot write to standard output: No space left", result.stderr)
        result = run("record", "--path.procfs", self.procfs, "-q", "-o", "-",
                     prefix=("sh", "-c", 'exec "$@" >&-', "sh"))
        self.assertEqual(result.returncode, 74)
        self.assertIn(b"cannot write to standard output", result.stderr)

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_a_killed_record_leaves_nothing(self):
        """Stopped by strace in the middle of its fsync, where the file is whole and has no name yet."""
        before = self.names()
        for number in (signal.SIGINT, signal.SIGTERM, signal.SIGKILL):
            for force in ((), ("--force",)):
                inject = f"inject=fsync:signal={number.name}"
                result = run("record", "--path.procfs", self.procfs, "-q", "-o", self.file, *force,
                             prefix=("strace", "-f", "-o", "/dev/null", "-e", inject))
                if b"PTRACE" in result.stderr or b"ptrace" in result.stderr:
                    self.skipTest(result.stderr.decode())
                self.assertNotEqual(result.returncode, 0)
                self.assertEqual(self.names(), before)

    @unittest.skipUnless(shutil.which("strace"), "no strace")
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_without_nameless_files_a_signal_takes_it_away(self):
        """A file system that has no O_TMPFILE, played by strace; then a signal while the file is there."""
        command = ("record", "--path.procfs", self.procfs, "-q", "-o", self.file)
        log = self.path("log")
        counted = run(*command, prefix=("strace", "-o", log, "-e", "trace=openat"))
        if b"trace" in counted.stderr:
            self.skipTest(counted.stderr.decode())
        with open(log, encoding="utf-8", errors="replace") as lines:
            calls = [line for line in lines if line.startswith("openat(")]
        number = 1 + next((i for i, line in enumerate(calls) if "O_TMPFILE" in line), len(calls))
        refuse = ("strace", "-o", log, "-e", f"inject=openat:error=EOPNOTSUPP:when={number}")
        os.remove(self.file)
        before = self.names()
        for signal_number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP, signal.SIGQUIT):
            result = run(*command, prefix=(*refuse, "-e", f"inject=fsync:signal={signal_number.name}"))
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(self.names(), before, signal_number)
        self.assertEqual(run(*command, prefix=refuse).returncode, 0)
        self.assertEqual(self.names(), sorted([*before, "node.unzap"]))
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)


class Record(Case):
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_one_line_says_what_was_recorded(self):
        result = self.record("-o", self.file)
        self.assertEqual(result.returncode, 0, result.stderr)
        self.assertEqual(result.stdout, b"")
        self.assertRegex(result.stderr, rb"^unzap: recorded this host: 3 threads of 3 processes, 0 kernel reports"
                                        rb".*; \d+ bytes in .*node\.unzap\n$")
        with open(self.file, "rb") as bundle:
            self.assertEqual(bundle.read(4), ZSTD_MAGIC)
        self.assertEqual(os.listdir(self.folder).count("node.unzap"), 1)
        self.assertEqual(sorted(os.listdir(self.folder)), ["node.unzap", "proc"], "nothing else is left")
        mask = os.umask(0)
        os.umask(mask)
        self.assertEqual(stat.S_IMODE(os.stat(self.file).st_mode), 0o600)

    def test_quiet_is_quiet(self):
        self.assertEqual(self.record("-q", "-o", self.file).stderr, b"")

    def test_what_is_there_is_kept_unless_forced(self):
        path = self.write("node.unzap", "precious")
        self.check_refused(self.record("-o", path), 64, b"--force")
        with open(path, encoding="utf-8") as kept:
            self.assertEqual(kept.read(), "precious")
        self.assertEqual(self.record("--force", "-o", path).returncode, 0)
        with open(path, "rb") as bundle:
            self.assertEqual(bundle.read(4), ZSTD_MAGIC)

    def test_mistakes_are_named(self):
        os.symlink("node.unzap", self.path("link"))
        rows = [
            ((), 64, b"-o FILE"),
            (("-o", self.folder), 64, b"is a folder"),
            (("-o", "/dev/null", "--force"), 64, b"not a regular file"),
            (("-o", self.path("link"), "--force"), 64, b"not a regular file"),
            (("-o", self.path("no/node.unzap")), 66, b"no such folder"),
            (("-o", self.file, "--redcat"), 64, b"did you mean --redact?"),
            (("-o", self.file, "--timeout", "soon"), 64, b"--timeout"),
        ]
        for arguments, code, words in rows:
            with self.subTest(arguments=arguments):
                self.check_refused(self.record(*arguments), code, words)
        self.check_refused(run("record", "-o", self.file, "--path.procfs", self.path("nothing")), 66, b"--path.procfs")
        self.assertFalse(os.path.exists(self.file))

    def test_a_folder_that_may_not_be_written_to_is_77(self):
        if os.geteuid() != 0:
            self.skipTest("only root can become another user")
        os.chmod(self.folder, 0o755)
        nobody = ("setpriv", "--reuid=65534", "--clear-groups")
        tried = subprocess.run([*nobody, "true"], capture_output=True, timeout=20, check=False)
        if tried.returncode != 0:
            self.skipTest(tried.stderr.decode())
        result = run("record", "-o", self.file, prefix=nobody)
        self.check_refused(result, 77, b"not permitted to write here")

    @unittest.skipUnless(os.path.exists("/dev/pts/ptmx"), "no devpts is mounted here")
    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_standard_output(self):
        piped = self.record("-o", "-")
        self.assertEqual(piped.returncode, 0)
        self.assertEqual(piped.stdout[:4], ZSTD_MAGIC)
        self.assertIn(b"recorded this host", piped.stderr)
        answer = run("diagnose", "--json", "-", stdin=piped.stdout)
        self.assertEqual(json.loads(answer.stdout)["host"]["origin"], "bundle")
        with open("/dev/full", "wb") as full:
            self.assertEqual(run("record", "-o", "-", "--path.procfs", self.procfs, stdout=full).returncode, 74)
        primary, secondary = pty.openpty()
        self.addCleanup(os.close, primary)
        with os.fdopen(secondary, "wb") as terminal:
            result = run("record", "-o", "-", "--path.procfs", self.procfs, stdout=terminal)
        self.assertEqual(result.returncode, 64)
        self.assertIn(b"terminal", result.stderr)

    def test_help_has_an_example(self):
        self.assertIn(b"unzap record -o node.unzap", run("record", "--help").stdout)


class Diagnose(Case):
    def answer(self, *arguments):
        result = run("diagnose", "--json", *arguments)
        self.assertIn(result.returncode, (0, 1, 2), result.stderr)
        # How long a look took differs from one to the next.
        return result.returncode, json.loads(re.sub(rb"over [\d.]+ s\b", b"over a while", result.stdout))

    def test_the_answer_is_that_of_the_host(self):
        self.assertEqual(self.record("-o", self.file).returncode, 0)
        live_code, live = self.answer("--path.procfs", self.procfs)
        code, recorded = self.answer(self.file)
        self.assertEqual((code, live_code), (1, 1))
        self.assertEqual(live["host"].pop("origin"), "live")
        self.assertEqual(recorded["host"].pop("origin"), "bundle")
        self.assertEqual(recorded["findings"][0]["cause"], "fuse-request")
        self.assertEqual(recorded, live)

    def test_a_kernel_with_the_fix_is_never_called_certain_to_spin(self):
        with open(os.path.join(SOURCE, "tests/cases/lab-armed-poll/capture.unzap"), encoding="utf-8") as capture:
            jam = capture.read()
        rows = (("wait_fix: none /proc/kcore", "certain"), ("wait_fix: fix-2024 /proc/kcore", "possible"),
                ("wait_fix: fix-2026 /proc/kcore", "possible"), ("wait_fix! not permitted", "certain"))
        for line, confidence in rows:
            with self.subTest(line):
                file = self.write("jam.unzap", jam.replace("[host]\n", f"[host]\n{line}\n", 1))
                found = [one for one in self.answer(file)[1]["findings"] if one["cause"] == "reaper-busy-loop"]
                self.assertEqual([one["confidence"] for one in found], [confidence])
                cited = [one for one in found[0]["evidence"] if one["source"] == "code of zap_pid_ns_processes"]
                self.assertEqual(len(cited), 1 if ":" in line else 0)

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_this_host(self):
        self.assertEqual(run("record", "-q", "-o", self.file).returncode, 0)
        _, recorded = self.answer(self.file)
        self.assertEqual(recorded["host"]["kernel"], os.uname().release)

    def test_plain_text_of_a_bundle_is_one_too(self):
        self.record("-o", self.file)
        try:
            text = subprocess.run(["zstd", "-dc", self.file], capture_output=True, check=True).stdout
        except FileNotFoundError:
            self.skipTest("no zstd program here")
        self.assertTrue(text.startswith(b"unzap-bundle 1\n"), text[:80])
        self.assertIn(b"comm: " + SECRET.encode(), text)
        self.assertEqual(self.answer(self.write("node.txt", text.decode())), self.answer(self.file))

    def test_masked_names_change_no_cause(self):
        self.record("--redact", "-o", self.file)
        code, recorded = self.answer(self.file)
        self.assertEqual(code, 1)
        self.assertEqual(recorded["findings"][0]["cause"], "fuse-request")
        self.assertEqual(recorded["findings"][0]["culprit"]["tid"], 91)
        self.assertNotIn(SECRET, json.dumps(recorded))

    @unittest.skipUnless(os.path.exists("/proc/self/stat"), "no /proc is mounted here")
    def test_no_secret_is_left_in_a_masked_bundle(self):
        secrets = ("db01.corp.example", "10.20.30.40", "2001:db8::77", "52:54:00:ab:cd:ef", "bob@acme.io", "nvme3n1p9",
                   "veth-acme42", "s3cr3t-token", "1b4e28ba_2fa1_11d2_883f_0016d3cca427",
                   "c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11c0ffee11", "payroll", "builder")
        for number, secret in enumerate(secrets):
            task = f"proc/{100 + number}/task/{100 + number}"
            self.write(f"{task}/stat", stat_line(100 + number, secret[:15], "D", 90, 4))
            self.write(f"{task}/status", f"State:\tD (disk sleep)\nNSpid:\t{100 + number}\t{number + 3}\n"
                                         "voluntary_ctxt_switches:\t5\nnonvoluntary_ctxt_switches:\t6\n")
            symbol = "do_exit" if secret.isalpha() else secret  # what could be a function of the kernel stays one
            self.write(f"{task}/stack", f"[<0>] do_exit+0x1/0x2 [{symbol}]\n[<0>] {symbol}+0x1/0x2\n")
            self.write(f"{task}/cgroup", f"0::/kubepods/{secret}/x\n")
            self.write(f"{task}/wchan", symbol)
            self.write(f"{task}/syscall", f"61 {secret} 0x1")
        self.write("proc/sys/kernel/hostname", "db01.corp.example\n")
        self.write("proc/sys/kernel/osrelease", "6.1.0-18-payroll-amd64\n")
        self.write("proc/sys/kernel/version", "#1 SMP PREEMPT_DYNAMIC (builder@10.20.30.40) Debian\n")
        for arguments, found in (((), True), (("--redact",), False)):
            self.record(*arguments, "--force", "-o", self.file)
            try:
                text = subprocess.run(["zstd", "-dc", self.file], capture_output=True, check=True).stdout.decode().lower()
            except FileNotFoundError:
                self.skipTest("no zstd program here")
            left = [secret for secret in secrets if secret[:15].lower() in text]
            self.assertEqual(left, list(secrets) if found else [], text)
        self.assertEqual(self.answer(self.file)[1]["findings"][0]["cause"], "fuse-request")

    def test_what_is_damaged_is_65_with_its_place(self):
        self.record("-o", self.file)
        with open(self.file, "rb") as bundle:
            whole = bundle.read()
        rows = [
            ("cut.unzap", whole[:-9], b"cut.unzap: is cut off"),
            ("head.unzap", whole[:4], b"head.unzap: is cut off"),
            ("damaged.unzap", whole[:40] + b"\xff" * 9 + whole[49:], b"damaged.unzap: is damaged"),
            ("other.zst", b"\x28\xb5\x2f\xfd\x04\x58\x19\x00\x00\x68\x69\x0a\x48\x70\x90\x58", b"other.zst"),
            ("newer.unzap", b"unzap-bundle 2\n", b"newer.unzap:1: is a bundle of version 2"),
            ("text.unzap", b"unzap-bundle 1\n[host]\nshoe: 9\n", b"text.unzap:3: there is no key 'shoe'"),
        ]
        for name, content, words in rows:
            with self.subTest(name=name):
                with open(self.path(name), "wb") as out:
                    out.write(content)
                self.check_refused(run("diagnose", self.path(name)), 65, words)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
