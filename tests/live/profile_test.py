#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A task that runs in the kernel, whose stack /proc does not show: samples of its CPU show one. They are taken from
outside, for a CPU belongs to the machine.

usage: profile_test.py UNZAP profile
"""
import contextlib
import ctypes
import os
import re
import subprocess
import tempfile

import live
from live import Skip, read, stat_fields, wait_for

BYTES = (1 << 25) - 1  # the most that getrandom() gives in one call: a tenth of a second in the kernel


def spin(tell):
    """Stays in the kernel: one long call after the other, into memory that is there already."""
    random = ctypes.CDLL(None, use_errno=True).getrandom
    buffer = ctypes.create_string_buffer(BYTES)
    os.nice(-20)  # it has to have most of a CPU, whatever else the machine does
    os.setsid()
    with contextlib.suppress(OSError):  # where the scheduler weighs sessions, nice counts within one only
        live.write("/proc/self/autogroup", -20)
    tell(os.getpid())
    while True:
        random(buffer, BYTES, 0)


def task_block(text, tid):
    """What a bundle says of one task."""
    found = [block for block in text.split("\n\n") if re.search(rf"^tid: {tid}$", block, re.M)]
    return found[0] if found else ""


def profile(stage, unzap):
    if int(read("/proc/sys/kernel/kptr_restrict") or "0") > 1:
        raise Skip("kernel.kptr_restrict hides the addresses of kernel functions")
    pid, _ = stage.run("uz-spinner", spin)
    wait_for("time in the kernel", lambda: int(stat_fields(pid)[12]) > 20)
    outer = stage.outer_tid(pid)
    with tempfile.TemporaryDirectory() as folder:
        bundle = os.path.join(folder, "node.unzap")

        def recorded():
            """The spinner as it was recorded, once it had most of a CPU for itself."""
            code, _, errors = stage.outside(unzap, "record", "--force", "-o", bundle)
            assert code == 0, errors
            text = subprocess.run(["zstd", "-dcq", bundle], capture_output=True, text=True, check=True).stdout
            if re.search(r"perf_event: not (in this kernel|permitted)|not permitted: [^.]*perf_event", text):
                raise Skip("perf_event is not available here")
            block = task_block(text, outer)
            return block if "perf" in block else None

        block = wait_for("samples of the spinner", recorded, 60)
    assert re.search(r"get_random|getrandom|chacha", block), block
    assert re.search(r"perf_event, \d+ of \d+ samples in the kernel", block), block


if __name__ == "__main__":
    live.main({"profile": profile})
