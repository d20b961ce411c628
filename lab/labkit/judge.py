# SPDX-License-Identifier: Apache-2.0
"""What a boot means: by what the guest said, and where it could say nothing, by what its kernel reported."""
import dataclasses
import json
import re

SOFT_LOCKUP = re.compile(r"watchdog: BUG: soft lockup - CPU#(\d+) stuck for \d+s! \[(.*):(\d+)\]")


@dataclasses.dataclass
class Judgement:
    verdict: str
    seconds: float | None = None  # in the guest, from the start of the workload to the jam
    culprit: int | None = None
    comm: str = ""
    words: dict = dataclasses.field(default_factory=dict)  # key=value of the guest's last lines
    steps: dict = dataclasses.field(default_factory=dict)  # step -> (exit code, ms)
    wrong: list = dataclasses.field(default_factory=list)  # what differs from what was expected
    slow: list = dataclasses.field(default_factory=list)  # steps past their limit: the host is slow, or we are


def lab_lines(console):
    return [line[line.index("LAB ") + 4:] for line in console if "LAB " in line]


def pairs(line):
    return {key: text or bare for key, text, bare in re.findall(r'(\w+)=(?:"([^"]*)"|(\S+))', line)}


def judge(boot):
    words, steps = {}, {}
    for line in lab_lines(boot.console):
        if line.startswith(("more ", "hung ")):
            continue  # another workload than the one that is judged; a victim, not the spinner
        told = pairs(line)
        if "step" in told:
            steps[told["step"]] = (int(told.get("exit", -1)), int(told.get("ms", -1)))
        else:
            words.update(told)
    out = Judgement(words.get("verdict", "no-answer"), words=words, steps=steps)
    if "seconds" in words:
        out.seconds = float(words["seconds"])
    if "tid" in words:
        out.culprit, out.comm = int(words["tid"]), words.get("comm", "")
    if out.verdict == "no-answer":
        kernel_says(boot.console, out)
    return out


def kernel_says(console, out):
    """A soft lockup report whose stack stands in zap_pid_ns_processes() is a lockup without a witness."""
    reports = [at for at, line in enumerate(console) if SOFT_LOCKUP.search(line)]
    for at, end in zip(reports, [*reports[1:], len(console)]):
        if "zap_pid_ns_processes" in "\n".join(console[at:min(end, at + 60)]):
            found = SOFT_LOCKUP.search(console[at])
            out.verdict, out.comm, out.culprit = "lockup", found[2], int(found[3])
            return


def compare(scenario, kernel, boot, out):
    """Fills in what is not as the scenario says."""
    expected = scenario.expect.get(kernel.name)
    if expected and out.verdict != expected:
        out.wrong.append(f"verdict {out.verdict}, expected {expected}")
    if expected and boot.ended == "panic":
        out.wrong.append("the guest's kernel panicked")
    if "error" in out.words:
        out.wrong.append(out.words["error"])
    if out.verdict != expected or expected not in scenario.check_when:
        return
    for pattern in scenario.see:
        if not any(re.search(pattern, line) for line in boot.console):
            out.wrong.append(f"not seen: {pattern}")
    for name, code, limit in scenario.steps:
        if name not in out.steps:
            out.wrong.append(f"step {name} did not end")
        elif out.steps[name][0] != code:
            out.wrong.append(f"step {name} ended with exit code {out.steps[name][0]}, expected {code}")
        elif out.steps[name][1] > limit:
            out.slow.append(f"step {name} took {out.steps[name][1]} ms, the limit is {limit}")
    if scenario.cause:
        compare_diagnosis(scenario, boot, out)


def compare_diagnosis(scenario, boot, out):
    try:
        findings = json.loads(boot.files["diagnose.json"])["findings"]
        first = findings[0]
    except (KeyError, IndexError, ValueError) as error:
        out.wrong.append(f"no diagnosis came out of the guest ({type(error).__name__}: {error})")
        return
    if (first["cause"], first["confidence"]) != (scenario.cause, scenario.confidence):
        out.wrong.append(f"diagnosis {first['cause']} {first['confidence']}, expected {scenario.cause} {scenario.confidence}")
    culprit = first["culprit"] or {}
    if scenario.cause == "reaper-busy-loop" and culprit.get("tid") != out.culprit:
        out.wrong.append(f"diagnosis names {culprit.get('comm')}[{culprit.get('tid')}], the spinner is {out.comm}[{out.culprit}]")
