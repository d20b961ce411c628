# SPDX-License-Identifier: Apache-2.0
"""`unzap rescue` from outside of the Home, where a list of a cgroup's tasks is whole. It plans for the whole machine there;
what is looked at, and done, are plans about tasks and cgroups of ours alone."""
import json
import os
import re
import tempfile

import live
from live import Skip, read, stat_fields

CAUSE = "frozen-cgroup"
START = 19  # of stat_fields(): start time


def name_of(cgroup):
    """Its path below the mount of its hierarchy; of no other cgroup of the machine, for each test has names of its own."""
    version = 1 if os.path.exists(f"{cgroup}/freezer.state") else 2
    return os.path.relpath(cgroup, live.cgroup_mounts()[version])


def enter(stage, cgroup, *pids):
    """Puts processes into a cgroup and, if it is one of v1, into that of the same name in v2: runtimes do so, too, and
    unzap knows a task by one path of all."""
    folders = [cgroup]
    if os.path.exists(f"{cgroup}/freezer.state") and 2 in live.cgroup_mounts():
        folders.append(stage.cgroup(2, name_of(cgroup)))
    for folder in folders:
        for pid in pids:
            live.write(f"{folder}/cgroup.procs", pid)


def same_folder(stage, outer, cgroup):
    """Whether a path outside and one in here are of one cgroup, by what the kernel numbers it."""
    code, output, errors = stage.outside("stat", "-c", "%d %i", outer)
    here = os.stat(cgroup)
    assert code == 0, errors
    return output.split() == [str(here.st_dev), str(here.st_ino)]


class OuterRescue:
    """Plans to thaw, and their execution."""

    def __init__(self, stage, unzap):
        if not stage.home.sees_all:
            raise Skip("outside of the Home is a pid namespace of its own, too: a list of tasks may not be whole there")
        self.stage = stage
        self.command = [unzap, "rescue", "--json", "-q", "--cause", CAUSE]

    def run(self, *more):
        code, output, errors = self.stage.outside(*self.command, *more)
        assert output, f"exit code {code}: {errors}"
        return code, json.loads(output)

    def plan(self, cgroup, culprits, *options):
        """The plan to thaw this cgroup for one of these tasks, which has not been done."""
        started = {(self.stage.outer_tid(pid), int(stat_fields(pid)[START])) for pid in culprits}
        code, answer = self.run(*options)
        plans = [plan for plan in answer["plans"] if plan["cause"] == CAUSE and plan["culprit"]
                 and (plan["culprit"]["tid"], plan["culprit"]["start_ticks"]) in started]
        assert code == 1 and answer["applied"] is None, answer
        assert len(plans) == 1 and plans[0]["action"], f"not one plan for {started}: {json.dumps(answer)}"
        self.check_ours(plans[0], cgroup)
        if self.stage.outside("test", "-w", plans[0]["action"]["file"])[0] != 0:
            raise Skip(f"outside of the Home the cgroups cannot be written: {plans[0]['action']['file']}")
        return plans[0]

    def check_ours(self, plan, cgroup):
        """Every task and the one file that the plan names is ours."""
        parties = [plan["culprit"], plan["reaper"], plan["action"]["target"], *plan["frees"]]
        texts = [plan["summary"], plan["action"]["text"], *(one["text"] + one["seen"] for one in plan["conditions"])]
        tids = {party["tid"] for party in parties if party}
        tids.update(int(tid) for text in texts for tid in re.findall(r"\[(\d+)\]", text))
        foreign = [tid for tid in tids if not self.stage.owned(tid)]
        assert not foreign, f"not of ours: {foreign}: {plan}"
        folder, file = os.path.split(plan["action"]["file"])
        assert file in ("freezer.state", "cgroup.freeze") and os.path.exists(f"{cgroup}/{file}"), plan
        assert folder.endswith("/" + name_of(cgroup)), f"{cgroup}: {plan}"
        assert same_folder(self.stage, folder, cgroup), f"{folder} is another cgroup than {cgroup}"

    def apply(self, plan, *options):
        """Has this plan done, for its own culprit alone: exit code, answer, and the record of it."""
        culprit = plan["culprit"]
        with tempfile.TemporaryDirectory() as folder:
            audit = os.path.join(folder, "audit.jsonl")
            code, answer = self.run("--apply", plan["id"], "--task", f"{culprit['tid']},{culprit['start_ticks']}",
                                    "--audit", audit, *options)
            return code, answer, [json.loads(line) for line in read(audit).splitlines()]
