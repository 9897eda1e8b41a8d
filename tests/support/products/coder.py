"""Coder as its chart deploys the server, and a workspace as a template could."""

from __future__ import annotations

from support.contractservers import kept, planted
from support.products.objects import (
    Object,
    container,
    deployment,
    env,
    env_from_secret,
    ports,
    ready,
    secret,
    service,
)

USER = 1000
TOKEN_KEY = "token"
TOKENS = ("owner", "member", "stranger")
DEPLOYMENT_FILES = (
    *(f"deployment/{name}.json" for name in ("buildinfo", "config", "experiments", "health")),
    *(f"network/{name}.json" for name in ("connection_info", "netcheck")),
    *(f"network/{name}_debug.html" for name in ("coordinator", "tailnet")),
)
WORKSPACE_FILES = (
    *(f"workspace/{name}.json" for name in ("workspace", "parameters", "template", "template_version")),
    *("workspace/build_logs.txt", "workspace/template_file.zip"),
    *("agent/agent.json", "agent/startup_logs.txt", "agent/listening_ports.json"),
)
POD_FILES = (
    *("agent/logs.txt", "agent/agent_magicsock.html", "agent/client_magicsock.html"),
    *("agent/manifest.json", "agent/prometheus.txt"),
)
LOG_FILES = ("cli_logs.txt", "logs.txt")
"""The 24 files of the product's bundle, by who knows their content."""


def tokens() -> list[Object]:
    """A Secret for each caller: coder-owner, coder-member, coder-stranger, and coder-wrong with a token of nobody."""
    known = planted("coder")["tokens"]
    wrong = secret("coder-wrong", **{TOKEN_KEY: "Wrong0tokn-ofnobodyatall01234567"})
    return [*(secret(f"coder-{who}", **{TOKEN_KEY: known[who]}) for who in TOKENS), wrong]


def server(
    release: str = "coder", *arguments: str, version: str = "old", prometheus: bool = True, pprof: bool = False
) -> list[Object]:
    """The control plane. The newer chart lets profiles listen on all addresses; no chart declares their port."""
    labels = {"app.kubernetes.io/name": "coder", "app.kubernetes.io/instance": release}
    variables = {"CODER_HTTP_ADDRESS": "0.0.0.0:8080", "CODER_PROMETHEUS_ADDRESS": "0.0.0.0:2112"}
    variables["CODER_ACCESS_URL"] = kept("coder")["accessUrl"]
    exposed = ports(http=8080)
    if version == "new":
        variables["CODER_PPROF_ADDRESS"] = "0.0.0.0:6060"
    if pprof:
        variables["CODER_PPROF_ENABLE"] = "true"
    if prometheus:
        variables["CODER_PROMETHEUS_ENABLE"] = "true"
        exposed += ports(prometheus_http=2112)
    program = container(
        "coder",
        "coder",
        USER,
        command=["/opt/coder"],
        args=["server", f"-version={version}", *arguments],
        env=[*env(variables), env_from_secret("CODER_PG_CONNECTION_URL", "coder-db-url", "url")],
        ports=exposed,
        readinessProbe=ready("/healthz", 8080),
    )
    password = planted("coder")["config"]["postgresPassword"]
    running = deployment(release, labels, [program], serviceAccountName="coder")
    running["spec"]["template"]["metadata"]["annotations"] = {"app.kubernetes.io/component": "coderd"}
    web = service(release, labels, http=8080)
    web["spec"]["ports"] = [{"name": "http", "port": 80, "targetPort": "http"}]
    return [
        {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "coder"}},
        secret("coder-db-url", url=f"postgres://coder:{password}@coder-db.coder.svc:5432/coder?sslmode=disable"),
        *tokens(),
        web,
        running,
    ]


def workspace(*arguments: str, **variables: str) -> list[Object]:
    """A workspace's pod, with the labels of the product's own example of a template. `-gone` is one without an agent.

    Its token is in plain sight in the environment, as templates have it.
    """
    owner, name = kept("coder")["owner"], kept("coder")["workspace"]
    labels = {
        "app.kubernetes.io/name": "coder-workspace",
        "app.kubernetes.io/instance": "coder-workspace-5a1d0000-0000-4000-8000-000000000001",
        "app.kubernetes.io/part-of": "coder",
        "com.coder.workspace.name": name,
        "com.coder.user.username": owner,
    }
    given = {"CODER_AGENT_TOKEN": planted("coder")["environment"]["agentToken"], **variables}
    agent = container("dev", "coder-agent", USER, args=list(arguments), env=env(given))
    return [deployment(f"coder-{owner}-{name}", labels, [agent])]
