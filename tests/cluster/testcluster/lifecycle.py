"""Up, down and the single component: bringing the cluster to the wanted state from whatever state it is in."""

from __future__ import annotations

import hashlib
import os
import shutil
import urllib.error
from pathlib import Path

from . import build, cgroups, cleanup, images, network, packages, pki, probe, render, volumes
from .api import Api
from .components import Component, all_components
from .errors import ClusterError
from .process import Process, start
from .progress import say, step
from .settings import NODE_NAME, Settings
from .shell import run, tail_of

UNREACHABLE = (OSError, urllib.error.URLError, KeyError, ValueError)
PATIENCE = 60
GRACE = 10


def up(settings: Settings) -> None:
    """Bring the cluster up, from whatever is there; call it with the lock held."""
    packages.install_missing()
    build.all_programs(settings)
    wanted = fingerprint(settings)
    # Without its namespace (after a reboot, say) nothing in the state folder can go on.
    reusable = _recorded(settings) == wanted and network.exists(settings)
    if settings.state.exists() and not reusable:
        with step("remove an older or unfinished cluster"):
            cleanup.remove(settings)
    with step("prepare certificates, configuration and network"):
        _prepare(settings)
        (settings.state / "fingerprint").write_text(wanted)
        network.enter(settings)
    for component in all_components(settings):
        _bring_up(settings, component)
    with step("node ready, storage class and volumes"):
        _finish(settings)


def healthy(settings: Settings) -> bool:
    """Tell whether the wanted cluster serves, and refill its pool of volumes if so."""
    # The cheap questions first: the wanted fingerprint needs a compiler, which may have to be fetched.
    if not network.exists(settings) or not _recorded(settings):
        return False
    if _recorded(settings) != fingerprint(settings) or not _all_alive(settings):
        return False
    with network.inside(settings):
        ready = _node_ready(Api(settings))
        if ready:
            _provide_storage(settings)
    return ready


def down(settings: Settings) -> None:
    """Remove the cluster; safe when there is none, or half of one."""
    with step(f"remove {settings.name}"):
        for component in all_components(settings):
            if process := Process.load(_record(settings, component.name)):
                process.end(patience=0)
        cleanup.remove(settings)


def stop(settings: Settings, name: str) -> None:
    """Stop one component, as a fault for tests to survive."""
    _component(settings, name)
    if process := Process.load(_record(settings, name)):
        process.end(patience=GRACE)


def begin(settings: Settings, name: str) -> None:
    """Start one component and wait until it serves."""
    network.enter(settings)
    _bring_up(settings, _component(settings, name))


def kill(settings: Settings, container: str) -> None:
    """Kill the first process of a container, as the kernel does when memory runs out."""
    address = f"--address={settings.containerd_socket}"
    run(["ctr", address, "--namespace=k8s.io", "tasks", "kill", "--signal=SIGKILL", container],
        next_step="take the id from the pod's status, without containerd://")  # fmt: skip


def fingerprint(settings: Settings) -> str:
    """Tell one way of running the cluster from another: a changed one replaces what runs."""
    digest = hashlib.sha256()
    for path, text in sorted(render.files(settings).items()):
        digest.update(f"{path}\n{text}\n".encode())
    for component in all_components(settings):
        digest.update(f"{component.argv} {sorted(component.env.items())}\n".encode())
    digest.update(build.key(settings, "kubernetes").encode() + build.key(settings, "s3").encode())
    return digest.hexdigest()


def _record(settings: Settings, name: str) -> Path:
    return settings.state / "run" / f"{name}.json"


def _component(settings: Settings, name: str) -> Component:
    known = {component.name: component for component in all_components(settings)}
    if name not in known:
        raise ClusterError(f"there is no component {name!r}", f"name one of {', '.join(known)}")
    return known[name]


def _alive(settings: Settings, name: str) -> Process | None:
    process = Process.load(_record(settings, name))
    return process if process and process.alive else None


def _recorded(settings: Settings) -> str:
    try:
        return (settings.state / "fingerprint").read_text()
    except FileNotFoundError:
        return ""


def _all_alive(settings: Settings) -> bool:
    names = (component.name for component in all_components(settings))
    return all(_alive(settings, name) for name in names)


def _prepare(settings: Settings) -> None:
    settings.state.mkdir(mode=0o755, parents=True, exist_ok=True)
    _mount_shared(settings.state)
    for folder in (settings.logs, settings.state / "s3", settings.state / "volumes"):
        folder.mkdir(exist_ok=True)
    pki.create(settings)
    for path, text in render.files(settings).items():
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text)
    build.link(settings)
    cleanup.remember_sysctls(settings)
    cgroups.create(settings)
    network.create(settings)


def _mount_shared(state: Path) -> None:
    """Make the state folder a shared mount of its own: pods may propagate mounts, `/` stays as it is."""
    if state not in cleanup.mounts_below(state, Path("/proc/self/mountinfo").read_text()):
        run(["mount", "--bind", state, state])
        run(["mount", "--make-rshared", state])


def _bring_up(settings: Settings, component: Component) -> None:
    if _alive(settings, component.name) and probe.serves(component.ready):
        return
    with step(f"start {component.name}"):
        process = _alive(settings, component.name) or _launch(settings, component)
        log = settings.logs / f"{component.name}.log"
        probe.wait(component.name, lambda: probe.serves(component.ready), seconds=PATIENCE,
                   process=process, explain=lambda: tail_of(log))  # fmt: skip
        if component.name == "containerd":
            images.import_image(settings, images.pause(settings))


def _launch(settings: Settings, component: Component) -> Process:
    program = shutil.which(component.argv[0]) or component.argv[0]
    path = {"PATH": os.environ.get("PATH", "") + ":/usr/sbin:/sbin", "HOME": str(settings.state)}
    log = settings.logs / f"{component.name}.log"
    process = start([program, *component.argv[1:]], log=log, env={**path, **component.env},
                    state=settings.state)  # fmt: skip
    process.save(_record(settings, component.name))
    return process


def _finish(settings: Settings) -> None:
    api = Api(settings)
    log = settings.logs / "kubelet.log"
    probe.wait("the node", lambda: _node_ready(api), seconds=PATIENCE, explain=lambda: tail_of(log))
    log = settings.logs / "controller-manager.log"
    account = "/api/v1/namespaces/default/serviceaccounts/default"
    probe.wait("the default ServiceAccount", lambda: _exists(api, account), seconds=PATIENCE,
               explain=lambda: tail_of(log))  # fmt: skip
    _provide_storage(settings)
    say(f"  cluster {settings.name} is up; logs are in {settings.logs}")


def _provide_storage(settings: Settings) -> None:
    api = Api(settings)
    volumes.create_class(api)
    volumes.refill(settings, api)


def _exists(api: Api, path: str) -> bool:
    try:
        return bool(api.get(path))
    except UNREACHABLE:
        return False


def _node_ready(api: Api) -> bool:
    try:
        conditions = api.get(f"/api/v1/nodes/{NODE_NAME}")["status"]["conditions"]
    except UNREACHABLE:
        return False
    return any(each["type"] == "Ready" and each["status"] == "True" for each in conditions)
