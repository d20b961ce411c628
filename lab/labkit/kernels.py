# SPDX-License-Identifier: Apache-2.0
"""The kernels of the lab: Debian's source, one patch, one line of configuration; built once, then from the cache."""
import dataclasses
import fcntl
import json
import os
import pathlib
import shutil
import subprocess
import time
import tomllib

from labkit.base import LAB, LabError, cache_dir, digest, run_logged, say, work_dir

SOURCE_PACKAGE = "linux-source-6.1"
PATCHED_FILE = "kernel/pid_namespace.c"
PREEMPT = {"none": "CONFIG_PREEMPT_NONE=y", "voluntary": "CONFIG_PREEMPT_VOLUNTARY=y", "full": "CONFIG_PREEMPT=y"}
# What `make M=...` for a module reads of a build tree.
BUILD_TREE = ["Makefile", ".config", "Module.symvers", "Kbuild", "Kconfig", "scripts", "include", "arch/x86/include",
              "arch/x86/Makefile", "arch/x86/Makefile_32.cpu", "tools/objtool/objtool"]
STAMP = ["KBUILD_BUILD_TIMESTAMP=Thu Jan  1 00:00:00 UTC 2026", "KBUILD_BUILD_USER=unzap", "KBUILD_BUILD_HOST=lab",
         "KBUILD_BUILD_VERSION=1"]
BUILDER = "1"  # part of the key: a new number builds all kernels again


@dataclasses.dataclass(frozen=True)
class Kernel:
    name: str
    summary: str
    preempt: str
    patches: tuple
    model: tuple
    already: str = ""
    needs: str = ""


@dataclasses.dataclass(frozen=True)
class Built:
    kernel: Kernel
    place: pathlib.Path
    facts: dict

    @property
    def image(self):
        return self.place / "bzImage"


def catalogue():
    with open(LAB / "kernels" / "kernels.toml", "rb") as file:
        rows = tomllib.load(file)["kernel"]
    return [Kernel(**{key: tuple(value) if isinstance(value, list) else value for key, value in row.items()})
            for row in rows]


def choose(names):
    """The kernels of these names, all for none."""
    known = {kernel.name: kernel for kernel in catalogue()}
    for name in names:
        if name not in known:
            raise LabError(f"there is no kernel '{name}'; allowed: {', '.join(known)}", 64)
    return [known[name] for name in names] if names else list(known.values())


class Source:
    """The source package: its archive, its version, and where it lies unpacked."""

    def __init__(self):
        self.archive = pathlib.Path(os.environ.get("UNZAP_LAB_SOURCE") or f"/usr/src/{SOURCE_PACKAGE}.tar.xz")
        if not self.archive.is_file():
            raise LabError(f"{self.archive} is not there; install the package {SOURCE_PACKAGE}", 66)
        status = self.archive.stat()
        asked = subprocess.run(["dpkg-query", "-W", "-f=${Version}", SOURCE_PACKAGE], capture_output=True, text=True)
        self.version = asked.stdout.strip() or "unknown"
        # Version and size, not the content: 130 MB would be read on every call. A rebuilt package has a new version.
        self.key = digest(self.version, str(status.st_size))

    def unpack(self, log):
        """The unpacked tree, as the package has it, but for objects and the patched file."""
        tree = work_dir() / f"source-{self.key}"
        if not (tree / ".unpacked").exists():
            say(f"unpacking {self.archive} into {tree}")
            shutil.rmtree(tree, ignore_errors=True)
            tree.mkdir(parents=True)
            run_logged(["tar", "-xf", str(self.archive), "--strip-components=1", "-C", str(tree)], log, what="tar")
            shutil.copy2(tree / PATCHED_FILE, tree / (PATCHED_FILE + ".debian"))
            (tree / ".unpacked").touch()
        return tree


def compiler():
    return subprocess.run(["gcc", "--version"], capture_output=True, text=True, check=True).stdout.splitlines()[0]


def key_of(kernel, source):
    patches = [(LAB / "kernels" / name).read_text() for name in kernel.patches]
    return digest(BUILDER, source.key, compiler(), (LAB / "kernels" / "lab.config").read_text(), PREEMPT[kernel.preempt],
                  kernel.already, kernel.needs, *patches)


def cached(kernel, source):
    """The built kernel, or None."""
    place = cache_dir() / "kernels" / f"{kernel.name}-{key_of(kernel, source)}"
    facts = place / "facts.json"
    return Built(kernel, place, json.loads(facts.read_text())) if facts.exists() else None


def apply_patch(kernel, tree):
    """Puts the kernel's own version of the patched file into the tree; says which patch that was."""
    original = (tree / (PATCHED_FILE + ".debian")).read_text()
    if kernel.needs and kernel.needs not in original:
        raise LabError(f"{kernel.name}: {PATCHED_FILE} of this source has no `{kernel.needs}`; it is too old for this kernel", 65)
    target = tree / PATCHED_FILE
    trial = tree / (PATCHED_FILE + ".trial")
    taken = "none"
    for name in kernel.patches:
        trial.write_text(original)
        tried = subprocess.run(["patch", "--silent", "--force", "--no-backup-if-mismatch", "--reject-file=-", str(trial), str(LAB / "kernels" / name)],
                               capture_output=True, text=True)
        if tried.returncode == 0:
            taken, original = name, trial.read_text()
            break
    else:
        if kernel.patches and not (kernel.already and kernel.already in original):
            raise LabError(f"{kernel.name}: none of {', '.join(kernel.patches)} applies to {PATCHED_FILE} of this source", 65)
    trial.unlink(missing_ok=True)
    if not target.exists() or target.read_text() != original:
        target.write_text(original)  # only when it differs: make looks at the time
    return taken


def configure(kernel, tree, log):
    fragment = tree / ".lab-fragment"
    wanted = (LAB / "kernels" / "lab.config").read_text() + PREEMPT[kernel.preempt] + "\n"
    stamp = tree / ".lab-configured"
    if stamp.exists() and stamp.read_text() == wanted:
        return
    fragment.write_text(wanted)
    run_logged(["make", "-s", f"KCONFIG_ALLCONFIG={fragment}", "allnoconfig"], log, cwd=tree, what="make allnoconfig")
    got = set((tree / ".config").read_text().splitlines())
    missing = [line for line in wanted.splitlines() if line.startswith("CONFIG_") and line.endswith("=y") and line not in got]
    if missing:
        raise LabError(f"{kernel.name}: this source does not take {', '.join(missing)}")
    stamp.write_text(wanted)


def keep(kernel, source, tree, patch, seconds):
    """Image, symbols, configuration and what building a module needs, into the cache; complete or not at all."""
    place = cache_dir() / "kernels" / f"{kernel.name}-{key_of(kernel, source)}"
    fresh = place.with_name(place.name + f".new-{os.getpid()}")
    shutil.rmtree(fresh, ignore_errors=True)
    (fresh / "build").mkdir(parents=True)
    shutil.copy2(tree / "arch/x86/boot/bzImage", fresh / "bzImage")
    shutil.copy2(tree / "System.map", fresh / "System.map")
    shutil.copy2(tree / ".config", fresh / "config")
    present = [name for name in BUILD_TREE if (tree / name).exists()]
    pack = subprocess.Popen(["tar", "-cf", "-", "-C", str(tree), "--exclude=*.o", "--exclude=.*.cmd", "--exclude=include/linux/*.debian", *present, "scripts/module.lds"],
                            stdout=subprocess.PIPE)
    subprocess.run(["tar", "-xf", "-", "-C", str(fresh / "build")], stdin=pack.stdout, check=True)
    if pack.wait() != 0:
        raise LabError("tar failed while keeping the build tree")
    release = (tree / "include/config/kernel.release").read_text().strip()
    facts = {"name": kernel.name, "release": release, "source": f"{SOURCE_PACKAGE} {source.version}", "patch": patch,
             "preempt": kernel.preempt, "compiler": compiler(), "seconds": round(seconds)}
    (fresh / "facts.json").write_text(json.dumps(facts, indent=1) + "\n")
    shutil.rmtree(place, ignore_errors=True)
    fresh.rename(place)
    return Built(kernel, place, facts)


def build(kernel, source):
    """The kernel, from the cache if what goes into it is the same, else built now."""
    if found := cached(kernel, source):
        return found
    work_dir().mkdir(parents=True, exist_ok=True)
    with open(work_dir() / ".lock", "w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # one tree, one builder
        if found := cached(kernel, source):
            return found
        log = work_dir() / f"{kernel.name}.log"
        log.write_text("")
        start = time.monotonic()
        tree = source.unpack(log)
        patch = apply_patch(kernel, tree)
        configure(kernel, tree, log)
        say(f"building {kernel.name} ({kernel.summary}); log: {log}")
        jobs = os.cpu_count() or 1
        run_logged(["make", "-s", f"-j{jobs}", *STAMP, "bzImage", "modules"], log, cwd=tree, what=f"the build of {kernel.name}")
        return keep(kernel, source, tree, patch, time.monotonic() - start)
