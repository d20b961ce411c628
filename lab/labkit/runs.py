# SPDX-License-Identifier: Apache-2.0
"""Boots one after the other: the runs of `lab run`, the counts of `lab rate`."""
import dataclasses
import json
import math
import pathlib
import statistics

from labkit import guest, judge, kernels, programs
from labkit.base import ROOT, say

RESULTS = ROOT / "build" / "lab"


@dataclasses.dataclass
class Run:
    scenario: object
    built: object
    boot: guest.Boot
    judged: judge.Judgement

    @property
    def good(self):
        return not self.judged.wrong


def fresh_place(scenario, built):
    """build/lab/SCENARIO/KERNEL/NUMBER, the next number; the output of each run is kept."""
    base = RESULTS / scenario.name / built.kernel.name
    taken = [int(path.name) for path in base.glob("[0-9]*") if path.name.isdigit()]
    return base / f"{max(taken, default=0) + 1:03d}"


def once(scenario, built):
    boot = guest.run(built, scenario, programs.modules(built), fresh_place(scenario, built))
    judged = judge.judge(boot)
    judge.compare(scenario, built.kernel, boot, judged)
    (boot.place / "result.json").write_text(json.dumps({
        "scenario": scenario.name, "kernel": built.facts, "cpus": scenario.cpus, "ended": boot.ended,
        "seconds_of_the_boot": round(boot.seconds, 1), **dataclasses.asdict(judged)}, indent=1) + "\n")
    return Run(scenario, built, boot, judged)


def row(run):
    judged = run.judged
    seconds = f"{judged.seconds:.2f} s" if judged.seconds is not None and judged.verdict == "lockup" else ""
    who = f"{judged.comm}[{judged.culprit}]" if judged.culprit else ""
    steps = " ".join(f"{name}:{code}/{ms}ms" for name, (code, ms) in judged.steps.items())
    line = f"{run.scenario.name:20} {run.built.kernel.name:18} {judged.verdict:10} {seconds:8} {who:22} boot {run.boot.seconds:5.1f} s  {steps}"
    return "\n".join([line.rstrip()] + [f"    NOT AS EXPECTED: {text}" for text in judged.wrong]
                     + [f"    SLOW: {text}" for text in judged.slow])


def run_all(scenarios, chosen):
    """Every scenario on every chosen kernel that it speaks of. True when all went as expected."""
    source = kernels.Source()
    good = True
    for scenario in scenarios:
        for kernel in kernels.choose(list(scenario.expect)):
            if chosen and kernel.name not in chosen:
                continue
            run = once(scenario, kernels.build(kernel, source))
            print(row(run), flush=True)
            if not run.good:
                say(f"see {run.boot.place.relative_to(ROOT)}/console.log")
            good &= run.good
    return good


def wilson(hits, total):
    """The 95 % interval of a rate, after Wilson; in percent."""
    if total == 0:
        return 0.0, 100.0
    z = 1.959964
    middle = (hits + z * z / 2) / (total + z * z)
    half = z / (total + z * z) * math.sqrt(hits * (total - hits) / total + z * z / 4)
    return 100 * max(0.0, middle - half), 100 * min(1.0, middle + half)


@dataclasses.dataclass
class Rate:
    scenario: str
    kernel: str
    hits: int
    total: int
    seconds: list
    wrong: list

    def text(self):
        low, high = wilson(self.hits, self.total)
        times = f"median {statistics.median(self.seconds):.2f} s, {min(self.seconds):.2f} to {max(self.seconds):.2f}" if self.seconds else "-"
        return (f"{self.scenario:16} {self.kernel:18} {self.hits:3} of {self.total:3} lock up, 95 % interval "
                f"{low:.0f} to {high:.0f} %; in the guest: {times}")


def rate(scenario, built, count):
    """Boots `count` times. What is neither a lockup nor clean is not an answer, and is not counted."""
    out = Rate(scenario.name, built.kernel.name, 0, 0, [], [])
    for number in range(1, count + 1):
        run = once(scenario, built)
        verdict = run.judged.verdict
        if verdict not in ("lockup", "clean"):
            out.wrong.append(f"boot {number}: {verdict} ({run.boot.ended}), {run.boot.place.relative_to(ROOT)}")
            continue
        out.total += 1
        out.hits += verdict == "lockup"
        if verdict == "lockup" and run.judged.seconds is not None:
            out.seconds.append(run.judged.seconds)
        say(f"{scenario.name} {built.kernel.name} boot {number} of {count}: {verdict}")
    return out
