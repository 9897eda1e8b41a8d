"""The one executable: `operator` in the Deployment, `collect` and `deliver` in Jobs, `fetch` for people with a shell.

`files` and `idle` are for debugging containers in target pods.

Each command imports only what it needs: a collector pod must not pay for kopf, nor the operator for the sanitizer.
"""

from __future__ import annotations

import argparse
import asyncio
import io
import os
import sys
from collections.abc import Callable, Sequence
from pathlib import Path

from supportbundle import __version__
from supportbundle.cli import arguments
from supportbundle.errors import SupportBundleError

CONFIG = Path("/etc/supportbundle/config.yaml")


def main(argv: Sequence[str] | None = None) -> int:
    """Run one command; expected failures end in one plain line and exit code 1."""
    parser = _parser()
    args = parser.parse_args(argv)
    command: Callable[[argparse.Namespace], int] = args.command
    try:
        return command(args)
    except SupportBundleError as error:
        print(f"supportbundle: {error}", file=sys.stderr)  # noqa: T201 - a command line speaks
        return 1
    except BrokenPipeError:
        # Whoever read has enough; what is still buffered must not be tried again at the end of the process.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 141
    except OSError as error:
        where = f"{error.filename}: " if error.filename else ""
        print(f"supportbundle: {where}{error.strerror or error}.", file=sys.stderr)  # noqa: T201 - as above
        return 1
    except KeyboardInterrupt:
        print("supportbundle: Interrupted.", file=sys.stderr)  # noqa: T201 - as above
        return 130


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser("supportbundle", description="Turns SupportBundle resources into sanitized zips.")
    parser.add_argument("--version", action="version", version=__version__)
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    operator = commands.add_parser("operator", help="watch SupportBundles and run them")
    operator.add_argument("--config", type=Path, default=CONFIG, help="settings written by the chart")
    operator.set_defaults(command=_operator)
    collect = commands.add_parser("collect", help="run one shard; only inside a collection Job")
    collect.set_defaults(command=_collect)
    deliver = commands.add_parser("deliver", help="send one staged zip; only inside a delivery Job")
    deliver.set_defaults(command=_deliver)
    fetch = commands.add_parser("fetch", help="write the zip of a finished bundle to standard output")
    fetch.add_argument("namespace")
    fetch.add_argument("name")
    fetch.set_defaults(command=_fetch)
    trial = commands.add_parser("try", help="make a small bundle and wait until it is ready; what `helm test` runs")
    trial.add_argument("namespace")
    trial.add_argument("name", help="of the bundle; one of that name is replaced")
    trial.add_argument("--account", help="serviceAccountName of the bundle, where the admission policies are off")
    trial.add_argument("--seconds", type=float, default=180.0, help="how long to wait")
    trial.set_defaults(command=_try)
    let_go = commands.add_parser("release-finalizers", help="let deleted bundles go; only before an uninstallation")
    let_go.add_argument("namespaces", nargs="*", help="only in these; by default everywhere")
    let_go.set_defaults(command=_let_go)
    reveal = commands.add_parser("reveal", help="turn pseudonyms back, with the key of the destination")
    reveal.add_argument("--destination", default="default", help="whose key is read with your kubeconfig")
    reveal.add_argument("--namespace", help="of the operator; by default supportbundle-system")
    reveal.add_argument("--key-file", type=Path, help="read the key from here instead of from the cluster")
    reveal.add_argument("--kinds", help="only these, such as ip,email; by default all")
    reveal.add_argument("text", nargs="*", help="- or nothing for standard input")
    reveal.set_defaults(command=_reveal)
    rules = commands.add_parser("rules", help="check sanitizing rules and their examples")
    rules.add_argument("file", help="a YAML list like spec.sanitization.rules; - for standard input")
    rules.set_defaults(command=_rules)
    arguments.add(commands)
    files = commands.add_parser("files", help="write files of another container as tar; only in a debugging container")
    files.add_argument("--root", required=True)
    files.add_argument("--max-bytes", type=int, required=True, help="of one file")
    files.add_argument("--max-files", type=int, required=True)
    files.add_argument("paths", nargs="+", help="absolute paths or globs below the root")
    files.set_defaults(command=_files)
    idle = commands.add_parser("idle", help="wait; only in a debugging container")
    idle.add_argument("--seconds", type=int, required=True)
    idle.set_defaults(command=_idle)
    return parser


def _operator(args: argparse.Namespace) -> int:
    from supportbundle.config import load_config
    from supportbundle.handlers import operate
    from supportbundle.jsonlog import configure

    config = load_config(args.config)
    configure(config.log_level)
    asyncio.run(operate(config, os.environ))
    return 0


def _let_go(args: argparse.Namespace) -> int:
    from supportbundle.jsonlog import configure
    from supportbundle.reconcile.letgo import let_everything_go

    configure("INFO")
    count = asyncio.run(let_everything_go(args.namespaces))
    print(f"{count} bundles no longer wait for their zips to be removed.")  # noqa: T201 - a command line speaks
    return 0


def _collect(_: argparse.Namespace) -> int:
    from supportbundle.collector.main import main as collect

    return collect()


def _deliver(_: argparse.Namespace) -> int:
    from supportbundle.deliver.main import main as deliver

    return deliver()


def _reveal(args: argparse.Namespace) -> int:
    from supportbundle.cli import wishes
    from supportbundle.reconcile.pseudonyms import read_key as read_from_cluster
    from supportbundle.sanitize.pseudonyms import parse_kinds, read_key, reveal

    namespace = args.namespace or os.environ.get("POD_NAMESPACE", "supportbundle-system")
    if args.key_file:
        key = read_key(wishes.read(args.key_file))
    else:
        key = asyncio.run(read_from_cluster(namespace, args.destination))
    kinds = parse_kinds(args.kinds)
    if args.text in ([], ["-"]):
        reveal(key, kinds, sys.stdin.buffer, sys.stdout.buffer)
    else:
        reveal(key, kinds, io.BytesIO(f"{' '.join(args.text)}\n".encode()), sys.stdout.buffer)
    return 0


def _rules(args: argparse.Namespace) -> int:
    from supportbundle.cli import wishes
    from supportbundle.sanitize.rules import custom
    from supportbundle.sanitize.rules.builtin import BUILTIN

    text = sys.stdin.buffer.read() if args.file == "-" else wishes.read(Path(args.file))
    rules = custom.parse(text)
    custom.check(BUILTIN, rules)
    print(f"{len(rules)} rules are usable.")  # noqa: T201 - a command line speaks
    return 0


def _fetch(args: argparse.Namespace) -> int:
    from supportbundle.reconcile.fetch import fetch

    ours = os.environ.get("POD_NAMESPACE", "supportbundle-system")
    if name := asyncio.run(fetch(args.namespace, args.name, ours, sys.stdout.buffer)):
        sys.stderr.write(f"This zip is called {name}.\n")
    return 0


def _try(args: argparse.Namespace) -> int:
    from supportbundle.reconcile.trial import attempt

    asyncio.run(attempt(args.namespace, args.name, args.account, args.seconds, print))
    return 0


def _files(args: argparse.Namespace) -> int:
    from supportbundle.inside.files import Limits
    from supportbundle.inside.files import main as files

    return files(args.root, args.paths, Limits(max_bytes=args.max_bytes, max_files=args.max_files))


def _idle(args: argparse.Namespace) -> int:
    from supportbundle.inside.idle import idle

    return idle(args.seconds)


if __name__ == "__main__":
    sys.exit(main())
