"""The operator among very many bundles that are over."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

HERE = Path(__file__).resolve()
sys.path[:0] = [str(HERE.parent), str(HERE.parents[2]), str(HERE.parents[3] / "operator")]

import finished

FINISHED = 10_000


def main() -> None:
    """Measure."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--bundles", type=int, default=FINISHED)
    finished.measure(parser.parse_args().bundles)


if __name__ == "__main__":
    main()
