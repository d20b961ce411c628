# SPDX-License-Identifier: Apache-2.0
"""Real container runtimes for the live tests, each with daemons and folders of its own that are gone with the stage.

start() gives the container's id, its init and the process of the runtime that holds it. What is not installed, or does
not start here, ends in Skip with the reason.
"""
import contextlib
import glob
import json
import os
import secrets
import shutil
import signal
import subprocess

import live
from live import Skip, call, or_skip, read, state, wait_for

POD = "9fa1b2c3-0d4e-4f56-8a7b-" + secrets.token_hex(6)  # its uid


def tool(name):
    path = shutil.which(name, path="/usr/sbin:/usr/bin:/sbin:/bin:/usr/local/bin")
    if path is None:
        raise Skip(f"{name} is not installed")
    return path


def run(*command, check=True, seconds=live.DEADLINE):
    """The output of a command; one that fails is a failed test."""
    done = subprocess.run(command, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
                          timeout=seconds, check=False)
    text = done.stdout.decode("utf-8", "replace")
    if check and done.returncode != 0:
        raise AssertionError(f"{' '.join(command)} gave {done.returncode}:\n{text}")
    return text


def shared_groups():
    """The cgroups below which runtimes make those of their containers, and do not take away again."""
    return {path for name in ("docker", "k8s.io", "libpod_parent", "kubepods/besteffort")
            for path in glob.glob(f"/sys/fs/cgroup/**/{name}", recursive=True)}


class Runtime:
    """Starts containers whose root holds a busybox, in a folder of its own that is gone with the stage."""

    def __init__(self, stage):
        self.stage = stage
        os.mkdir(stage.folder)
        or_skip("a tmpfs", call, "mount", b"unzap-live", stage.folder.encode(), b"tmpfs", 0, None)
        self.folder = stage.folder
        self.root = os.path.join(self.folder, "root")
        busybox = tool("busybox")
        for part in ("bin", "proc", "dev", "sys", "tmp", "data", "etc"):
            os.makedirs(os.path.join(self.root, part))
        shutil.copy(busybox, os.path.join(self.root, "bin"))
        for name in ("sh", "sleep", "stat", "cat"):
            os.symlink("busybox", os.path.join(self.root, "bin", name))
        self.started = []
        self.groups = shared_groups()
        stage.stack.callback(self.end)

    def new_id(self):
        return secrets.token_hex(32)

    def has_begun(self, pid, ident):
        """Until then its init is runc itself, which has threads: killed now, another one than the init's first dies last."""
        self.started.append((pid, ident))
        wait_for("the container's command", lambda: not read(f"/proc/{pid}/comm").startswith(("runc", "crun", "exe")))

    def end(self):
        """Whatever still lives is thawed and killed; its cgroups go, where the runtime made them in the machine's."""
        for _, ident in self.started:
            for path in glob.glob(f"/sys/fs/cgroup/freezer/**/{ident}/freezer.state", recursive=True):
                with contextlib.suppress(OSError):  # it may be gone by now
                    live.write(path, "THAWED")
            for path in glob.glob(f"/sys/fs/cgroup/**/{ident}/cgroup.freeze", recursive=True):
                with contextlib.suppress(OSError):
                    live.write(path, "0")
        for pid, _ in self.started:
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        for pid, ident in self.started:
            wait_for(f"the end of container {ident}", lambda pid=pid: state(pid) in ("gone", "Z"))
        self.close()
        for _, ident in self.started:
            for path in glob.glob(f"/sys/fs/cgroup/**/{ident}", recursive=True):
                live.remove_cgroup(path)
            for path in glob.glob(f"/sys/fs/cgroup/**/pod{POD}", recursive=True):
                live.remove_cgroup(path)
        for path in shared_groups() - self.groups:
            with contextlib.suppress(OSError):  # somebody else uses it by now
                os.rmdir(path)
            with contextlib.suppress(OSError):
                os.rmdir(os.path.dirname(path))

    def close(self):
        pass


class Oci(Runtime):
    """runc or crun by itself, in the foreground: it is the parent of the init, as a shim is."""
    keeper = "runc"
    binary = "runc"

    def __init__(self, stage):
        self.path = tool(self.binary)
        super().__init__(stage)

    def start(self, command, mounts=(), pod=False):
        ident = self.new_id()
        bundle = os.path.join(self.folder, ident)
        os.mkdir(bundle)
        subprocess.run([self.path, "spec"], cwd=bundle, check=True)
        with open(os.path.join(bundle, "config.json"), encoding="utf-8") as file:
            spec = json.load(file)
        spec["process"]["terminal"] = False
        spec["process"]["args"] = command
        spec["root"] = {"path": self.root, "readonly": False}
        spec["mounts"] += [{"destination": to, "type": "bind", "source": source, "options": ["rbind", "rw"]}
                           for source, to in mounts]
        spec["linux"]["cgroupsPath"] = f"/kubepods/besteffort/pod{POD}/{ident}" if pod else f"/{ident}"
        live.write(os.path.join(bundle, "config.json"), json.dumps(spec))
        with open(os.path.join(bundle, "log"), "wb") as log:
            keeper = subprocess.Popen([self.path, "--root", self.folder + "/state", "run", "--bundle", bundle, ident],
                                      stdin=subprocess.DEVNULL, stdout=log, stderr=log)
        self.stage.children.add(keeper.pid)

        def init():
            if keeper.poll() is not None:
                raise Skip(f"{self.binary} starts no container here: {read(os.path.join(bundle, 'log')).strip()[-300:]}")
            text = run(self.path, "--root", self.folder + "/state", "state", ident, check=False)
            found = json.loads(text) if text.startswith("{") else {}
            return found.get("status") == "running" and found.get("pid")

        pid = wait_for("the container", init)
        self.has_begun(pid, ident)
        return ident, pid, keeper.pid

    def kill(self, ident):
        run(self.path, "--root", self.folder + "/state", "kill", ident, "KILL")

    def pause(self, ident):
        run(self.path, "--root", self.folder + "/state", "pause", ident)

    def resume(self, ident):
        run(self.path, "--root", self.folder + "/state", "resume", ident)

    def exec(self, ident):
        """A process that was sent into the container, and its parent outside."""
        keeper = subprocess.Popen([self.path, "--root", self.folder + "/state", "exec", ident, "/bin/sleep", "999"],
                                  stdin=subprocess.DEVNULL, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.stage.children.add(keeper.pid)
        pid = wait_for("the process that is sent in", lambda: live.children(keeper.pid).get("sleep"))
        return pid, keeper.pid


class Crun(Oci):
    keeper = "crun"
    binary = "crun"


class Ctr(Runtime):
    """A containerd of our own, and its ctr."""
    keeper = "containerd-shim"
    namespace = "k8s.io"

    def __init__(self, stage):
        containerd = tool("containerd")
        self.ctr_path = tool("ctr")
        tool("runc")
        super().__init__(stage)
        folder = self.folder
        live.write(folder + "/config.toml", f"""version = 2
root = "{folder}/c/root"
state = "{folder}/c/state"
disabled_plugins = ["io.containerd.grpc.v1.cri"]
[grpc]
address = "{folder}/sock"
""")
        with open(folder + "/containerd.log", "wb") as log:
            self.daemon = subprocess.Popen([containerd, "-c", folder + "/config.toml"], stdout=log, stderr=log)
        stage.children.add(self.daemon.pid)
        wait_for("containerd", lambda: self.daemon.poll() is not None or os.path.exists(folder + "/sock"))
        if self.daemon.poll() is not None:
            raise Skip(f"containerd does not start here: {read(folder + '/containerd.log').strip()[-300:]}")

    def ctr(self, *command, check=True):
        return run(self.ctr_path, "-a", self.folder + "/sock", "-n", self.namespace, *command, check=check)

    def new_id(self):
        return "uz-" + secrets.token_hex(6)  # ctr takes names; one that no runtime's pattern fits

    def start(self, command, mounts=(), pod=False):
        ident = self.new_id()
        options = []
        for source, to in mounts:
            options += ["--mount", f"type=bind,src={source},dst={to},options=rbind:rw"]
        if pod:
            ident = secrets.token_hex(32)
            options += ["--cgroup", f"/kubepods/besteffort/pod{POD}/{ident}"]
        text = self.ctr("run", "-d", "--null-io", *options, "--rootfs", self.root, ident, *command, check=False)

        def init():
            for line in self.ctr("tasks", "ls").splitlines():
                words = line.split()
                if words and words[0] == ident and words[2] == "RUNNING":
                    return int(words[1])
            return None

        pid = init()
        if pid is None:
            raise Skip(f"containerd starts no container here: {text.strip()[-300:]}")
        self.has_begun(pid, ident)
        keeper = int(live.stat_fields(pid)[1])
        self.stage.children.add(pid)
        return ident, pid, keeper

    def kill(self, ident):
        self.ctr("tasks", "kill", "-s", "SIGKILL", ident)

    def pause(self, ident):
        self.ctr("tasks", "pause", ident)

    def resume(self, ident):
        self.ctr("tasks", "resume", ident)

    def exec(self, ident):
        before = set(glob.glob("/proc/[0-9]*"))
        child = subprocess.Popen([self.ctr_path, "-a", self.folder + "/sock", "-n", self.namespace, "tasks", "exec",
                                  "--exec-id", "x", ident, "/bin/sleep", "999"], stdin=subprocess.DEVNULL,
                                 stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        self.stage.children.add(child.pid)

        def sent():
            for path in set(glob.glob("/proc/[0-9]*")) - before:
                pid = int(os.path.basename(path))
                if read(path + "/comm").strip() == "sleep" and len(live.status(pid, "NSpid").split()) > 1:
                    return pid
            return None

        pid = wait_for("the process that is sent in", sent)
        return pid, int(live.stat_fields(pid)[1])

    def close(self):
        """Shims are nobody's children but the reaper's: they end with what they hold."""
        for _, ident in self.started:
            for command in (("tasks", "delete", "--force", ident), ("containers", "delete", ident)):
                self.ctr(*command, check=False)
        self.daemon.terminate()
        self.daemon.wait(timeout=live.DEADLINE)


class Docker(Runtime):
    """A dockerd of our own, without networks and with the vfs driver."""
    keeper = "containerd-shim"

    def __init__(self, stage):
        daemon, self.docker_path = tool("dockerd"), tool("docker")
        super().__init__(stage)
        folder = self.folder
        with open(folder + "/docker.log", "wb") as log:
            self.daemon = subprocess.Popen(
                [daemon, "--bridge=none", "--iptables=false", "-s", "vfs", "--data-root", folder + "/d", "--exec-root",
                 folder + "/e", "-H", f"unix://{folder}/sock", "-p", folder + "/pid"], stdout=log, stderr=log)
        stage.children.add(self.daemon.pid)
        wait_for("dockerd", lambda: self.daemon.poll() is not None or os.path.exists(folder + "/pid")
                 and "API listen" in read(folder + "/docker.log"))
        if self.daemon.poll() is not None:
            raise Skip(f"dockerd does not start here: {read(folder + '/docker.log').strip()[-300:]}")
        run("tar", "-C", self.root, "-cf", folder + "/root.tar", ".")
        self.docker("import", folder + "/root.tar", "uz")

    def docker(self, *command, check=True):
        return run(self.docker_path, "-H", f"unix://{self.folder}/sock", *command, check=check)

    def start(self, command, mounts=(), pod=False):
        del pod
        binds = [f"--volume={source}:{to}" for source, to in mounts]
        text = self.docker("run", "-d", "--network=none", *binds, "uz", *command, check=False).strip()
        ident = text.splitlines()[-1] if text else ""
        if len(ident) != 64:
            raise Skip(f"docker starts no container here: {text[-300:]}")
        pid = int(self.docker("inspect", "-f", "{{.State.Pid}}", ident))
        self.has_begun(pid, ident)
        return ident, pid, int(live.stat_fields(pid)[1])

    def kill(self, ident):
        pid = next(pid for pid, known in self.started if known == ident)
        os.kill(pid, signal.SIGKILL)  # docker kill waits for what does not come

    def pause(self, ident):
        self.docker("pause", ident)

    def resume(self, ident):
        self.docker("unpause", ident)

    def close(self):
        self.daemon.terminate()
        self.daemon.wait(timeout=live.DEADLINE)


class Podman(Runtime):
    keeper = "conmon"

    def __init__(self, stage):
        self.podman_path = tool("podman")
        tool("conmon")
        tool("runc")
        super().__init__(stage)
        run("tar", "-C", self.root, "-cf", self.folder + "/root.tar", ".")
        text = self.podman("import", self.folder + "/root.tar", "uz", check=False)
        if "rror" in text:
            raise Skip(f"podman does not work here: {text.strip()[-300:]}")

    def podman(self, *command, check=True):
        return run(self.podman_path, "--cgroup-manager=cgroupfs", "--runtime", "runc", "--storage-driver=vfs", "--root",
                   self.folder + "/p", "--runroot", self.folder + "/r", "--tmpdir", self.folder + "/t",
                   "--events-backend=file", *command, check=check)

    def start(self, command, mounts=(), pod=False):
        del pod
        binds = [f"--volume={source}:{to}" for source, to in mounts]
        text = self.podman("run", "-d", "--network=none", *binds, "localhost/uz", *command, check=False).strip()
        ident = text.splitlines()[-1] if text else ""
        if len(ident) != 64:
            raise Skip(f"podman starts no container here: {text[-300:]}")
        pid = int(self.podman("inspect", "-f", "{{.State.Pid}}", ident))
        self.has_begun(pid, ident)
        return ident, pid, int(live.stat_fields(pid)[1])

    def kill(self, ident):
        pid = next(pid for pid, known in self.started if known == ident)
        os.kill(pid, signal.SIGKILL)

    def pause(self, ident):
        self.podman("pause", ident)

    def resume(self, ident):
        self.podman("unpause", ident)


RUNTIMES = {"runc": (Oci, "runc"), "crun": (Crun, ""), "ctr": (Ctr, "containerd"), "docker": (Docker, "docker"),
            "podman": (Podman, "podman")}
