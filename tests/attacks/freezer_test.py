#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""A cgroup that was frozen on purpose stays frozen: nobody runs again whom nobody has killed, unless that was asked for.

usage: freezer_test.py UNZAP TEST
"""
import json
import os
import signal
import sys
import threading
import time

sys.path.insert(0, os.path.join(os.path.dirname(os.path.abspath(__file__)), "..", "live"))
import live  # noqa: E402  pylint: disable=wrong-import-position
from live import pause, read, state, wait_for, write  # noqa: E402  pylint: disable=wrong-import-position
from outer_rescue import OuterRescue, enter  # noqa: E402  pylint: disable=wrong-import-position
from stuck_test import dies, inject  # noqa: E402  pylint: disable=wrong-import-position


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


def below(stage, cgroup, name):
    """A cgroup in this one, removed first."""
    path = f"{cgroup}/{name}"
    os.mkdir(path)
    stage.stack.callback(live.remove_cgroup, path)
    stage.stack.callback(lambda: os.path.isdir(cgroup) and thaw(cgroup))
    return path


def check_refused(rescue, plan, cgroup, *tids):
    """Not ready, for it would let these run; and not done when it is asked for all the same."""
    assert not plan["ready"], plan
    for tid in tids:
        outer = rescue.stage.outer_tid(tid)
        assert f"[{outer}]" in obstacles(plan), f"{outer} is not named: {obstacles(plan)}"
    assert "--thaw-others" in obstacles(plan), obstacles(plan)
    code, answer, events = rescue.apply(plan)
    assert answer["applied"]["outcome"] == "refused" and code == 1 and not events, answer
    assert frozen(cgroup), "it was thawed"


def check_quarantine(stage, unzap, version):
    cgroup = stage.cgroup(version)
    init, _ = stage.container()
    parent, _ = inject(stage, init)
    enter(stage, cgroup, parent)
    freeze(cgroup)
    dies(init)
    rescue = OuterRescue(stage, unzap)
    check_refused(rescue, rescue.plan(cgroup, [parent]), cgroup, parent)
    allowed = rescue.plan(cgroup, [parent], "--thaw-others")
    assert f"[{stage.outer_tid(parent)}]" in json.dumps(allowed["conditions"]), allowed
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
    enter(stage, mine, init, members["uz-member"])
    innocent, _ = stage.fork("uz-innocent", lambda _: pause())
    enter(stage, other, innocent)
    freeze(pod)
    os.kill(init, signal.SIGKILL)
    rescue = OuterRescue(stage, unzap)
    plan = rescue.plan(pod, [init, members["uz-member"]])
    check_refused(rescue, plan, pod, innocent)
    assert state(innocent) == "D" and state(init) != "gone", "somebody was let run"


def lone_thread(stage, unzap):
    """Of an innocent process one thread alone is frozen with the killed container: its leader is elsewhere."""
    cgroup = stage.cgroup(1)
    init, _ = stage.container()
    enter(stage, cgroup, init)

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
    rescue = OuterRescue(stage, unzap)
    check_refused(rescue, rescue.plan(cgroup, [init]), cgroup, thread)
    assert state(thread) == "D", "the thread was let run"


def two_levels(stage, unzap):
    """Pod and container are both frozen by themselves: the plan is for the inner one, and says that this is not enough."""
    pod = stage.cgroup(1)
    inner = below(stage, pod, "inner")
    init, _ = stage.container()
    killed = [init]
    enter(stage, inner, *killed)
    freeze(inner)
    freeze(pod)
    for pid in killed:
        os.kill(pid, signal.SIGKILL)
    rescue = OuterRescue(stage, unzap)
    plan = rescue.plan(inner, killed)
    assert plan["ready"], plan
    assert "nobody runs yet" in plan["action"]["changes"] and os.path.basename(pod) in plan["action"]["changes"], plan
    _, answer, _ = rescue.apply(plan)
    assert answer["applied"]["outcome"] == "not freed" and frozen(pod), answer
    plan = rescue.plan(pod, killed)
    assert plan["ready"], plan
    assert rescue.apply(plan)[1]["applied"]["outcome"] == "freed"
    wait_for("the end of the init", lambda: state(init) == "gone")


TESTS = (quarantine_v1, quarantine_v2, neighbour, lone_thread, two_levels)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
