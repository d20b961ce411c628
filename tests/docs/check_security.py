#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks that docs/security.md and tests/attacks/README.md promise nothing that is not tested.

Fails if a row of promises names no test, or a test that is not there or that ctest does not run; and if a file of
tests/attacks is not told in its README. Usage: check_security.py SOURCE_DIR
"""
import pathlib
import re
import sys


def missing(root, cell):
    """What of `file` or `file: name, name` is not there."""
    path, _, names = cell.partition(": ")
    file = root / path
    if not file.is_file():
        return [f"{path}: no such file"]
    text = file.read_text(encoding="utf-8")
    out = [] if runs(root, file) else [f"{path}: no CMakeLists.txt runs it"]
    for name in filter(None, names.split(", ")):
        found = ("({}, {})".format(*name.split(".")) in text if file.suffix == ".cpp" else
                 re.search(rf"^\s*def {name}\(", text, re.M))
        out += [] if found else [f"{path}: no test {name}"]
    return out


def runs(root, file):
    """True when a CMakeLists.txt names the file; those of tests/cli are named by their verb."""
    if file.parent == root / "tests/cli":
        verb = file.name.removesuffix("_test.py")
        return re.search(rf"foreach\(verb [^)]*\b{verb}\b|{verb}_test\.py", (root / "tests/CMakeLists.txt").read_text())
    here = [folder / "CMakeLists.txt" for folder in (file.parent, file.parent.parent, root / "tests")]
    return any(file.name in cmake.read_text() for cmake in here if cmake.exists())


def main():
    root = pathlib.Path(sys.argv[1])
    bad, rows = [], 0
    for row in re.findall(r"^\| P\d+ \|.*$", (root / "docs/security.md").read_text(encoding="utf-8"), re.M):
        rows += 1
        tests = re.findall(r"`((?:tests|src)/[^`]+)`", row)
        bad += [] if tests else [f"no test: {row}"]
        for cell in tests:
            bad += missing(root, cell)
    readme = (root / "tests/attacks/README.md").read_text(encoding="utf-8")
    told = set(re.findall(r"^\| `(\w+\.py)` \|", readme, re.M))
    there = {path.name for path in (root / "tests/attacks").glob("*_test.py")}
    bad += [f"tests/attacks/README.md tells of {name}, which is not there" for name in sorted(told - there)]
    bad += [f"tests/attacks/README.md does not tell of {name}" for name in sorted(there - told)]
    print("\n".join(bad) if bad else f"{rows} promises, each with a test that is run")
    assert rows >= 10
    sys.exit(1 if bad else 0)


main()
