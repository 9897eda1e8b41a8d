"""The commands: up, down, run, component and images."""

from __future__ import annotations

import os
import sys
from collections.abc import Callable
from functools import partial

from . import elsewhere, lifecycle, network, operator_image
from .errors import ClusterError
from .images import PRODUCTS, busybox, import_image, product, s3, workload
from .lock import locked
from .packages import check_machine, install_missing
from .progress import say
from .settings import NODE_ADDRESS, S3_ACCESS_KEY, S3_PORT, S3_SECRET_KEY, Settings

USAGE_ERROR = 2


def main(command: Callable[[Settings, list[str]], None]) -> None:
    """Run a command; a failure is told in words, not as a traceback."""
    try:
        command(Settings.read(), sys.argv[1:])
    except ClusterError as error:
        say(f"error: {error}")
        sys.exit(1)
    except KeyboardInterrupt:
        say("interrupted; the next call takes up the work where this one left it")
        sys.exit(130)


def up(settings: Settings, _arguments: list[str]) -> None:
    """Bring the cluster up."""
    if settings.current:
        say("  CLUSTER=current: nothing to start")
        return
    check_machine()
    if lifecycle.healthy(settings):
        return
    with locked(settings.lock):
        if not lifecycle.healthy(settings):  # another command may have done the work meanwhile
            lifecycle.up(settings)


def down(settings: Settings, _arguments: list[str]) -> None:
    """Take the cluster down and leave nothing."""
    if settings.current:
        say("  CLUSTER=current: nothing is taken down")
        return
    check_machine()
    with locked(settings.lock):
        lifecycle.down(settings)


def component(settings: Settings, arguments: list[str]) -> None:
    """Stop, start or restart a component, or kill a container."""
    verbs: dict[str, list[Callable[[Settings, str], None]]]
    verbs = {"stop": [lifecycle.stop], "start": [lifecycle.begin], "kill": [lifecycle.kill]}
    verbs["restart"] = verbs["stop"] + verbs["start"]
    if len(arguments) != 2 or arguments[0] not in verbs:
        raise ClusterError(
            "usage: component stop|start|restart NAME, or component kill CONTAINER",
            "give a verb and the name of a component or the id of a container",
        )
    if settings.current:
        raise ClusterError("CLUSTER=current has no components of ours", "leave the fault tests out")
    check_machine()
    with locked(settings.lock):
        for act in verbs[arguments[0]]:
            act(settings, arguments[1])


def run(settings: Settings, arguments: list[str]) -> None:
    """Become the given command, inside the cluster's network."""
    if not arguments:
        raise ClusterError("usage: run COMMAND [ARGUMENT...]", "name a command to run")
    environment = dict(os.environ)
    if not settings.current:
        check_machine()
        network.enter(settings)
        environment |= inside(settings, environment.get("PATH", os.defpath))
    # execvpe looks the program up in the PATH of the environment that it is given.
    try:
        os.execvpe(arguments[0], arguments, environment)  # noqa: S606 - running commands is its use
    except OSError as error:
        say(f"error: cannot run {arguments[0]}: {error.strerror}")
        sys.exit(127)


def images(settings: Settings, arguments: list[str]) -> None:
    """Build the images and hand them to the node; with names, only those."""
    makers = {"busybox": busybox, "s3": s3, "workload": workload, "operator": operator_image.build}
    makers |= {name: partial(product, name=name) for name in PRODUCTS}
    unknown = set(arguments) - set(makers)
    if unknown:
        raise ClusterError(f"there is no image {', '.join(sorted(unknown))}", f"name {', '.join(makers)}")
    if settings.current:
        elsewhere.build(settings, arguments)
        return
    check_machine()
    # Building takes long and leaves the cluster alone, so it keeps no other command waiting.
    with locked(settings.build_lock):
        install_missing()
        built = [makers[name](settings) for name in arguments or makers]
    with locked(settings.lock):
        for image in built:
            import_image(settings, image)


def inside(settings: Settings, path: str) -> dict[str, str]:
    """Return what a command sees of the cluster in its environment."""
    return {
        "PATH": f"{settings.bin}:{path}",
        "KUBECONFIG": str(settings.kubeconfig),
        "KUBECACHEDIR": str(settings.state / "kubectl-cache"),
        "SB_CLUSTER_STATE": str(settings.state),
        "SB_S3_ENDPOINT": f"http://{NODE_ADDRESS}:{S3_PORT}",
        "SB_S3_ACCESS_KEY": S3_ACCESS_KEY,
        "SB_S3_SECRET_KEY": S3_SECRET_KEY,
        "NO_PROXY": f"{NODE_ADDRESS},10.0.0.0/8,127.0.0.1,localhost,.svc,.cluster.local",
        "no_proxy": f"{NODE_ADDRESS},10.0.0.0/8,127.0.0.1,localhost,.svc,.cluster.local",
    }
