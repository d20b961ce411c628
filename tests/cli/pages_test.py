#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the pages to the program: what they show it prints, it prints; what they point to is there.

usage: pages_test.py UNZAP SOURCE_DIR [unittest arguments]
"""
import os
import re
import shlex
import subprocess
import sys
import unittest

UNZAP, SOURCE = os.path.abspath(sys.argv[1]), sys.argv[2]
CONSOLE = re.compile(r"^```console\n\$ (build/unzap [^\n]*)\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LINK = re.compile(r"\]\((?!https?:|#)([^)#]+)[^)]*\)")
PATH = re.compile(r"`((?:src|docs|tests|scenarios|cmake|\.ci)/[\w./-]+)`")


def pages():
    """All Markdown pages of the project, as (name, text)."""
    for folder, folders, files in os.walk(SOURCE):
        folders[:] = [name for name in folders if name not in (".git", "build")]
        for name in sorted(files):
            if name.endswith(".md"):
                path = os.path.join(folder, name)
                with open(path, encoding="utf-8") as page:
                    yield os.path.relpath(path, SOURCE), page.read()


class Pages(unittest.TestCase):
    def test_shown_output_is_the_programs(self):
        """Lines stand as printed, from the first one on; a line `...` stands for any number of lines."""
        shown = 0
        for page, text in pages():
            for command, output in CONSOLE.findall(text):
                with self.subTest(page=page, command=command):
                    printed = subprocess.run([UNZAP, *shlex.split(command)[1:]], cwd=SOURCE, stdin=subprocess.DEVNULL,
                                             capture_output=True, timeout=60, check=False).stdout.decode("utf-8")
                    parts = re.split(r"^\.\.\.\n", output, flags=re.MULTILINE)
                    pattern = r"(?:[^\n]*\n)*?".join(map(re.escape, parts))
                    if not re.fullmatch(pattern, printed):
                        self.fail(f"the page shows:\n{output}\nand the program prints:\n{printed}")
                    shown += 1
        self.assertGreater(shown, 0)

    def test_links_and_paths_lead_somewhere(self):
        looked = 0
        for page, text in pages():
            for target in LINK.findall(text):
                with self.subTest(page=page, link=target):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, os.path.dirname(page), target)))
                looked += 1
            if os.path.dirname(page):
                continue
            for target in PATH.findall(text):
                with self.subTest(page=page, path=target):
                    self.assertTrue(os.path.exists(os.path.join(SOURCE, target)))
                looked += 1
        self.assertGreater(looked, 10)

    def test_the_first_page_is_short(self):
        with open(os.path.join(SOURCE, "README.md"), encoding="utf-8") as page:
            self.assertLessEqual(len(page.readlines()), 80)

    def test_verbs_of_dev_are_those_the_pages_name(self):
        with open(os.path.join(SOURCE, "dev"), encoding="utf-8") as script:
            verbs = set(re.findall(r"^verb_(\w+)\(\)", script.read(), re.MULTILINE)) | {"help"}
        named = set()
        for page, text in pages():
            if not os.path.dirname(page):
                named |= set(re.findall(r"\./dev ([a-z]+)", text))
        self.assertLessEqual(named, verbs)


if __name__ == "__main__":
    unittest.main(argv=[sys.argv[0], *sys.argv[3:]])
