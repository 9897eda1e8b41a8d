"""Names that lead elsewhere, files without an end, and a `tar` that lies: files land in their folder, named by us."""

from __future__ import annotations

import base64
import io
import tarfile
from collections.abc import Callable
from typing import Any

import pytest

from support.driving import Besieged, Spent
from support.kube import kubectl, until

pytestmark = pytest.mark.e2e
LIMIT = 1 << 20
MEMORY = 24 << 20
SECONDS = 5
SLACK = 10.0
CONTENT = b"content of a file\n"
NAMES = """
set -e
cd /data
i=0; while [ $i -lt 255 ]; do long=x$long; i=$((i + 1)); done
put() { printf 'content of a file\\n' > "$1"; }
put plain.conf
put "$(printf 'new\\nline.conf')"
put "$(printf 'tab\\tbell\\a.conf')"
put "$(printf 'escape\\033[31m.conf')"
put "$(printf 'invalid\\377\\376.conf')"
put "$(printf 'right\\342\\200\\256fnoc.exe.conf')"
put '..\\..\\windows.conf'
put 'C:drive.conf'
put '-rf.conf'
put ' .conf'
put '$(reboot).conf'
put "'quote\\".conf"
put 'star*.conf'
put 'CON.conf'
put 'con.conf'
put '%2e%2e%2f.conf'
put "${long%xxxxx}.conf"
put '...conf'
put '.. .conf'
mkfifo pipe.conf
mkdir -p folder.conf deep
cd deep
i=0; while [ $i -lt 12 ]; do i=$((i + 1)); mkdir "$long"; cd "$long"; done
put deep.conf
cd /data
mkdir around
put around/once.conf
ln -s /data/around around/again
truncate -s 1024G huge
ln -s /dev/zero zeros
touch made
sleep 100000
"""
"""A path of 3,000 bytes is within a system's PATH_MAX, and far beyond what an archive should carry."""
PLAIN = 19
"""Of the names, those of plain files directly in the folder."""

LIAR = """#!/bin/sh
for last do :; done
cat "$last"
case $last in
  *endless*) exec cat /dev/zero ;;
esac
"""
"""A `sh` of the target's: it sends a prepared stream, whatever it was asked for."""


RunPod = Callable[..., None]


def files(*paths: str, **options: Any) -> dict[str, Any]:
    usual = {"paths": paths, "timeout": f"{SECONDS}s", "maxBytes": LIMIT}
    return {"type": "Files", "files": usual | options}


def pod(name: str, script: str, volume: dict[str, Any], **container: Any) -> dict[str, Any]:
    only = {
        "name": "app",
        "image": "localhost/sb-busybox:test",
        "imagePullPolicy": "IfNotPresent",
        "command": ["/bin/sh", "-c", script],
        "volumeMounts": [{"name": "data", "mountPath": "/data"}],
        **container,
    }
    spec = {
        "terminationGracePeriodSeconds": 0,
        "automountServiceAccountToken": False,
        "containers": [only],
        "volumes": [{"name": "data", **volume}],
    }
    return {"apiVersion": "v1", "kind": "Pod", "metadata": {"name": name, "labels": {"app": name}}, "spec": spec}


@pytest.fixture
def names(besieged: Besieged, run_pod: RunPod) -> str:
    run_pod(pod("names", NAMES, {"emptyDir": {}}))
    listing = ("-n", besieged.namespace, "exec", "names", "--", "ls", "/data")
    until("the last of the files", lambda: "made" in kubectl(*listing).splitlines(), seconds=20)
    return "names"


def assert_bounded(spent: Spent) -> None:
    assert spent.seconds < SECONDS + SLACK
    assert spent.memory < MEMORY


async def test_every_name_becomes_a_harmless_one(besieged: Besieged, names: str) -> None:
    assert_bounded(await besieged.endure(names, files("/data/*.conf", "/data/.*.conf")))
    found = besieged.sink.files
    assert all(path.startswith("pods/names/files/app/") for path in found)
    assert len(found) == PLAIN, sorted(found)
    assert {member.data for member in found.values()} == {CONTENT}
    assert besieged.reasons == {"NotAFile"}


async def test_a_path_longer_than_an_archive_takes_is_shortened(besieged: Besieged, names: str) -> None:
    assert_bounded(await besieged.endure(names, files("/data/deep")))
    (path,) = besieged.sink.files
    assert len(path) < 1000
    assert besieged.sink.files[path].data == CONTENT


async def test_links_in_a_circle_end(besieged: Besieged, names: str) -> None:
    assert_bounded(await besieged.endure(names, files("/data/around", maxFiles=5)))
    assert 1 <= len(besieged.sink.files) <= 5
    assert {member.data for member in besieged.sink.files.values()} == {CONTENT}


async def test_a_file_of_a_tebibyte_costs_the_files_before_it_nothing(besieged: Besieged, names: str) -> None:
    assert_bounded(await besieged.endure(names, files("/data/plain.conf", "/data/huge")))
    assert besieged.sink.files["pods/names/files/app/data/plain.conf"].data == CONTENT
    assert all(len(member.data) <= LIMIT for member in besieged.sink.files.values())
    assert besieged.reasons <= {"Timeout", "TooLarge"}
    assert besieged.reasons


async def test_devices_are_not_read(besieged: Besieged, names: str) -> None:
    assert_bounded(await besieged.endure(names, files("/data/zeros", "/dev/zero", "/data/pipe.conf")))
    assert not besieged.sink.files
    assert besieged.reasons == {"NotAFile"}


async def test_an_image_without_programs_says_so(besieged: Besieged) -> None:
    assert_bounded(await besieged.endure("server", files("/etc/passwd")))
    assert not besieged.sink.files
    assert besieged.reasons == {"CommandNotFound"}


def entry(name: str, data: bytes = CONTENT, **fields: Any) -> tuple[tarfile.TarInfo, bytes]:
    info = tarfile.TarInfo(name)
    info.size = len(data)
    for field, value in fields.items():
        setattr(info, field, value)
    return info, data


def tar(*entries: tuple[tarfile.TarInfo, bytes], end: bool = True) -> bytes:
    """A stream as it is written, whatever its entries claim."""
    out = io.BytesIO()
    for info, data in entries:
        out.write(info.tobuf(tarfile.PAX_FORMAT if info.pax_headers else tarfile.GNU_FORMAT))
        out.write(data + bytes(-len(data) % 512))
    return out.getvalue() + (bytes(1024) if end else b"")


ESCAPING = tar(
    entry("../../../../escaped"),
    entry("/etc/absolute"),
    entry("a/../../b"),
    entry("data/link", b"", type=tarfile.SYMTYPE, linkname="/"),
    entry("data/link/below"),
    entry("data/hard", b"", type=tarfile.LNKTYPE, linkname="/etc/shadow"),
    entry("data/twice"),
    entry("data/twice", b"another\n"),
    entry("data/twice/below"),
    entry("plain", pax_headers={"path": "../../pax"}),
    entry("manifest.json"),
    entry(""),
    entry("."),
    entry("//"),
    entry("C:\\windows\\system32"),
    entry("nul\x00byte"),
    entry("x" * 5000),
)
CASES = {
    "escaping": ESCAPING,
    "endless-zeros": tar(entry("data/first")),
    "endless-file": tar(entry("data/first"), entry("data/second", b"", size=1 << 62), end=False),
    "endless-name": tar(entry("data/first"), entry("l", b"", type=b"L", size=1 << 40), end=False),
    "endless-pax": tar(entry("data/first"), entry("p", b"", type=b"x", size=1 << 40), end=False),
    "cut": tar(entry("data/first"), entry("data/second"))[:1700],
    "noise": bytes(range(256)) * 64,
    "empty": b"",
}


@pytest.fixture
def liar(run_pod: RunPod) -> str:
    packed = {name: base64.b64encode(data).decode() for name, data in CASES.items()}
    config = {
        "apiVersion": "v1",
        "kind": "ConfigMap",
        "metadata": {"name": "liar"},
        "data": {"sh": LIAR},
        "binaryData": packed,
    }
    volume = {"configMap": {"name": "liar", "defaultMode": 0o755}}
    path = [{"name": "PATH", "value": "/data:/bin"}]
    run_pod(pod("liar", "sleep 100000", volume, env=path), config)
    return "liar"


@pytest.mark.parametrize("case", CASES)
async def test_a_lying_tar_stays_in_its_folder(besieged: Besieged, liar: str, case: str) -> None:
    assert_bounded(await besieged.endure(liar, files(f"/data/{case}")))
    found = besieged.sink.files
    assert all(path.startswith("pods/liar/files/app/") for path in found)
    assert all(len(member.data) <= LIMIT for member in found.values())
    if case not in {"escaping", "endless-zeros"}:
        assert besieged.sink.gaps
    if case not in {"noise", "empty", "escaping"}:
        assert found["pods/liar/files/app/data/first"].data == CONTENT
