"""The largest bundle that anybody may ask for: what policies cost the API server at most."""

from __future__ import annotations

from support.access import Object, bundle
from supportbundle.model.capability import Capability

HEADER: Object = {"name": "Authorization", "prefix": "Bearer ", "secret": "token", "key": "value"}
MANY_STEPS: tuple[Object, ...] = (
    *(
        {
            "name": f"a{i}",
            "path": "/" + "p" * 200,
            "output": "o" * 60 + f"/a{i}",
            "missing": "Null",
            "accept": [404, 501],
        }
        for i in range(16)
    ),
    *({"name": f"z{i}", "path": "/" + "p" * 200, "output": f"z{i}", "unwrap": True, "when": "a0"} for i in range(16)),
    *({"name": f"v{i}", "value": "a0." * 50 + "a", "output": f"v{i}", "format": "Text"} for i in range(16)),
    *(
        {
            "name": f"f{i}",
            "output": f"f{i}",
            "format": "YAML",
            "indent": 4,
            "keepNull": True,
            "fields": [{"key": f"k{k}.x", "value": f"a{i}.value"} for k in range(16)],
        }
        for i in range(16)
    ),
)


def _placed(number: int, *, several: bool) -> Object:
    """Where the files of a collector stand: one at its path, or several below it."""
    path = f"{{pod/}}{'x' * 200}{number}"
    return {"path": f"{path}/{{file}}"} if several else {"path": path, "missing": "Null"}


def largest(account: str | None) -> Object:
    """Every capability, 50 collectors of every type with long options and targets, each a fallback for the last."""
    labels = {f"label-{i}": "v" * 63 for i in range(32)}
    names = [f"pod-{i}" + "x" * 200 for i in range(100)]
    expression = {"key": "k", "operator": "In", "values": [f"v{i}" for i in range(64)]}
    target = {
        "selector": {"matchLabels": labels, "matchExpressions": [expression] * 32},
        "podNames": names,
    }
    some = {"anyOf": [{"matchExpressions": [{"key": "k", "operator": "Exists"}] * 32}] * 8, "podNames": names}
    headers_from = [{**HEADER, "name": f"X-{i}"} for i in range(8)]
    sizes = {"maxBytes": "4Gi", "timeout": "59m59s"}
    config = {
        "configMaps": {"names": names},
        **dict.fromkeys(("workloads", "environment", "related", "secretShapes"), True),
    }
    http = {
        **sizes, "port": 1, "method": "POST", "body": "b" * 1000, "path": "/" + "p" * 1000, "headersFrom": headers_from,
        "headers": [{"name": f"Y-{i}", "value": "v" * 100} for i in range(16)],
        "tls": {"caFrom": {"secret": "ca", "key": "ca.crt"}, "serverName": "web"},
    }  # fmt: skip
    options: list[Object] = [
        {"type": "Logs", "logs": {"since": "24h", "tailLines": 5, "maxBytesPerContainer": "1Gi", "around": "Restarts"}},
        {"type": "Events", "events": {"scope": "Targets"}},
        {"type": "Config", "config": config},
        {"type": "Profile", "profile": {"port": 1, "kinds": [{"type": "CPU"}], "headersFrom": headers_from}},
        {"type": "HTTP", "http": http},
        {"type": "Exec", "exec": {**sizes, "command": ["x" * 200] * 64, "ephemeral": True, "output": "o" * 128}},
        {"type": "Files", "files": {**sizes, "paths": [f"/{i}" + "p" * 200 for i in range(50)], "ephemeral": True}},
        {"type": "Helm", "helm": {"releases": [f"release-{i}" for i in range(50)]}},
        {"type": "Resources", "resources": {"kinds": [f"kind{i}.example.com" for i in range(64)], "clusterInfo": True}},
        {"type": "Metrics", "metrics": {"port": 1, "path": "/" + "p" * 1000}},
        {"type": "API", "api": {**sizes, "port": 1, "headersFrom": headers_from, "steps": MANY_STEPS}},
    ]  # fmt: skip
    collectors = [
        {
            "name": f"c{i}",
            **_placed(i, several=options[i % len(options)]["type"] == "API"),
            "target": (target, some)[i % 2],
            **({"fallbackFor": f"c{i - 1}"} if i else {}),
            **options[i % len(options)],
        }
        for i in range(50)
    ]
    wanted = bundle(target=some, collectors=collectors, capabilities=list(Capability), ttl="8760h")
    wanted["spec"]["archive"] = {
        "fileName": "{namespace}" * 11 + ".zip",
        **{name: f"{name}{'x' * 100}" for name in ("warnings", "collectorLog", "requestLog")},
    }
    wanted["spec"] |= {"serviceAccountName": account} if account else {}
    wanted["spec"]["templateRef"] = {
        "name": "t" * 253,
        "parameters": {f"parameter{i}": "v" * 1024 for i in range(32)},
        "secrets": {f"secret{i}": {"name": "s" * 253} for i in range(8)},
    }
    return wanted
