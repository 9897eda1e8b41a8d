"""Templates at admission: who may name one, who may write one, and what the API server tells authors."""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from typing import Any

import pytest
import yaml

from support.access import Answer, Object, Rule, Site, accepted, bundle, refused, until
from support.kube import ROOT, kubectl, run

pytestmark = pytest.mark.e2e
GROUP = "supportbundle.dev"
CREATE: Rule = {"apiGroups": [GROUP], "resources": ["supportbundles"], "verbs": ["create", "get"]}
DESTINATION: Rule = {"apiGroups": [GROUP], "resources": ["supportbundledestinations"], "verbs": ["use"]}
LOGS: Rule = {"apiGroups": [""], "resources": ["pods/log"], "verbs": ["get"]}
LIST: Rule = {"apiGroups": [""], "resources": ["pods"], "verbs": ["list"]}
SECRETS: Rule = {"apiGroups": [""], "resources": ["secrets"], "verbs": ["get"]}
GRANT = "An admin can grant it: "


def use(name: str) -> Rule:
    return {"apiGroups": [GROUP], "resources": ["supportbundletemplates"], "resourceNames": [name], "verbs": ["use"]}


def naming(name: str, **ref: object) -> Object:
    """A bundle that leaves everything to a template: no target, no collectors."""
    wanted = bundle(templateRef={"name": name, **ref})
    del wanted["spec"]["target"], wanted["spec"]["collectors"]
    return wanted


@pytest.fixture(scope="module")
def preset(site: Site) -> Iterator[str]:
    """The name of a template of this run alone. None is made: naming one needs the right, not the template."""
    name = f"{site.release}-preset"
    yield name
    kubectl("delete", "clusterrole", f"supportbundle-use-template-{name}", "--ignore-not-found")


def test_a_template_takes_the_right_to_use_it_by_name_in_the_bundles_namespace(site: Site, preset: str) -> None:
    person = site.person(CREATE, DESTINATION, LOGS, LIST, use("another"))
    refused(
        lambda: person.create(naming(preset)),
        f"the template {preset} needs the right use on supportbundletemplates/{preset} in namespace {site.namespace}",
        f"which {person.user} lacks",
    )
    site.grant(person.user or "", use(preset))
    accepted(lambda: person.create(naming(preset)))


def test_a_template_takes_list_pods_though_the_bundle_names_no_target(site: Site, preset: str) -> None:
    person = site.person(CREATE, DESTINATION, LOGS, use(preset))
    refused(lambda: person.create(naming(preset)), "a target or a template needs the right list pods")
    site.grant(person.user or "", LIST)
    accepted(lambda: person.create(naming(preset)))


def test_secrets_that_are_given_to_a_template_take_the_right_to_read_them(site: Site, preset: str) -> None:
    person = site.person(CREATE, DESTINATION, LOGS, LIST, use(preset))
    with_parameters = naming(preset, parameters={"token": "mm-admin"})
    accepted(lambda: person.create(with_parameters))
    with_secret = naming(preset, secrets={"token": {"name": "mm-admin"}})
    refused(lambda: person.create(with_secret), "templateRef.secrets need the right get secrets", "-get-secrets")
    site.grant(person.user or "", SECRETS)
    accepted(lambda: person.create(with_secret))


def test_the_printed_commands_end_in_acceptance(site: Site, preset: str) -> None:
    person = site.person(CREATE, DESTINATION, LOGS)
    wanted = naming(preset, secrets={"token": {"name": "mm-admin"}})
    ask = partial(person.create, wanted)
    answer = until(lambda heard: heard.ok or GRANT in heard.text, ask)
    for _ in range(6):
        if answer.ok:
            break
        before = answer.text
        run("bash", "-c", before.split(GRANT, 1)[1].splitlines()[0])
        answer = until(partial(says_something_else, before), ask)
    assert answer.ok, answer.text


def says_something_else(before: str, answer: Answer) -> bool:
    return answer.ok or answer.text.split(GRANT, maxsplit=1)[0] != before.split(GRANT, maxsplit=1)[0]


def test_who_may_edit_a_namespace_may_use_templates_and_not_write_them(site: Site, preset: str) -> None:
    person = site.person()
    site.bind(person.user or "", "ClusterRole", "edit")
    accepted(lambda: person.create(naming(preset)))
    refused(lambda: person.create(template(LOGS_COLLECTOR)), "cannot create resource")


def test_the_operator_writes_shipped_templates_and_status_and_no_others(site: Site) -> None:
    shipped = yaml.safe_load(
        (ROOT / "helm/supportbundle-operator/files/templates/kubernetes.yaml").read_text(encoding="utf-8")
    )
    accepted(lambda: site.operator.apply(shipped))
    other = template(LOGS_COLLECTOR)
    refused(lambda: site.operator.apply(other), "cannot patch resource")
    refused(lambda: site.operator.delete(shipped), "cannot delete resource")


@pytest.mark.parametrize(
    ("ref", "message"),
    [
        ({"name": "p", "parameters": {"a" * 64: "x"}}, "at most 63 characters"),
        ({"name": "p", "parameters": {f"p{i}": "x" for i in range(33)}}, "must have at most 32"),
        ({"name": "p", "parameters": {"p": "x" * 1025}}, "Too long"),
        ({"name": "p", "parameters": {"p": 1}}, "must be of type string"),
        ({"name": "p", "secrets": {"token": {"name": "No"}}}, "spec.templateRef.secrets.token.name"),
        ({"name": "p", "secrets": {"token": {}}}, "Required value"),
        ({"parameters": {}}, "spec.templateRef.name: Required value"),
    ],
)
def test_a_reference_that_means_nothing_is_refused(site: Site, ref: Object, message: str) -> None:
    refused(lambda: site.admin.create(bundle(templateRef=ref)), message)


def test_a_reference_is_immutable(site: Site, preset: str) -> None:
    obj = naming(preset)
    obj["metadata"]["name"] = "templated"
    site.make(obj)
    try:
        change = {"spec": {"templateRef": {"parameters": {"a": "b"}}}}
        refused(lambda: site.admin.patch(obj, change), "spec is immutable but for cancel")
    finally:
        site.admin.delete(obj, dry=False)


LOGS_COLLECTOR: Object = {"name": "logs", "type": "Logs"}


def template(*collectors: Object, **spec: Any) -> Object:
    return {
        "apiVersion": "supportbundle.dev/v1alpha1",
        "kind": "SupportBundleTemplate",
        "metadata": {"name": "some-preset"},
        "spec": {"capabilities": ["Logs"], "collectors": list(collectors), **spec},
    }


def parameter(**fields: object) -> Object:
    return template(LOGS_COLLECTOR, parameters=[{"name": "p", **fields}])


@pytest.mark.parametrize(
    ("obj", "message"),
    [
        (template(), "spec.collectors"),
        (template(LOGS_COLLECTOR, capabilities=[]), "spec.capabilities"),
        (template(LOGS_COLLECTOR, capabilities=["Everything"]), "Unsupported value"),
        (template(LOGS_COLLECTOR, LOGS_COLLECTOR), "Duplicate value"),
        (template(LOGS_COLLECTOR | {"events": {}}), "events may be set only where type is Events"),
        (template(LOGS_COLLECTOR | {"fallback": {}}), 'unknown field "spec.collectors[0].fallback"'),
        (template(LOGS_COLLECTOR | {"when": {}}), "when names either a parameter or a secret"),
        (template(LOGS_COLLECTOR | {"when": {"parameter": "no"}}), "when names a parameter that spec"),
        (template(LOGS_COLLECTOR | {"when": {"secret": "no"}}), "when names a secret that spec.secrets"),
        (parameter(name="Port"), "spec.parameters[0].name"),
        (parameter(type="Port"), "Unsupported value"),
        (parameter(default=80), "must be of type string"),
        (parameter(default="x", required=True), "a required parameter needs no default"),
        (parameter(default="x", enum=["y"]), "default is none of enum"),
        (parameter(default="x", type="Integer"), "default is no whole number"),
        (parameter(default="yes", type="Boolean"), "default is neither 'true' nor 'false'"),
        (parameter(default="1d", type="Duration"), "default is no duration"),
        (parameter(default="1.5Gi", type="Quantity"), "default is no quantity"),
        (template(LOGS_COLLECTOR, archive={"fileName": "$(p)/{time}.zip"}), "spec.archive.fileName"),
        (template(LOGS_COLLECTOR, archive={"warnings": "Collector.log"}), "need names of their own"),
        (
            template(LOGS_COLLECTOR, sanitization={"rules": [{"name": "r", "type": "Literal", "pattern": "abc"}]}),
            "at least 4 characters",
        ),
    ],
)  # fmt: skip
def test_a_template_that_means_nothing_is_refused(site: Site, obj: Object, message: str) -> None:
    refused(lambda: site.admin.create(obj), message)


def test_a_template_may_hold_references_wherever_a_bundle_has_a_value(site: Site) -> None:
    headers = [{"name": "Authorization", "secret": "token", "key": "$(key)"}]
    obj = template(
        {"name": "ping", "type": "HTTP", "http": {"port": "$(port)", "path": "/$(path)", "headersFrom": headers}},
        {"name": "more", "type": "Logs", "when": {"secret": "token"}, "logs": {"since": "$(since)"}},
        target={"anyOf": [{"matchLabels": {"app": "$(app)"}}, {"matchLabels": {"name": "$(app)"}}]},
        archive={"fileName": "$(app)-{timestamp}.zip"},
        parameters=[{"name": name, "default": "x"} for name in ("path", "key", "since", "app")]
        + [{"name": "port", "type": "Integer", "default": "80"}],
        secrets=[{"name": "token", "required": True}],
        capabilities=["Logs", "HTTP"],
    )
    accepted(lambda: site.admin.create(obj))


def test_the_largest_template_is_affordable(site: Site) -> None:
    parameters = [
        {"name": f"parameter{i}", "description": "d" * 1024, "enum": [f"{n}" + "v" * 1000 for n in range(32)]}
        for i in range(32)
    ]
    collectors = [
        {
            "name": f"c{i}",
            "type": "Exec",
            "when": {"parameter": f"parameter{i % 32}"},
            "exec": {"command": ["x" * 1000]},
        }
        for i in range(50)
    ]
    rules = [{"name": f"r{i}", "type": "Regex", "pattern": "p" * 500} for i in range(50)]
    obj = template(*collectors, parameters=parameters, sanitization={"rules": rules})
    accepted(lambda: site.admin.create(obj))
