"""What the operator creates for a run: small power, restricted pods, one volume for each Secret."""

from __future__ import annotations

import base64
import gzip
import random

import pytest

from support.build import UID, bundle, plan, task
from supportbundle.config import CollectorPod, OperatorConfig
from supportbundle.errors import TooLarge
from supportbundle.model.plan import Plan, PlannedSecret, Shard, ShardUpload, SignedPut, Uploads
from supportbundle.reconcile import manifests

CONFIG = OperatorConfig(image="registry/operator:1", collect_role_prefix="collect-", image_pull_secrets=("pull",))
PUT = SignedPut(url="http://store/x", headers={})
UPLOADS = Uploads(shards={0: ShardUpload(fragment=PUT, progress=PUT)})


def test_every_object_is_named_by_the_uid_and_owned_by_the_bundle() -> None:
    objects = [
        manifests.run_secret(bundle(), plan(), UPLOADS),
        manifests.service_account(bundle()),
        *manifests.role_bindings(bundle(), plan(), CONFIG),
        manifests.job(bundle(), plan(), CONFIG),
    ]
    for obj in objects:
        assert obj["metadata"]["name"].startswith(f"sb-{UID}")
        assert obj["metadata"]["ownerReferences"][0]["uid"] == UID
        assert obj["metadata"]["labels"]["supportbundle.dev/bundle-uid"] == UID


def test_a_binding_for_each_capability_and_nothing_else() -> None:
    bindings = manifests.role_bindings(bundle(), plan(), CONFIG)
    assert [b["roleRef"]["name"] for b in bindings] == ["collect-logs", "collect-events", "collect-config"]
    assert all(
        b["subjects"] == [{"kind": "ServiceAccount", "name": f"sb-{UID}", "namespace": "team"}] for b in bindings
    )


def test_the_pod_is_restricted() -> None:
    spec = manifests.job(bundle(), plan(), CONFIG)["spec"]["template"]["spec"]
    (container,) = spec["containers"]
    assert spec["automountServiceAccountToken"] is False
    assert spec["securityContext"]["runAsNonRoot"] is True
    assert spec["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
    assert container["securityContext"] == {
        "allowPrivilegeEscalation": False,
        "readOnlyRootFilesystem": True,
        "capabilities": {"drop": ["ALL"]},
    }
    assert spec["imagePullSecrets"] == [{"name": "pull"}]


def test_each_known_secret_has_a_volume_of_its_own() -> None:
    known = (PlannedSecret(name="db", required=True), PlannedSecret(name="cache.v1", required=False))
    spec = manifests.job(bundle(), plan(secrets=known), CONFIG)["spec"]["template"]["spec"]
    volumes = {v["name"]: v["secret"] for v in spec["volumes"] if v["name"].startswith("known-")}
    assert volumes == {
        "known-0": {"secretName": "db", "optional": True},
        "known-1": {"secretName": "cache.v1", "optional": True},
    }
    mounts = {m["name"]: m for m in spec["containers"][0]["volumeMounts"]}
    assert mounts["known-1"]["mountPath"] == "/run/known/cache.v1"
    assert mounts["known-1"]["readOnly"] is True


def test_the_runs_secret_holds_the_plan_and_is_always_the_same() -> None:
    secret = manifests.run_secret(bundle(), plan(), UPLOADS)
    assert secret == manifests.run_secret(bundle(), plan(), UPLOADS)
    data = gzip.decompress(base64.b64decode(secret["data"]["plan.json.gz"]))
    assert Plan.model_validate_json(data) == plan()


def test_a_job_runs_as_the_account_that_the_bundle_names() -> None:
    named = bundle(serviceAccountName="mine")
    assert manifests.job(named, plan(), CONFIG)["spec"]["template"]["spec"]["serviceAccountName"] == "mine"


def test_the_admins_scheduling_is_honoured() -> None:
    pod = CollectorPod(
        node_selector={"pool": "infra"}, tolerations=({"operator": "Exists"},), priority_class_name="low"
    )
    spec = manifests.job(bundle(), plan(), CONFIG.model_copy(update={"collector": pod}))["spec"]["template"]["spec"]
    assert (spec["nodeSelector"], spec["tolerations"]) == ({"pool": "infra"}, [{"operator": "Exists"}])
    assert spec["priorityClassName"] == "low"


def test_nothing_of_a_dying_collector_reaches_status_but_what_it_writes_itself() -> None:
    (container,) = manifests.job(bundle(), plan(), CONFIG)["spec"]["template"]["spec"]["containers"]
    assert container["terminationMessagePolicy"] == "File"


def test_a_secret_that_the_api_would_refuse_is_refused_before() -> None:
    manifests.require_room(manifests.run_secret(bundle(), plan(), UPLOADS))
    noise = random.Random(1)  # noqa: S311 - bytes that do not pack, the same each time
    tasks = tuple(task(f"logs/{noise.randbytes(900).hex()}", target="web-0") for _ in range(1200))
    large = plan().model_copy(update={"shards": (Shard(index=0, budget=1, tasks=tasks),)})
    with pytest.raises(TooLarge, match="split the collectors into several bundles") as refused:
        manifests.require_room(manifests.run_secret(bundle(), large, UPLOADS))
    assert refused.value.reason == "PlanTooLarge"
