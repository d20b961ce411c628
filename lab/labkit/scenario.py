# SPDX-License-Identifier: Apache-2.0
"""A scenario of the lab: a folder with scenario.toml and run, the script that the guest executes."""
import dataclasses
import pathlib
import tomllib

from labkit import kernels
from labkit.base import LAB, LabError

VERDICTS = ("lockup", "stuck", "clean", "refused", "rescued", "no-answer")


@dataclasses.dataclass(frozen=True)
class Scenario:
    name: str
    place: pathlib.Path
    summary: str
    expect: dict  # kernel name -> verdict
    story: str = ""
    cpus: int = 2
    memory_mib: int = 256
    limit_seconds: int = 240  # on the clock of the host, boot included
    watchdog_seconds: int = 4
    append: tuple = ()
    model: str = ""  # the same in scenarios/, for `unzap check`
    cause: str = ""  # what `unzap diagnose` must say first in the jammed guest
    confidence: str = "certain"
    console_verdict: bool = False  # the guest cannot answer any more: the kernel's own report is the verdict
    steps: tuple = ()  # (step, largest exit code, limit in ms) of what the guest times
    see: tuple = ()  # patterns that must be on the console
    check_when: tuple = ("lockup", "stuck", "rescued", "refused")  # verdicts with which `cause`, `steps` and `see` are asked for
    rate: bool = False  # counted by `lab rate` when none is named
    explain: dict = dataclasses.field(default_factory=dict)  # kernel name -> why model and kernel differ

    def enough_lines(self):
        return r"watchdog: BUG: soft lockup" if self.console_verdict else ""


def load(place):
    with open(place / "scenario.toml", "rb") as file:
        try:
            table = tomllib.load(file)
        except tomllib.TOMLDecodeError as error:
            raise LabError(f"{place}/scenario.toml: {error}", 65) from error
    known = {field.name for field in dataclasses.fields(Scenario)} - {"name", "place"}
    for key in table:
        if key not in known:
            raise LabError(f"{place}/scenario.toml: there is no key '{key}'; allowed: {', '.join(sorted(known))}", 65)
    for kernel, verdict in table["expect"].items():
        if verdict not in VERDICTS:
            raise LabError(f"{place}/scenario.toml: verdict '{verdict}' of {kernel}; allowed: {', '.join(VERDICTS)}", 65)
    kernels.choose(list(table["expect"]))  # fails on a name that is none
    listed = {key: tuple(map(tuple, value)) if key == "steps" else tuple(value) if isinstance(value, list) else value
              for key, value in table.items()}
    return Scenario(place.name, place, **listed)


def load_all():
    return [load(path.parent) for path in sorted((LAB / "scenarios").glob("*/scenario.toml"))]


def choose(names):
    known = {scenario.name: scenario for scenario in load_all()}
    for name in names:
        if name not in known:
            raise LabError(f"there is no scenario '{name}'; allowed: {', '.join(known)}", 64)
    return [known[name] for name in names] if names else list(known.values())
