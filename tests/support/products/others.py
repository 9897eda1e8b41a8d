"""Consul, Vault and Argo CD, each as its chart deploys it. Their labels are from memory of the charts."""

from __future__ import annotations

from support.contractservers import planted
from support.products.objects import (
    Object,
    config_map,
    container,
    deployment,
    ports,
    ready,
    secret,
    service,
)

TOKEN_KEY = "token"
ARGO_PORTS = {"server": 8083, "repo-server": 8084, "application-controller": 8082, "applicationset-controller": 8080}


def consul(*arguments: str) -> list[Object]:
    """A Consul server; Secrets consul-management, consul-agent and consul-wrong with a token each."""
    labels = {"app": "consul", "component": "server"}
    program = container(
        "consul",
        "consul",
        100,
        args=list(arguments),
        ports=ports(http=8500),
        readinessProbe=ready("/v1/status/leader", 8500),
    )
    return [*_tokens("consul"), service("consul-server", labels, http=8500), deployment("consul", labels, [program])]


def vault(*arguments: str) -> list[Object]:
    """A Vault server; Secrets vault-root, vault-limited and vault-wrong with a token each.

    Its probe asks for the state of the seal, so that a sealed one is ready too.
    """
    labels = {"app.kubernetes.io/name": "vault", "app.kubernetes.io/instance": "vault", "component": "server"}
    program = container(
        "vault",
        "vault",
        100,
        args=list(arguments),
        ports=ports(http=8200),
        readinessProbe=ready("/v1/sys/seal-status", 8200),
    )
    return [*_tokens("vault"), service("vault", labels, http=8200), deployment("vault", labels, [program])]


def argocd(*, profiles: bool = False) -> list[Object]:
    """All components, and the ConfigMaps that say how they run."""
    made = [
        config_map(
            "argocd-cm", {"url": "https://argo.planted.example", "admin.enabled": "true", "oidc.config": _oidc()}
        ),
        config_map("argocd-rbac-cm", {"policy.default": "role:readonly", "policy.csv": "g, planted, role:admin\n"}),
        config_map("argocd-cmd-params-cm", _parameters(profiles=profiles)),
    ]
    for name, port in ARGO_PORTS.items():
        labels = {"app.kubernetes.io/name": f"argocd-{name}", "app.kubernetes.io/part-of": "argocd"}
        program = container(
            name,
            "argocd",
            999,
            command=[f"/usr/local/bin/argocd-{name}"],
            args=["-profile"] if profiles else [],
            ports=ports(metrics=port),
            readinessProbe=ready("/healthz", port),
        )
        made += [
            service(f"argocd-{name}-metrics", labels, metrics=port),
            deployment(f"argocd-{name}", labels, [program]),
        ]
    return made


def _tokens(product: str) -> list[Object]:
    known = {**planted(product)["tokens"], "wrong": "token-of-nobody-at-all"}
    return [secret(f"{product}-{who}", **{TOKEN_KEY: token}) for who, token in known.items()]


def _oidc() -> str:
    hidden = planted("argocd")["export"]["oidcSecret"]
    return f"name: planted\nissuer: https://id.planted.example\nclientID: argo\nclientSecret: {hidden}\n"


def _parameters(*, profiles: bool) -> dict[str, str]:
    said = str(profiles).lower()
    keys = ("controller", "server", "reposerver", "applicationsetcontroller")
    return {"server.insecure": "true", **{f"{key}.profile.enabled": said for key in keys}}
