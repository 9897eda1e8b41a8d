"""The spread of the instants at which a bundle's CPU profiles begin, on a real cluster.

Go writes the start of a profile into it (`time_nanos`, field 9 of profile.proto), so this is what the targets saw.
"""

from __future__ import annotations

import argparse
import gzip
import json
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[3] / "operator")]

from support import sbundle
from support.kube import ROOT, kubectl

NAMESPACE = "sb-bench-profiles"
SNAPSHOTS = [{"type": "Heap"}, {"type": "Goroutine"}]
TIME_NANOS = 9
VARINT, FIXED64, BYTES, FIXED32 = 0, 1, 2, 5
GOAL_MS = 100


def main() -> None:
    """Profile all pods at once, some times, and print how far apart they began."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--pods", type=int, default=24)
    parser.add_argument("--rounds", type=int, default=3)
    options = parser.parse_args()
    kubectl("create", "namespace", NAMESPACE)
    try:
        kubectl("-n", NAMESPACE, "apply", "-f", str(ROOT / "tests/workload/manifests.yaml"))
        kubectl("-n", NAMESPACE, "scale", "deployment/web", f"--replicas={options.pods}")
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=300s")
        print(f"{options.pods} pods, CPU profiles of 3 s after heap and goroutines, {options.rounds} rounds")
        for number in range(options.rounds):
            measure(f"round-{number}")
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def measure(name: str) -> None:
    """One bundle."""
    kinds = [*SNAPSHOTS, {"type": "CPU", "seconds": 3}]
    collector = {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": kinds}}
    started = time.monotonic()
    sbundle.create(NAMESPACE, name, (collector,), capabilities=["Profiles"])
    sbundle.ready(NAMESPACE, name)
    seconds = time.monotonic() - started
    members = sbundle.unpack(sbundle.fetch(NAMESPACE, name))
    begun = [time_nanos(gzip.decompress(data)) for path, data in members.items() if path.endswith("/cpu.pb.gz")]
    listed = json.loads(members["manifest.json"])["members"]
    noted = [m["notes"]["startSkewMs"] for m in listed if m["path"].endswith("/cpu.pb.gz")]
    spread = (max(begun) - min(begun)) / 1e6
    deviation = statistics.pstdev(begun) / 1e6
    met = "met" if spread <= GOAL_MS else "NOT met"
    print(f"{name}: {len(begun)} profiles began within {spread:.0f} ms, deviation {deviation:.0f} ms", end="; ")
    print(f"goal {GOAL_MS} ms: {met}; startSkewMs at most {max(noted)}; apply to Ready {seconds:.1f} s")


def time_nanos(profile: bytes) -> int:
    """Field 9 of a serialized profile."""
    at = 0
    while at < len(profile):
        key, at = varint(profile, at)
        field, kind = key >> 3, key & 7
        if kind == VARINT:
            value, at = varint(profile, at)
            if field == TIME_NANOS:
                return value
        elif kind == BYTES:
            size, at = varint(profile, at)
            at += size
        else:
            at += 8 if kind == FIXED64 else 4
    raise ValueError("the profile does not tell when it began")


def varint(data: bytes, at: int) -> tuple[int, int]:
    """A number of protobuf and where it ends."""
    value = shift = 0
    while True:
        byte = data[at]
        value |= (byte & 0x7F) << shift
        at, shift = at + 1, shift + 7
        if byte < 0x80:
            return value, at


if __name__ == "__main__":
    main()
