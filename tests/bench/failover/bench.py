"""How long nobody works when the operator's leader goes: each fault N times, each time with two new pods."""

from __future__ import annotations

import argparse
import os
import signal
import statistics
import sys
import time
from datetime import UTC, datetime
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[3] / "operator")]
from support import breaking, leading, sbundle
from support.kube import SYSTEM, get, kubectl, until

NAMESPACE = "sb-bench-failover"


def main() -> None:
    """Print a line for each fault."""
    parser = argparse.ArgumentParser()
    parser.add_argument("--times", type=int, default=5)
    parser.add_argument("--faults", nargs="*", default=list(leading.FAULTS))
    args = parser.parse_args()
    kubectl("create", "namespace", NAMESPACE)
    leading.scale(SYSTEM, 2)
    try:
        print("| fault | Lease taken after, s | a new bundle's first step after, s |\n|---|---|---|")
        for fault in args.faults:
            runs = [once(fault, number) for number in range(args.times)]
            print(
                f"| {fault} | {summary([led for led, _ in runs])} | {summary([step for _, step in runs])} |", flush=True
            )
    finally:
        leading.scale(SYSTEM, 1)
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def once(fault: str, number: int) -> tuple[float | None, float]:
    """(seconds until another pod held the Lease, None if it stayed; seconds until a new bundle was seen)."""
    breaking.fresh_operator()
    until("two pods", lambda: len(leading.pods()) == 2)
    old, process = leading.pod(), leading.process(leading.pod())
    begun, at = time.monotonic(), datetime.now(UTC)
    leading.FAULTS[fault](old)
    name = f"{fault}-{number}"
    sbundle.create(NAMESPACE, name)
    until("a step", lambda: get(NAMESPACE, "sbundle", name).get("status"), seconds=90)
    step, taken = time.monotonic() - begun, leading.taken()
    if fault == "paused":
        os.kill(process, signal.SIGCONT)
    return ((taken - at).total_seconds() if taken > at else None), step


def summary(values: list[float | None]) -> str:
    """Median and worst."""
    real = [value for value in values if value is not None]
    if not real:
        return "stays"
    stayed = f", stayed {len(values) - len(real)} of {len(values)}" if len(real) < len(values) else ""
    return f"{statistics.median(real):.1f} (at most {max(real):.1f}){stayed}"


if __name__ == "__main__":
    main()
