#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""Holds the tree to its architecture: who includes whom, what the explorer may name, what each file must have.

usage: check_includes.py includes|words|files SOURCE_DIR
Exit: 0 all holds, 1 something does not (a line each), 2 there was nothing to look at.
"""
import os
import re
import subprocess
import sys

# A room is a folder of src/. It may include itself and what stands here: a room, a room below a room (whose
# parent then stands for all of it), or a single header. Tests (`*_test.cpp`, and the helpers they share) see all.
MAY_INCLUDE = {
    "util": [],
    "snapshot": ["util"],
    "linux": ["util", "snapshot"],
    "sources/text": ["util", "snapshot", "linux"],
    "sources/procfs": ["util", "snapshot", "linux", "sources/text"],
    "sources/bundle": ["util", "snapshot", "linux/io_thread.hpp"],
    "sources/model": ["util", "snapshot", "kernel"],
    "sources/live_kernel": ["util", "snapshot", "linux", "kernel_image"],
    "diagnosis": ["util", "snapshot", "linux/io_thread.hpp"],
    "kernel_image": ["util", "linux/first_fixed.hpp", "snapshot", "linux/preemption.hpp"],
    "risk": ["util", "snapshot", "linux/io_thread.hpp", "kernel_image"],
    "explorer": ["util"],
    "kernel": ["util", "linux/first_fixed.hpp", "explorer/model.hpp"],  # the interface that a model has to meet
    "check": ["util", "kernel", "explorer"],
    "rescue": ["util", "snapshot", "linux", "diagnosis",
               # a plan looks once more at what it is about, with the readers that can be left behind
               "sources/procfs/reader.hpp", "sources/procfs/surroundings.hpp"],
    "rescue/apply": ["util", "snapshot", "linux", "diagnosis", "rescue"],
    "report": ["util", "snapshot", "diagnosis", "check", "kernel_image", "risk", "rescue"],
    "cli": ["util", "snapshot", "sources", "diagnosis", "explorer", "kernel", "kernel_image", "risk",
            "check", "report", "rescue"],
}
FOR_TESTS = re.compile(r"(_test\.cpp|/testing\.[ch]pp|/fixture\.hpp)$")
INCLUDE = re.compile(r'^\s*#\s*include\s*"([^"]+)"')

# The explorer knows states and actions; what they stand for is none of its business.
KERNEL_WORDS = ("pid", "tid", "tgid", "signal", "sigkill", "rcu", "uring", "kernel", "cpu", "sched",
                "zombie", "reaper", "preempt", "syscall", "linux", "container")
WORD = re.compile(r"[A-Z]?[a-z0-9]+|[A-Z]+(?![a-z])")  # the words of snake_case, CamelCase and CAPITALS
COMMENT_OR_TEXT = re.compile(r'//[^\n]*|/\*.*?\*/|"(?:\\.|[^"\\\n])*"', re.DOTALL)

MAX_LINES = 450
MAX_TEST_LINES = 600
NEEDS_LICENCE = re.compile(r"(\.(cpp|hpp|inc|c|h|py|sh|cmake|toml|js)|(^|/)CMakeLists\.txt)$")
# Spelled in pieces, so that this file does not find itself. Captures from other machines keep their paths.
PRIVATE_PATH = re.compile("(?<![\\w.])/(?:" + "|".join(("home/", "Users/", "root/", "work/", "tmp/wt")) + ")")
CAPTURES = ("tests/cases/",)


def tracked_files(root):
    """What git tracks below `root`; without git, what lies there."""
    listed = subprocess.run(["git", "-c", f"safe.directory={root}", "-C", root, "ls-files", "-z"],
                            capture_output=True, check=False)
    if listed.returncode == 0 and listed.stdout:
        names = [os.fsdecode(name) for name in listed.stdout.split(b"\0") if name]
        return [name for name in names if os.path.isfile(os.path.join(root, name))]
    names = []
    for folder, folders, files in os.walk(root):
        folders[:] = [name for name in folders if name not in (".git", "build", "__pycache__")]
        names += [os.path.relpath(os.path.join(folder, name), root) for name in files]
    return sorted(names)


def text_of(root, name):
    with open(os.path.join(root, name), encoding="utf-8", errors="replace") as file:
        return file.read()


def is_cpp(name):
    return name.startswith("src/") and name.endswith((".cpp", ".hpp", ".inc"))


def room_of(path):
    """The room of a path below src/, or None when no room of that name is known."""
    parts = path.split("/")
    for length in (2, 1):
        if len(parts) > length and "/".join(parts[:length]) in MAY_INCLUDE:
            return "/".join(parts[:length])
    return None


def allowed(room, target):
    return any(target == one or target.startswith(one + "/") for one in [room, *MAY_INCLUDE[room]])


def check_includes(root):
    """Every include that names a file of src/ goes along an arrow."""
    problems, looked = [], 0
    for name in filter(is_cpp, tracked_files(root)):
        if FOR_TESTS.search(name):
            continue
        room = room_of(name[len("src/"):])
        if room is None:
            problems.append(f"{name}: is in no room that MAY_INCLUDE of {os.path.basename(__file__)} knows")
            continue
        for number, line in enumerate(text_of(root, name).splitlines(), 1):
            match = INCLUDE.match(line)
            if not match:
                continue
            target = match.group(1)
            looked += 1
            if ".." in target or not os.path.isfile(os.path.join(root, "src", target)):
                problems.append(f'{name}:{number}: "{target}" is not a path below src/')
            elif not allowed(room, target):
                problems.append(f'{name}:{number}: {room} must not include "{target}"; '
                                f"it may include: {', '.join(MAY_INCLUDE[room]) or 'no other room'}")
    return problems, looked


def check_words(root):
    """The explorer's code names nothing of a kernel."""
    problems, looked = [], 0
    for name in tracked_files(root):
        if not name.startswith("src/explorer/") or not is_cpp(name) or FOR_TESTS.search(name):
            continue
        blank = lambda found: re.sub(r"[^\n]", " ", found.group())
        for number, line in enumerate(COMMENT_OR_TEXT.sub(blank, text_of(root, name)).splitlines(), 1):
            looked += 1
            problems += [f"{name}:{number}: the explorer must not know the word `{word}`"
                         for word in WORD.findall(line) if word.lower().removesuffix("s") in KERNEL_WORDS]
    return problems, looked


def check_files(root):
    """Licence line, length, no path of somebody's machine."""
    problems, looked = [], 0
    for name in tracked_files(root):
        text = text_of(root, name)
        lines = text.splitlines()
        looked += 1
        needs_licence = NEEDS_LICENCE.search(name) or text.startswith("#!")
        if needs_licence and not name.startswith(CAPTURES) and \
                not any("SPDX-License-Identifier: " in line for line in lines[:5]):
            problems.append(f"{name}:1: no SPDX-License-Identifier in the first 5 lines")
        limit = MAX_TEST_LINES if FOR_TESTS.search(name) else MAX_LINES
        if name.startswith("src/") and len(lines) > limit:
            problems.append(f"{name}:{limit}: {len(lines)} lines; at most {limit}: split it by subject")
        if not name.startswith(CAPTURES):
            problems += [f"{name}:{number}: a path of somebody's machine: {line.strip()[:80]}"
                         for number, line in enumerate(lines, 1) if PRIVATE_PATH.search(line)]
    return problems, looked


CHECKS = {"includes": check_includes, "words": check_words, "files": check_files}


def run(checks, usage):
    """Runs the check that the command line names, and exits with what it says."""
    if len(sys.argv) != 3 or sys.argv[1] not in checks:
        sys.exit(usage)
    problems, looked = checks[sys.argv[1]](os.path.abspath(sys.argv[2]))
    print(*problems, sep="\n", end="\n" if problems else "")
    print(f"{sys.argv[1]}: looked at {looked}, {len(problems)} wrong")
    sys.exit(1 if problems else 0 if looked else 2)


if __name__ == "__main__":
    run(CHECKS, __doc__)
