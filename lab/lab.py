#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""The lab: real kernels in QEMU. `./dev lab` calls this after building the programs that it needs."""
import argparse
import signal
import sys

sys.dont_write_bytecode = True

from labkit import kernels, matrix, runs, scenario  # noqa: E402  (after the line above on purpose)
from labkit.base import LabError, say  # noqa: E402

EXAMPLES = """examples:
  ./dev lab build                        all kernels; the first time some minutes each, then at once
  ./dev lab run armed-poll               this scenario on each kernel that it speaks of
  ./dev lab run --kernel unfixed-none    every scenario on this kernel
  ./dev lab smoke                        the short proof: jam, diagnose, rescue; and a fixed kernel stays clean
  ./dev lab rate armed-poll -n 20        how often, how fast
  ./dev lab matrix                       kernels x scenarios, next to what the model says: docs/lab-results.md
exit codes: 0 as expected, 1 not as expected, 64 usage, 65 a file of the lab is wrong, 66 source package missing,
69 QEMU or busybox missing, 70 a step failed. Output of each run: build/lab/SCENARIO/KERNEL/NUMBER/"""


# scenario, kernel, boots: on a busy host an emulated guest can be too slow to be certain within the limits of `rescue`, and
# then nothing is done. What a boot shows that is not as expected is printed. A kernel with the fix has one boot to stay clean.
SMOKE = [("rescue", "unfixed-none", 3), ("armed-poll", "fix-2026-none", 1)]


def parser():
    out = argparse.ArgumentParser(prog="./dev lab", description="Real kernels in QEMU: drive them into the jam, watch, cure.",
                                  epilog=EXAMPLES, formatter_class=argparse.RawDescriptionHelpFormatter)
    verbs = out.add_subparsers(dest="verb", required=True, metavar="VERB")
    build = verbs.add_parser("build", help="build the kernels, or find them in the cache")
    build.add_argument("kernels", nargs="*", metavar="KERNEL")
    run = verbs.add_parser("run", help="boot, run the scenarios, judge")
    run.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    run.add_argument("--kernel", action="append", default=[], metavar="KERNEL", help="only this kernel; may be given again")
    verbs.add_parser("smoke", help="jam a kernel without a fix, diagnose, rescue; boot one with the fix: clean")
    rate = verbs.add_parser("rate", help="boot often, count lockups")
    rate.add_argument("scenarios", nargs="*", metavar="SCENARIO")
    rate.add_argument("-n", type=int, default=20, metavar="COUNT", help="boots for each kernel (default: 20)")
    rate.add_argument("--kernel", action="append", default=[], metavar="KERNEL")
    table = verbs.add_parser("matrix", help="kernels x scenarios, next to the model")
    table.add_argument("--from-results", action="store_true", help="boot nothing: take the newest kept results")
    verbs.add_parser("list", help="the kernels and the scenarios")
    return out


def build(options):
    source = kernels.Source()
    for kernel in kernels.choose(options.kernels):
        found = kernels.cached(kernel, source) is not None
        built = kernels.build(kernel, source)
        how = "from the cache" if found else f"built in {built.facts['seconds']} s"
        print(f"{kernel.name:18} {built.facts['release']}, {built.facts['source']}, patch {built.facts['patch']}; {how}: {built.place}")
    return 0


def rate(options):
    source = kernels.Source()
    chosen = scenario.choose(options.scenarios) if options.scenarios else [one for one in scenario.load_all() if one.rate]
    good = True
    for one in chosen:
        for kernel in kernels.choose(list(one.expect)):
            if options.kernel and kernel.name not in options.kernel:
                continue
            counted = runs.rate(one, kernels.build(kernel, source), options.n)
            print(counted.text(), flush=True)
            for text in counted.wrong:
                print(f"    NO ANSWER: {text}")
            good &= not counted.wrong and (counted.hits > 0) == (one.expect[kernel.name] == "lockup")
    return 0 if good else 1


def smoke(_options):
    good = [any(runs.run_all(scenario.choose([name]), [kernel]) for _ in range(boots)) for name, kernel, boots in SMOKE]
    return 0 if all(good) else 1


def show(_options):
    for kernel in kernels.catalogue():
        print(f"{kernel.name:18} {kernel.summary}")
    print()
    for one in scenario.load_all():
        print(f"{one.name:18} {one.summary}")
    return 0


def main():
    options = parser().parse_args()
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # an exception: the guest is ended on the way out
    try:
        if options.verb == "run":
            kernels.choose(options.kernel)
            return 0 if runs.run_all(scenario.choose(options.scenarios), options.kernel) else 1
        return {"build": build, "rate": rate, "smoke": smoke, "matrix": matrix.run, "list": show}[options.verb](options)
    except LabError as error:
        say(str(error))
        return error.code
    except KeyboardInterrupt:
        return 130


if __name__ == "__main__":
    sys.exit(main())
