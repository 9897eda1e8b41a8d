"""Throughput of the sanitizer as a ratio to a bare RE2 scan of the same bytes: `python bench.py [MB]`."""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from collections.abc import Callable
from pathlib import Path

import re2

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "operator"))

from supportbundle.sanitize import KnownSecret, Sanitizer

CHUNK = 256 << 10
WORDS = [
    "GET",
    "POST",
    "request",
    "completed",
    "status=200",
    "duration=12ms",
    "user=alice",
    "path=/api/v1/items",
    "level=info",
    "msg=ok",
    "pod",
    "scheduled",
    "10.0.0.1",
    "6f9619ff-8b86-d011-b42d-00cf4fc964ff",
    "token",
    "refreshed",
    "cache",
    "miss",
    "secret",
    "store",
    "connected",
    "key=value",
]


def _log(random_: random.Random, size: int, secret_every: int) -> bytes:
    lines: list[str] = []
    total = 0
    while total < size:
        words = " ".join(random_.choices(WORDS, k=14))
        line = f"2026-11-21T10:00:00.{random_.randrange(10**6):06d}Z {words}"
        if secret_every and len(lines) % secret_every == 0:
            line += f" db_password=pw{random_.randrange(10**9)} tokenExpiry=30s"
        lines.append(line)
        total += len(line) + 1
    return ("\n".join(lines) + "\n").encode()


def _json_lines(random_: random.Random, size: int) -> bytes:
    row = {"ts": "2026-11-21T10:00:00Z", "level": "info", "msg": "request completed", "status": 200, "id": 0}
    lines: list[str] = []
    total = 0
    while total < size:
        extra = {"password": "pw1"} if len(lines) % 100 == 0 else {}
        lines.append(json.dumps(row | {"id": random_.randrange(10**9)} | extra))
        total += len(lines[-1]) + 1
    return ("\n".join(lines) + "\n").encode()


def _pods(size: int) -> list[dict[str, object]]:
    env = [{"name": "MODE", "value": "fast"}, {"name": "DB_HOST", "value": "db"}]
    container = {"name": "app", "image": "registry.example/app@sha256:" + "0a1b" * 16, "env": env}
    meta = {"name": "app-0", "namespace": "shop", "uid": "6f9619ff-8b86-d011-b42d-00cf4fc964ff"}
    pod = {"apiVersion": "v1", "kind": "Pod", "metadata": meta, "spec": {"containers": [container] * 3}}
    return [pod] * (size // len(json.dumps(pod)))


def _yaml(size: int) -> bytes:
    import yaml  # noqa: PLC0415 - only this corpus needs it

    item = yaml.safe_dump([json.loads(json.dumps(_pods(4096)[0]))])
    return ("apiVersion: v1\nitems:\n" + item * (size // len(item)) + "kind: List\n").encode()


def _rate(data: bytes, run: Callable[[bytes], object]) -> float:
    start = time.perf_counter()
    run(data)
    return len(data) / (time.perf_counter() - start) / 1e6


def _bare(data: bytes) -> None:
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = re2.compile(rb"(?i:password|secret)[\w.\-]*=|AKIA|-----BEGIN ", options)
    for start in range(0, len(data), CHUNK):
        for _ in pattern.finditer(data[start : start + CHUNK]):
            pass


def main(size: int) -> None:
    """Print one line for each corpus."""
    random_ = random.Random(7)
    known = [KnownSecret(f"s{number}/key", random_.randbytes(12).hex().encode()) for number in range(200)]
    sanitizer = Sanitizer.build(known)

    def sanitize(data: bytes) -> None:
        stream = sanitizer.open("x")
        leaks = sanitizer.leak_check()
        for start in range(0, len(data), CHUNK):
            leaks.feed(stream.feed(data[start : start + CHUNK]))
        leaks.feed(stream.finish())
        leaks.finish()

    corpora = {
        "log, ordinary": _log(random_, size, 0),
        "log, 1 % secrets": _log(random_, size, 100),
        "log, all secrets": _log(random_, size // 8, 1),
        "JSON lines, 1 %": _json_lines(random_, size),
        "Kubernetes JSON": json.dumps({"items": _pods(size), "kind": "List"}, indent=4).encode(),
        "Kubernetes YAML": _yaml(size),
        "one long line": b"x" * size,
    }
    print(f"{'corpus':20}{'MB/s':>8}{'bare RE2':>10}{'ratio':>7}")
    for name, data in corpora.items():
        rate, bare = _rate(data, sanitize), _rate(data, _bare)
        print(f"{name:20}{rate:8.0f}{bare:10.0f}{rate / bare:7.2f}")
    print(f"peak RSS {resource.getrusage(resource.RUSAGE_SELF).ru_maxrss >> 10} MiB, corpora included")


if __name__ == "__main__":
    main((int(sys.argv[1]) if len(sys.argv) > 1 else 32) << 20)
