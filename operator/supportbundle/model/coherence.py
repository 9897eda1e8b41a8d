"""What options of one collector mean nothing together.

Admission holds the collectors of bundles to this by CEL. Those of templates are known only once their parameters are
filled in, after admission; a contract test keeps this table and the CRD equal, message by message.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import NamedTuple

from pydantic.alias_generators import to_camel

from supportbundle.model.api import APIOptions, DocumentFormat, Step
from supportbundle.model.archive import RESERVED
from supportbundle.model.base import Value
from supportbundle.model.collectors import (
    ConfigOptions,
    ExecOptions,
    HTTPMethod,
    HTTPOptions,
    LogsOptions,
    PodChoice,
    ProfileKind,
    ProfileOptions,
    ProfileType,
    Via,
)
from supportbundle.model.placing import FILE
from supportbundle.model.spec import CollectorSpec, CollectorType, SelectorOperator, SelectorRequirement, Target

NEEDS_OPTIONS = {
    CollectorType.CONFIG: "type Config needs config, for example {configMaps {}, workloads true}",
    CollectorType.PROFILE: "type Profile needs profile with the port that serves pprof, for example {port 6060}",
    CollectorType.HTTP: "type HTTP needs http with a port",
    CollectorType.EXEC: "type Exec needs exec with a command or a tool",
    CollectorType.FILES: "type Files needs files with paths, for example {paths [/etc/app/*.yaml]}",
    CollectorType.API: "type API needs api with a port and steps",
}
EMPTY_TARGET = "an empty target names no pod; set selector ({} takes every pod of the namespace), anyOf or podNames"
TWO_WAYS = "selector and anyOf exclude each other; put the selector into anyOf"
ATOMIC = frozenset({"any_of", "command", "hints", "match_expressions", "values"})
"""Lists in which the same may stand twice; in all others an entry is known by its value, its name or its type."""
KEYS = ("name", "type", "key")
VALUES = "In and NotIn need values; Exists and DoesNotExist take none"


class Rule(NamedTuple):
    """Something that must hold, and what to say where it does not."""

    message: str
    holds: Callable[[CollectorSpec], bool]


def incoherent(collector: CollectorSpec) -> Iterator[str]:
    """Why these options mean nothing, in the words of admission; nothing where they are fine."""
    yield from (rule.message for rule in RULES if not rule.holds(collector))
    yield from _repeated(collector)


def incoherent_target(target: Target) -> Iterator[str]:
    """The same of a target by itself."""
    if not _names_something(target):
        yield EMPTY_TARGET
    if not _chooses_by_labels_once(target):
        yield TWO_WAYS
    if not _has_values_where_needed(target):
        yield VALUES
    yield from _repeated(target)


def _repeated(value: Value) -> Iterator[str]:
    """Lists in which an entry stands twice, which the API server refuses by their type (set or map)."""
    for name in type(value).model_fields:
        match getattr(value, name):
            case Value() as inner:
                yield from _repeated(inner)
            case tuple() as entries:
                known = [next((found for k in KEYS if (found := getattr(entry, k, None))), entry) for entry in entries]
                if name not in ATOMIC and len(set(known)) < len(known):
                    twice = next(key for key in known if known.count(key) > 1)
                    yield f"{to_camel(name)} has {twice!s} twice; keep one"
                for entry in entries:
                    if isinstance(entry, Value):
                        yield from _repeated(entry)
            case _:
                pass


def _options(collector: CollectorSpec, kind: CollectorType) -> object:
    return getattr(collector, kind.lower())


def _only(kind: CollectorType) -> Rule:
    return Rule(
        f"{kind.lower()} may be set only where type is {kind}",
        lambda c: c.type == kind or _options(c, kind) is None,
    )


def _needed(kind: CollectorType, message: str) -> Rule:
    return Rule(message, lambda c: c.type != kind or _options(c, kind) is not None)


def _names_something(target: Target) -> bool:
    return bool(target.selectors or target.pod_names)


def _chooses_by_labels_once(target: Target) -> bool:
    return target.selector is None or target.any_of is None


def _has_values_where_needed(target: Target) -> bool:
    def fits(requirement: SelectorRequirement) -> bool:
        return (requirement.operator in {SelectorOperator.IN, SelectorOperator.NOT_IN}) == bool(requirement.values)

    return all(fits(requirement) for selector in target.selectors for requirement in selector.match_expressions)


def _target(holds: Callable[[Target], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.target is None or holds(c.target)


def _logs(holds: Callable[[LogsOptions], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.logs is None or holds(c.logs)


def _config(holds: Callable[[ConfigOptions], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.config is None or holds(c.config)


def _http(holds: Callable[[HTTPOptions], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.http is None or holds(c.http)


def _asked(holds: Callable[[HTTPOptions | APIOptions], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: all(options is None or holds(options) for options in (c.http, c.api))


def _steps(holds: Callable[[Step], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.api is None or all(map(holds, c.api.steps))


def _exec(holds: Callable[[ExecOptions], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.exec is None or holds(c.exec)


def _profile(holds: Callable[[ProfileOptions], bool]) -> Callable[[CollectorSpec], bool]:
    return lambda c: c.profile is None or holds(c.profile)


def _asks_for_something(config: ConfigOptions) -> bool:
    parts = (config.workloads, config.environment, config.related, config.secret_shapes)
    return config.config_maps is not None or any(parts)


def _writes(step: Step) -> bool:
    parts = (step.indent, step.missing, step.note)
    return step.format != DocumentFormat.JSON or any(part is not None for part in parts)


def _shaped(step: Step) -> bool:
    return step.rewritten or step.missing is not None or bool(step.accept)


def _is_one_file(kind: ProfileKind) -> bool:
    return kind.type != ProfileType.GOROUTINE or kind.form is not None


def _has_one_place(collector: CollectorSpec) -> bool:
    return collector.path is None or FILE in collector.path or not _writes_several(collector)


def _writes_several(collector: CollectorSpec) -> bool:
    """Whether more than one file is to be expected of one target."""
    if any(options is not None and options.unwrap for options in (collector.http, collector.exec)):
        return True
    if (profile := collector.profile) is not None:
        return profile.probe or len(profile.kinds) > 1 or not all(map(_is_one_file, profile.kinds))
    steps = collector.api.steps if collector.api else ()
    always = [step for step in steps if step.output is not None and step.fallback_for is None]
    return len(always) > 1 or any(step.unwrap for step in steps)


def _has_each_header_once(asked: HTTPOptions | APIOptions) -> bool:
    return not {h.name.lower() for h in asked.headers} & {h.name.lower() for h in asked.headers_from}


def _has_one_authority(asked: HTTPOptions | APIOptions) -> bool:
    tls = asked.tls
    return tls is None or bool(tls.ca_bundle) + (tls.ca_from is not None) + tls.insecure_skip_verify <= 1


RULES: tuple[Rule, ...] = (
    *(_only(kind) for kind in CollectorType),
    *(_needed(kind, message) for kind, message in NEEDS_OPTIONS.items()),
    Rule(
        "path is the name of a file that the operator writes; choose another",
        lambda c: c.path is None or c.path.lower() not in RESERVED,
    ),
    Rule(
        "missing needs a path without {file}, so that it is known which file is missing",
        lambda c: c.missing is None or (c.path is not None and FILE not in c.path),
    ),
    Rule("a path without {file} is the place of one file; write {file}", _has_one_place),
    Rule(
        "a collector cannot be its own fallback",
        lambda c: c.fallback_for is None or c.fallback_for.partition("/")[0] != c.name,
    ),
    Rule(
        "fallbackWhen says when a fallback runs; set fallbackFor too",
        lambda c: c.fallback_when is None or c.fallback_for is not None,
    ),
    Rule(EMPTY_TARGET, _target(_names_something)),
    Rule(TWO_WAYS, _target(_chooses_by_labels_once)),
    Rule(VALUES, _target(_has_values_where_needed)),
    Rule(
        "since and sinceTime exclude each other; keep one",
        _logs(lambda logs: logs.since is None or logs.since_time is None),
    ),
    Rule(
        "since must lie between 1s and 8760h",
        _logs(lambda logs: logs.since is None or timedelta(seconds=1) <= logs.since <= timedelta(hours=8760)),
    ),
    Rule(
        "config asks for nothing; set configMaps, workloads, environment, related or secretShapes",
        _config(_asks_for_something),
    ),
    Rule(
        "service excludes via PodIP; leave via out",
        _asked(lambda asked: asked.service is None or asked.via != Via.POD_IP),
    ),
    Rule(
        "a Service is asked once, for all of its pods; leave pods out",
        lambda c: c.api is None or c.api.service is None or c.api.pods == PodChoice.ONE,
    ),
    Rule(
        "only a POST has a body; set method to POST or remove body",
        _http(lambda http: http.method == HTTPMethod.POST or not http.body),
    ),
    Rule(
        "a header stands in headers and in headersFrom; keep one",
        _asked(_has_each_header_once),
    ),
    Rule("caBundle, caFrom and insecureSkipVerify exclude each other; keep one", _asked(_has_one_authority)),
    Rule(
        "a step needs a path, a value or fields",
        _steps(lambda step: step.path is not None or step.value is not None or bool(step.fields)),
    ),
    Rule(
        "value and fields of a step exclude each other; keep one",
        _steps(lambda step: step.value is None or not step.fields),
    ),
    Rule(
        "accept is for a step with path; set path or remove accept",
        _steps(lambda step: step.path is not None or not step.accept),
    ),
    Rule(
        "format, indent, missing and note are for a step with output; set output or remove them",
        _steps(lambda step: step.output is not None or not _writes(step)),
    ),
    Rule(
        "keepNull and reportMissing are for fields; remove them",
        _steps(lambda step: bool(step.fields) or not (step.keep_null or step.report_missing)),
    ),
    Rule(
        "format Text is for texts, so it excludes indent and fields",
        _steps(lambda step: step.format != DocumentFormat.TEXT or (step.indent is None and not step.fields)),
    ),
    Rule(
        "unwrap needs path, and excludes value, fields, format, indent, missing and accept",
        _steps(lambda step: not step.unwrap or (step.path is not None and not _shaped(step))),
    ),
    Rule("set either command or tool", _exec(lambda run: bool(run.command) != (run.tool is not None))),
    Rule(
        "the first word of command names the program and cannot be empty",
        _exec(lambda run: not run.command or bool(run.command[0])),
    ),
    Rule(
        "process and seconds are for tool only; remove them",
        _exec(lambda run: run.tool is not None or (run.process, run.seconds) == (1, 10)),
    ),
    Rule(
        "a tool reads no standard input; remove stdinFrom",
        _exec(lambda run: run.tool is None or run.stdin_from is None),
    ),
    Rule("a tool writes no zip; remove unwrap", _exec(lambda run: run.tool is None or not run.unwrap)),
    Rule(
        "set either port, or probe where the admin allows it",
        _profile(lambda p: (p.port is not None) != p.probe),
    ),
    Rule(
        "a probe sends no credentials; set port or remove headersFrom",
        _profile(lambda p: not (p.probe and p.headers_from)),
    ),
    Rule(
        "form is for type Goroutine only",
        _profile(lambda p: all(kind.form is None or kind.type == ProfileType.GOROUTINE for kind in p.kinds)),
    ),
    Rule(
        "output names one file, and type Goroutine writes two; set form",
        _profile(lambda p: all(kind.output is None or _is_one_file(kind) for kind in p.kinds)),
    ),
    Rule(
        "path and via are for port only; set port or remove them",
        lambda c: (
            c.metrics is None
            or c.metrics.port is not None
            or (c.metrics.path, c.metrics.via) == ("/metrics", Via.PORT_FORWARD)
        ),
    ),
)
