"""The operator among very many bundles: ten thousand that are over, a thousand that begin at once."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2]), str(HERE.parents[3] / "operator")]

import finished
import many

FINISHED, MANY = 10_000, 1_000


def main() -> None:
    """Measure what the command line asks for."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("what", nargs="?", choices=["finished", "many"])
    parser.add_argument("--bundles", type=int)
    asked = parser.parse_args()
    if asked.what in (None, "finished"):
        finished.measure(asked.bundles or FINISHED)
    if asked.what in (None, "many"):
        many.measure(asked.bundles or MANY)


if __name__ == "__main__":
    main()
