"""Building the programs of the cluster once, and recognising afterwards that it was done."""

from __future__ import annotations

import functools
import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from . import toolchain
from .hashing import content_hash, keep_newest
from .lock import locked
from .progress import step
from .settings import HERE, KUBERNETES_VERSION, Settings
from .shell import run

KEPT = 3
"""Builds of a module that stay cached; a running cluster of another checkout may still use one."""
LINKS = ["etcd", "kube-apiserver", "kube-controller-manager", "kube-scheduler", "kube-proxy",
         "kubelet", "kubectl"]  # fmt: skip
"""The names by which the one Kubernetes binary is called."""

PRODUCT_PROGRAMS = ("mattermost", "mmctl", "coder", "coder-agent", "consul", "vault", "argocd")
"""The contract servers that stand in for products, and the commands that lie in the images of two."""


def _stamp(module: str, key: str, value: str) -> str:
    return f"-X {module}.{key}={value}"


def _kubernetes_flags() -> str:
    major, minor, _ = KUBERNETES_VERSION.removeprefix("v").split(".")
    base = "k8s.io/component-base/version"
    return " ".join(
        [
            "-s -w",
            _stamp(base, "gitVersion", KUBERNETES_VERSION),
            _stamp(base, "gitMajor", major),
            _stamp(base, "gitMinor", minor),
            _stamp(base, "gitTreeState", "clean"),
            _stamp("helm.sh/helm/v3/internal/version", "version", "v3.19.0"),
        ]
    )


@dataclass(frozen=True)
class Module:
    """A Go module and the programs that it builds."""

    folder: Path
    packages: tuple[str, ...]
    programs: tuple[str, ...]
    flags: str = "-s -w"
    expect: str = ""
    tags: tuple[str, ...] = ()


MODULES = {
    "kubernetes": Module(
        HERE / "go",
        ("./cmd/...", "helm.sh/helm/v3/cmd/helm"),
        ("node", "pause", "coredns", "helm"),
        _kubernetes_flags(),
        "5 to 10 minutes on two cores the first time, then cached",
    ),
    "s3": Module(
        HERE / "go-s3",
        ("github.com/versity/versitygw/cmd/versitygw",),
        ("versitygw",),
        expect="about a minute the first time",
    ),
    "workload": Module(HERE.parent / "workload", (".",), ("workload",)),
    "products": Module(HERE.parent / "products", ("./...",), PRODUCT_PROGRAMS),
    "tools": Module(
        HERE.parent / "tools-go",
        ("github.com/prometheus/prometheus/cmd/promtool", "filippo.io/age/cmd/age", "filippo.io/age/cmd/age-keygen"),
        ("promtool", "age", "age-keygen"),
        expect="about three minutes the first time",
        # promtool checks rules and metrics here; the clouds' service discovery would be half of it.
        tags=("remove_all_sd",),
    ),
    "unittest": Module(
        HERE.parent / "helm-unittest",
        ("github.com/helm-unittest/helm-unittest/cmd/helm-unittest",),
        ("helm-unittest",),
        expect="about two minutes the first time",
    ),
}


def key(settings: Settings, name: str) -> str:
    """Hash what a module's programs are made from: sources, compiler and flags."""
    module = MODULES[name]
    kinds = {".go", ".mod", ".sum", ".json", ".html", ".txt", ".tf"}
    sources = [path for path in module.folder.rglob("*") if path.suffix in kinds]
    extra = [_compiler_version(settings), module.flags, *module.packages, *module.tags]
    return content_hash(sources, root=module.folder, extra=extra)


def all_programs(settings: Settings) -> None:
    """Build what the cluster runs; where nothing is to do, no other builder is waited for."""
    names = ["kubernetes", "s3"]
    if all(_complete(settings, name) for name in names):
        return
    with locked(settings.build_lock):
        for name in names:
            programs(settings, name)


def tools(settings: Settings) -> list[Path]:
    """Return the folders with the programs that tests call; where they are built, no other builder is waited for."""
    names = ["tools", "unittest"]
    if not all(_complete(settings, name) for name in names):
        with locked(settings.build_lock):
            for name in names:
                programs(settings, name)
    return [_target(settings, name) for name in names]


def programs(settings: Settings, name: str) -> Path:
    """Return the folder with the programs of a module, built if its sources are new."""
    module = MODULES[name]
    target = _target(settings, name)
    if not _complete(settings, name):
        what = f"build {', '.join(module.programs)} with Go {_compiler_version(settings)}"
        with step(what, slow=module.expect):
            _build(toolchain.go(settings), module, target)
        keep_newest(target.parent, f"{name}-*", KEPT)
    return target


def _target(settings: Settings, name: str) -> Path:
    return settings.cache / "bin" / f"{name}-{key(settings, name)}"


def _complete(settings: Settings, name: str) -> bool:
    folder = _target(settings, name)
    return all((folder / program).exists() for program in MODULES[name].programs)


@functools.cache
def _compiler_version(settings: Settings) -> str:
    return ".".join(str(part) for part in toolchain.version(toolchain.go(settings)))


def _build(compiler: Path, module: Module, target: Path) -> None:
    fresh = target.with_name(target.name + ".new")
    shutil.rmtree(fresh, ignore_errors=True)
    fresh.mkdir(parents=True)
    jobs = str(os.cpu_count() or 2)
    run(
        ["nice", compiler, "build", "-p", jobs, "-trimpath", "-buildvcs=false",
         "-tags", ",".join(module.tags), "-ldflags", module.flags, "-o", f"{fresh}/", *module.packages],
        cwd=module.folder,
        env={"CGO_ENABLED": "0", "GOFLAGS": ""},
        next_step="is the Go module proxy reachable, and is there 6 GB of disk and 3 GB of memory?",
    )  # fmt: skip
    shutil.rmtree(target, ignore_errors=True)
    fresh.rename(target)


def link(settings: Settings) -> None:
    """Fill the cluster's bin folder with links into the cache."""
    kubernetes, s3 = programs(settings, "kubernetes"), programs(settings, "s3")
    wanted = dict.fromkeys(LINKS, kubernetes / "node")
    wanted |= {"coredns": kubernetes / "coredns", "helm": kubernetes / "helm"}
    wanted |= {"versitygw": s3 / "versitygw"}
    settings.bin.mkdir(parents=True, exist_ok=True)
    for name, program in wanted.items():
        place = settings.bin / name
        if not (place.is_symlink() and place.readlink() == program):
            place.unlink(missing_ok=True)
            place.symlink_to(program)
