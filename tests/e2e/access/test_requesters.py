"""Creating a SupportBundle gives nobody data, identity or credentials that they lack."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from support.access import Answer, Object, Rule, Site, accepted, bundle, refused, until
from support.kube import kubectl, run

pytestmark = pytest.mark.e2e
GRANT = "An admin can grant it: "
ELSEWHERE = f"elsewhere-{uuid.uuid4().hex[:6]}"


def rule(group: str, resources: str, verbs: str, *names: str) -> Rule:
    found = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return found | ({"resourceNames": list(names)} if names else {})


CREATE = rule("supportbundle.dev", "supportbundles", "create get patch")
USE = rule("supportbundle.dev", "supportbundledestinations", "use", "default")
LOGS = rule("", "pods/log", "get")
LIST = rule("", "pods", "list")
FORWARD = rule("", "pods/portforward", "get create")
CONFIG = (
    rule("", "configmaps pods", "get"),
    rule("apps", "deployments replicasets statefulsets daemonsets", "get"),
    rule("batch", "jobs cronjobs", "get"),
)
EVENTS = rule("", "events", "list")
PROFILE: Object = {
    "capabilities": ["Profiles"],
    "collectors": [{"name": "p", "type": "Profile", "profile": {"port": 6060}}],
}
WORKLOADS: Object = {
    "capabilities": ["Config"],
    "collectors": [{"name": "c", "type": "Config", "config": {"workloads": True}}],
}


CONFIG_MAPS: Object = {
    "capabilities": ["Config"],
    "collectors": [{"name": "c", "type": "Config", "config": {"configMaps": {"names": ["app"]}}}],
}
EVERY_EVENT: Object = {"capabilities": ["Events"], "collectors": [{"name": "e", "type": "Events"}]}


def test_one_who_reads_logs_may_bundle_them(site: Site) -> None:
    person = site.person(CREATE, USE, LOGS, LIST)
    accepted(lambda: person.create(bundle()))


def test_one_who_lacks_logs_may_not_and_hears_the_right_and_the_command(site: Site) -> None:
    person = site.person(CREATE, USE)
    refused(
        lambda: person.create(bundle()),
        "the capability Logs needs the right get pods/log",
        f"in namespace {site.namespace}, which {person.user} lacks",
        "-collect-logs",
    )


@pytest.mark.parametrize(
    ("spec", "rights"),
    [
        ({}, (CREATE, USE)),
        ({"capabilities": ["Logs", "Events"]}, (CREATE, USE, LOGS)),
        ({"capabilities": ["Logs", "Config"]}, (CREATE, USE, LOGS)),
        ({}, (CREATE, USE, LOGS)),
        (WORKLOADS, (CREATE, USE, rule("", "configmaps", "get"))),
        (PROFILE, (CREATE, USE)),
        ({}, (CREATE, LOGS, LIST)),
        ({"destination": {"name": ELSEWHERE}}, (CREATE, USE, LOGS, LIST)),
        ({"serviceAccountName": "default", "capabilities": [], **PROFILE}, (CREATE, USE)),
    ],
    ids=[
        "logs",
        "events",
        "config",
        "target",
        "workloads",
        "profiles",
        "default-destination",
        "other-destination",
        "account",
    ],
)
def test_running_the_printed_commands_ends_in_acceptance(site: Site, spec: Object, rights: tuple[Rule, ...]) -> None:
    person, wanted = site.person(*rights), bundle(**spec)

    def ask() -> Answer:
        return person.create(wanted)

    answer = until(lambda heard: heard.ok or GRANT in heard.text, ask)
    while not answer.ok:
        before = answer.text
        assert GRANT in before, before
        run("bash", "-c", before.split(GRANT, 1)[1].splitlines()[0])
        answer = until(partial(differs, before), ask)
        assert differs(before, answer), f"the command did not help: {before}"


def differs(before: str, answer: Answer) -> bool:
    """Whether it names another lack: two installations say the same with different roles, and either may be heard."""
    return lack(answer.text) != lack(before)


def lack(message: str) -> str:
    return message.split(GRANT, 1)[0].rsplit("denied request: ", 1)[-1]


@pytest.fixture(scope="module", autouse=True)
def _cleaned() -> Iterator[None]:
    """The only object that a printed command makes outside the tenant's namespace."""
    yield
    kubectl("delete", "clusterrole", f"supportbundle-use-{ELSEWHERE}", "--ignore-not-found")


@pytest.mark.parametrize("missing", ["get", "create"])
def test_profiles_take_both_rights_on_port_forwarding(site: Site, missing: str) -> None:
    held = "create" if missing == "get" else "get"
    person = site.person(CREATE, USE, rule("", "pods/portforward", held))
    refused(lambda: person.create(bundle(**PROFILE)), "needs the rights get and create pods/portforward")


@pytest.mark.parametrize(
    "kind", ["pods", "deployments", "replicasets", "statefulsets", "daemonsets", "jobs", "cronjobs"]
)
def test_configuration_takes_every_kind_that_its_role_grants(site: Site, kind: str) -> None:
    rights = [{**r, "resources": [name for name in r["resources"] if name != kind]} for r in CONFIG]
    person = site.person(CREATE, USE, LIST, *rights)
    refused(
        lambda: person.create(bundle(**CONFIG_MAPS)),
        "the capability Config needs the right get on",
        kind,
        f"which {person.user} lacks at least in part",
        "-collect-config",
    )


@pytest.mark.parametrize("spec", [CONFIG_MAPS, WORKLOADS], ids=["configMaps", "workloads"])
def test_one_who_reads_all_configuration_may_bundle_it(site: Site, spec: Object) -> None:
    person = site.person(CREATE, USE, LIST, *CONFIG)
    accepted(lambda: person.create(bundle(**spec)))


def test_a_target_takes_the_right_to_list_pods_wherever_it_stands(site: Site) -> None:
    person = site.person(CREATE, USE, EVENTS)
    everywhere = bundle(**EVERY_EVENT)
    in_the_collector = bundle(collectors=[{"name": "e", "type": "Events", "target": {"podNames": ["web"]}}])
    in_the_collector["spec"] |= {"target": None, "capabilities": ["Events"]}
    for wanted in (everywhere, in_the_collector):
        refused(
            partial(person.create, wanted),
            "a target needs the right list pods",
            f"in namespace {site.namespace}, which {person.user} lacks",
            "-list-pods",
        )


def test_without_a_target_nobody_needs_to_list_pods(site: Site) -> None:
    person, wanted = site.person(CREATE, USE, EVENTS), bundle(**EVERY_EVENT)
    del wanted["spec"]["target"]
    accepted(lambda: person.create(wanted))


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease"])
def test_nobody_makes_bundles_in_kubernetes_own_namespaces(site: Site, namespace: str) -> None:
    admin = replace(site.admin, namespace=namespace)
    refused(lambda: admin.create(bundle()), f"bundles are not made in {namespace}", "namespace of the workload")


def test_a_destination_takes_the_right_to_use_it(site: Site) -> None:
    person = site.person(CREATE, USE, LOGS, LIST)
    refused(
        lambda: person.create(bundle(destination={"name": "vendor"})),
        "needs the right use on supportbundledestinations/vendor",
    )


def test_the_default_destination_is_checked_though_the_bundle_does_not_name_it(site: Site) -> None:
    person = site.person(CREATE, LOGS, LIST)
    refused(lambda: person.create(bundle()), "needs the right use on supportbundledestinations/default")


def test_an_account_takes_impersonation_before_anything_else_is_told(site: Site) -> None:
    person = site.person(CREATE, USE, LOGS)
    heard = refused(
        lambda: person.create(bundle(serviceAccountName="default")), "impersonate on serviceaccounts/default"
    )
    assert "pods/log" not in heard


def test_an_account_needs_the_rights_itself_and_must_be_set_aside(site: Site) -> None:
    account = site.account("reader")
    person = site.person(CREATE, USE, rule("", "serviceaccounts", "impersonate", "reader"))
    named = bundle(serviceAccountName="reader")
    refused(lambda: person.create(named), "get pods/log", f"which {account} lacks")
    site.grant(account, LOGS, LIST)
    refused(lambda: person.create(named), "not set aside for collecting")
    site.grant(account, rule("supportbundle.dev", "supportbundles", "collect"))
    accepted(lambda: person.create(named))


def test_the_largest_request_stays_within_the_budget_of_the_api_server(site: Site) -> None:
    person = site.person(CREATE, USE, LOGS, LIST, EVENTS, FORWARD, *CONFIG)
    labels = {f"label-{i}": "v" * 63 for i in range(32)}
    names = [f"pod-{i}" + "x" * 200 for i in range(100)]
    expression = {"key": "k", "operator": "In", "values": [f"v{i}" for i in range(64)]}
    target = {
        "selector": {"matchLabels": labels, "matchExpressions": [expression] * 32},
        "podNames": names,
    }
    options: list[Object] = [
        {"type": "Logs", "logs": {"since": "24h", "tailLines": 5, "maxBytesPerContainer": "1Gi"}},
        {"type": "Config", "config": {"configMaps": {"names": names}, "workloads": True}},
        {"type": "Profile", "profile": {"port": 1, "kinds": [{"type": "CPU", "seconds": 300}, {"type": "Trace"}]}},
        {"type": "Events", "events": {"scope": "Targets"}},
    ]
    collectors = [{"name": f"c{i}", "target": target, **options[i % 4]} for i in range(50)]
    largest = bundle(
        target=target, collectors=collectors, capabilities=["Logs", "Events", "Config", "Profiles"], ttl="8760h"
    )
    accepted(lambda: person.create(largest))


def test_metadata_may_change_and_a_bundle_may_be_cancelled_without_the_rights(site: Site) -> None:
    existing = bundle()
    existing["metadata"] = {"name": "kept", "finalizers": ["example.com/held"]}
    site.make(existing)
    try:
        person = site.person(CREATE)
        release = {"metadata": {"finalizers": None, "labels": {"a": "b"}}}
        accepted(lambda: person.patch(existing, release))
        accepted(lambda: person.patch(existing, {"spec": {"cancel": True}}))
    finally:
        site.admin.patch(existing, {"metadata": {"finalizers": None}}, dry=False)
        site.admin.delete(existing, dry=False)


@pytest.mark.parametrize(
    ("role", "verb", "resource", "allowed"),
    [
        ("view", "get", "supportbundles", True),
        ("view", "create", "supportbundles", False),
        ("edit", "create", "supportbundles", True),
        ("edit", "patch", "supportbundles/status", False),
        ("admin", "patch", "supportbundles/status", False),
        ("edit", "patch", "supportbundledestinations", False),
    ],
)
def test_kubernetes_own_roles_carry_bundles_but_never_their_status(
    site: Site, role: str, verb: str, resource: str, *, allowed: bool
) -> None:
    person = site.person()
    site.bind(person.user or "", "ClusterRole", role)
    # An empty name lists; every one of the three roles may, once the binding has reached the cache.
    accepted(lambda: person.get({**bundle(), "metadata": {"name": ""}}))
    assert person.may(verb, resource) == allowed
