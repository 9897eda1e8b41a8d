"""The operator among very many bundles: that are over, or that all begin at once."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2]), str(HERE.parents[3] / "operator")]

import atonce
import finished

FINISHED = 10_000


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, default=FINISHED, help="how many that are over")
    parser.add_argument("--at-once", type=int, help="instead, create so many that are to collect")
    asked = parser.parse_args()
    if asked.at_once:
        atonce.measure(asked.at_once)
    else:
        finished.measure(asked.bundles)


if __name__ == "__main__":
    main()
