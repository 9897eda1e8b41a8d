"""Contract servers on loopback, each started once for each set of options."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from dataclasses import replace

import pytest

from support.contractservers import Running, planted, started

Start = Callable[..., Running]
"""Arguments of the program; variables of its environment by keyword."""


@pytest.fixture(scope="module")
def stack() -> Iterator[ExitStack]:
    """Ends all servers of a file: each is busy, for its profiles to show something."""
    with ExitStack() as held:
        yield held


@pytest.fixture(scope="module")
def mattermost(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A server of these options, with the administrator's token unless headers are given."""
    found: dict[tuple[str, ...], Running] = {}

    def start(*options: str) -> Running:
        if options not in found:
            root = tmp_path_factory.mktemp("mattermost")
            server = started(
                "mattermost",
                ("api", "metrics"),
                root,
                lambda at: [
                    f"-root={root}",
                    f"-listen=127.0.0.1:{at['api']}",
                    f"-metrics-listen=127.0.0.1:{at['metrics']}",
                    "-packet-seconds=0",
                    *options,
                ],
            )
            token = planted("mattermost")["tokens"]["admin"]
            found[options] = replace(stack.enter_context(server), headers={"Authorization": f"Bearer {token}"})
        return found[options]

    return start


@pytest.fixture(scope="module")
def coder(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A control plane of these options, with the owner's token unless headers are given."""
    found: dict[tuple[str, ...], Running] = {}

    def start(*options: str, **env: str) -> Running:
        key = (*options, *(f"{name}={value}" for name, value in env.items()))
        if key not in found:
            server = started(
                "coder",
                ("api", "prometheus", "pprof"),
                tmp_path_factory.mktemp("coder"),
                lambda at: ["server", f"-listen=127.0.0.1:{at['api']}", *options],
                CODER_PROMETHEUS_ADDRESS="127.0.0.1:{prometheus}",
                CODER_PPROF_ADDRESS="127.0.0.1:{pprof}",
                **env,
            )
            token = planted("coder")["tokens"]["owner"]
            found[key] = replace(stack.enter_context(server), headers={"Coder-Session-Token": token})
        return found[key]

    return start


@pytest.fixture(scope="module")
def agent(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """A workspace's agent of these options."""
    found: dict[tuple[str, ...], Running] = {}

    def start(*options: str, **env: str) -> Running:
        key = (*options, *(f"{name}={value}" for name, value in env.items()))
        if key not in found:
            root = tmp_path_factory.mktemp("agent")
            given = {
                "CODER_AGENT_LOG_DIR": str(root),
                "CODER_AGENT_DEBUG_ADDRESS": "127.0.0.1:{debug}",
                "CODER_AGENT_PROMETHEUS_ADDRESS": "127.0.0.1:{prometheus}",
                "CODER_AGENT_PPROF_ADDRESS": "127.0.0.1:{pprof}",
                **env,
            }
            names = ("debug", "prometheus", "pprof")
            server = started("coder-agent", names, root, lambda _: list(options), **given)
            found[key] = stack.enter_context(server)
        return found[key]

    return start


@pytest.fixture(scope="module")
def simple(stack: ExitStack, tmp_path_factory: pytest.TempPathFactory) -> Start:
    """Consul, Vault or a component of Argo CD, which have one port; the flag that moves it comes last but options."""
    found: dict[tuple[str, ...], Running] = {}

    def start(program: str, *options: str) -> Running:
        if (program, *options) not in found:
            flag = "-metrics-listen" if program == "argocd" else "-listen"
            server = started(
                program,
                ("api",),
                tmp_path_factory.mktemp(program),
                lambda at: [*options, f"{flag}=127.0.0.1:{at['api']}"],
            )
            found[program, *options] = stack.enter_context(server)
        return found[program, *options]

    return start
