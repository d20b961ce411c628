# SPDX-License-Identifier: Apache-2.0
"""What goes into a guest besides busybox: our programs, and modules built for its kernel."""
import os
import pathlib
import shutil
import subprocess

from labkit.base import ROOT, LabError, cache_dir, digest, run_logged

BUILD = ROOT / "build" / "release"
KMOD = ROOT / "kmod"


def programs():
    """Our own programs, static and without symbols."""
    out = {}
    for name, file in (("unzap", "unzap_static"), ("lab_workload", "lab_workload")):
        path = BUILD / file
        if not path.exists():
            raise LabError(f"{path} is not there; ./dev lab builds it", 66)
        small = path.with_name(file + ".stripped")
        if not small.exists() or small.stat().st_mtime < path.stat().st_mtime:
            subprocess.run(["strip", "-o", str(small), str(path)], check=True)
        out[name] = small
    return out


def modules(built):
    """kmod/*.ko for this kernel, built when the sources or the kernel changed."""
    sources = sorted([*KMOD.glob("*.c"), *KMOD.glob("*.h"), *KMOD.glob("Kbuild"), *KMOD.glob("Makefile")])
    if not sources:
        return []
    key = digest(built.place.name, *[path.read_bytes() for path in sources])
    place = cache_dir() / "modules" / f"{built.kernel.name}-{key}"
    if not place.exists():
        fresh = pathlib.Path(f"{place}.new-{os.getpid()}")
        shutil.rmtree(fresh, ignore_errors=True)
        fresh.mkdir(parents=True)
        for path in sources:
            shutil.copy2(path, fresh)
        run_logged(["make", "-s", "-C", str(built.place / "build"), f"M={fresh}", "modules"], fresh / "build.log", what="the build of kmod")
        shutil.rmtree(place, ignore_errors=True)
        fresh.rename(place)
    return sorted(place.glob("*.ko"))
