# SPDX-License-Identifier: Apache-2.0
"""Kernels x scenarios, next to what the model says of the same cell: docs/lab-results.md."""
import dataclasses
import json
import subprocess

from labkit import kernels, programs, runs, scenario
from labkit.base import ROOT, LabError, say

PAGE = ROOT / "docs" / "lab-results.md"
BEGIN, END = "<!-- begin: written by ./dev lab matrix -->", "<!-- end -->"


@dataclasses.dataclass
class Cell:
    scenario: object
    kernel: object
    seen: str  # verdict of the boot, "not run" when there is none
    how: str = ""
    model: str = "-"
    wrong: tuple = ()  # what differed from what the scenario expects
    slow: tuple = ()  # steps past their limit

    @property
    def agrees(self):
        """A lockup is a lockup. A container that stays because somebody outside holds it is a lockup to the model,
        "stuck" to the lab; a spin that others can end is a busy wait to the model, and over soon on a real machine."""
        same = {"lockup": ("lockup",), "stuck": ("lockup",), "clean": ("proved",)}
        return self.model == "-" or self.seen not in same or self.model in same[self.seen]


def model_says(one, kernel):
    """The verdict of `unzap check` on the scenario of the same name, on the same kernel."""
    if not one.model:
        return "-"
    command = [str(programs.BUILD / "unzap_static"), "check", str(ROOT / "scenarios" / f"{one.model}.toml"), *kernel.model, "--json"]
    asked = subprocess.run(command, capture_output=True, text=True)
    try:
        return json.loads(asked.stdout)["verdict"]
    except (ValueError, KeyError) as error:
        raise LabError(f"{' '.join(command)}: {asked.stderr.strip() or error}") from error


def kept(one, kernel):
    """The newest kept result of this cell, or None."""
    places = sorted((runs.RESULTS / one.name / kernel.name).glob("[0-9]*/result.json"))
    return json.loads(places[-1].read_text()) if places else None


def cell(one, kernel, source, from_results):
    if from_results:
        result = kept(one, kernel)
    else:
        run = runs.once(one, kernels.build(kernel, source))
        print(runs.row(run), flush=True)
        result = json.loads((run.boot.place / "result.json").read_text())
    out = Cell(one, kernel, "not run", model=model_says(one, kernel))
    if result:
        out.seen = result["verdict"]
        if out.seen == "lockup":
            out.how = f"{result['seconds']:.2f} s" if result["seconds"] is not None else "its kernel's watchdog says so"
        out.wrong, out.slow = tuple(result["wrong"]), tuple(result.get("slow", ()))
    return out


def table(cells, names):
    lines = ["| scenario | " + " | ".join(names) + " |", "|---|" + "---|" * len(names)]
    for name in dict.fromkeys(one.scenario.name for one in cells):
        row = []
        for kernel in names:
            found = [one for one in cells if one.scenario.name == name and one.kernel.name == kernel]
            if not found:
                row.append("")
                continue
            one = found[0]
            text = one.seen + (f" ({one.how})" if one.how else "") + (" [1]" if one.wrong else "") + (" [2]" if one.slow else "")
            if one.model != "-":
                text += f"; model: {one.model}" + ("" if one.agrees else " **(!)**")
            row.append(text)
        lines.append(f"| {name} | " + " | ".join(row) + " |")
    return lines


def differences(cells):
    lines = []
    for one in cells:
        if one.agrees or one.seen == "not run":
            continue
        why = one.scenario.explain.get(one.kernel.name) or one.scenario.explain.get("all")
        why = " ".join(why.split()) if why else "**Not explained.**"
        lines.append(f"- {one.scenario.name} on {one.kernel.name}: seen {one.seen}, model {one.model}. {why}")
    return lines or ["None."]


def notes(cells):
    """What [1] and [2] stand for."""
    out = []
    for said, which in (("[1] Not all was as the scenario expects:", "wrong"), ("[2] Slower than the limits of the scenario:", "slow")):
        lines = [f"- {one.scenario.name} on {one.kernel.name}: " + "; ".join(getattr(one, which)) for one in cells if getattr(one, which)]
        out += ["", said, "", *lines] if lines else []
    return out


def built_text(names, source):
    lines = []
    for kernel in kernels.catalogue():
        found = kernels.cached(kernel, source)
        if kernel.name in names and found:
            lines.append(f"- `{kernel.name}`: {found.facts['release']} from {found.facts['source']}, {kernel.summary}; "
                         f"patch: {found.facts['patch']}; for the model `{' '.join(kernel.model)}`")
    return lines


def write_page(cells, names, source):
    body = [BEGIN, "", "### Kernels", "", *built_text(names, source), "", "### Verdicts", "", *table(cells, names), *notes(cells), "",
            "### Where model and kernel differ", "", *differences(cells), "", END]
    text = PAGE.read_text()
    if BEGIN not in text or END not in text:
        raise LabError(f"{PAGE} has lost its marks '{BEGIN}' and '{END}'", 65)
    PAGE.write_text(text[:text.index(BEGIN)] + "\n".join(body) + text[text.index(END) + len(END):])


def run(options):
    source = kernels.Source()
    names = [kernel.name for kernel in kernels.catalogue()]
    cells = [cell(one, kernel, source, options.from_results)
             for one in scenario.load_all() for kernel in kernels.choose(list(one.expect))]
    write_page(cells, names, source)
    unexplained = [line for line in differences(cells) if "Not explained" in line]
    wrong = [one for one in cells if one.wrong or one.seen == "not run"]
    say(f"{len(cells)} cells, {sum(not one.agrees for one in cells)} differ from the model, {len(unexplained)} of them unexplained, "
        f"{len(wrong)} not as expected; {PAGE.relative_to(ROOT)}")
    return 1 if unexplained or wrong else 0
