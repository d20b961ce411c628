#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A healthy machine with much to do: nothing may be called stuck.

usage: busy_test.py UNZAP busy [RUNS [THREADS]]

While compile jobs run, containers come and go, THREADS threads (300) sleep and wake, a task stays in the kernel, a
container is paused and a parent leaves its zombies about, `unzap diagnose` looks RUNS times (10): from inside, where all
that is seen is ours, and from outside, where kernel threads are seen as well. No look may find anything above `possible`
in what is ours or was not there before, or take 5 seconds.
"""
import collections
import json
import os
import shutil
import signal
import statistics
import subprocess
import tempfile
import threading
import time

import live
from live import Look, Skip, call, pause, read, wait_for, write

MOST_SECONDS = 5.0
THREADS = 300  # of a process
PROGRAM = "".join(f"int f{n}(int x) {{ int y = x; while (y > {n}) y -= x * {n} + 1; return y; }}\n" for n in range(300))


def compile_jobs(_):
    """Short jobs that read, compute, write and sync."""
    compiler = shutil.which("cc") or shutil.which("gcc")
    with tempfile.TemporaryDirectory() as folder:
        source = os.path.join(folder, "a.c")
        write(source, PROGRAM)
        job = ([compiler, "-O1", "-c", source, "-o", source + ".o"] if compiler else
               ["/bin/sh", "-c", f"sort -r {source} | od -c > {source}.o; sync {source}.o"])
        while True:
            subprocess.run(job, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, check=False)
            with open(source + ".o", "ab") as file:
                os.fsync(file.fileno())


def short_container(mounts):
    """The life of a container: some processes, one with threads, one that starts others; then its init is killed."""
    call("unshare", live.CLONE_NEWPID | live.CLONE_NEWNS)
    call("mount", b"none", b"/", None, live.MS_REC | live.MS_PRIVATE, None)
    if mounts:
        call("mount", b"tmpfs", b"/mnt", b"tmpfs", 0, None)
    ready, tell = os.pipe()
    init = os.fork()
    if init == 0:
        for kind in range(4):
            if os.fork() != 0:
                continue
            if kind == 0:
                for _ in range(8):
                    threading.Thread(target=pause_thread, daemon=True).start()
            while kind == 1:
                if os.fork() == 0:
                    os._exit(0)
                os.wait()
            os.write(tell, b".")
            pause()
        while True:
            try:
                os.wait()
            except ChildProcessError:
                pause()
    os.read(ready, 1)
    os.kill(init, signal.SIGKILL)
    os.waitpid(init, 0)


def pause_thread():
    while True:
        time.sleep(0.01)


def containers(_):
    """One short-lived container after the other."""
    mounts = False
    while True:
        pid = os.fork()
        if pid == 0:
            try:
                short_container(mounts)
            finally:
                os._exit(0)
        os.waitpid(pid, 0)
        mounts = not mounts


def threads(tell):
    threading.stack_size(128 << 10)
    for _ in range(THREADS):
        threading.Thread(target=lambda: [time.sleep(0.2) for _ in iter(int, 1)], daemon=True).start()
    tell(1)
    pause()


def copier(_):
    """Almost all of its time in the kernel, with short ways back: a busy task, and nothing stuck."""
    zeros, buffer = os.open("/dev/zero", os.O_RDONLY), bytearray(8 << 20)
    while True:
        os.readv(zeros, [buffer])


def zombies(tell):
    for _ in range(30):
        if os.fork() == 0:
            os._exit(0)
    tell(1)
    pause()


def pause_a_container(stage):
    """Frozen and not killed: as normal as can be. Where no cgroup can be made there is one thing less to see."""
    for version in (1, 2):
        try:
            cgroup = stage.cgroup(version)
        except Skip as reason:
            print(f"without a paused container: {reason}", flush=True)
            continue
        _, members = stage.container({"uz-paused": pause})
        write(f"{cgroup}/cgroup.procs", members["uz-paused"])
        write(f"{cgroup}/freezer.state" if version == 1 else f"{cgroup}/cgroup.freeze",
              "FROZEN" if version == 1 else "1")


def key(finding):
    culprit = finding["culprit"] or {}
    return finding["cause"], culprit.get("tid"), culprit.get("comm")


class OuterLook:
    """A look at the whole machine. Somebody else's jam may be there, or come meanwhile: what counts is what names a task
    of ours, or no task at all."""

    def __init__(self, stage, unzap):
        start = time.monotonic()
        self.code, output, errors = stage.outside(unzap, "diagnose", "--format", "json")
        self.seconds = time.monotonic() - start
        self.text = output + errors
        self.findings = json.loads(output)["findings"]
        self.stage = stage

    def bad(self, before):
        return [finding for finding in self.findings
                if finding["confidence"] != "possible" and key(finding) not in before and self._ours(finding)]

    def _ours(self, finding):
        parties = [party for party in (finding["culprit"], *finding["victims"]) if party]
        tids = [party.get("tid") or party.get("pid") for party in parties]
        return not parties or any(self.stage.owned(tid) for tid in tids)


class InnerLook(Look):
    def __init__(self, _, unzap):
        super().__init__(unzap)
        self.findings = self.document["findings"]  # also of tasks that are gone by now

    def bad(self, before):
        return [finding for finding in self.above_possible() if key(finding) not in before]


def busy(stage, unzap, runs="10", count="300"):
    stage.container()  # skips where none can be made
    before = {kind: {key(finding) for finding in kind(stage, unzap).findings} for kind in (InnerLook, OuterLook)}
    pause_a_container(stage)
    for _ in range(-(-int(count) // THREADS)):
        stage.run("uz-threads", threads)
    stage.run("uz-zombies", zombies)
    stage.fork("uz-copier", copier)
    for body in (compile_jobs, containers, compile_jobs, containers):
        pid, _ = stage.fork(f"uz-{body.__name__[:8]}", body)
        wait_for(f"the first child of {body.__name__}", lambda pid=pid: live.children(pid))
    seconds, codes, seen, bad = [], collections.Counter(), collections.Counter(), []
    for number in range(int(runs)):
        kind = (InnerLook, OuterLook)[number % 2]
        look = kind(stage, unzap)
        seconds.append(look.seconds)
        codes[look.code] += 1
        seen.update(f"{finding['cause']} {finding['confidence']}" for finding in look.findings)
        if look.bad(before[kind]) or look.seconds >= MOST_SECONDS:
            bad.append(look)
    print(f"{runs} looks: exit codes {dict(codes)}, findings {dict(seen)}, seconds: median "
          f"{statistics.median(seconds):.2f}, most {max(seconds):.2f}; {len(bad)} bad", flush=True)
    for look in bad[:3]:
        print(f"--- a bad look, {look.seconds:.2f} s, exit code {look.code}\n{look.text}")
    assert not bad


if __name__ == "__main__":
    live.main({"busy": busy})
