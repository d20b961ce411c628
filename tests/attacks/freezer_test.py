#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A cgroup that was frozen on purpose stays frozen: nobody runs again whom nobody has killed, unless that was asked for.

usage: freezer_test.py UNZAP TEST
"""
import json
import os
import signal
import subprocess
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import live  # noqa: E402  pylint: disable=wrong-import-position
from live import Skip, pause, read, state, wait_for, write  # noqa: E402  pylint: disable=wrong-import-position
from stuck_test import dies, inject  # noqa: E402  pylint: disable=wrong-import-position

OWN_PID_NS = "unzap runs in a pid namespace of its own"  # where a list of tasks may not be whole


def rescue(unzap, *options):
    done = subprocess.run([unzap, "rescue", "--json", "-q", *options], stdin=subprocess.DEVNULL, capture_output=True,
                          timeout=60, check=False)
    return json.loads(done.stdout) if done.stdout else {"plans": [], "stderr": done.stderr.decode()}


def apply(unzap, plan, *options):
    """Lets unzap do this plan, as a user would who has read it."""
    chosen = [plan["id"]] if plan.get("id") else []
    audit = os.path.join(os.environ.get("TMPDIR", "/tmp"), f"unzap-attack-{os.getpid()}.jsonl")
    try:
        return rescue(unzap, "--apply", *chosen, "--audit", audit, *options)
    finally:
        if os.path.exists(audit):
            os.unlink(audit)


def thaw_plan(unzap, culprits, *options):
    """The plan to thaw for one of these tasks."""
    answer = rescue(unzap, "--cause", "frozen-cgroup", *options)
    plans = [plan for plan in answer["plans"] if plan["cause"] == "frozen-cgroup" and plan["culprit"]
             and plan["culprit"]["pid"] in culprits]
    assert plans, f"no plan for {culprits}: {json.dumps(answer)}"
    return plans[0]


def obstacles(plan):
    return " | ".join(f"{one['text']}: {one['seen']}" for one in plan["conditions"] if one["in_the_way"])


def freeze(cgroup):
    version_1 = os.path.exists(f"{cgroup}/freezer.state")
    write(f"{cgroup}/freezer.state" if version_1 else f"{cgroup}/cgroup.freeze", "FROZEN" if version_1 else "1")
    wait_for("the freeze", lambda: frozen(cgroup))


def frozen(cgroup):
    return read(f"{cgroup}/freezer.state").strip() == "FROZEN" or "frozen 1" in read(f"{cgroup}/cgroup.events")


def thaw(cgroup):
    version_1 = os.path.exists(f"{cgroup}/freezer.state")
    write(f"{cgroup}/freezer.state" if version_1 else f"{cgroup}/cgroup.freeze", "THAWED" if version_1 else "0")


def enter(cgroup, *pids):
    for pid in pids:
        write(f"{cgroup}/cgroup.procs", pid)


def below(stage, cgroup, name):
    """A cgroup in this one, removed first."""
    path = f"{cgroup}/{name}"
    os.mkdir(path)
    stage.stack.callback(live.remove_cgroup, path)
    stage.stack.callback(lambda: os.path.isdir(cgroup) and thaw(cgroup))
    return path


def check_refused(unzap, plan, cgroup, *names):
    """Not ready, for it would let these run; and not done when it is asked for all the same."""
    if OWN_PID_NS in obstacles(plan):
        raise Skip(OWN_PID_NS)
    assert not plan["ready"], plan
    for name in names:
        assert name in obstacles(plan), f"{name} is not named: {obstacles(plan)}"
    done = apply(unzap, plan, "--cause", "frozen-cgroup")
    assert (done.get("applied") or {"outcome": "refused"})["outcome"] == "refused", done
    assert frozen(cgroup), "it was thawed"


def check_quarantine(stage, unzap, version):
    cgroup = stage.cgroup(version)
    init, _ = stage.container()
    parent, _ = inject(stage, init)
    enter(cgroup, parent)
    freeze(cgroup)
    dies(init)
    check_refused(unzap, thaw_plan(unzap, [parent]), cgroup, f"[{parent}]", "--thaw-others")
    allowed = thaw_plan(unzap, [parent], "--thaw-others")
    assert f"[{parent}]" in json.dumps(allowed["conditions"]), allowed
    assert "run again" not in obstacles(allowed), obstacles(allowed)
    assert frozen(cgroup)


def quarantine_v1(stage, unzap):
    """The attacker's process, which was paused for a look at it, has a namespace that cannot end without it."""
    check_quarantine(stage, unzap, 1)


def quarantine_v2(stage, unzap):
    """The same with the other freezer."""
    check_quarantine(stage, unzap, 2)


def neighbour(stage, unzap):
    """The pod is frozen; in it a container that was killed, and one that nobody has touched."""
    pod = stage.cgroup(1)
    mine, other = below(stage, pod, "mine"), below(stage, pod, "other")
    init, members = stage.container({"uz-member": pause})
    enter(mine, init, members["uz-member"])
    innocent, _ = stage.fork("uz-innocent", lambda _: pause())
    enter(other, innocent)
    freeze(pod)
    os.kill(init, signal.SIGKILL)
    plan = thaw_plan(unzap, [init, members["uz-member"]])
    assert plan["action"]["file"] == f"{pod}/freezer.state", plan
    check_refused(unzap, plan, pod, f"[{innocent}]")


def lone_thread(stage, unzap):
    """Of an innocent process one thread alone is frozen with the killed container: its leader is elsewhere."""
    cgroup = stage.cgroup(1)
    init, _ = stage.container()
    enter(cgroup, init)

    def body(tell):
        def second():
            tell(threading.get_native_id())
            time.sleep(3600)
        threading.Thread(target=second, daemon=True).start()
        pause()

    _, thread = stage.run("uz-innocent", body)
    write(f"{cgroup}/tasks", thread)
    freeze(cgroup)
    os.kill(init, signal.SIGKILL)
    check_refused(unzap, thaw_plan(unzap, [init]), cgroup, f"[{thread}]")


def two_levels(stage, unzap):
    """Pod and container are both frozen by themselves: the plan is for the inner one, and says that this is not enough."""
    pod = stage.cgroup(1)
    inner = below(stage, pod, "inner")
    init, _ = stage.container()
    enter(inner, init)
    freeze(inner)
    freeze(pod)
    os.kill(init, signal.SIGKILL)
    plan = thaw_plan(unzap, [init])
    if OWN_PID_NS in obstacles(plan):
        raise Skip(OWN_PID_NS)
    assert plan["action"]["file"] == f"{inner}/freezer.state" and plan["ready"], plan
    assert "nobody runs yet" in plan["action"]["changes"] and os.path.basename(pod) in plan["action"]["changes"], plan
    done = apply(unzap, plan, "--cause", "frozen-cgroup")
    assert done["applied"]["outcome"] == "not freed" and frozen(pod), done
    plan = thaw_plan(unzap, [init])
    assert plan["action"]["file"] == f"{pod}/freezer.state" and plan["ready"], plan
    assert apply(unzap, plan, "--cause", "frozen-cgroup")["applied"]["outcome"] == "freed"
    wait_for("the end of the init", lambda: state(init) == "gone")


TESTS = (quarantine_v1, quarantine_v2, neighbour, lone_thread, two_levels)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
