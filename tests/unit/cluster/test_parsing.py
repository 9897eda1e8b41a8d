"""What is read from the machine: mounts, package sources, pip's configuration; and the images written."""

from __future__ import annotations

import json
import tarfile
from pathlib import Path

import pytest

from cluster.testcluster.archive import Image, write
from cluster.testcluster.base import MIRROR, mirror
from cluster.testcluster.cleanup import mounts_below
from cluster.testcluster.operator_image import pip_configuration

MOUNTINFO = r"""22 1 254:0 / / rw,relatime - ext4 /dev/vda rw
30 22 254:0 /s /srv/state rw shared:1 - ext4 /dev/vda rw
31 30 0:5 / /srv/state/a\040b rw shared:2 - tmpfs tmpfs rw
32 22 0:6 / /srv/state-of-another rw - tmpfs tmpfs rw
"""


def test_only_mounts_of_the_cluster_are_unmounted() -> None:
    assert mounts_below(Path("/srv/state"), MOUNTINFO) == [Path("/srv/state"), Path("/srv/state/a b")]


@pytest.mark.parametrize(
    ("lines", "expected"),
    [
        (["deb http://mirror.example/debian bookworm main"], "http://mirror.example/debian"),
        (["Types: deb", "URIs: https://mirror.example/debian/"], "https://mirror.example/debian"),
        (["deb http://mirror.example/debian-security bookworm-security main"], MIRROR),
        (["# deb http://mirror.example/debian bookworm main"], MIRROR),
        (["deb http://archive.ubuntu.com/ubuntu noble main"], MIRROR),
    ],
)
def test_the_base_image_comes_from_the_machines_own_mirror(lines: list[str], expected: str) -> None:
    assert mirror(lines) == expected


def test_pip_in_the_build_sees_the_hosts_settings_and_the_environment_wins() -> None:
    listing = [
        ":env:.cert='/etc/ssl/env.crt'",
        "global.cert='/etc/ssl/file.crt'",
        "global.index-url='https://mirror.example/simple'",
        "install.user='true'",
        "nonsense",
    ]
    expected = {"cert": "/etc/ssl/env.crt", "index-url": "https://mirror.example/simple"}
    assert pip_configuration(listing) == expected


def test_an_archive_holds_one_layer_and_is_the_same_each_time(tmp_path: Path) -> None:
    program = tmp_path / "program"
    program.write_bytes(b"\x7fELF")
    image = Image("localhost/x:test", {"bin/x": program}, ["/bin/x"], links={"bin/y": "x"}, folders={"tmp": 0o1777})
    write(image, tmp_path / "one.tar")
    write(image, tmp_path / "two.tar")
    assert (tmp_path / "one.tar").read_bytes() == (tmp_path / "two.tar").read_bytes()
    with tarfile.open(tmp_path / "one.tar") as outer:
        manifest = json.loads((outer.extractfile("manifest.json") or program.open("rb")).read())
        assert manifest[0]["RepoTags"] == ["localhost/x:test"]
        with tarfile.open(fileobj=outer.extractfile("layer.tar")) as layer:
            assert layer.getmember("bin/x").mode == 0o755
            assert layer.getmember("bin/y").linkname == "x"
            assert layer.getmember("tmp").mode == 0o1777
