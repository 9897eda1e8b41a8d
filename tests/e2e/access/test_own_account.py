"""The operator's own account: what it needs goes through, and whoever takes it over gains little more."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterator
from dataclasses import replace
from functools import partial

import pytest

from support import build
from support.access import RBAC, Answer, Object, Site, accepted, refused
from support.kube import kubectl
from supportbundle.config import OperatorConfig
from supportbundle.model import names
from supportbundle.model.capability import Capability
from supportbundle.model.plan import PlannedSecret, Uploads
from supportbundle.reconcile import manifests

pytestmark = pytest.mark.e2e
RUN = names.run_name(build.UID)
LABELS = names.labels("incident", build.UID)
Change = Callable[[Object], None]


def made(site: Site, kind: str) -> Object:
    """What the operator itself makes of this kind for a bundle; of the bindings the one for logs."""
    return next(obj for obj in everything_made(site) if obj["kind"] == kind)


def everything_made(site: Site) -> list[Object]:
    plain = build.bundle()
    bundle = plain.model_copy(update={"metadata": plain.metadata.model_copy(update={"namespace": site.namespace})})
    plan = build.plan(
        capabilities=tuple(Capability),
        secrets=(PlannedSecret(name="app-secret", required=True), PlannedSecret(name="a.b", required=False)),
    )
    config = OperatorConfig(
        image="registry.example/supportbundle-operator:test",
        collect_role_prefix=f"{site.release}-collect-",
        proxy={"HTTPS_PROXY": "http://proxy:3128", "NO_PROXY": ".svc"},
        image_pull_secrets=("pull",),
    )
    return [
        manifests.run_secret(bundle, plan, Uploads(shards={}), bytes(32)),
        manifests.service_account(bundle),
        *manifests.role_bindings(bundle, plan, config),
        manifests.job(bundle, plan, config),
    ]


def pod_of(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]
    return found


def with_pod(**fields: object) -> Change:
    return lambda obj: pod_of(obj).update(fields)


def with_container(**fields: object) -> Change:
    return lambda obj: pod_of(obj)["containers"][0].update(fields)


def with_security(**fields: object) -> Change:
    return lambda obj: pod_of(obj)["containers"][0]["securityContext"].update(fields)


def with_volume(**source: object) -> Change:
    return lambda obj: pod_of(obj)["volumes"].append({"name": "more", **source})


def with_mount(path: str, **fields: object) -> Change:
    mount = {"name": "scratch", "mountPath": path, **fields}
    return lambda obj: pod_of(obj)["containers"][0]["volumeMounts"].append(mount)


def relabelled(obj: Object) -> None:
    obj["metadata"]["labels"]["supportbundle.dev/bundle-uid"] = str(uuid.uuid4())


def renamed(obj: Object) -> None:
    obj["metadata"]["name"] = "backup"


def unlabelled(obj: Object) -> None:
    # Not none at all: Kubernetes gives a Job without labels those of its pods.
    obj["metadata"]["labels"] = {"app": "backup"}


def test_everything_that_the_operator_makes_for_a_bundle_goes_through(site: Site) -> None:
    for wanted in everything_made(site):
        accepted(partial(site.operator.create, wanted))


@pytest.mark.parametrize("change", [renamed, relabelled, unlabelled])
@pytest.mark.parametrize("kind", ["Secret", "ServiceAccount", "RoleBinding", "Job"])
def test_nothing_is_made_under_another_name(site: Site, kind: str, change: Change) -> None:
    wanted = made(site, kind)
    change(wanted)
    refused(lambda: site.operator.create(wanted), "ValidatingAdmissionPolicy", "the operator may touch only")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (with_container(image="evil:latest"), "its own image"),
        (with_container(command=["sh"]), "its own image"),
        (with_container(args=["collect", "--plan=x"]), "its own image"),
        (with_container(env=[{"name": "PYTHONPATH", "value": "/scratch"}]), "foreign environment"),
        (with_container(envFrom=[{"secretRef": {"name": "app"}}]), "foreign environment"),
        (with_container(lifecycle={"postStart": {"exec": {"command": ["id"]}}}), "without hooks"),
        (with_container(startupProbe={"exec": {"command": ["id"]}}), "without hooks"),
        (with_container(workingDir="/scratch"), "without hooks"),
        (with_mount("/usr/lib/python3"), "only where the collector reads"),
        (with_mount("/run/known/../../usr"), "only where the collector reads"),
        (with_mount("/run/known/x", subPath="y"), "only where the collector reads"),
        (with_security(allowPrivilegeEscalation=True), "restricted pods only"),
        (with_security(runAsNonRoot=False), "restricted pods only"),
        (with_security(runAsUser=0), "restricted pods only"),
        (with_security(capabilities={"drop": ["ALL"], "add": ["SYS_ADMIN"]}), "restricted pods only"),
        (with_security(capabilities={}), "restricted pods only"),
        (with_pod(securityContext={}), "restricted pods only"),
        (with_pod(hostNetwork=True), "without the host's namespaces"),
        (with_pod(hostPID=True), "without the host's namespaces"),
        (with_pod(nodeName="control-plane"), "without the host's namespaces"),
        (with_volume(hostPath={"path": "/"}), "without the host's namespaces"),
        (with_volume(persistentVolumeClaim={"claimName": "data"}), "without the host's namespaces"),
        (with_volume(csi={"driver": "x"}), "without the host's namespaces"),
        (with_volume(configMap={"name": "x"}), "without the host's namespaces"),
        (with_pod(serviceAccountName="default"), "only as the ServiceAccount of the bundle"),
        (lambda obj: pod_of(obj).pop("serviceAccountName"), "only as the ServiceAccount of the bundle"),
        (
            lambda obj: pod_of(obj).update(initContainers=[{**pod_of(obj)["containers"][0], "name": "b"}]),
            "one container only",
        ),
        (
            lambda obj: pod_of(obj)["containers"].append({**pod_of(obj)["containers"][0], "name": "b"}),
            "one container only",
        ),
    ],
)  # fmt: skip
def test_a_job_does_nothing_but_collect(site: Site, change: Change, message: str) -> None:
    wanted = made(site, "Job")
    change(wanted)
    refused(lambda: site.operator.create(wanted), "operator-jobs", message)


def test_a_job_may_run_as_an_account_that_is_set_aside_but_never_as_an_almighty_one(site: Site) -> None:
    names = ("set-aside", "almighty")
    for name in names:
        account = site.account(name)
        site.grant(account, {"apiGroups": ["supportbundle.dev"], "resources": ["supportbundles"], "verbs": ["collect"]})
    site.grant(
        f"system:serviceaccount:{site.namespace}:almighty", {"apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]}
    )
    first, second = made(site, "Job"), made(site, "Job")
    pod_of(first)["serviceAccountName"], pod_of(second)["serviceAccountName"] = names
    accepted(lambda: site.operator.create(first))
    refused(lambda: site.operator.create(second), "almighty is neither")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda b: b["subjects"][0].update(name="default"), "only to the ServiceAccount of the same bundle"),
        (lambda b: b["subjects"][0].update(namespace="kube-system"), "only to the ServiceAccount of the same bundle"),
        (
            lambda b: b.update(subjects=[{"kind": "Group", "name": "everyone", "apiGroup": RBAC}]),
            "only to the ServiceAccount of the same bundle",
        ),
        (
            lambda b: b["subjects"].append({"kind": "ServiceAccount", "name": "default", "namespace": "default"}),
            "only to the ServiceAccount of the same bundle",
        ),
        (lambda b: b["roleRef"].update(name=b["roleRef"]["name"].replace("logs", "config")), "each under its own name"),
        (lambda b: b["roleRef"].update(name=b["roleRef"]["name"].replace("logs", "debug")), "each under its own name"),
        (lambda b: b["roleRef"].update(name=b["roleRef"]["name"].replace("logs", "helm")), "each under its own name"),
    ],
)  # fmt: skip
def test_a_binding_serves_its_own_bundle_only(site: Site, change: Change, message: str) -> None:
    wanted = made(site, "RoleBinding")
    change(wanted)
    refused(lambda: site.operator.create(wanted), "operator-bindings", message)


@pytest.mark.parametrize("role", ["cluster-admin", "edit", "admin", "view"])
def test_other_roles_cannot_be_bound(site: Site, role: str) -> None:
    wanted = made(site, "RoleBinding")
    wanted["roleRef"]["name"] = role
    refused(lambda: site.operator.create(wanted), "attempting to grant RBAC permissions not currently held")


def test_a_secret_is_no_account_token(site: Site) -> None:
    wanted = made(site, "Secret") | {"type": "kubernetes.io/service-account-token"}
    wanted["metadata"]["annotations"] = {"kubernetes.io/service-account.name": "default"}
    refused(lambda: site.operator.create(wanted), "of type Opaque only")


def test_an_account_carries_no_cloud_identity(site: Site) -> None:
    wanted = made(site, "ServiceAccount")
    wanted["metadata"]["annotations"] = {"eks.amazonaws.com/role-arn": "arn:aws:iam::111122223333:role/x"}
    refused(lambda: site.operator.create(wanted), "without annotations only")


@pytest.fixture(scope="module")
def foreign(site: Site) -> Iterator[Object]:
    """A Secret of a tenant; beside it stands one of a bundle."""
    own, found = (
        made(site, "Secret"),
        {"apiVersion": "v1", "kind": "Secret", "metadata": {"name": "foreign"}, "type": "Opaque"},
    )
    del own["metadata"]["ownerReferences"]  # their bundle does not exist, so the garbage collector would take it
    for obj in (own, found):
        site.make(obj)
    yield found
    for obj in (own, found):
        site.admin.delete(obj, dry=False)


@pytest.mark.usefixtures("foreign")
def test_its_own_secret_may_be_renewed_and_removed(site: Site) -> None:
    accepted(lambda: site.operator.patch(made(site, "Secret"), {"stringData": {"uploads.json.gz": "y"}}))
    accepted(lambda: site.operator.delete(made(site, "Secret")))


def test_no_secret_is_read_by_patching_or_removed(site: Site, foreign: Object) -> None:
    message = "the operator may touch only secrets"
    refused(lambda: site.operator.patch(foreign, {}), "operator-secrets", message)
    refused(lambda: site.operator.patch(foreign, {"metadata": {"labels": LABELS}}), "operator-secrets", message)
    refused(lambda: site.operator.apply(foreign), "operator-secrets", message)
    refused(lambda: site.operator.delete(foreign), "operator-secrets", message)
    refused(lambda: site.operator.get(foreign), "cannot get resource")


def test_keys_of_pseudonyms_are_made_in_its_own_namespace_and_never_changed(site: Site) -> None:
    at_home = replace(site.operator, namespace=site.release)
    key = manifests.pseudonym_secret("e2e", site.release, bytes(32))
    accepted(lambda: at_home.create(key))
    message = "the operator may touch only secrets"
    refused(lambda: site.operator.create(manifests.pseudonym_secret("e2e", site.namespace, bytes(32))), message)
    refused(lambda: at_home.create(key | {"metadata": {"name": "other"}}), message)
    refused(lambda: at_home.create(key | {"type": "example.org/other"}), "of type Opaque only")
    admin = replace(site.admin, namespace=site.release)
    accepted(lambda: admin.create(key, dry=False))
    try:
        refused(lambda: at_home.patch(key, {"data": {}}), message)
        refused(lambda: at_home.delete(key), message)
    finally:
        admin.delete(key, dry=False)


def test_no_account_of_a_tenant_is_removed(site: Site) -> None:
    account = {"apiVersion": "v1", "kind": "ServiceAccount", "metadata": {"name": "default"}}
    refused(lambda: site.operator.delete(account), "operator-accounts", "the operator may touch only")


@pytest.mark.parametrize("kind", ["Secret", "ServiceAccount", "RoleBinding", "Job"])
def test_a_removed_label_keeps_nothing_alive(site: Site, kind: str) -> None:
    # Under a uid of its own, because other tests keep the usual one.
    stripped, uid = made(site, kind), str(uuid.uuid4())
    unlabelled(stripped)
    stripped["metadata"]["name"] = stripped["metadata"]["name"].replace(build.UID, uid)
    del stripped["metadata"]["ownerReferences"]
    if kind == "Job":
        stripped["spec"]["suspend"] = True  # its image does not exist
    site.make(stripped)
    accepted(lambda: site.operator.delete(stripped, dry=False))
    accepted(lambda: gone(site.admin.get(stripped)))


def gone(answer: Answer) -> Answer:
    return Answer(ok=not answer.ok, text=answer.text)


@pytest.mark.parametrize("namespace", ["kube-system", "kube-public", "kube-node-lease"])
@pytest.mark.parametrize("kind", ["Secret", "ServiceAccount", "RoleBinding", "Job"])
def test_nothing_is_made_in_kubernetes_own_namespaces(site: Site, kind: str, namespace: str) -> None:
    wanted = made(site, kind)
    wanted["metadata"]["namespace"] = namespace
    for subject in wanted.get("subjects", ()):
        subject["namespace"] = namespace
    operator = replace(site.operator, namespace=namespace)
    refused(lambda: operator.create(wanted), f"the operator makes nothing in {namespace}")


def test_it_may_ask_whether_an_account_is_set_aside(site: Site) -> None:
    attributes = {
        "namespace": site.namespace,
        "verb": "collect",
        "group": "supportbundle.dev",
        "resource": "supportbundles",
    }
    review = {"spec": {"user": "somebody", "resourceAttributes": attributes}}
    accepted(lambda: site.operator.ask("POST", "/apis/authorization.k8s.io/v1/subjectaccessreviews", review))


def test_only_the_default_destination_is_the_operators(site: Site) -> None:
    # The bucket of a destination cannot change, and another installation may have made this one.
    path = "jsonpath={.spec.s3.bucket}"
    bucket = kubectl("get", "supportbundledestination", "default", "--ignore-not-found", "-o", path) or "bundles"

    def destination(name: str) -> Object:
        return {
            "apiVersion": "supportbundle.dev/v1alpha1",
            "kind": "SupportBundleDestination",
            "metadata": {"name": name},
            "spec": {"type": "S3", "s3": {"bucket": bucket}},
        }

    accepted(lambda: site.operator.apply(destination("default")))
    refused(lambda: site.operator.apply(destination("vendor")), "supportbundledestinations", "cannot patch")


@pytest.fixture(scope="module")
def overgranted(site: Site) -> Iterator[None]:
    """Somebody has given the operator's account every right there is."""
    name = f"{site.release}-overgranted"
    kubectl("create", "clusterrolebinding", name, "--clusterrole=cluster-admin", f"--user={site.operator.user}")
    yield
    kubectl("delete", "clusterrolebinding", name)


@pytest.mark.usefixtures("overgranted")
@pytest.mark.parametrize(
    ("api", "kind", "fields"),
    [
        ("v1", "Pod", {"spec": {"containers": [{"name": "a", "image": "a"}]}}),
        (f"{RBAC}/v1", "ClusterRole", {"rules": []}),
        (
            f"{RBAC}/v1",
            "ClusterRoleBinding",
            {"roleRef": {"apiGroup": RBAC, "kind": "ClusterRole", "name": "cluster-admin"}},
        ),
        (
            "apps/v1",
            "Deployment",
            {
                "spec": {
                    "selector": {"matchLabels": LABELS},
                    "template": {"metadata": {"labels": LABELS}, "spec": {"containers": [{"name": "a", "image": "a"}]}},
                }
            },
        ),
    ],
)
def test_even_with_every_right_it_stays_in_its_lane(site: Site, api: str, kind: str, fields: Object) -> None:
    wanted = {"apiVersion": api, "kind": kind, "metadata": {"name": RUN, "labels": LABELS}, **fields}
    refused(lambda: site.operator.create(wanted), "operator-never", "the operator never writes")


@pytest.mark.usefixtures("overgranted")
def test_even_with_every_right_it_binds_no_other_role(site: Site) -> None:
    wanted = made(site, "RoleBinding")
    wanted["roleRef"]["name"] = "cluster-admin"
    refused(lambda: site.operator.create(wanted), "operator-bindings", "the operator may bind only the ClusterRoles")
