"""Creating a SupportBundle gives nobody data, identity or credentials that they lack."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from dataclasses import replace
from functools import partial

import pytest

from support.access import Answer, Object, Rule, Site, accepted, bundle, refused, until
from support.kube import kubectl, run
from support.largest import HEADER, largest
from supportbundle.collect.registry import demands_for
from supportbundle.model.capability import CLUSTER_VERB, EXTRA_VERB, VIEW_VERB, Capability

pytestmark = pytest.mark.e2e
GRANT = "An admin can grant it: "
ELSEWHERE = f"elsewhere-{uuid.uuid4().hex[:6]}"


def rule(group: str, resources: str, verbs: str, *names: str) -> Rule:
    found = {"apiGroups": [group], "resources": resources.split(), "verbs": verbs.split()}
    return found | ({"resourceNames": list(names)} if names else {})


CREATE = rule("supportbundle.dev", "supportbundles", "create get patch")
USE = rule("supportbundle.dev", "supportbundledestinations", "use", "default")
USE_TEMPLATES = rule("supportbundle.dev", "supportbundletemplates", "use")
LOGS = rule("", "pods/log", "get")
LIST = rule("", "pods", "list")
EVENTS = rule("", "events", "list")
SECRETS = rule("", "secrets", "get")
COLLECT = rule("supportbundle.dev", "supportbundles", "collect")
CLUSTER = rule("supportbundle.dev", "supportbundles", CLUSTER_VERB)
CLUSTER_INFO: Object = {"name": "r", "type": "Resources", "resources": {"clusterInfo": True}}
SOMETHING: Object = {"name": "e", "type": "Events"}
EVERY_EVENT: Object = {"capabilities": ["Events"], "collectors": [SOMETHING]}
STEPS: list[Object] = [{"name": "a", "path": "/", "output": "a"}]


def rights_of(capability: Capability) -> list[Rule]:
    """One rule for each single right that the capability takes."""
    return [
        rule(group, resource, verb)
        for demand in demands_for(capability)
        for group in demand.api_groups
        for resource in demand.resources
        for verb in demand.verbs
    ]


def using(capability: Capability) -> Object:
    """A bundle that lists the capability, and whose collector takes no more than Events."""
    wanted = bundle(capabilities=sorted({"Events", capability.value}), collectors=[SOMETHING])
    del wanted["spec"]["target"]
    return wanted


def test_one_who_reads_logs_may_bundle_them(site: Site) -> None:
    person = site.person(CREATE, USE, LOGS, LIST)
    accepted(lambda: person.create(bundle()))


def test_one_who_lacks_logs_may_not_and_hears_the_right_and_the_command(site: Site) -> None:
    person = site.person(CREATE, USE, LIST)
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
        ({"capabilities": list(Capability)}, (CREATE, USE, LOGS)),
        ({}, (CREATE, USE, LOGS)),
        ({}, (CREATE, LOGS, LIST)),
        ({"destination": {"name": ELSEWHERE}}, (CREATE, USE, LOGS, LIST)),
        ({"serviceAccountName": "default", "capabilities": ["Profiles", "Logs"]}, (CREATE, USE)),
        (
            {
                "capabilities": ["Profiles"],
                "collectors": [{"name": "p", "type": "Profile", "profile": {"port": 1, "headersFrom": [HEADER]}}],
            },
            (CREATE, USE),
        ),
    ],
    ids=["logs", "everything", "target", "default-destination", "other-destination", "account", "header"],
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


@pytest.mark.parametrize("capability", Capability)
def test_one_who_holds_the_rights_of_a_capability_may_use_it(site: Site, capability: Capability) -> None:
    person = site.person(CREATE, USE, EVENTS, *rights_of(capability))
    accepted(lambda: person.create(using(capability)))


@pytest.mark.parametrize(
    ("capability", "missing"),
    [(capability, i) for capability in Capability for i in range(len(rights_of(capability)))],
)
def test_a_capability_takes_every_right_that_its_role_grants(site: Site, capability: Capability, missing: int) -> None:
    rights = rights_of(capability)
    lacked = rights.pop(missing)
    person = site.person(CREATE, USE, *([] if capability == Capability.EVENTS else [EVENTS]), *rights)
    [resource], [verb] = lacked["resources"], lacked["verbs"]
    heard = refused(
        lambda: person.create(using(capability)),
        f"the capability {capability} needs the right",
        resource,
        verb,
        f"in namespace {site.namespace}, which {person.user} lacks",
        f"-collect-{capability.lower()}",
    )
    assert ("at least in part" in heard) == bool(rights)


def test_a_dry_run_takes_the_rights_of_what_it_lists(site: Site) -> None:
    person = site.person(CREATE, USE, LIST)
    refused(lambda: person.create(bundle(dryRun=True)), "the capability Logs needs the right get pods/log")


def test_whoever_may_view_a_namespace_may_collect_its_objects(site: Site) -> None:
    person = site.person(CREATE, USE)
    site.bind(person.user or "", "ClusterRole", "view")
    accepted(lambda: person.create(using(Capability.RESOURCES)))


def test_the_objects_that_are_collected_are_those_that_may_be_viewed_and_never_secrets(site: Site) -> None:
    def look() -> Answer:
        found = json.loads(kubectl("get", "clusterrole", f"{site.release}-collect-resources", "-o", "json"))
        kinds = sorted({kind for rule in found["rules"] or () for kind in rule.get("resources", ())})
        return Answer(ok={"configmaps", "deployments", "supportbundles"} <= set(kinds), text=",".join(kinds))

    accepted(look)
    assert "secrets" not in look().text.split(",")


def test_facts_of_the_cluster_take_a_right_that_view_does_not_hold(site: Site) -> None:
    person = site.person(CREATE, USE)
    site.bind(person.user or "", "ClusterRole", "view")
    wanted = using(Capability.RESOURCES)
    wanted["spec"]["collectors"] = [CLUSTER_INFO]
    heard = refused(
        lambda: person.create(wanted),
        "resources.clusterInfo needs the right collectcluster on supportbundles",
        f"in namespace {site.namespace}, which {person.user} lacks",
        "-collect-cluster",
    )
    run("bash", "-c", heard.split(GRANT, 1)[1].splitlines()[0])
    accepted(lambda: person.create(wanted))


def test_an_account_needs_the_right_to_the_clusters_facts_itself(site: Site) -> None:
    account = site.account("surveyor")
    person = site.person(CREATE, USE, CLUSTER, rule("", "serviceaccounts", "impersonate", "surveyor"))
    wanted = using(Capability.RESOURCES)
    wanted["spec"] |= {"collectors": [CLUSTER_INFO], "serviceAccountName": "surveyor"}
    site.grant(account, COLLECT, EVENTS, *rights_of(Capability.RESOURCES))
    refused(lambda: person.create(wanted), "right collectcluster", f"which {account} lacks")
    site.grant(account, CLUSTER)
    accepted(lambda: person.create(wanted))


@pytest.mark.parametrize(
    ("capability", "options"),
    [
        ("HTTP", {"type": "HTTP", "http": {"port": 80, "headersFrom": [HEADER]}}),
        ("HTTP", {"type": "HTTP", "http": {"port": 80, "tls": {"caFrom": {"secret": "ca", "key": "ca.crt"}}}}),
        ("HTTP", {"type": "API", "api": {"port": 80, "steps": STEPS, "headersFrom": [HEADER]}}),
        ("Profiles", {"type": "Profile", "profile": {"port": 80, "headersFrom": [HEADER]}}),
        ("Exec", {"type": "Exec", "exec": {"command": ["true"], "stdinFrom": {"secret": "login", "key": "token"}}}),
        ("Config", {"type": "Config", "config": {"secretShapes": True}}),
    ],
    ids=["http-header", "http-ca", "api-header", "profile-header", "exec-stdin", "shapes"],
)
def test_who_uses_secrets_must_be_able_to_read_them(site: Site, capability: str, options: Object) -> None:
    person = site.person(CREATE, USE, LIST, *rights_of(Capability(capability)))
    wanted = bundle(capabilities=[capability], collectors=[{"name": "c", **options}])
    refused(
        lambda: person.create(wanted),
        "headersFrom, caFrom, stdinFrom, secretShapes and templateRef.secrets need the right get secrets",
        f"which {person.user} lacks",
        "-get-secrets",
    )
    site.grant(person.user or "", SECRETS)
    accepted(lambda: person.create(wanted))


def test_a_target_takes_the_right_to_list_pods_wherever_it_stands(site: Site) -> None:
    person = site.person(CREATE, USE, EVENTS)
    everywhere = bundle(**EVERY_EVENT)
    in_the_collector = bundle(collectors=[{"name": "e", "type": "Events", "target": {"podNames": ["web"]}}])
    in_the_collector["spec"] |= {"target": None, "capabilities": ["Events"]}
    for wanted in (everywhere, in_the_collector):
        refused(
            partial(person.create, wanted),
            "a target or a template needs the right list pods",
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


def test_an_account_needs_the_rights_itself(site: Site) -> None:
    account = site.account("reader")
    person = site.person(CREATE, USE, rule("", "serviceaccounts", "impersonate", "reader"))
    named = bundle(serviceAccountName="reader")
    site.grant(account, LIST, COLLECT)
    refused(lambda: person.create(named), "get pods/log", f"which {account} lacks")
    site.grant(account, LOGS)
    accepted(lambda: person.create(named))


def test_an_account_must_be_set_aside(site: Site) -> None:
    account = site.account("kept")
    person = site.person(CREATE, USE, rule("", "serviceaccounts", "impersonate", "kept"))
    named = bundle(serviceAccountName="kept")
    site.grant(account, LOGS, LIST)
    refused(lambda: person.create(named), "not set aside for collecting")
    site.grant(account, COLLECT)
    accepted(lambda: person.create(named))


@pytest.mark.parametrize("account", [None, "largest"], ids=["requester", "account"])
def test_the_largest_request_stays_within_the_budget_of_the_api_server(site: Site, account: str | None) -> None:
    rights = [right for capability in Capability for right in rights_of(capability)]
    person = site.person(CREATE, USE, USE_TEMPLATES, LIST, SECRETS, CLUSTER, *rights)
    if account:
        site.grant(site.account(account), COLLECT, LIST, SECRETS, CLUSTER, *rights)
        site.grant(person.user or "", rule("", "serviceaccounts", "impersonate", account))
    accepted(lambda: person.create(largest(account)))


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
        ("view", VIEW_VERB, "supportbundles", True),
        ("admin", CLUSTER_VERB, "supportbundles", False),
        ("admin", EXTRA_VERB, "supportbundles", False),
        ("edit", "create", "supportbundles", True),
        ("edit", "patch", "supportbundles/status", False),
        ("admin", "patch", "supportbundles/status", False),
        ("edit", "patch", "supportbundledestinations", False),
        ("edit", "use", "supportbundletemplates", True),
        ("view", "use", "supportbundletemplates", False),
        ("admin", "create", "supportbundletemplates", False),
        ("admin", "patch", "supportbundletemplates", False),
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
