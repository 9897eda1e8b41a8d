"""The operator's own account: a delivery is one Job beside the operator, and no way to anything else."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from functools import partial

import pytest

from support import build
from support.access import Object, Site, accepted, refused
from supportbundle.config import DeliveryPod, OperatorConfig
from supportbundle.model.delivery import Delivery
from supportbundle.model.destination import CredentialsSecret, DestinationSpec, DestinationType, S3Options
from supportbundle.reconcile import deliveryjob

pytestmark = pytest.mark.e2e
Change = Callable[[Object], None]
BUCKET = S3Options(bucket="staging", credentials_secret_ref=CredentialsSecret(name="staging-keys"))
DELIVERY = Delivery(
    staging=BUCKET,
    prefix="staging/",
    size=1,
    etag="e",
    destination=DestinationSpec(type=DestinationType.S3, s3=BUCKET),
    key="k",
)


def job(site: Site) -> Object:
    config = OperatorConfig(
        image="registry.example/supportbundle-operator:test",
        collect_role_prefix=f"{site.release}-collect-",
        delivery=DeliveryPod(account=f"{site.release}-deliver", resources={"limits": {"memory": "256Mi"}}),
        proxy={"HTTPS_PROXY": "http://proxy:3128"},
        image_pull_secrets=("pull",),
    )
    return deliveryjob.job(build.bundle(), site.release, DELIVERY, config, build.NOW, 0)


def secret(site: Site) -> Object:
    return deliveryjob.secret(build.bundle(), site.release, DELIVERY, "uid")


def pod_of(obj: Object) -> Object:
    found: Object = obj["spec"]["template"]["spec"]
    return found


def test_a_delivery_goes_through_in_the_operators_own_namespace_only(site: Site) -> None:
    at_home = replace(site.operator, namespace=site.release)
    for make in (job, secret):
        accepted(partial(at_home.create, make(site)))
        elsewhere = make(site)
        elsewhere["metadata"]["namespace"] = site.namespace
        refused(partial(site.operator.create, elsewhere), "the operator may touch only")


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda pod: pod["containers"][0].update(args=["collect"]), "its own image"),
        (lambda pod: pod["containers"][0].update(args=["operator"]), "its own image"),
        (lambda pod: pod["containers"][0].update(image="evil:latest"), "its own image"),
        (lambda pod: pod.update(serviceAccountName="default"), "deliveries as"),
        (lambda pod: pod.update(automountServiceAccountToken=True), "without a token"),
        (lambda pod: pod.pop("automountServiceAccountToken"), "without a token"),
        (lambda pod: pod["volumes"].append({"name": "x", "emptyDir": {}}), "deliveries with Secrets only"),
        (lambda pod: pod["volumes"].append({"name": "x", "hostPath": {"path": "/"}}), "deliveries with Secrets only"),
        (
            lambda pod: pod["containers"][0]["volumeMounts"].append({"name": "staging", "mountPath": "/scratch"}),
            "or the delivery",
        ),
        (lambda pod: pod["containers"][0].update(env=[{"name": "PYTHONPATH", "value": "/x"}]), "foreign environment"),
        (lambda pod: pod.update(hostNetwork=True), "without the host's namespaces"),
        (lambda pod: pod.update(securityContext={}), "restricted pods only"),
    ],
)
def test_a_delivery_does_nothing_but_deliver(site: Site, change: Change, message: str) -> None:
    wanted = job(site)
    change(pod_of(wanted))
    at_home = replace(site.operator, namespace=site.release)
    refused(lambda: at_home.create(wanted), "operator-jobs", message)


def test_a_collection_never_runs_as_the_account_that_delivers(site: Site) -> None:
    wanted = job(site)
    wanted["metadata"]["name"] = wanted["metadata"]["name"].removesuffix("-deliver")
    pod_of(wanted)["containers"][0]["args"] = ["collect"]
    at_home = replace(site.operator, namespace=site.release)
    refused(lambda: at_home.create(wanted), "is neither")
