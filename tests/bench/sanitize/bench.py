"""Throughput of the way of every byte inside the collector, beside what the machine can do at best.

Sanitizing with all rules and 200 known secrets, the leak check, CRC-32, SHA-256 and deflate, as in the Job; bare RE2
and bare deflate read the same bytes in the same run. `python bench.py [MB]`; the best of three rounds, because other
work on the machine only ever slows one down.
"""

from __future__ import annotations

import gzip
import random
import re
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import re2
from isal import isal_zlib

sys.path.insert(0, str(Path(__file__).resolve().parents[3] / "operator"))

import corpora

from supportbundle.archive.spool import MemberSpool
from supportbundle.collector.sink import BLOCK, Pipeline
from supportbundle.sanitize import KnownSecret, Sanitizer

ROUNDS = 3
HUGE = 2 << 30


def sanitizer() -> Sanitizer:
    """All rules, and 200 known secrets."""
    random_ = random.Random(1)
    return Sanitizer.build(
        [KnownSecret(f"s{number}/key", random_.randbytes(12).hex().encode()) for number in range(200)]
    )


def member(by: Sanitizer, data: bytes, folder: Path) -> None:
    """One member through the collector's pipeline."""
    pipeline = Pipeline(by.open("logs/web.log"), by.leak_check(), MemberSpool("logs/web.log", spool_dir=folder))
    for start in range(0, len(data), BLOCK):
        pipeline.feed(data[start : start + BLOCK])
    pipeline.finish().discard()


def bare_re2(data: bytes) -> None:
    """One alternation of three literals."""
    options = re2.Options()
    options.encoding = re2.Options.Encoding.LATIN1
    pattern = re2.compile(rb"(?i:password|secret)[\w.\-]*=|AKIA|-----BEGIN ", options)
    for start in range(0, len(data), BLOCK):
        for _ in pattern.finditer(data[start : start + BLOCK]):
            pass


def bare_deflate(data: bytes) -> None:
    """The same deflate as the pipeline's."""
    pack = isal_zlib.compressobj(1, isal_zlib.DEFLATED, -15)
    for start in range(0, len(data), BLOCK):
        pack.compress(data[start : start + BLOCK])
    pack.flush()


def rate(size: int, run: Callable[[], object]) -> float:
    """MB/s of the best round."""
    best = float("inf")
    for _ in range(ROUNDS):
        start = time.perf_counter()
        run()
        best = min(best, time.perf_counter() - start)
    return size / best / 1e6


def corpus(size: int) -> dict[str, tuple[bytes, int]]:
    """By name: the bytes to feed, and how many bytes of content they stand for."""
    texts = {
        "mixed logs": corpora.log(size, 0),
        "mixed logs, 1 % secrets": corpora.log(size, 100),
        "logs, a secret in every line": corpora.dense_log(size // 4),
        "JSON lines, 1 % secrets": corpora.json_lines(size),
        "Kubernetes YAML": corpora.kubernetes_yaml(size, dense=False),
        "Kubernetes YAML, dense": corpora.kubernetes_yaml(size // 4, dense=True),
        "Kubernetes JSON": corpora.kubernetes_json(size, dense=False, indent=2),
        "Kubernetes JSON, dense": corpora.kubernetes_json(size // 4, dense=True, indent=2),
        "Kubernetes JSON in one line": corpora.kubernetes_json(size // 2, dense=False, indent=None),
        "same, dense": corpora.kubernetes_json(size // 4, dense=True, indent=None),
        "one long line": b"x" * size,
    }
    packed = corpora.pprof(4 << 20)
    return {name: (text, len(text)) for name, text in texts.items()} | {
        "pprof (inflated bytes)": (packed, len(gzip.decompress(packed)))
    }


def main(size: int) -> None:
    """Print one line for each corpus."""
    by = sanitizer()
    print(f"MB/s, best of {ROUNDS}: one thread, two threads with one member each, and what bare tools reach")
    print(f"{'corpus':31}{'one':>6}{'two':>6}{'bare RE2':>10}{'bare deflate':>14}{'one/deflate':>13}")
    with tempfile.TemporaryDirectory() as scratch, ThreadPoolExecutor(2) as pool:
        folder = Path(scratch)
        for name, (data, counted) in corpus(size).items():

            def both(data: bytes = data) -> None:
                list(pool.map(lambda _: member(by, data, folder), range(2)))

            one = rate(counted, lambda data=data: member(by, data, folder))
            two = rate(2 * counted, both)
            scan, deflate = (rate(counted, lambda run=run, data=data: run(data)) for run in (bare_re2, bare_deflate))
            print(f"{name:31}{one:6.0f}{two:6.0f}{scan:10.0f}{deflate:14.0f}{one / deflate:13.2f}", flush=True)
    subprocess.run([sys.executable, __file__, "--huge"], check=True)


def huge() -> None:
    """A single line of 2 GiB with a secret now and then; prints the peak memory of this process."""
    by = sanitizer()
    block = b"x" * (BLOCK - 40) + b" password=hunter2hunter2 " + b"y" * 15
    with tempfile.TemporaryDirectory() as scratch:
        pipeline = Pipeline(by.open("x"), by.leak_check(), MemberSpool("x", spool_dir=Path(scratch)))
        start = time.perf_counter()
        for _ in range(HUGE // len(block)):
            pipeline.feed(block)
        pipeline.finish().discard()
        seconds = time.perf_counter() - start
    # Not getrusage: its peak begins with that of the process that started this one.
    peak = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    mebibytes = int(peak.group(1)) >> 10 if peak else 0
    print(f"one line of 2 GiB: {HUGE / seconds / 1e6:.0f} MB/s, peak RSS {mebibytes} MiB")


if __name__ == "__main__":
    if sys.argv[1:] == ["--huge"]:
        huge()
    else:
        main((int(sys.argv[1]) if len(sys.argv) > 1 else 32) << 20)
