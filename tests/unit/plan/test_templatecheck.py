"""What is wrong with a template whatever a bundle gives is told to its author; what a bundle can mend is not."""

from __future__ import annotations

from typing import Any

import pytest

from support.templates import LOGS, PING, PORT, filled, template
from supportbundle.collect.registry import REGISTRY
from supportbundle.errors import InvalidParameters, InvalidTemplate
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec
from supportbundle.plan import require_valid
from supportbundle.plan.templatecheck import TRIALS

CALL: dict[str, Any] = {
    "name": "call",
    "type": "HTTP",
    "http": {"port": 80, "headersFrom": [{"name": "Authorization", "secret": "token", "key": "value"}]},
}
PATH: dict[str, Any] = {"name": "path", "default": "ping", "pattern": "[a-z/]*"}
FINDINGS: dict[str, Any] = {"name": "findings", "type": "Findings", "findings": {"usage": "$(usage)"}}
USAGE: dict[str, Any] = {"name": "usage", "type": "Boolean", "default": "false"}
READS = ["Config", "Events"]


def asking(*steps: dict[str, Any]) -> dict[str, Any]:
    """A collector of type API with these steps, each called after its place."""
    named = [{"name": name, "path": "/", "output": name, **step} for name, step in zip("xyz", steps, strict=False)]
    return {"name": "api", "type": "API", "api": {"port": 80, "steps": named}}


def test_a_step_that_only_a_parameter_breaks_is_the_bundles_to_mend() -> None:
    found = template(
        asking({"path": "/$(owner)/{{x}}"}, {"when": "x.$(owner)"}), parameters=[{"name": "owner", "required": True}]
    )
    require_valid(found)
    [made] = filled(found, {"owner": "ann"}).spec.collectors
    assert made.api is not None
    assert [(step.path, step.when) for step in made.api.steps] == [("/ann/{{x}}", None), ("/", "x.ann")]
    with pytest.raises(InvalidParameters, match=r"owner='a n' .* cannot stand in collector api: step x: path"):
        filled(found, {"owner": "a n"})
    with pytest.raises(InvalidParameters, match=r"owner='1' .* cannot stand in collector api: step y: when"):
        filled(found, {"owner": "1"})


def requires(collector: CollectorSpec) -> frozenset[Capability]:
    return REGISTRY[collector.type].requires(collector)


@pytest.mark.parametrize(
    ("spec", "said"),
    [
        ({"collectors": [PING]}, "collector ping: there is no parameter path; declare it in spec.parameters"),
        ({"collectors": [CALL]}, "collector call: there is no secret token; declare it in spec.secrets"),
        ({"collectors": [CALL], "secrets": [{"name": "token"}]}, "secret token may be missing"),
        ({"collectors": [PING], "parameters": [PORT, PATH]}, "parameter port may be missing; give it a default"),
        ({"target": {"podNames": ["$(p)"]}, "parameters": [{"name": "p"}]}, "target: parameter p may be missing"),
        ({"archive": {"fileName": "$(p).zip"}}, "archive: there is no parameter p"),
        ({"archive": {"fileName": "$(p).zip"}, "parameters": [{"name": "p"}]}, "archive: parameter p may be missing"),
        (
            {"archive": {"fileName": "$(p).zip"}, "parameters": [{"name": "p", "default": "a/b"}]},
            "archive: fileName: String should match pattern",
        ),
        ({"target": {}}, "target: an empty target names no pod"),
        ({"target": {"selector": {"matchLabels": {"a": 1}}}}, "target: selector.matchLabels.a"),
        ({"collectors": [LOGS | {"logs": {"tail": 5}}]}, "collector logs: logs.tail: Extra inputs are not permitted"),
        ({"collectors": [LOGS | {"logs": {"tail_lines": 5}}]}, "collector logs: logs.tail_lines: Extra inputs"),
        ({"collectors": [LOGS | {"events": {}}]}, "events may be set only where type is Events"),
        ({"collectors": [{"name": "h", "type": "HTTP"}]}, "type HTTP needs http with a port"),
        ({"collectors": [LOGS | {"when": {"parameter": "x"}}]}, "when: there is no parameter x"),
        ({"collectors": [LOGS | {"when": {"secret": "x"}}]}, "when: there is no secret x"),
        ({"collectors": [LOGS | {"when": {}}]}, "when names either a parameter or a secret"),
        (
            {
                "collectors": [LOGS | {"when": {"parameter": "m", "values": ["B"]}}],
                "parameters": [{"name": "m", "enum": ["A"]}],
            },
            "when: m can never be 'B', which is none of A",
        ),
        ({"collectors": [LOGS], "capabilities": ["Events"]}, "it needs Logs, which spec.capabilities does not list"),
        ({"parameters": [PORT | {"default": "x"}]}, "parameter port has the default 'x', which is not a whole number"),
        ({"parameters": [PORT | {"enum": ["1", "b"]}]}, "parameter port has 'b' in enum"),
        ({"parameters": [PATH | {"pattern": "(?=a)"}]}, "has a pattern that is no regular expression"),
        ({"parameters": [PATH | {"required": True}]}, "is required, so its default never holds"),
        (
            {"collectors": [{"name": "r", "type": "Exec", "exec": {"command": ["sh", "-c", "echo $(date)"]}}]},
            "there is no parameter date",
        ),
        (
            {"collectors": [{"name": "r", "type": "Exec", "exec": {"command": ["sh", "-c", "echo $(date -u)"]}}]},
            "write $$( for a plain $(",
        ),
        ({"collectors": [asking({"value": "a."})]}, "collector api: step x: value: it ends too early"),
        ({"collectors": [asking({"path": "/{y.id}"})]}, "collector api: step x: path: y is no earlier step"),
        (
            {"collectors": [asking({"path": "/$(p)/{y}"})], "parameters": [{"name": "p", "default": "v"}]},
            "y is no earlier step",
        ),
        ({"collectors": [asking({"format": "Text", "indent": 2})]}, "format Text is for texts"),
    ],
)  # fmt: skip
def test_a_template_that_cannot_work_says_why(spec: dict[str, Any], said: str) -> None:
    found = template(**spec) if "collectors" in spec else template(LOGS, **spec)
    with pytest.raises(InvalidTemplate, match="Template preset cannot be used: ") as refused:
        require_valid(found, requires)
    assert said in str(refused.value)
    assert "Its author must correct it." in str(refused.value)
    if "capabilities" not in spec:
        with pytest.raises(InvalidTemplate):
            filled(found)


@pytest.mark.parametrize(
    "collector",
    [
        {"name": "p", "type": "HTTP", "http": {"port": "$(any)"}},
        {"name": "p", "type": "HTTP", "http": {"port": 80, "via": "$(any)"}},
        {"name": "p", "type": "Exec", "exec": {"tool": "$(any)"}},
        {"name": "p", "type": "Files", "files": {"paths": ["$(any)"]}},
        {"name": "p", "type": "Logs", "logs": {"since": "$(any)"}},
        {"name": "p", "type": "API", "api": {"port": 80, "steps": [{"name": "x", "value": "$(any)", "output": "x"}]}},
    ],
)
def test_what_only_a_bundle_can_tell_is_not_held_against_a_template(collector: dict[str, Any]) -> None:
    require_valid(template(collector, parameters=[{"name": "any", "required": True}]))


@pytest.mark.parametrize("default", ["false", "true"])
def test_a_capability_that_one_value_takes_must_be_listed(default: str) -> None:
    usage = USAGE | {"default": default}
    with pytest.raises(InvalidTemplate, match=r"it needs Resources, which spec\.capabilities does not list"):
        require_valid(template(FINDINGS, parameters=[usage], capabilities=READS), requires)
    require_valid(template(FINDINGS, parameters=[usage], capabilities=[*READS, "Resources"]), requires)


def test_values_that_when_leaves_out_take_nothing() -> None:
    never = FINDINGS | {"when": {"parameter": "usage", "values": ["false"]}}
    require_valid(template(never, parameters=[USAGE], capabilities=READS), requires)


def test_many_values_are_tried_one_by_one() -> None:
    options = {"usage": "$(usage)", "scope": "$(scope)"}
    scopes = ["Targets", "Namespace", *(f"other{number}" for number in range(TRIALS // 2 - 2))]
    wide = FINDINGS | {"findings": options, "path": "$(deep)/f.json"}
    parameters = [
        USAGE,
        {"name": "scope", "enum": scopes, "default": "Targets"},
        {"name": "deep", "type": "Boolean", "default": "true"},
    ]
    with pytest.raises(InvalidTemplate, match="it needs Resources"):
        require_valid(template(wide, parameters=parameters, capabilities=READS), requires)
