"""The images that the tests need, built here and handed to the node, as there is no registry."""

from __future__ import annotations

import hashlib
import subprocess
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from . import build
from .archive import Image, write
from .hashing import content_hash
from .progress import step
from .render import PAUSE_IMAGE
from .settings import Settings
from .shell import run

BUSYBOX = Path("/bin/busybox")
NONROOT = "65532:65532"
S3_IMAGE = "docker.io/versity/versitygw:v1.8.0"
"""The chart's default; here it is made from the very version that the name states."""


@dataclass(frozen=True)
class Built:
    """An image in the cache."""

    name: str
    key: str
    archive: Path


def pause(settings: Settings) -> Built:
    """The image that holds each pod's namespaces."""
    program = build.programs(settings, "kubernetes") / "pause"
    return _single(settings, Image(PAUSE_IMAGE, {"pause": program}, ["/pause"], user=NONROOT))


def busybox(settings: Settings) -> Built:
    """A shell with the usual tools, as a target and for looking around."""
    applets = subprocess.run([BUSYBOX, "--list"], capture_output=True, text=True, check=True)
    links = {f"bin/{name}": "busybox" for name in applets.stdout.split() if name != "busybox"}
    return _single(
        settings,
        Image(
            "localhost/sb-busybox:test",
            {"bin/busybox": BUSYBOX},
            [],
            ["/bin/sh"],
            links=links,
            folders={"bin": 0o755, "etc": 0o755, "tmp": 0o1777},
        ),
    )


def s3(settings: Settings) -> Built:
    """The S3 server that the chart can embed."""
    program = build.programs(settings, "s3") / "versitygw"
    folders = {"app": 0o755, "tmp": 0o1777}
    files = {"app/versitygw": program}
    return _single(settings, Image(S3_IMAGE, files, ["/app/versitygw"], folders=folders, user=NONROOT))


def workload(settings: Settings) -> Built:
    """The sample application with its planted secrets."""
    program = build.programs(settings, "workload") / "workload"
    name = "localhost/sb-workload:test"
    folders = {"tmp": 0o1777}
    return _single(settings, Image(name, {"workload": program}, ["/workload"], folders=folders, user=NONROOT))


@dataclass(frozen=True)
class Product:
    """How the image of a contract server is laid out; its user and places are the product's."""

    files: Mapping[str, str]
    """Path inside to program."""
    entrypoint: tuple[str, ...]
    command: tuple[str, ...] = ()
    user: str = NONROOT
    links: Mapping[str, str] = field(default_factory=dict)
    folders: Mapping[str, int] = field(default_factory=dict)
    busybox: bool = False


PRODUCTS = {
    "mattermost": Product(
        {"mattermost/bin/mattermost": "mattermost", "mattermost/bin/mmctl": "mmctl"},
        ("/mattermost/bin/mattermost",),
        user="2000:2000",
        folders={"var": 0o755, "var/tmp": 0o1777, "mattermost": 0o755, "mattermost/bin": 0o755}
        | {f"mattermost/{name}": 0o1777 for name in ("config", "data", "logs", "plugins")},
    ),
    "coder": Product(
        {"opt/coder": "coder"}, ("/opt/coder",), ("server",), user="1000:1000", busybox=True, folders={"opt": 0o755}
    ),
    "coder-agent": Product({"coder-agent": "coder-agent"}, ("/coder-agent",), user="1000:1000"),
    "consul": Product({"bin/consul": "consul"}, ("/bin/consul",), user="100:1000"),
    "vault": Product({"bin/vault": "vault"}, ("/bin/vault",), user="100:1000"),
    "argocd": Product(
        {"usr/local/bin/argocd": "argocd"},
        (),
        user="999:999",
        links={
            f"usr/local/bin/argocd-{name}": "argocd"
            for name in ("server", "repo-server", "application-controller", "applicationset-controller")
        },
    ),
}
"""By the name of the image: `localhost/sb-NAME:test`. Only Coder's has a shell, as the product's own has."""


def product(settings: Settings, name: str) -> Built:
    """The contract server that stands in for a product."""
    found, programs = PRODUCTS[name], build.programs(settings, "products")
    files = {inside: programs / program for inside, program in found.files.items()}
    links = dict(found.links)
    if found.busybox:
        files["bin/busybox"] = BUSYBOX
        links |= {f"bin/{applet}": "busybox" for applet in ("sh", "cat", "ls", "tar", "wget", "id")}
    return _single(
        settings,
        Image(
            f"localhost/sb-{name}:test",
            files,
            found.entrypoint,
            found.command,
            links=links,
            folders={"tmp": 0o1777, **found.folders},
            user=found.user,
            env=("PATH=/bin:/usr/bin:/sbin:/usr/sbin:/usr/local/bin:/opt:/mattermost/bin",),
        ),
    )


def import_image(settings: Settings, built: Built) -> bool:
    """Hand an image to the node unless it has exactly this one; tell whether that was needed."""
    record = settings.state / "images" / hashlib.sha256(built.name.encode()).hexdigest()[:16]
    if record.exists() and record.read_text() == built.key:
        return False
    with step(f"import {built.name}"):
        address = f"--address={settings.containerd_socket}"
        run(["ctr", address, "--namespace=k8s.io", "images", "import", built.archive],
            next_step="is containerd running? tests/cluster/up restarts it")  # fmt: skip
    record.parent.mkdir(exist_ok=True)
    record.write_text(built.key)
    return True


def _single(settings: Settings, image: Image) -> Built:
    described = repr((image.name, image.entrypoint, image.command, image.user, image.env,
                      sorted(image.links.items()), sorted(image.folders.items())))  # fmt: skip
    sources = sorted(image.files.values())
    key = content_hash(sources, root=Path("/"), extra=[described, *map(str, image.files)])
    target = settings.cache / "images" / f"{image.name.rpartition('/')[2].replace(':', '-')}-{key}.tar"
    if not target.exists():
        with step(f"write {image.name}"):
            write(image, target)
    return Built(image.name, key, target)
