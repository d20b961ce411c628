#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Gives the real binary input that was made to cost: it is refused with place and remedy, in bounded time and memory.

usage: hostile_input_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import json
import os
import resource
import subprocess
import sys
import tempfile
import unicodedata
import unittest

UNZAP = os.path.abspath(sys.argv[1])
BIG = 256 << 20
MIB = 1 << 20
with open(UNZAP, "rb") as program:
    # AddressSanitizer pads each piece of memory, and keeps what was freed for a while.
    PADDING = 4 if b"__asan_init" in program.read() else 1


def measured(*arguments, stdin=subprocess.DEVNULL):
    """Exit code, standard output and error, seconds of CPU, and the largest resident size in bytes."""
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen([UNZAP, *arguments], stdin=stdin, stdout=out, stderr=err,
                                   preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CPU, (60, 60)))
        _, status, usage = os.wait4(process.pid, 0)
        process.returncode = os.waitstatus_to_exitcode(status)
        texts = []
        for stream in (out, err):
            stream.seek(0)
            texts.append(stream.read())
        return process.returncode, *texts, usage.ru_utime + usage.ru_stime, usage.ru_maxrss * 1024


class Case(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory()
        cls.addClassCleanup(folder.cleanup)
        cls.folder = folder.name

    def file(self, name, piece, size=None):
        """A file of `piece` again and again, `size` bytes of it."""
        path = os.path.join(self.folder, name)
        piece = piece if isinstance(piece, bytes) else piece.encode()
        with open(path, "wb") as out:
            left = len(piece) if size is None else size
            block = piece * max(1, MIB // len(piece))
            while left > 0:
                left -= out.write(block[:left] if size is not None else piece)
        self.addCleanup(os.remove, path)
        return path

    def check_refused(self, arguments, words, place=b"", seconds=1, most=100 * MIB, stdin=subprocess.DEVNULL):
        code, out, err, spent, size = measured(*arguments, stdin=stdin)
        self.assertEqual((code, out), (65, b""), err[:400])
        self.assertIn(words, err)
        self.assertIn(place, err)
        self.assertEqual(err.count(b"\n"), 1, err[:400])
        self.assertLess(spent, seconds)  # of CPU: others may keep the machine busy
        self.assertLess(size, most * PADDING)


class Scenarios(Case):
    def test_what_goes_too_deep_is_refused_with_its_place(self):
        for name, text in (("key", "a" + ".a" * 60000 + " = 1"), ("table", "[a" + ".a" * 60000 + "]"),
                           ("list", "a = " + "[" * 100000), ("inline", "a = " + "{a = " * 20000)):
            path = self.file(name + ".toml", text)
            for verb in ("check", "simulate", "explain"):
                with self.subTest(text=name, verb=verb):
                    self.check_refused([verb, path], b"levels", b".toml:1:")

    def test_what_is_too_long_is_refused(self):
        for name, path in (("key", self.file("long.toml", "a" + ".a" * 200000 + " = 1")),
                           ("big", self.file("big.toml", "[", BIG)), ("zero", "/dev/zero")):
            with self.subTest(text=name):
                self.check_refused(["check", path], b"longer than 128 KiB", path.encode())

    def test_characters_that_are_not_seen_have_no_place_in_names(self):
        path = self.file("bidi.toml", 'name = "a\\u202eb"\n')
        self.check_refused(["check", path], b"`name` has characters that are not seen", b".toml:1:8")


class Traces(Case):
    def test_256_mib_are_refused_at_once(self):
        for name, piece in (("brackets", "["), ("objects", '{"a":'), ("line", "a"), ("numbers", "1")):
            with self.subTest(text=name):
                path = self.file(name + ".json", piece, BIG)
                self.check_refused(["replay", path], b"longer than 8 MiB", path.encode())

    def test_less_than_the_limit_costs_little_too(self):
        for name, piece, words in (("brackets", "[", b"more than 16 levels"), ("objects", '{"a":', b"more than 16 levels"),
                                   ("list", "[],", b"more than 400000 values"), ("numbers", "1", b"not JSON"),
                                   ("text", '"\\\\', b"")):
            with self.subTest(text=name):
                path = self.file(name + ".json", piece, 8 * MIB)
                self.check_refused(["replay", path], words, path.encode(), seconds=2)

    def test_streams_without_an_end(self):
        for device in ("/dev/zero", "/dev/urandom"):
            with self.subTest(device=device), open(device, "rb") as stream:
                self.check_refused(["replay", "-"], b"longer than 8 MiB", stdin=stream)


class Bundles(Case):
    def test_one_line_without_an_end(self):
        path = self.file("line.unzap", b"unzap-bundle 1\n[host]\nname: " + b"a" * (200 << 10))
        self.check_refused(["diagnose", path], b"a line of more than 64 KiB", b"line.unzap:3")

    def test_more_sections_than_a_host_has(self):
        path = self.file("many.unzap", b"unzap-bundle 1\n[host]\n" + b"[problem]\n" * 1000000 + b"[end]\n")
        self.check_refused(["diagnose", path], b"more than 131072 problems", b"many.unzap:", seconds=5)


class Names(Case):
    """Foreign names in a bundle, and in the name of the file itself: what comes out is visible text in every format."""
    EVIL = "\\x1b]0;x\\x07\\n\\xe2\\x80\\xae\\xe2\\x80\\x8b\\xed\\xa0\\x80\\xc0\\xaf\\xc2\\x9b31m\\xef\\xbb\\xbf|\\xf4\\x90\\x80\\x80"
    BUNDLE = ("unzap-bundle 1\n[host]\norigin: live\nall_tasks: yes\nname: {0}\nkernel_release: {0}\n"
              "[task]\ntid: 7\ntgid: 7\nppid: 1\ncomm: {0}\nstate: D\nflags: 0x4\nwchan: request_wait_answer\n"
              "blocked_seconds: 130\ncontainer: {0}\ncgroup: /{0}\nwhere: {0}\nstack: proc_stack {0}\n"
              "frame: request_wait_answer+0x1/0x2 [{0}]\nframe: zap_pid_ns_processes+0x1/0x2\nframe: do_exit+0x1/0x2\n"
              "[event]\nkind: hung_task\ntid: 7\ncomm: {0}\ntext: INFO: task {0} blocked\nwhere: {0}\n"
              "[problem]\nwhere: {0}\ntext: {0}\n[end]\n")

    def check_visible(self, data, lines=True):
        text = data.decode()  # strictly UTF-8
        for letter in text:
            kind = unicodedata.category(letter)
            self.assertTrue(kind not in ("Cc", "Cf", "Cs", "Zl", "Zp") or (lines and letter == "\n"), (hex(ord(letter)), text))

    def check_values(self, value):
        if isinstance(value, str):
            self.check_visible(value.encode(), lines=False)
        for part in value.values() if isinstance(value, dict) else value if isinstance(value, list) else ():
            self.check_values(part)

    def test_every_format(self):
        evil = os.path.join(os.fsencode(self.folder), b"\x1b[31m\xe2\x80\xae\xff.unzap")
        with open(evil, "wb") as out:
            out.write(self.BUNDLE.replace("{0}", self.EVIL).encode())
        for form in ("text", "json", "jsonl", "dot", "nrpe", "npd"):
            for verbose in ((), ("-v",)):
                with self.subTest(format=form, verbose=verbose):
                    result = subprocess.run([UNZAP, "diagnose", "--format", form, *verbose, evil], capture_output=True,
                                            stdin=subprocess.DEVNULL, timeout=60, check=False)
                    self.assertIn(result.returncode, (0, 1, 2), result.stderr)
                    self.check_visible(result.stdout)
                    self.check_visible(result.stderr)
                    for document in result.stdout.splitlines() if form == "jsonl" else [result.stdout] if form == "json" else []:
                        self.check_values(json.loads(document))
                    if form in ("nrpe", "npd"):
                        self.assertEqual(result.stdout.count(b"\n"), 1)

    def test_names_of_files_in_errors(self):
        for verb in ("check", "replay", "diagnose", "explain", "patched"):
            name = b"\x1b[31m\xe2\x80\xae\xc2\x9b\xff.toml"
            arguments = [b"--image", name] if verb == "patched" else [name]
            result = subprocess.run([UNZAP, verb, *arguments], capture_output=True, stdin=subprocess.DEVNULL, timeout=60, check=False)
            self.assertNotEqual(result.returncode, 0)
            self.assertEqual(result.stdout, b"")
            self.check_visible(result.stderr)


class NoFiles(Case):
    def test_folders_and_what_is_missing(self):
        for verb in ("check", "replay", "diagnose"):
            for path, code in ((self.folder, 74), (os.path.join(self.folder, "none.toml"), 66)):
                with self.subTest(verb=verb, path=path):
                    result = subprocess.run([UNZAP, verb, path], stdin=subprocess.DEVNULL, capture_output=True, timeout=30,
                                            check=False)
                    self.assertEqual(result.returncode, code, result.stderr)

    def test_a_pipe_is_read_to_its_end(self):
        pipe = os.path.join(self.folder, "pipe")
        os.mkfifo(pipe)
        with subprocess.Popen([UNZAP, "replay", pipe], stdout=subprocess.PIPE, stderr=subprocess.PIPE) as process:
            with open(pipe, "wb") as end:
                end.write(b"[")
            _, err = process.communicate(timeout=30)
        self.assertEqual(process.returncode, 65, err)


if __name__ == "__main__":
    sys.argv[1:3] = []
    unittest.main()
