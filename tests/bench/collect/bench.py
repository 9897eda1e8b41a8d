"""From apply to Ready of a bundle of many logs, beside a bare reader of the same logs in the same run."""

from __future__ import annotations

import argparse
import json
import re
import statistics
import sys
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[3] / "operator")]

from bare import STREAMS, Reader
from usage import Usage

from support import sbundle
from support.kube import OPERATOR, SYSTEM, apply, kubectl, names, until

NAMESPACE = "sb-bench-collect"
PEAK = re.compile(r"(\d+) MiB at most")
SLOPE, OFFSET = 1.3, 4.0
"""The goal: at most SLOPE times the bare reading, and OFFSET seconds."""


@dataclass(frozen=True)
class Bundle:
    """What one bundle took and brought."""

    seconds: float
    until_first: float
    reading: float
    source_bytes: int
    files: int
    gaps: int
    truncated: int
    size: int
    peaks: tuple[int, ...]
    cpu: dict[str, float]


def main() -> None:
    """Measure by turns and print what came of it."""
    options = arguments()
    before = operator_memory()
    kubectl("delete", "namespace", NAMESPACE, "--ignore-not-found", "--wait", timeout=300)
    kubectl("create", "namespace", NAMESPACE)
    try:
        apply(NAMESPACE, deployment(options.pods, options.bytes))
        reader = Reader(NAMESPACE)
        pods = printed(reader, options.pods)
        bare, bundles = [], []
        for number in range(options.rounds):
            with Usage() as usage:
                bare.append(reader.lengths(pods))
            print(f"round {number}: bare {bare[-1][0]:.1f} s, CPU {told(usage.seconds())}", flush=True)
            bundles.append(bundle(f"round-{number}"))
            print(f"round {number}: bundle {bundles[-1].seconds:.1f} s, CPU {told(bundles[-1].cpu)}", flush=True)
        table(options.pods, bare, bundles)
        print(f"operator, resident: {before} MiB before, {operator_memory()} MiB after")
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def arguments() -> argparse.Namespace:
    """The command line; by default what the goal is stated for."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--pods", type=int, default=24)
    parser.add_argument("--bytes", type=int, default=8_500_000, help="of each pod's log")
    parser.add_argument("--rounds", type=int, default=3)
    return parser.parse_args()


def deployment(pods: int, size: int) -> dict[str, Any]:
    """Pods that print once and then sleep."""
    container = {
        "name": "app",
        "image": "localhost/sb-workload:test",
        "imagePullPolicy": "IfNotPresent",
        "args": [f"-print-bytes={size}"],
        "resources": {"requests": {"cpu": "1m", "memory": "8Mi"}},
    }
    labels = {"app": "web"}
    spec = {
        "terminationGracePeriodSeconds": 1,
        "automountServiceAccountToken": False,
        "enableServiceLinks": False,
        "containers": [container],
    }
    return {
        "apiVersion": "apps/v1",
        "kind": "Deployment",
        "metadata": {"name": "web"},
        "spec": {
            "replicas": pods,
            "selector": {"matchLabels": labels},
            "template": {"metadata": {"labels": labels}, "spec": spec},
        },
    }


def printed(reader: Reader, pods: int) -> list[str]:
    """The pods' names, once each has printed its last line."""
    kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=600s", timeout=620)
    found = [name.removeprefix("pod/") for name in names(NAMESPACE, "pods")]
    assert len(found) == pods
    until("the last lines", lambda: all(end.startswith(b"end of the log:") for end in reader.endings(found)))
    return found


def bundle(name: str) -> Bundle:
    """Apply one and wait as a user does, then look at what it holds."""
    created = datetime.now(UTC)
    started = time.monotonic()
    with Usage() as usage:
        sbundle.create(NAMESPACE, name, limits={"maxBytes": "4Gi"})
        over = "--for=condition=Reconciling=False"
        kubectl("-n", NAMESPACE, "wait", f"sbundle/{name}", over, "--timeout=600s", timeout=620)
        seconds = time.monotonic() - started
    sbundle.ready(NAMESPACE, name)
    data = sbundle.fetch(NAMESPACE, name)
    files = sbundle.unpack(data)
    manifest = json.loads(files["manifest.json"])
    sources = [member["source"] for member in manifest["members"] if "source" in member]
    first = min(datetime.fromisoformat(source["startedAt"]) for source in sources)
    last = max(datetime.fromisoformat(source["endedAt"]) for source in sources)
    return Bundle(
        seconds=seconds,
        until_first=(first - created).total_seconds(),
        reading=(last - first).total_seconds(),
        source_bytes=manifest["totals"]["sourceBytes"],
        files=len(sources),
        gaps=len(manifest["gaps"]),
        truncated=sum(bool(member.get("truncated")) for member in manifest["members"]),
        size=len(data),
        peaks=tuple(int(peak) for peak in PEAK.findall(files["collector.log"].decode())),
        cpu=usage.seconds(),
    )


def table(pods: int, bare: list[tuple[float, list[int]]], bundles: list[Bundle]) -> None:
    """The figures, and whether the goal is met."""
    reading = statistics.median(seconds for seconds, _ in bare)
    whole = statistics.median(made.seconds for made in bundles)
    goal = SLOPE * reading + OFFSET
    sizes = {sum(lengths) for _, lengths in bare}
    print(f"{pods} pods, {max(sizes) / 1e6:.1f} MB of logs, {len(bare)} rounds, bare reader with {STREAMS} streams")
    print("| | minimum | median | maximum |\n|---|---|---|---|")
    row("bare reader, s", [seconds for seconds, _ in bare])
    row("bundle, apply to Ready, s", [made.seconds for made in bundles])
    row("- apply to first byte read, s", [made.until_first for made in bundles])
    row("- first to last byte, s", [made.reading for made in bundles])
    row("- last byte to Ready, s", [made.seconds - made.until_first - made.reading for made in bundles])
    row("zip, MB", [made.size / 1e6 for made in bundles])
    print(f"ratio {whole / reading:.2f}; goal {SLOPE} x bare + {OFFSET:.0f} s = {goal:.1f} s: {yes(met=whole <= goal)}")
    sources = {made.source_bytes for made in bundles}
    kept = all((made.files, made.gaps, made.truncated) == (pods, 0, 0) for made in bundles)
    print(f"nothing cut: {yes(met=sources == sizes and kept)}")
    print(f"bytes: bare {sorted(sizes)}, bundles {sorted(sources)}, gaps {[made.gaps for made in bundles]}")
    print(f"collector, peak resident by shard: {[made.peaks for made in bundles]} MiB")


def row(what: str, values: list[float]) -> None:
    """One line of the table."""
    print(f"| {what} | {min(values):.1f} | {statistics.median(values):.1f} | {max(values):.1f} |")


def yes(*, met: bool) -> str:
    """A verdict."""
    return "met" if met else "NOT met"


def told(cpu: dict[str, float]) -> str:
    """CPU seconds by part, without the idle ones."""
    return ", ".join(f"{part} {seconds:.1f}" for part, seconds in cpu.items() if seconds >= 0.1)


def operator_memory() -> int:
    """MiB resident."""
    code = "print([l.split()[1] for l in open('/proc/1/status') if l.startswith('VmRSS')][0])"
    return int(kubectl("-n", SYSTEM, "exec", OPERATOR, "--", "python3", "-c", code)) // 1024


if __name__ == "__main__":
    main()
