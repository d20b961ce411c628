#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Checks the last two columns of docs/kernel-facts/*.md against the sources.

Fails if a row says TBD, names a file or function of src/kernel that does not exist, gives no short reason for
"not modelled", or names a test that no src/**/*_test.cpp has. Usage: check_facts.py SOURCE_DIR
"""
import pathlib
import re
import sys

MAX_REASON_WORDS = 5


def tests_of(root):
    names = set()
    for path in (root / "src").rglob("*_test.cpp"):
        names.update(f"{a}.{b}" for a, b in re.findall(r"^TEST(?:_F)?\((\w+), (\w+)\)", path.read_text(), re.M))
    return names


def wrong_place(cell, kernel):
    """What is wrong with a cell of the column `in src/kernel`, or nothing."""
    if cell.startswith("not modelled"):
        reason = re.fullmatch(r"not modelled: (\S.*)", cell)
        if not reason:
            return "`not modelled` without a reason"
        if len(reason[1].split()) > MAX_REASON_WORDS:
            return f"more than {MAX_REASON_WORDS} words of reason"
        return None
    places = re.findall(r"`([^`]*)`", cell)
    if not places or re.sub(r"`[^`]*`", "", cell).strip(" ,"):
        return f"neither a place nor `not modelled`: {cell}"
    for place in places:
        name, *functions = place.split()
        found = list(kernel.rglob(name))
        if len(found) != 1:
            return f"{len(found)} files called {name} below src/kernel, not one"
        text = found[0].read_text()
        if not functions:
            return f"no function named after {name}"
        for function in functions:
            if not re.search(rf"\b{re.escape(function)}\b", text):
                return f"nothing called {function} in {name}"
    return None


def wrong_tests(cell, tests):
    """What is wrong with a cell of the column `test`, or nothing."""
    if cell == "-":
        return None
    names = re.findall(r"`([^`]*)`", cell)
    if not names or re.sub(r"`[^`]*`", "", cell).strip(" ,"):
        return f"neither a test nor `-`: {cell}"
    missing = [name for name in names if name not in tests]
    return f"no test {', '.join(missing)}" if missing else None


def main(argv):
    root = pathlib.Path(argv[1])
    tests = tests_of(root)
    problems = []
    rows = 0
    for page in sorted((root / "docs" / "kernel-facts").glob("*.md")):
        if page.name == "README.md":
            continue
        for number, line in enumerate(page.read_text().splitlines(), 1):
            cells = [cell.strip() for cell in line.split(" | ")]
            if not line.startswith("| ") or cells[0] == "| claim":
                continue
            rows += 1
            cells[-1] = cells[-1].removesuffix("|").strip()
            if len(cells) != 6:
                problems.append(f"{page.name}:{number}: {len(cells)} columns, not 6")
                continue
            for what in (wrong_place(cells[4], root / "src" / "kernel"), wrong_tests(cells[5], tests)):
                if what:
                    problems.append(f"{page.name}:{number}: {what}")
            if "TBD" in line:
                problems.append(f"{page.name}:{number}: TBD")
    if rows == 0:
        problems.append("no rows found")
    print("\n".join(problems) if problems else f"{rows} rows, {len(tests)} tests: all names exist")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv))
