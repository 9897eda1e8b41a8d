"""What the benchmark reads: text as real clusters write it, from a seed, in any size."""

from __future__ import annotations

import gzip
import json
import random
from collections.abc import Callable, Iterator

Line = Callable[[random.Random], str]


def _hex(random_: random.Random, digits: int) -> str:
    return f"{random_.getrandbits(digits * 4):0{digits}x}"


def _number(random_: random.Random, most: int = 10**6) -> int:
    return random_.randrange(most)


TEMPLATES: tuple[Line, ...] = (
    lambda r: (
        f"I1121 10:0{_number(r, 10)}:31.{_number(r):06d}       1 reconciler.go:{_number(r, 999)}] "
        f'"Reconciled" controller="deployment" namespace="shop" name="web-{_hex(r, 5)}" attempt={_number(r, 9)}'
    ),
    lambda r: (
        f'10.42.{_number(r, 255)}.{_number(r, 255)} - - [21/Nov/2026:10:00:{_number(r, 60):02d} +0000] "GET '
        f'/api/v4/posts/{_hex(r, 26)}?page={_number(r, 50)} HTTP/1.1" 200 {_number(r)} "-" "Mozilla/5.0 (X11; Linux)"'
    ),
    lambda r: (
        f"2026-11-21 10:00:{_number(r, 60):02d}.{_number(r, 1000):03d} UTC [{_number(r, 32768)}] LOG:  duration: "
        f"{_number(r)}.{_number(r, 999)} ms  checkpoint of items, 50 buffers written, sync in order"
    ),
    lambda r: (
        f"2026-11-21T10:00:{_number(r, 60):02d}Z level=info msg=completed method=POST path=/v1/items "
        f"status=200 duration={_number(r, 900)}ms trace_id={_hex(r, 32)} bytes={_number(r)}"
    ),
    lambda r: (
        f"2026-11-21 10:00:{_number(r, 60):02d},{_number(r, 1000):03d} INFO  [http-nio-8080-exec-{_number(r, 200)}] "
        f"com.example.shop.web.ItemController - Found {_number(r, 500)} items for session view {_hex(r, 8)}"
    ),
    lambda r: (
        f"\tat com.example.shop.service.ItemService.load(ItemService.java:{_number(r, 900)}) ~[shop-1.4.2.jar!/:1.4.2]"
    ),
    lambda r: f"goroutine {_number(r)} [IO wait]: internal/poll.runtime_pollWait(0x7f{_hex(r, 10)}, 0x72)",
    lambda r: (
        f"ts=2026-11-21T10:00:{_number(r, 60):02d}.{_number(r, 1000):03d}Z caller=head.go:{_number(r, 999)} "
        f'component=tsdb msg="Head GC completed" duration={_number(r, 900)}.{_number(r, 9)}ms'
    ),
    lambda r: f"[{_number(r, 9999)}.{_number(r):06d}] eth0: link up, 1000Mbps, full-duplex, lpa 0x{_hex(r, 4)}",
    lambda r: f"Pulled image registry.example/shop/web@sha256:{_hex(r, 64)} in {_number(r, 9)}.{_number(r, 999)}s",
)
SECRETS: tuple[Line, ...] = (
    lambda r: f"connected to db host=db-0 user=shop password=pw{_hex(r, 12)} dbname=shop",
    lambda r: f"retrying postgres://shop:{_hex(r, 12)}@db-0.shop.svc:5432/shop?sslmode=disable",
    lambda r: f"> Authorization: Bearer {_hex(r, 40)}",
    lambda r: f'config loaded: {{"url":"https://api.example","apiKey":"{_hex(r, 24)}"}}',
)


def _filled(lines: Iterator[str], size: int) -> bytes:
    out: list[str] = []
    total = 0
    for line in lines:
        out.append(line)
        total += len(line) + 1
        if total >= size:
            break
    return ("\n".join(out) + "\n").encode()


def log(size: int, secret_every: int, seed: int = 7) -> bytes:
    """Lines of many programs; one in `secret_every` holds a secret in one of four forms (0: none)."""
    random_ = random.Random(seed)

    def lines() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            if secret_every and number % secret_every == 0:
                yield f"2026-11-21T10:00:00.{_number(random_):06d}Z " + random_.choice(SECRETS)(random_)
            else:
                yield random_.choice(TEMPLATES)(random_)

    return _filled(lines(), size)


def dense_log(size: int) -> bytes:
    """Every line is an ordinary one with a password in its middle."""
    random_ = random.Random(7)

    def lines() -> Iterator[str]:
        while True:
            yield random_.choice(TEMPLATES)(random_) + f" db_password=pw{_hex(random_, 12)} retry=3"

    return _filled(lines(), size)


def json_lines(size: int) -> bytes:
    """Structured logs; one line in a hundred holds a secret."""
    random_ = random.Random(7)

    def lines() -> Iterator[str]:
        number = 0
        while True:
            number += 1
            row = {
                "timestamp": f"2026-11-21T10:00:{_number(random_, 60):02d}.{_number(random_, 999):03d}Z",
                "level": "info",
                "msg": "request completed",
                "caller": f"web/handlers.go:{_number(random_, 999)}",
                "method": "GET",
                "url": f"/api/v4/channels/{_hex(random_, 26)}",
                "status": 200,
                "duration_ms": _number(random_, 900),
            }
            yield json.dumps(row | ({"password": _hex(random_, 12)} if number % 100 == 0 else {}))

    return _filled(lines(), size)


def _pod(random_: random.Random, *, dense: bool) -> dict[str, object]:
    name = f"web-{_hex(random_, 9)}-{_hex(random_, 5)}"
    secrets = [{"name": f"{each}_PASSWORD", "value": _hex(random_, 16)} for each in ("DB", "SMTP", "REDIS")]
    container = {
        "name": "web",
        "image": f"registry.example/shop/web:1.4.{_number(random_, 99)}",
        "env": [{"name": "MODE", "value": "fast"}, {"name": "DB_HOST", "value": "db-0"}, *(secrets if dense else [])],
        "resources": {"limits": {"cpu": "1", "memory": "512Mi"}, "requests": {"cpu": "100m", "memory": "128Mi"}},
        "ports": [{"containerPort": 8080, "name": "http", "protocol": "TCP"}],
        "volumeMounts": [{"mountPath": "/var/run/secrets/kubernetes.io/serviceaccount", "name": "kube-api-access"}],
        "terminationMessagePath": "/dev/termination-log",
    }
    status = {"type": "Ready", "status": "True", "lastProbeTime": None, "lastTransitionTime": "2026-11-21T10:00:00Z"}
    return {
        "apiVersion": "v1",
        "kind": "Pod",
        "metadata": {
            "name": name,
            "namespace": "shop",
            "uid": _hex(random_, 32),
            "labels": {"app": "web", "pod-template-hash": _hex(random_, 9)},
            "annotations": {"prometheus.io/scrape": "true", "checksum/config": _hex(random_, 64)},
        },
        "spec": {"containers": [container, container | {"name": "proxy"}], "nodeName": f"node-{_number(random_, 50)}"},
        "status": {"phase": "Running", "podIP": f"10.42.1.{_number(random_, 255)}", "conditions": [status] * 4},
    }


def _pods(size: int, *, dense: bool) -> list[dict[str, object]]:
    random_ = random.Random(7)
    one = len(json.dumps(_pod(random_, dense=dense), indent=2))
    return [_pod(random_, dense=dense) for _ in range(max(1, size // one))]


def kubernetes_json(size: int, *, dense: bool, indent: int | None) -> bytes:
    """A List of pods; `dense` puts three passwords into each container's environment."""
    return json.dumps({"apiVersion": "v1", "items": _pods(size, dense=dense), "kind": "List"}, indent=indent).encode()


def kubernetes_yaml(size: int, *, dense: bool) -> bytes:
    """As kubernetes_json, in kubectl's YAML."""
    import yaml  # noqa: PLC0415 - only this corpus needs it

    few = _pods(min(size, 1 << 20), dense=dense)
    items = yaml.dump(json.loads(json.dumps(few)), Dumper=yaml.CSafeDumper, sort_keys=True).encode()
    return b"apiVersion: v1\nitems:\n" + items * max(1, size // len(items)) + b"kind: List\n"


def pprof(size: int) -> bytes:
    """A profile whose string table holds about `size` bytes of function and file names."""

    def field(number: int, content: bytes) -> bytes:
        head, length = bytearray([number << 3 | 2]), len(content)
        while length > 0x7F:
            head.append(length & 0x7F | 0x80)
            length >>= 7
        return bytes(head) + bytes([length]) + content

    random_ = random.Random(7)
    strings = [b"", b"samples", b"count"]
    total = 0
    while total < size:
        strings.append(
            f"github.com/example/shop/internal/{_hex(random_, 6)}.(*Server).Serve{_hex(random_, 4)}".encode()
        )
        total += len(strings[-1])
    samples = b"".join(field(2, b"\x0a\x02" + random_.randbytes(2)) for _ in range(len(strings) * 2))
    return gzip.compress(samples + b"".join(field(6, each) for each in strings), 6, mtime=0)
