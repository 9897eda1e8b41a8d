"""A bundle and its template become what the bundle asks for, and never more than that."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
import yaml
from hypothesis import event, given
from hypothesis import strategies as st

from support.build import NOW, bundle, pod
from support.templates import ALL, LOGS, PING, PORT, UID, filled, template
from supportbundle.collect.registry import REGISTRY
from supportbundle.errors import InvalidParameters, InvalidRule, InvalidTemplate
from supportbundle.model.capability import Capability
from supportbundle.model.spec import CollectorSpec, SupportBundleSpec
from supportbundle.model.template import UsedTemplate, parse_template
from supportbundle.plan import Surroundings, build_plan, require_valid, resolve

EXAMPLES = Path(__file__).parents[3] / "docs" / "examples"
TOKEN: dict[str, Any] = {"name": "token", "description": "Key value.", "required": True}
CALL: dict[str, Any] = {
    "name": "call",
    "type": "HTTP",
    "http": {"port": 80, "headersFrom": [{"name": "Authorization", "secret": "token", "key": "value"}]},
}
CLUSTER: dict[str, Any] = {"name": "all", "type": "Resources", "resources": {"clusterInfo": True}}
SHAPES: dict[str, Any] = {"name": "shapes", "type": "Config", "config": {"secretShapes": True, "workloads": True}}
PATH: dict[str, Any] = {"name": "path", "default": "ping", "pattern": "[a-z/]*"}


def names(spec: SupportBundleSpec) -> list[str]:
    return [collector.name for collector in spec.collectors]


def test_parameters_take_their_types_and_defaults_and_are_remembered() -> None:
    made = filled(template(PING, parameters=[PORT | {"required": True}, PATH]), {"port": "8065"})
    [collector] = made.spec.collectors
    assert collector.http is not None
    assert (collector.http.port, collector.http.path) == (8065, "/ping")
    assert made.template == UsedTemplate(
        name="preset", uid=UID, generation=3, parameters={"port": "8065", "path": "ping"}
    )
    assert made.gaps == ()


@pytest.mark.parametrize(
    ("given_", "words"),
    [
        ({}, ("needs the parameter port (Where it listens)", "Set spec.templateRef.parameters.port")),
        ({"port": "many"}, ("Parameter port of template preset: 'many' is not a whole number", "Correct spec")),
        ({"port": "1", "tokn": "x"}, ("has no parameter tokn; it has path, port",)),
        ({"port": "1", "path": "A"}, ("Parameter path", "'A' does not match [a-z/]*")),
        ({"port": "1", "path": "a\n"}, ("Parameter path", "does not match")),
        ({"port": "70000"}, ("Parameter port='70000' of template preset cannot stand in collector ping", "http.port")),
        ({"port": "9" * 30}, ("is not a whole number",)),
    ],
)
def test_what_does_not_fit_is_refused_with_parameter_template_and_fix(
    given_: dict[str, str], words: tuple[str, ...]
) -> None:
    found = template(PING, parameters=[PORT | {"required": True, "description": "Where it listens."}, PATH])
    with pytest.raises(InvalidParameters) as refused:
        filled(found, given_)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("kind", "good", "bad"),
    [
        ("Boolean", ["true", "false"], ["True", "yes", ""]),
        ("Duration", ["1h", "90s", "1h30m"], ["1d", "-1s", ""]),
        ("Quantity", ["1Mi", "512Ki", "7"], ["1.5Gi", "0", "much"]),
        ("Integer", ["0", "-5", "12"], ["1.0", "0x1", " 1", ""]),
        ("String", ["", "x"], []),
    ],
)
def test_a_type_takes_its_own_texts_and_no_others(kind: str, good: list[str], bad: list[str]) -> None:
    found = template(parameters=[{"name": "p", "type": kind}])
    for text in good:
        filled(found, {"p": text})
    for text in bad:
        with pytest.raises(InvalidParameters, match="Parameter p of template preset"):
            filled(found, {"p": text})


def test_options_that_mean_nothing_together_are_refused_as_admission_would() -> None:
    run = {"name": "run", "type": "Exec", "exec": {"command": ["$(program)"]}}
    found = template(run, parameters=[{"name": "program", "default": "id"}])
    with pytest.raises(InvalidParameters, match=r"program='' .* collector run: the first word of command"):
        filled(found, {"program": ""})


@pytest.mark.parametrize(
    ("when", "given_", "secrets", "taken"),
    [
        ({"parameter": "mode"}, {}, {}, False),
        ({"parameter": "mode"}, {"mode": "Native"}, {}, True),
        ({"parameter": "mode", "values": ["Native", "Auto"]}, {"mode": "Auto"}, {}, True),
        ({"parameter": "mode", "values": ["Native"]}, {"mode": "Auto"}, {}, False),
        ({"parameter": "deep", "values": ["true"]}, {}, {}, False),
        ({"parameter": "deep", "values": ["true"]}, {"deep": "true"}, {}, True),
        ({"secret": "token"}, {}, {}, False),
        ({"secret": "token"}, {}, {"token": "mm"}, True),
    ],
)
def test_a_collector_may_depend_on_what_is_given(
    when: dict[str, Any], given_: dict[str, str], secrets: dict[str, str], *, taken: bool
) -> None:
    found = template(
        LOGS,
        {"name": "more", "type": "Events", "when": when},
        parameters=[
            {"name": "mode", "enum": ["Native", "Auto"]},
            {"name": "deep", "type": "Boolean", "default": "false"},
        ],
        secrets=[{"name": "token"}],
    )
    assert names(filled(found, given_, secrets).spec) == (["logs", "more"] if taken else ["logs"])


def test_a_secret_is_the_one_that_the_bundle_names() -> None:
    found = template(CALL, secrets=[TOKEN])
    made = filled(found, secrets={"token": "mm-admin"})
    http = made.spec.collectors[0].http
    assert http is not None
    assert http.headers_from[0].secret == "mm-admin"
    assert made.template is not None
    assert made.template.secrets == ("token",)
    assert "mm-admin" not in made.template.model_dump_json()
    with pytest.raises(
        InvalidParameters, match=r"needs the secret token \(Key value\).*spec.templateRef.secrets.token"
    ):
        filled(found)
    with pytest.raises(InvalidParameters, match="has no secret other; it has token"):
        filled(found, secrets={"token": "a", "other": "b"})


def test_what_the_bundle_says_itself_adds_to_the_template_or_takes_its_place() -> None:
    found = template(
        LOGS,
        {"name": "events", "type": "Events"},
        target={"selector": {"matchLabels": {"app": "$(app)"}}},
        parameters=[{"name": "app", "default": "web"}],
    )
    alone = filled(found).spec
    assert alone.target is not None
    assert alone.target.selector is not None
    assert alone.target.selector.match_labels == {"app": "web"}
    own = [{"name": "mine", "type": "Helm"}, {"name": "logs", "type": "Logs", "logs": {"previous": False}}]
    made = filled(found, collectors=own, target={"podNames": ["web-1"]}).spec
    assert names(made) == ["logs", "events", "mine"]
    assert made.collectors[0].logs is not None
    assert not made.collectors[0].logs.previous
    assert made.target is not None
    assert (made.target.pod_names, made.target.selector) == (("web-1",), None)


def test_sanitizing_adds_up() -> None:
    rule = {"name": "ours", "type": "Key", "pattern": "tenant"}
    base = {"pseudonymize": ["IP", "User"], "users": ["alice"], "keepShape": True, "rules": [rule]}
    found = template(sanitization=base)
    own = {"pseudonymize": ["Hostname", "IP"], "hostnames": ["db"], "rules": [rule, rule | {"name": "mine"}]}
    made = filled(found, sanitization=own).spec.sanitization
    assert made.pseudonymize == ("IP", "User", "Hostname")
    assert (made.users, made.hostnames, made.keep_shape) == (("alice",), ("db",), True)
    assert [r.name for r in made.rules] == ["ours", "mine"]
    with pytest.raises(InvalidRule, match="rule ours stands in template preset and, otherwise, in the bundle"):
        filled(found, sanitization={"rules": [rule | {"pattern": "other"}]})


def test_capabilities_are_the_bundles_alone_and_what_is_outside_is_a_gap() -> None:
    asked = filled(template(LOGS, CLUSTER, target={"selector": {}}), capabilities=["Logs"]).spec
    assert asked.capabilities == (Capability.LOGS,)
    whole = bundle().model_copy(update={"spec": asked})
    gaps = build_plan(whole, Surroundings([pod()]), REGISTRY, NOW).gaps
    assert [(g.reason, g.collector) for g in gaps] == [("NotAllowed", "all")]
    assert gaps[0].message == "Add Resources to spec.capabilities of a new bundle."


@pytest.mark.parametrize(
    ("collector", "own", "word"),
    [
        (CLUSTER, CLUSTER | {"name": "own"}, "clusterInfo"),
        (SHAPES, SHAPES | {"name": "own"}, "secretShapes"),
    ],
    ids=["clusterInfo", "secretShapes"],
)
def test_what_admission_sees_only_in_collectors_holds_only_where_the_bundle_asks_for_it_too(
    collector: dict[str, Any], own: dict[str, Any], word: str
) -> None:
    found = template(collector)
    bare = filled(found)
    assert not bare.spec.wants_cluster_info
    assert not bare.spec.uses_secrets
    [gap] = bare.gaps
    assert (gap.reason, gap.target, gap.collector) == ("NotAllowed", word, collector["name"])
    assert f"Template preset asks for {word}" in gap.message
    assert "of a new bundle" not in gap.message.split(".", maxsplit=1)[0]
    allowed = filled(found, collectors=[own])
    assert allowed.gaps == ()
    assert allowed.spec.collectors[0] == CollectorSpec.model_validate(collector)


def test_a_parameter_cannot_switch_on_what_the_bundle_was_not_checked_for() -> None:
    sly = {"name": "all", "type": "Resources", "resources": {"clusterInfo": "$(deep)"}}
    found = template(sly, parameters=[{"name": "deep", "type": "Boolean", "default": "false"}])
    made = filled(found, {"deep": "true"})
    assert not made.spec.wants_cluster_info
    assert [gap.target for gap in made.gaps] == ["clusterInfo"]


def test_a_parameter_may_stand_in_the_name_of_a_download() -> None:
    found = template(
        archive={"fileName": "$(product)-$(number)-{namespace}.zip"},
        parameters=[{"name": "product", "required": True}, {"name": "number", "type": "Integer", "default": "7"}],
    )
    require_valid(found)
    made = filled(found, {"product": "acme"}).spec.archive
    assert made is not None
    assert made.file_name == "acme-7-{namespace}.zip"


@pytest.mark.parametrize("value", ["../x", "a b", "a\nb", 'a"', "", "{pod}", ".hidden", "$(number)", "ü", "x" * 125])
def test_but_only_as_far_as_a_file_can_be_called_so(value: str) -> None:
    found = template(archive={"fileName": "$(product).zip"}, parameters=[{"name": "product", "required": True}])
    with pytest.raises(InvalidParameters, match="Parameter product") as refused:
        filled(found, {"product": value})
    assert "archive" in str(refused.value)


WORDS = st.sampled_from(["", "x", "8080", "true", "1h", "/a", "$(port)", "$$(", "\n", "é" * 40, "web"])
TEXTS = st.one_of(WORDS, st.text(max_size=30))
HOLES = st.sampled_from(["$(port)", "$(app)", "/$(app)", "$(deep)", "$$(app)", 80, "x", True])
OPTIONS = st.fixed_dictionaries(
    {},
    optional={
        "port": HOLES, "path": HOLES, "via": HOLES, "clusterInfo": HOLES, "secretShapes": HOLES, "workloads": HOLES,
        "since": HOLES, "paths": st.lists(HOLES, max_size=2), "command": st.lists(HOLES, max_size=2),
        "headersFrom": st.lists(
            st.fixed_dictionaries({"name": HOLES, "secret": st.sampled_from(["token", "$(app)", "db"]), "key": HOLES}),
            max_size=2,
        ),
        "steps": st.lists(st.fixed_dictionaries({"name": HOLES, "path": HOLES, "output": HOLES}), max_size=2),
    },
)  # fmt: skip
KINDS = st.sampled_from(["API", "Logs", "HTTP", "Exec", "Files", "Config", "Resources", "Profile", "Events"])


@given(
    collectors=st.lists(st.tuples(KINDS, OPTIONS), min_size=1, max_size=3),
    given_=st.dictionaries(st.sampled_from(["port", "app", "deep", "no"]), TEXTS, max_size=4),
    secrets=st.dictionaries(st.sampled_from(["token", "no"]), st.sampled_from(["mm", "pg"]), max_size=2),
)
def test_whatever_a_template_says_it_is_refused_in_words_or_widens_nothing(
    collectors: list[tuple[str, dict[str, Any]]], given_: dict[str, str], secrets: dict[str, str]
) -> None:
    found = template(
        *({"name": f"c{i}", "type": kind, kind.lower(): options} for i, (kind, options) in enumerate(collectors)),
        parameters=[PORT | {"default": "80"}, {"name": "app", "default": "web"},
                    {"name": "deep", "type": "Boolean", "default": "false"}],
        secrets=[TOKEN],
    )  # fmt: skip
    try:
        made = filled(found, given_, secrets).spec
    except (InvalidTemplate, InvalidParameters) as error:
        event(error.reason)
        return
    event("filled in")
    assert made.capabilities == bundle().spec.capabilities
    assert not made.wants_cluster_info
    used = {
        header.secret
        for collector in made.collectors
        for options in (collector.http, collector.profile, collector.api)
        if options
        for header in options.headers_from
    }
    assert used <= set(secrets.values())
    assert not any(collector.uses_secrets for collector in made.collectors) or secrets
    assert SupportBundleSpec.model_validate(made.model_dump(by_alias=True, exclude_none=True)) == made


def test_all_names_of_capabilities_are_words_of_templates_too() -> None:
    assert template(capabilities=list(Capability)).spec.capabilities == tuple(Capability)
    assert set(ALL) <= set(Capability)


def test_the_example_of_docs_is_filled_in_as_it_says() -> None:
    preset, asking = (
        yaml.safe_load((EXAMPLES / name).read_text(encoding="utf-8"))
        for name in ("template.yaml", "bundle-from-template.yaml")
    )
    preset["metadata"]["uid"] = UID
    made = resolve(SupportBundleSpec.model_validate(asking["spec"]), parse_template(preset))
    assert names(made.spec) == ["logs", "events", "health", "status", "profiles"]
    assert set(made.spec.capabilities) == set(preset["spec"]["capabilities"])
    assert made.gaps == ()
    http = made.spec.collectors[3].http
    assert http is not None
    assert (http.port, http.headers_from[0].secret) == (8080, "web-status")
