"""Places outside, made and removed."""

from __future__ import annotations

import shutil
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from support.kube import ROOT, kubectl, run
from support.linkserver import self_signed
from support.outside import Bucket, Certificate, MakeDestination, put_destination, put_secret


@pytest.fixture(scope="session")
def bucket() -> Bucket:
    made = Bucket("e2e-delivery")
    made.store.ensure_bucket()
    return made


@pytest.fixture
def destination(operator: str) -> Iterator[MakeDestination]:
    """Makes destinations, each with a Secret of its own name, which go at the end."""
    made: list[str] = []

    def make(name: str, secret: Mapping[str, str], **spec: Any) -> str:
        put_secret(operator, name, secret)
        put_destination(name, **spec)
        made.append(name)
        return name

    yield make
    for name in made:
        kubectl("delete", "sbdest", name)
        kubectl("-n", operator, "delete", "secret", name)


@pytest.fixture(scope="session")
def age() -> dict[str, str]:
    """The age programs by name."""
    folders = run(str(ROOT / "tests/tools"), timeout=600).decode().strip()
    found = {name: shutil.which(name, path=folders) for name in ("age", "age-keygen")}
    return {name: str(path) for name, path in found.items() if path}


@pytest.fixture(scope="session")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Certificate:
    return self_signed(tmp_path_factory.mktemp("pki"))
