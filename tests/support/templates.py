"""Small templates and the bundles that fill them in."""

from __future__ import annotations

from typing import Any

from support.build import bundle
from supportbundle.model.request import Request
from supportbundle.model.template import Template, parse_template
from supportbundle.plan import resolve

UID = "99999999-8888-7777-6666-555555555555"
ALL = ["Logs", "Events", "Config", "Profiles", "HTTP", "Exec", "Resources"]
LOGS: dict[str, Any] = {"name": "logs", "type": "Logs"}
PORT: dict[str, Any] = {"name": "port", "type": "Integer"}
PING: dict[str, Any] = {"name": "ping", "type": "HTTP", "http": {"port": "$(port)", "path": "/$(path)"}}


def manifest(*collectors: dict[str, Any], **spec: Any) -> dict[str, Any]:
    """The resource `preset` as the API server returns it."""
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleTemplate",
        "metadata": {"name": "preset", "uid": UID, "generation": 3, "resourceVersion": "1"},
        "spec": {"capabilities": ALL, "collectors": list(collectors or (LOGS,)), **spec},
    }


def template(*collectors: dict[str, Any], **spec: Any) -> Template:
    """The same, parsed."""
    return parse_template(manifest(*collectors, **spec))


def filled(
    found: Template, given: dict[str, str] | None = None, secrets: dict[str, str] | None = None, **spec: Any
) -> Request:
    """What a bundle asks for that gives these parameters and Secrets, and nothing of its own but `spec`."""
    ref = {
        "name": found.name,
        "parameters": given or {},
        "secrets": {name: {"name": secret} for name, secret in (secrets or {}).items()},
    }
    return resolve(bundle(**{"templateRef": ref, "collectors": [], "target": None, **spec}).spec, found)
