#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An innocent process fulfils what makes a target, for a jam that is not its own: it has a zombie child in a container, or
other children that live. Whoever is signalled must hold this jam, and nobody else may be hit unasked.

usage: wrong_target_test.py UNZAP TEST
"""
import os
import signal
import tempfile

from attack import Run, call, live, outside_jam, pause, settle, state, wait_for
from race_test import reaping


def innocent_container(stage):
    """A healthy container whose app has a child that it has not reaped; its init and the app."""
    def app():
        if os.fork() == 0:
            os._exit(0)
        pause()

    init, members = stage.container({"uz-app": app})
    zombie = wait_for("the app's child", lambda: list(live.children(members["uz-app"]).values()))[0]
    wait_for("its death", lambda: state(zombie) == "Z")
    return init, members["uz-app"]


def plans(unzap):
    run = Run([unzap, "rescue", "-q", "--json"])
    return run, [plan for plan in run.json()["plans"] if plan["action"]]


def apply(unzap, plan, jam, *more):
    """Does the plan. A look that could not tell (a busy machine) refuses, and is taken again."""
    with tempfile.TemporaryDirectory() as folder, reaping(*jam):
        for _ in range(4):
            run = Run([unzap, "rescue", "-q", "--json", "--apply", plan["id"], "--audit", os.path.join(folder, "a"), *more])
            if run.json()["plans"] or run.json()["verdict"] != "unknown":
                break
    return run


def only_the_jam(stage, unzap, innocent):
    """Every plan, the mildest first, until the jam is freed: the innocent live all the time."""
    jam = settle([outside_jam(stage)])[0]
    run, found = plans(unzap)
    for plan in found:
        run.expect(plan["action"]["target"]["tid"] == jam[0], "the target holds the jam")
        run = apply(unzap, plan, jam)
        for pid in innocent:
            run.expect(state(pid) == "S", f"{pid} lives")
        if run.json()["applied"]["outcome"] == "freed":
            wait_for("the end of the jam", lambda: state(jam[1]) == "gone")
            return
    raise AssertionError(f"no plan frees it: {run}")


def zombie_of_another(stage, unzap):
    """A zombie below a live parent in another container."""
    only_the_jam(stage, unzap, innocent_container(stage))


def many_zombies_of_others(stage, unzap):
    """The innocent come first, by number and by count."""
    only_the_jam(stage, unzap, [pid for _ in range(4) for pid in innocent_container(stage)])


def serves_others(stage, unzap):
    """The parent has another child that lives: no signal without leave, and the child is named."""
    def body(tell):
        with open("/proc/self/ns/pid", encoding="ascii") as home:
            call("unshare", live.CLONE_NEWPID)
            init = os.fork()
            if init == 0:
                pause()
            zombie = os.fork()
            if zombie == 0:
                os._exit(0)
            os.waitid(os.P_PID, zombie, os.WEXITED | os.WNOWAIT)
            call("setns", home.fileno(), live.CLONE_NEWPID)
        other = os.fork()
        if other == 0:
            live.set_name("uz-other")
            pause()
        os.kill(init, signal.SIGKILL)
        for pid in (init, zombie, other):
            tell(pid)
        pause()

    live.or_skip("a pid namespace", stage._try_namespace)  # pylint: disable=protected-access
    parent, teller = stage.fork("uz-parent", body)
    init, zombie, other = teller.next(), teller.next(), teller.next()
    wait_for("the jam", lambda: live.in_zap(init))
    run, found = plans(unzap)
    run.expect(found and not any(plan["ready"] for plan in found), "no plan is ready")
    run.expect(all(f"uz-other[{other}]" in " ".join(plan["also_hits"]) for plan in found), "who depends on it is named")
    term = [plan for plan in found if plan["action"]["signal"] == signal.SIGTERM][0]
    run = apply(unzap, term, (parent, init, zombie))
    run.expect(run.code == 1 and run.json()["applied"]["outcome"] == "refused", "refused without leave")
    run.expect(state(parent) == "S" and state(other) == "S", "both live")
    run = apply(unzap, term, (parent, init, zombie), "--allow-host-process")
    run.expect(run.code == 0 and run.json()["applied"]["outcome"] == "freed", "the same plan, with leave")


TESTS = (zombie_of_another, many_zombies_of_others, serves_others)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
