# SPDX-License-Identifier: Apache-2.0
"""Places, talk and failures of the lab."""
import hashlib
import os
import pathlib
import subprocess
import sys

LAB = pathlib.Path(__file__).resolve().parent.parent
ROOT = LAB.parent


class LabError(Exception):
    """Something the user has to know; `code` is the exit code (sysexits.h)."""

    def __init__(self, text, code=70):
        super().__init__(text)
        self.code = code


def say(text):
    print(f"lab: {text}", file=sys.stderr, flush=True)


def cache_dir():
    """What is kept between calls and outside the checkout: kernels, and modules built for them."""
    base = os.environ.get("XDG_CACHE_HOME") or pathlib.Path.home() / ".cache"
    return pathlib.Path(base) / "unzap-lab"


def work_dir():
    """Where kernels are built; may be taken away at any time."""
    base = pathlib.Path(os.environ.get("TMPDIR") or "/tmp")
    return base / f"lab-{os.getuid()}"


def digest(*parts):
    """One key for several texts or byte strings; an input that moves from one to the next gives another key."""
    total = hashlib.sha256()
    for part in parts:
        data = part.encode() if isinstance(part, str) else part
        total.update(str(len(data)).encode() + b":" + data)
    return total.hexdigest()[:16]


def run_logged(command, log, cwd=None, what=None):
    """Runs a command with its output in `log`; a failure shows the end of it."""
    with open(log, "ab") as out:
        out.write(("$ " + " ".join(map(str, command)) + "\n").encode())
        out.flush()
        status = subprocess.run(command, cwd=cwd, stdin=subprocess.DEVNULL, stdout=out, stderr=subprocess.STDOUT).returncode
    if status != 0:
        tail = pathlib.Path(log).read_text(errors="replace").splitlines()[-20:]
        raise LabError("\n".join([f"{what or command[0]} failed with exit code {status}; the end of {log}:"]
                                 + ["  | " + line for line in tail]))
