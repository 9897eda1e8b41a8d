"""The parts that all deployments have in common."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

Object = dict[str, Any]


def image(name: str) -> str:
    """What tests/cluster/images builds."""
    return f"localhost/sb-{name}:test"


def container(name: str, product: str, user: int, **fields: Any) -> Object:
    """A container that the restricted Pod Security Standard admits."""
    return {
        "name": name,
        "image": image(product),
        "imagePullPolicy": "IfNotPresent",
        "securityContext": {
            "runAsNonRoot": True,
            "runAsUser": user,
            "allowPrivilegeEscalation": False,
            "capabilities": {"drop": ["ALL"]},
            "seccompProfile": {"type": "RuntimeDefault"},
        },
        **fields,
    }


def deployment(
    name: str, labels: Mapping[str, str], containers: Sequence[Object], *, replicas: int = 1, **pod: Any
) -> Object:
    """A Deployment whose pods have these labels."""
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {
            "replicas": replicas,
            "selector": {"matchLabels": dict(labels)},
            "template": {
                "metadata": {"labels": dict(labels)},
                "spec": {"terminationGracePeriodSeconds": 1, "containers": list(containers), **pod},
            },
        },
    }


def service(name: str, labels: Mapping[str, str], **ports: int) -> Object:
    """A Service with ports of the same number as the pods'; underscores in their names stand for dashes."""
    named = [{"name": port.replace("_", "-"), "port": number} for port, number in ports.items()]
    return {
        "apiVersion": "v1",
        "kind": "Service",
        "metadata": {"name": name, "labels": dict(labels)},
        "spec": {"selector": dict(labels), "ports": named},
    }


def secret(name: str, **values: str) -> Object:
    """A Secret."""
    return {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": name}, "stringData": values}


def config_map(name: str, values: Mapping[str, str], **labels: str) -> Object:
    """A ConfigMap."""
    metadata = {"name": name, "labels": {key.replace("__", "/"): value for key, value in labels.items()}}
    return {"apiVersion": "v1", "kind": "ConfigMap", "metadata": metadata, "data": dict(values)}


def env(values: Mapping[str, str]) -> list[Object]:
    """Variables with their values in plain sight."""
    return [{"name": name, "value": value} for name, value in values.items()]


def env_from_secret(variable: str, name: str, key: str) -> Object:
    """One variable from one key."""
    return {"name": variable, "valueFrom": {"secretKeyRef": {"name": name, "key": key}}}


def ports(**named: int) -> list[Object]:
    """Ports of a container; underscores in their names stand for dashes."""
    return [{"name": name.replace("_", "-"), "containerPort": number} for name, number in named.items()]


def ready(path: str, port: int) -> Object:
    """A probe."""
    return {"httpGet": {"path": path, "port": port}, "periodSeconds": 1}
