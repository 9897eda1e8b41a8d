"""What the operator's process and the API server tell about themselves: memory, start, requests."""

from __future__ import annotations

import json
import re
from collections import Counter
from datetime import datetime
from typing import Any

from support.kube import OPERATOR, SYSTEM, CommandFailed, kubectl, until

POD = ("-l", "app.kubernetes.io/component=operator")
FLOW = "supportbundle-operator"
DISPATCHED = re.compile(
    r'^apiserver_flowcontrol_dispatched_requests_total\{[^}]*flow_schema="' + FLOW + r'"[^}]*\} (\S+)$', re.MULTILINE
)
REQUEST = re.compile(r"^apiserver_request_total\{([^}]*)\} (\S+)$", re.MULTILINE)
LABEL = re.compile(r'(\w+)="([^"]*)"')
STATUS = "print(open('/proc/1/status').read())"


def memory() -> tuple[int, int]:
    """MiB of the operator: resident now, and at most since its start."""
    text = kubectl("-n", SYSTEM, "exec", OPERATOR, "--", "python3", "-c", STATUS)
    fields = dict(line.split(":", 1) for line in text.splitlines() if ":" in line)
    return int(fields["VmRSS"].split()[0]) >> 10, int(fields["VmHWM"].split()[0]) >> 10


def requests() -> int:
    """Requests that the API server has let pass for the operator's account since it started; watches count once."""
    found = DISPATCHED.findall(kubectl("get", "--raw", "/metrics"))
    return int(sum(map(float, found)))


def by_resource() -> Counter[str]:
    """Requests that the API server has answered, to anybody, by verb and resource."""
    found: Counter[str] = Counter()
    for labels, value in REQUEST.findall(kubectl("get", "--raw", "/metrics")):
        have = dict(LABEL.findall(labels))
        what = "/".join(filter(None, (have.get("resource"), have.get("subresource"))))
        found[f"{have.get('verb')} {what}"] += int(float(value))
    return found


def metrics() -> Counter[str]:
    """The operator's own metrics by name with labels."""
    code = "import urllib.request; print(urllib.request.urlopen('http://127.0.0.1:9090/metrics').read().decode())"
    text = kubectl("-n", SYSTEM, "exec", OPERATOR, "--", "python3", "-c", code)
    pairs = (line.rsplit(" ", 1) for line in text.splitlines() if line and not line.startswith("#"))
    return Counter({name: float(value) for name, value in pairs})


def restarts() -> int:
    """How often the operator's container was started again."""
    return sum(status["restartCount"] for pod in _pods() for status in pod["status"].get("containerStatuses", ()))


def start_anew() -> float:
    """Restart the operator's pod; whole seconds from the container's start to Ready, as Kubernetes tells them."""
    kubectl("-n", SYSTEM, "rollout", "restart", OPERATOR)
    kubectl("-n", SYSTEM, "rollout", "status", OPERATOR, "--timeout=300s")
    (pod,) = until("one pod", lambda: [p for p in _pods() if "deletionTimestamp" not in p["metadata"]])
    began = pod["status"]["containerStatuses"][0]["state"]["running"]["startedAt"]
    (ready,) = (c["lastTransitionTime"] for c in pod["status"]["conditions"] if c["type"] == "Ready")
    return (datetime.fromisoformat(ready) - datetime.fromisoformat(began)).total_seconds()


def _pods() -> list[dict[str, Any]]:
    try:
        items: list[dict[str, Any]] = json.loads(kubectl("-n", SYSTEM, "get", "pods", *POD, "-o", "json"))["items"]
    except CommandFailed:
        return []
    return items
