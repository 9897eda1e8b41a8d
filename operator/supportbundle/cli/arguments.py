"""The options of the two commands; what runs them is imported only when it runs."""

from __future__ import annotations

import argparse
import os
from pathlib import Path


def add(commands: argparse._SubParsersAction[argparse.ArgumentParser]) -> None:
    """Register `sanitize` and `leaks`."""
    sanitize = commands.add_parser("sanitize", help="take secrets out of a file, a folder, a zip or a tar file")
    sanitize.add_argument("source", metavar="IN", help="a file, a folder, or - for standard input")
    sanitize.add_argument("target", metavar="OUT", help="a new file or folder, or - for standard output")
    sanitize.add_argument("--rules", metavar="FILE", type=Path, help="YAML like spec.sanitization.rules")
    sanitize.add_argument(
        "--pseudonymize", metavar="KINDS", default="", help="kinds such as ip,email,mac,hostname,user"
    )
    sanitize.add_argument(
        "--key-file", metavar="FILE", type=Path, help="the key of the pseudonyms; made if it is not there"
    )
    sanitize.add_argument(
        "--hostnames", metavar="NAMES", default="", help="names of hosts to replace, such as db1,mail.corp.example"
    )
    sanitize.add_argument(
        "--domains", metavar="NAMES", default="", help="domains whose hosts to replace, such as corp.example"
    )
    sanitize.add_argument("--users", metavar="NAMES", default="", help="names of users to replace, such as alice,bob")
    sanitize.add_argument("--keep-shape", action="store_true", help="replace values by others of their shape")
    sanitize.add_argument(
        "--known",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="file or folder of values to remove; may be repeated",
    )
    sanitize.add_argument("--report", metavar="FILE", type=Path, help="write counts by file and rule as JSON")
    sanitize.add_argument(
        "--jobs",
        metavar="N",
        type=_count,
        default=os.cpu_count() or 1,
        help="processes for files and members; by default one a CPU",
    )
    sanitize.set_defaults(command=_sanitize)
    leaks = commands.add_parser("leaks", help="list secrets that are certain, without their values")
    leaks.add_argument("path", metavar="PATH", help="file, folder or archive; - for standard input")
    leaks.add_argument(
        "--known",
        metavar="PATH",
        type=Path,
        action="append",
        default=[],
        help="file or folder of values to look for; may be repeated",
    )
    leaks.set_defaults(command=_leaks)


def _sanitize(args: argparse.Namespace) -> int:
    from supportbundle.cli.sanitize import Wishes, run  # noqa: PLC0415 - other commands must not pay for it
    from supportbundle.sanitize.pseudonyms import Names  # noqa: PLC0415 - as above

    names = Names(hosts=_listed(args.hostnames), domains=_listed(args.domains), users=_listed(args.users))
    wishes = Wishes(
        rules=args.rules,
        kinds=args.pseudonymize,
        key_file=args.key_file,
        names=names,
        keep_shape=args.keep_shape,
        known=tuple(args.known),
        jobs=args.jobs,
    )
    return run(args.source, args.target, wishes, report=args.report)


def _count(text: str) -> int:
    if not text.isdecimal() or not int(text):
        raise argparse.ArgumentTypeError("it is a number of at least 1.")
    return int(text)


def _listed(text: str) -> tuple[str, ...]:
    return tuple(word.strip() for word in text.split(",") if word.strip())


def _leaks(args: argparse.Namespace) -> int:
    from supportbundle.cli.leaks import run  # noqa: PLC0415 - as above

    return run(args.path, tuple(args.known))
