#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
"""An innocent process fulfils what makes a target, for a jam that is not its own: it has a zombie child in a container, or
other children that live. Whoever is signalled must hold this jam, and nobody else may be hit unasked.

usage: wrong_target_test.py UNZAP TEST
"""
import os
import signal
import tempfile
import threading

from attack import Run, call, live, outside_jam, pause, settle, state, wait_for
from race_test import reaping

SYS_EXIT = 60 if os.uname().machine == "x86_64" else 93


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


def first_thread_ends():
    """A program whose first thread has ended: its leader is a zombie, and it lives."""
    threading.Thread(target=lambda: threading.Event().wait()).start()
    live.call("syscall", SYS_EXIT, 0)


def parent_of(stage, others):
    """A parent that holds a jam. The functions of others are made its children at once; each SIGUSR1 makes one more."""
    def child(tell, function):
        other = os.fork()
        if other == 0:
            live.set_name("uz-other")
            function()
        tell(other)

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
        signal.signal(signal.SIGUSR1, lambda *_: child(tell, pause))
        os.kill(init, signal.SIGKILL)
        for pid in (init, zombie):
            tell(pid)
        for function in others:
            child(tell, function)
        pause()

    live.or_skip("a pid namespace", stage._try_namespace)  # pylint: disable=protected-access
    parent, teller = stage.fork("uz-parent", body)
    init, zombie = teller.next(), teller.next()
    wait_for("the jam", lambda: live.in_zap(init))
    return (parent, init, zombie), teller


def serves_others(stage, unzap):
    """The parent has another child that lives: no signal without leave, and the child is named."""
    (parent, init, zombie), teller = parent_of(stage, [pause])
    other = teller.next()
    run, found = plans(unzap)
    run.expect(found and not any(plan["ready"] for plan in found), "no plan is ready")
    run.expect(all(f"uz-other[{other}]" in " ".join(plan["also_hits"]) for plan in found), "who depends on it is named")
    term = [plan for plan in found if plan["action"]["signal"] == signal.SIGTERM][0]
    run = apply(unzap, term, (parent, init, zombie))
    run.expect(run.code == 1 and run.json()["applied"]["outcome"] == "refused", "refused without leave")
    run.expect(state(parent) == "S" and state(other) == "S", "both live")
    run = apply(unzap, term, (parent, init, zombie), "--allow-host-process")
    run.expect(run.code == 0 and run.json()["applied"]["outcome"] == "freed", "the same plan, with leave")


def serves_a_dead_leader(stage, unzap):
    """Of the other child the first thread has ended, the rest of it lives."""
    _, teller = parent_of(stage, [first_thread_ends])
    other = teller.next()
    wait_for("the end of its first thread", lambda: state(other) == "Z")
    run, found = plans(unzap)
    run.expect(found and not any(plan["ready"] for plan in found), "no plan is ready")
    run.expect(all(f"uz-other[{other}] lives" in " ".join(plan["also_hits"]) for plan in found), "it is named")


def an_init(stage, unzap):
    """The parent is the init of a container that lives: whoever was brought into it from outside is not its child, and
    would end with it."""
    def inner(tell):
        call("unshare", live.CLONE_NEWPID)
        init = os.fork()
        if init == 0:
            pause()
        if os.fork() == 0:
            os._exit(0)
        os.kill(init, signal.SIGKILL)
        pause()

    def shim(tell):
        call("unshare", live.CLONE_NEWPID)
        tell(stage.fork("uz-init", inner)[0])
        pause()

    live.or_skip("a pid namespace", stage._try_namespace)  # pylint: disable=protected-access
    _, outer = stage.run("uz-shim", shim)
    wait_for("the jam", lambda: any(live.in_zap(pid) for pid, _ in live.child_list(outer)))
    run, found = plans(unzap)
    found = [plan for plan in found if plan["action"]["target"]["tid"] == outer]
    run.expect(found and not any(plan["ready"] for plan in found), "no plan is ready")
    run.expect("ends with it" in " ".join(found[0]["also_hits"]), "what ends with it is said")


def new_child(stage, unzap):
    """The parent gets another child after the tasks were listed, and before the signal."""
    jam, teller = parent_of(stage, [])
    run, found = plans(unzap)
    term = [plan for plan in found if plan["action"]["signal"] == signal.SIGTERM][0]
    run.expect(term["ready"], "ready as long as nobody else depends on it")
    timer = threading.Timer(0.7, os.kill, (jam[0], signal.SIGUSR1))  # a look at a jam takes more than a second
    timer.start()
    run = apply(unzap, term, jam)
    timer.join()
    other = teller.next()
    run.expect(run.code == 1 and run.json()["applied"]["outcome"] == "refused", "refused")
    run.expect(state(jam[0]) == "S" and state(other) == "S", "both live")


TESTS = (zombie_of_another, many_zombies_of_others, serves_others, serves_a_dead_leader, an_init,
         new_child)

if __name__ == "__main__":
    live.main({test.__name__: test for test in TESTS})
