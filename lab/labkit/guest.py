# SPDX-License-Identifier: Apache-2.0
"""One boot: a machine in QEMU, what it says, and its end, whatever happens inside."""
import dataclasses
import functools
import io
import os
import pathlib
import re
import select
import shutil
import subprocess
import tarfile
import time

from labkit import programs
from labkit.base import LAB, LabError
from labkit.initramfs import Archive

BUSYBOX = pathlib.Path("/usr/bin/busybox")
APPLETS = ("sh tee mount umount mkdir cat ls sleep echo stty tar ps grep sed awk cut sort head tail wc date dmesg uname kill insmod rmmod "
           "lsmod true false test [ rm cp mv ln seq sysctl tr nproc poweroff reboot sync env find taskset timeout usleep printf dd base64").split()
DONE = "LAB done"


@dataclasses.dataclass
class Boot:
    """What one boot gave. `ended`: how; `console`: every line; `files`: what the guest handed out, by name."""
    ended: str
    seconds: float
    console: list
    files: dict
    place: pathlib.Path


def accelerator():
    """KVM where it really works: the processor must offer it, and QEMU must be able to start a virtual CPU with it."""
    wanted = os.environ.get("UNZAP_LAB_ACCEL")
    if wanted in ("kvm", "tcg"):
        return wanted
    if wanted:
        raise LabError(f"UNZAP_LAB_ACCEL is kvm or tcg, not '{wanted}'", 64)
    flags = pathlib.Path("/proc/cpuinfo").read_text()
    if not re.search(r"\b(vmx|svm)\b", flags) or not os.access("/dev/kvm", os.R_OK | os.W_OK):
        return "tcg"
    probe = subprocess.Popen([qemu(), "-accel", "kvm", "-cpu", "host", "-nodefaults", "-display", "none", "-S", "-monitor", "none"],
                             stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    try:
        probe.wait(timeout=2)
        return "tcg"  # it could not even start
    except subprocess.TimeoutExpired:
        return "kvm"
    finally:
        probe.kill()
        probe.wait()


def qemu():
    found = shutil.which("qemu-system-x86_64")
    if not found:
        raise LabError("qemu-system-x86_64 is not there; install the package qemu-system-x86", 69)
    return found


def make_initramfs(ours, scenario, modules):
    archive = Archive()
    archive.character_device("dev/console", 5, 1)
    for folder in ("proc", "sys", "tmp", "out", "dev"):
        archive.folder(folder)
    if not BUSYBOX.exists():
        raise LabError(f"{BUSYBOX} is not there; install the package busybox-static", 69)
    archive.file("bin/busybox", BUSYBOX)
    for name in APPLETS:
        archive.link(f"bin/{name}", "busybox")
    for name, path in ours.items():
        archive.file(f"bin/{name}", path)
    for module in modules:
        archive.file(f"lab/modules/{module.name}", module, 0o644)
    archive.file("init", LAB / "guest" / "init")
    archive.file("lab/lib.sh", LAB / "guest" / "lib.sh", 0o644)
    archive.file("lab/run", scenario.place / "run")
    return archive.text()


@functools.cache
def clock_parameters():
    """A guest on a busy host measures its clocks wrongly, and loses seconds. The emulated time stamp counter is the
    host's: its rate is measured here and told to the guest."""
    khz = subprocess.run([str(programs.programs()["lab_workload"]), "--tsc"], capture_output=True, text=True, check=True).stdout.strip()
    return [f"tsc_early_khz={khz}", "tsc=reliable", "no_timer_check"]


def command(built, scenario, initrd, accel, handed_out):
    append = ["console=ttyS0,115200", "unzap.lab=guest", "panic=-1", f"watchdog_thresh={scenario.watchdog_seconds}", "loglevel=6",
              "sysctl.kernel.hung_task_timeout_secs=10", *clock_parameters(), *scenario.append]
    return [qemu(), "-machine", f"pc,accel={accel}", "-cpu", "host" if accel == "kvm" else "max", "-smp", f"{scenario.cpus},sockets={scenario.cpus}",
            "-m", str(scenario.memory_mib), "-nodefaults", "-display", "none", "-monitor", "none", "-no-reboot",
            "-serial", "stdio", "-chardev", f"file,id=out,path={handed_out}", "-serial", "chardev:out",
            "-kernel", str(built.image), "-initrd", str(initrd), "-append", " ".join(append)]


class Console:
    """Lines of the guest as they come, each with the seconds since the start, kept in a file as well."""

    def __init__(self, descriptor, path):
        self.descriptor = descriptor
        os.set_blocking(descriptor, False)
        self.file = open(path, "w", encoding="utf-8")
        self.rest = b""
        self.start = time.monotonic()
        self.lines = []

    def read(self, seconds):
        """New lines; None when the guest has closed its side."""
        if not select.select([self.descriptor], [], [], seconds)[0]:
            return []
        data = os.read(self.descriptor, 65536)
        if not data:
            return None
        *whole, self.rest = (self.rest + data).split(b"\n")
        fresh = [line.decode(errors="replace").rstrip("\r") for line in whole]
        at = time.monotonic() - self.start
        for line in fresh:
            self.file.write(f"{at:8.3f} {line}\n")
        self.file.flush()
        self.lines += fresh
        return fresh


def run(built, scenario, modules, place):
    """Boots the kernel with the scenario and waits for its end: its word, a panic, or the time limit."""
    place.mkdir(parents=True, exist_ok=True)
    initrd = place / "initramfs"
    initrd.write_bytes(make_initramfs(programs.programs(), scenario, modules))
    handed_out = place / "out.tar"
    handed_out.write_bytes(b"")
    line = command(built, scenario, initrd, accelerator(), handed_out)
    (place / "qemu.txt").write_text(" ".join(line) + "\n")
    start = time.monotonic()
    with open(place / "qemu.err", "wb") as errors:
        machine = subprocess.Popen(line, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=errors)
    try:
        console = Console(machine.stdout.fileno(), place / "console.log")
        ended = follow(machine, console, scenario)
    finally:
        machine.kill()  # a locked-up guest has no other end
        machine.wait()
        initrd.unlink()
    if ended == "qemu":
        raise LabError(f"QEMU ended by itself: {(place / 'qemu.err').read_text(errors='replace').strip()[-400:]}")
    return Boot(ended, time.monotonic() - start, console.lines, take_files(handed_out, place), place)


def follow(machine, console, scenario):
    """Reads until the guest is done, has panicked, has said enough for a verdict, or its time is over."""
    enough = scenario.enough_lines()
    deadline = time.monotonic() + scenario.limit_seconds
    quiet_end = None
    while (left := deadline - time.monotonic()) > 0:
        lines = console.read(min(left, 0.5))
        if lines is None:
            return "panic" if any("Kernel panic" in line for line in console.lines) else "qemu"
        for line in lines:
            if line.startswith(DONE):
                return "done"
            if enough and re.search(enough, line) and quiet_end is None:
                quiet_end = time.monotonic() + 1  # the report's other lines
        if quiet_end and time.monotonic() > quiet_end:
            return "seen enough"
    return "time limit"


def take_files(handed_out, place):
    """The files that the guest sent over its second serial line."""
    files = {}
    try:
        with tarfile.open(fileobj=io.BytesIO(handed_out.read_bytes())) as archive:
            for member in archive:
                if member.isfile() and (data := archive.extractfile(member)) is not None:
                    name = pathlib.PurePosixPath(member.name).name
                    files[name] = data.read()
    except tarfile.ReadError:
        pass  # nothing was sent, or not all of it
    folder = place / "out"
    for name, data in files.items():
        folder.mkdir(exist_ok=True)
        (folder / name).write_bytes(data)
    handed_out.unlink(missing_ok=True)
    return files
