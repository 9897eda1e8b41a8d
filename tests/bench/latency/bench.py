"""Apply-to-Ready of small bundles, and the memory of operator and collector, on a real cluster."""

from __future__ import annotations

import re
import statistics
import sys
import time
from pathlib import Path

sys.path[:0] = [str(Path(__file__).resolve().parents[2]), str(Path(__file__).resolve().parents[3] / "operator")]

from support import sbundle
from support.kube import OPERATOR, ROOT, SYSTEM, kubectl

NAMESPACE = "sb-bench-latency"
CPU = {"name": "cpu", "type": "Profile", "profile": {"port": 6060, "kinds": [{"type": "CPU", "seconds": 5}]}}
CASES = {"logs of one pod": sbundle.LOGS, "logs and a 5 s CPU profile of one pod": (*sbundle.LOGS, CPU)}
ROUNDS = 5
PEAK = re.compile(r"(\d+) MiB at most")


def main() -> None:
    """Measure each case some times and print minimum, median and maximum."""
    kubectl("create", "namespace", NAMESPACE)
    try:
        kubectl("-n", NAMESPACE, "apply", "-f", str(ROOT / "tests/workload/manifests.yaml"))
        kubectl("-n", NAMESPACE, "scale", "deployment/web", "--replicas=1")
        kubectl("-n", NAMESPACE, "rollout", "status", "deployment/web", "--timeout=120s")
        for number, (name, collectors) in enumerate(CASES.items()):
            times = [one(f"case-{number}-{i}", collectors) for i in range(ROUNDS)]
            print(f"{name}: min {min(times):.1f} s, median {statistics.median(times):.1f} s, max {max(times):.1f} s")
        log = sbundle.unpack(sbundle.fetch(NAMESPACE, "case-1-0"))["collector.log"].decode()
        print(f"collector, peak resident: {PEAK.findall(log)} MiB")
        code = "print([l.split()[1] for l in open('/proc/1/status') if l.startswith('VmRSS')][0])"
        rss = kubectl("-n", SYSTEM, "exec", OPERATOR, "--", "python3", "-c", code)
        print(f"operator, resident: {int(rss) // 1024} MiB")
    finally:
        kubectl("delete", "namespace", NAMESPACE, "--wait=false")


def one(name: str, collectors: sbundle.Collectors) -> float:
    """Seconds from apply to Ready as a watcher sees it."""
    started = time.monotonic()
    sbundle.create(NAMESPACE, name, collectors, capabilities=["Logs", "Profiles"])
    kubectl("-n", NAMESPACE, "wait", f"sbundle/{name}", "--for=condition=Ready", "--timeout=120s")
    return time.monotonic() - started


if __name__ == "__main__":
    main()
