"""Pseudonyms on a real cluster: two bundles of a destination agree, and the key in its Secret undoes them."""

from __future__ import annotations

import base64
import json
import re
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import pytest

from support import reading, sbundle
from support.access import Person, accepted, refused
from support.kube import OPERATOR, ROOT, SYSTEM, CommandFailed, get, kubectl, names, run, until

pytestmark = pytest.mark.e2e
KEY = "supportbundle-pseudonyms-default"
COLLECTORS = (*sbundle.LOGS, {"name": "resources", "type": "Resources"})
CAPABILITIES = ["Logs", "Resources"]
WANTED = {"pseudonymize": ["IP", "MAC", "Email", "Hostname", "User"], "users": ["ann"], "domains": ["internal"]}
Members = Mapping[str, bytes]


def addresses(namespace: str) -> list[str]:
    """The IP addresses of the web pods."""
    path = "jsonpath={.items[*].status.podIP}"
    return kubectl("-n", namespace, "get", "pods", "-l", "app=web", "-o", path).split()


def key() -> bytes:
    """The destination's key."""
    return base64.b64decode(get(SYSTEM, "secret", KEY)["data"]["key"])


def content(members: Members) -> bytes:
    """Everything that was collected."""
    return b"\n".join(data for path, data in sorted(members.items()) if path != "manifest.json")


def reveal(text: str, *options: str) -> str:
    """The command of this checkout."""
    command = (sys.executable, "-m", "supportbundle", "reveal", *options, "--", text)
    done = subprocess.run(command, cwd=ROOT / "operator", capture_output=True, text=True, check=False, timeout=60)
    if done.returncode:
        raise CommandFailed(done.stderr)
    return done.stdout.rstrip("\n")


@pytest.fixture(scope="module")
def bundles(workload: str) -> tuple[Members, Members]:
    """What two bundles hold that asked for every kind, one after the other."""
    found: list[Members] = []
    for name in ("pseudonyms-1", "pseudonyms-2"):
        sbundle.create(workload, name, COLLECTORS, capabilities=CAPABILITIES, sanitization=WANTED)
        sbundle.ready(workload, name)
        found.append(sbundle.unpack(sbundle.fetch(workload, name)))
    return found[0], found[1]


def pod_ips(members: Members) -> set[str]:
    """The addresses of pods as a bundle shows them."""
    return set(re.findall(r'"?podIP"?: ?"?([0-9a-f.:]+[0-9a-f])', content(members).decode(errors="replace")))


def test_no_address_and_no_given_name_is_in_any_file(workload: str, bundles: tuple[Members, Members]) -> None:
    for members in bundles:
        text = content(members)
        for address in addresses(workload):
            assert re.search(rb"(?<![0-9.])" + re.escape(address.encode()) + rb"(?![0-9.])", text) is None, address
        assert b'"user":"ann"' not in text
        totals = json.loads(members["redactions.json"])["totals"]["rules"]
        assert totals["pseudonym-ip"] > 0
        assert totals["pseudonym-user"] > 0


def test_two_bundles_of_one_destination_agree(bundles: tuple[Members, Members]) -> None:
    first, second = bundles
    assert pod_ips(first)
    assert pod_ips(first) & pod_ips(second)
    users = [set(re.findall(rb'"user":"(user-[0-9a-z]+)"', content(members))) for members in bundles]
    assert users[0] == users[1]
    assert len(users[0]) == 1


def test_the_key_stands_in_the_operators_namespace_and_in_no_bundle(
    workload: str, bundles: tuple[Members, Members]
) -> None:
    assert len(key()) == 32
    forms = (key(), base64.b64encode(key()), key().hex().encode())
    for members in bundles:
        assert not any(form in data for data in members.values() for form in forms)
    log = run("kubectl", "-n", SYSTEM, "logs", OPERATOR, "--tail=-1")
    status = kubectl("-n", workload, "get", "sbundle", "-o", "yaml").encode()
    assert not any(form in log or form in status for form in forms)


def test_reveal_gives_the_original_back(workload: str, bundles: tuple[Members, Members], tmp_path: Path) -> None:
    shown = " ".join(sorted(pod_ips(bundles[0])))
    # Pods may have been replaced since, so one that is still there is enough.
    assert set(reveal(shown).split()) & set(addresses(workload))
    user = re.findall(rb'"user":"(user-[0-9a-z]+)"', content(bundles[0]))[0].decode()
    assert reveal(f"who is {user}?") == "who is ann?"
    file = tmp_path / "key"
    file.write_bytes(key())
    assert reveal(user, "--key-file", str(file)) == "ann"
    inside = run("kubectl", "-n", SYSTEM, "exec", OPERATOR, "--", "supportbundle", "reveal", user)
    assert inside.decode().strip() == "ann"


@pytest.mark.usefixtures("bundles")
def test_only_who_may_read_the_secret_may_reveal() -> None:
    secret: dict[str, Any] = {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": KEY}}
    server = f"http://{reading.server()}"
    refused(lambda: Person(server, "sb-e2e-stranger", SYSTEM).get(secret), "cannot get resource")
    accepted(lambda: Person(server, None, SYSTEM).get(secret))
    with pytest.raises(CommandFailed, match="no bundle has asked for pseudonyms"):
        reveal("host-x", "--destination", "e2e-never-used")


@pytest.mark.usefixtures("bundles")
def test_the_runs_own_copy_of_the_key_is_gone(workload: str) -> None:
    until(
        "removal of the runs' Secrets",
        lambda: not [name for name in names(workload, "secrets") if name.startswith("secret/sb-")],
        seconds=60,
    )


def test_names_that_nothing_looks_for_are_refused_at_admission(workload: str) -> None:
    with pytest.raises(CommandFailed, match="need the kind Hostname"):
        sbundle.create(workload, "pseudonyms-unused", sanitization={"hostnames": ["db1"]})
