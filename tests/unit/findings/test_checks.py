"""Each check on objects as a real API server writes them: what it says, how bad, with which evidence."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from decimal import Decimal
from typing import Any, ClassVar

import pytest

from supportbundle.findings.events import EventBook, Told
from supportbundle.findings.registry import CHECKS
from supportbundle.findings.seen import Seen, Usage
from supportbundle.findings.view import View
from supportbundle.model.findings import Finding, Severity

NOW = datetime(2026, 3, 4, 12, 0, 0, tzinfo=UTC)
LATELY, LONG_AGO = "2026-03-04T11:58:00Z", "2026-03-01T00:00:00Z"
BY_NAME = {check.name: check for check in CHECKS}
CRITICAL, WARNING, INFO = Severity


def pod(status: dict[str, Any], *, name: str = "web-0", limits: dict[str, str] | None = None) -> View:
    container = {"name": "app", "image": "registry.example/app:1", "resources": {"limits": limits or {}}}
    probes = {"readinessProbe": {"httpGet": {}}}
    return View({"metadata": {"name": name}, "spec": {"containers": [container | probes]}, "status": status})


def status(phase: str = "Running", **container: Any) -> dict[str, Any]:
    return {"phase": phase, "startTime": LATELY, "containerStatuses": [{"name": "app", **container}]}


def event(reason: str, message: str, *, about: str = "Pod/web-0", inside: str = "", **fields: Any) -> Told:
    kind, _, name = about.partition("/")
    raw = {
        "type": "Warning",
        "reason": reason,
        "message": message,
        "involvedObject": {"kind": kind, "name": name, "fieldPath": f"spec.containers{{{inside}}}" if inside else ""},
        "firstTimestamp": LATELY,
        "lastTimestamp": LATELY,
        "count": 3,
        **fields,
    }
    told = Told.of(raw)
    assert told is not None
    return told


def found(check: str, *pods: View, events: tuple[Told, ...] = (), **seen: Any) -> list[Finding]:
    return list(BY_NAME[check].findings(Seen(now=NOW, pods=pods, events=EventBook(events), **seen)))


def only(check: str, *pods: View, **seen: Any) -> Finding:
    (finding,) = found(check, *pods, **seen)
    assert finding.evidence
    assert finding.advice
    return finding


def terminated(code: int = 1, reason: str = "Error", at: str = LATELY, message: str = "") -> dict[str, Any]:
    return {"terminated": {"exitCode": code, "reason": reason, "finishedAt": at, "message": message}}


class TestRestartLoops:
    """Restarts, with the last end."""

    def test_a_crash_loop_tells_exit_code_and_last_words(self) -> None:
        waiting = {"waiting": {"reason": "CrashLoopBackOff", "message": "back-off 40s restarting failed container"}}
        crashing = status(restartCount=3, state=waiting, lastState=terminated(3, message="no database"))
        told = event("BackOff", "Back-off restarting failed container app in pod web-0", inside="app")
        finding = only("restart-loops", pod(crashing), events=(told,))
        assert (finding.id, finding.severity, finding.count) == ("restart-loops:Pod/web-0/app", CRITICAL, 3)
        assert finding.title == "web-0/app is in CrashLoopBackOff: 3 restarts, last exit code 3"
        assert [each.source for each in finding.evidence] == [
            "status.containerStatuses[0].restartCount",
            "status.containerStatuses[0].state.waiting",
            "status.containerStatuses[0].lastState.terminated",
            "Event BackOff (3 times)",
        ]
        assert finding.evidence[2].text == "exit code 3, reason Error: no database"

    @pytest.mark.parametrize(("at", "severity"), [(LATELY, WARNING), (LONG_AGO, INFO)])
    def test_many_restarts_matter_less_with_time(self, at: str, severity: Severity) -> None:
        restarted = status(restartCount=5, state={"running": {"startedAt": at}}, lastState=terminated(at=at))
        assert only("restart-loops", pod(restarted)).severity == severity

    def test_a_crash_just_now_is_told_even_between_two_back_offs(self) -> None:
        crashed = pod(status(restartCount=1, state={"running": {}}, lastState=terminated()))
        assert only("restart-loops", crashed).severity == WARNING

    @pytest.mark.parametrize("last", [terminated(at=LONG_AGO), terminated(code=0)])
    def test_a_few_restarts_are_nothing(self, last: dict[str, Any]) -> None:
        assert not found("restart-loops", pod(status(restartCount=4, lastState=last)))

    def test_a_pod_that_leaves_is_left_alone(self) -> None:
        leaving = pod(status(restartCount=9, lastState=terminated()))
        leaving["metadata"].value["deletionTimestamp"] = LATELY  # type: ignore[index]
        assert not found("restart-loops", leaving)


class TestMemory:
    """OOM kills, and limits that are near."""

    def test_a_kill_is_told_with_the_limit(self) -> None:
        killed = status(restartCount=1, state={"running": {}}, lastState=terminated(137, "OOMKilled"))
        finding = only("oom-kills", pod(killed, limits={"memory": "64Mi"}))
        assert (finding.severity, finding.title) == (CRITICAL, "web-0/app was killed for its memory; the limit is 64Mi")

    def test_two_kills_of_a_container_are_one_finding(self) -> None:
        killed = status(state=terminated(137, "OOMKilled"), lastState=terminated(137, "OOMKilled", LONG_AGO))
        finding = only("oom-kills", pod(killed))
        assert (finding.severity, len(finding.evidence)) == (CRITICAL, 3)

    @pytest.mark.parametrize(("mebibytes", "severities"), [(57, []), (58, [WARNING])])
    def test_ninety_per_cent_of_the_limit(self, mebibytes: int, severities: list[Severity]) -> None:
        usage = {("web-0", "app"): Usage(cpu=None, memory=Decimal(mebibytes << 20), time=NOW)}
        near = found("memory-limits", pod(status(), limits={"memory": "64Mi"}), usage=usage)
        assert [finding.severity for finding in near] == severities


class TestThrottling:
    """What can be known of it without the node."""

    @pytest.mark.parametrize(("used", "titles"), [("0.94", []), ("0.95", ["web-0/app uses 95 % of its CPU limit"])])
    def test_the_limit_is_used_up(self, used: str, titles: list[str]) -> None:
        usage = {("web-0", "app"): Usage(cpu=Decimal(used), memory=None, time=NOW)}
        near = found("cpu-throttling", pod(status(), limits={"cpu": "1000m"}), usage=usage)
        assert [finding.title for finding in near] == titles

    def test_without_a_limit_nothing_throttles(self) -> None:
        usage = {("web-0", "app"): Usage(cpu=Decimal(64), memory=Decimal(1 << 40), time=None)}
        assert not found("cpu-throttling", pod(status()), usage=usage)
        assert not found("memory-limits", pod(status()), usage=usage)


class TestImages:
    """Causes from what registries and runtimes write."""

    @pytest.mark.parametrize(
        ("reason", "message", "cause"),
        [
            ("ErrImagePull", 'failed to resolve reference "x:1": x:1: not found', "no such image"),
            ("ImagePullBackOff", "pull access denied, repository does not exist or may require auth", "refuses"),
            ("ErrImagePull", "unexpected status: 429 Too Many Requests", "limits how often"),
            ("ErrImagePull", "dial tcp: lookup registry.example: no such host", "cannot be resolved"),
            ("ErrImagePull", "x509: certificate signed by unknown authority", "certificate"),
            ("ErrImagePull", "dial tcp 10.0.0.1:443: i/o timeout", "cannot be reached"),
            ("ErrImageNeverPull", "Container image is not present", "imagePullPolicy is Never"),
            ("InvalidImageName", "couldn't parse image name", "not valid"),
            ("ImagePullBackOff", "something new", "in the evidence"),
        ],
    )
    def test_the_cause_is_named(self, reason: str, message: str, cause: str) -> None:
        finding = only("image-pulls", pod(status("Pending", state={"waiting": {"reason": reason, "message": message}})))
        assert finding.severity == CRITICAL
        assert cause in finding.title

    @pytest.mark.parametrize(
        ("image", "said", "cause"),
        [
            ("reg/app:20240429", "dial tcp 10.0.0.1:443: connect: connection refused", "cannot be reached"),
            ("reg/app:429", "dial tcp 10.0.0.1:443: connect: connection refused", "cannot be reached"),
            ("reg/app@sha256:ab4031", "dial tcp: lookup reg: no such host", "cannot be resolved"),
            ("reg/denied:403", "manifest unknown", "no such image"),
            ("reg/app:404", "unexpected status: 401 Unauthorized", "refuses"),
            ("reg/certificate-manager:1", "dial tcp: i/o timeout", "cannot be reached"),
        ],
    )
    @pytest.mark.parametrize(
        "form", ['"{image}"', "{image}", '"https://reg/v2/app/manifests/{tag}"', '"docker.io/{image}"']
    )
    def test_the_name_of_the_image_is_no_cause(self, image: str, said: str, cause: str, form: str) -> None:
        shown = form.format(image=image, tag=image.rpartition(":")[2])
        state = {"waiting": {"reason": "ImagePullBackOff", "message": f"Back-off pulling image {shown}: {said}"}}
        waits = pod(status("Pending", state=state))
        waits["spec"]["containers"].value[0]["image"] = image  # type: ignore[index]
        assert cause in only("image-pulls", waits).title

    def test_back_off_takes_the_cause_from_the_event(self) -> None:
        waiting = {"waiting": {"reason": "ImagePullBackOff", "message": "Back-off pulling image"}}
        told = event("Failed", "Failed to pull image: 401 Unauthorized", inside="app")
        finding = only("image-pulls", pod(status("Pending", state=waiting)), events=(told,))
        assert "not authorized" in finding.title
        assert finding.evidence[-1].text == "Failed to pull image: 401 Unauthorized"


class TestStarts:
    """Containers that do not come to run."""

    def test_a_missing_secret(self) -> None:
        waiting = {"waiting": {"reason": "CreateContainerConfigError", "message": 'secret "db" not found'}}
        finding = only("container-starts", pod(status("Pending", state=waiting)))
        assert finding.title == "web-0/app does not start: its configuration cannot be made"
        assert 'secret "db" not found' in finding.evidence[0].text

    def test_a_pod_that_is_slow(self) -> None:
        waiting = {"waiting": {"reason": "ContainerCreating"}}
        slow = status("Pending", state=waiting) | {"startTime": "2026-03-04T11:50:00Z"}
        assert only("container-starts", pod(slow)).title == "web-0 has had a node for 10 minutes and does not run"
        assert not found("container-starts", pod(status("Pending", state=waiting)))

    def test_a_network_that_fails_is_told_at_once(self) -> None:
        told = event("FailedCreatePodSandBox", "failed to setup network")
        starting = status("Pending", state={"waiting": {"reason": "ContainerCreating"}})
        assert only("container-starts", pod(starting), events=(told,)).severity == CRITICAL


class TestPending:
    """The scheduler's reasons."""

    def unplaced(self, reason: str, message: str) -> View:
        condition = {"type": "PodScheduled", "status": "False", "reason": reason, "message": message}
        return pod({"phase": "Pending", "conditions": [condition]})

    @pytest.mark.parametrize(
        ("message", "words"),
        [
            (
                "1 Insufficient cpu, 2 node(s) had untolerated taint {x: y}. preemption: 3 Insufficient memory",
                "not enough cpu, taints",
            ),
            ("0/1 nodes are available: 1 Insufficient nvidia.com/gpu.", "not enough gpu"),
            (
                "0/1 nodes are available: 1 node(s) didn't match Pod's node affinity/selector.",
                "node selector or affinity",
            ),
            ("0/1 nodes are available: pod has unbound immediate PersistentVolumeClaims.", "claims without a volume"),
            ("words that nobody knows", "see the evidence"),
        ],
    )
    def test_they_are_summed_up(self, message: str, words: str) -> None:
        finding = only("pending-pods", self.unplaced("Unschedulable", message))
        assert (finding.severity, finding.title) == (CRITICAL, f"web-0 finds no node: {words}")

    def test_gates_are_somebodys_will(self) -> None:
        assert only("pending-pods", self.unplaced("SchedulingGated", "gated")).severity == WARNING

    def test_a_new_pod_is_nothing(self) -> None:
        assert not found("pending-pods", pod({"phase": "Pending", "conditions": []}))


class TestProbes:
    """From Events, and from what containers say of themselves."""

    RUNNING: ClassVar[dict[str, Any]] = {"state": {"running": {"startedAt": "2026-03-04T11:00:00Z"}}}

    def test_a_readiness_probe_that_fails(self) -> None:
        told = event("Unhealthy", "Readiness probe failed: HTTP probe failed with statuscode: 503", inside="app")
        finding = only("failing-probes", pod(status(ready=False, **self.RUNNING)), events=(told,))
        assert (finding.severity, finding.count) == (CRITICAL, 3)
        assert finding.title == "web-0/app is not ready; its readiness probe fails"

    def test_one_that_has_recovered_is_a_warning(self) -> None:
        told = event("Unhealthy", "Liveness probe failed: timeout", inside="app")
        finding = only("failing-probes", pod(status(ready=True, **self.RUNNING)), events=(told,))
        assert (finding.severity, finding.title) == (WARNING, "web-0/app is ready now; its liveness probe failed")

    def test_unready_without_any_event(self) -> None:
        assert only("failing-probes", pod(status(ready=False, **self.RUNNING))).title.endswith("no Event tells why")
        young = status(ready=False, state={"running": {"startedAt": "2026-03-04T11:59:00Z"}})
        assert not found("failing-probes", pod(young))

    def test_a_pod_that_is_no_target_is_information(self) -> None:
        told = event("Unhealthy", "Startup probe failed: x", about="Pod/other", inside="side")
        finding = only("failing-probes", events=(told,))
        assert (finding.severity, finding.object.name, finding.object.container) == (INFO, "other", "side")


class TestEvictions:
    """Pods that were put out."""

    def test_node_pressure(self) -> None:
        evicted = {"phase": "Failed", "reason": "Evicted", "message": "The node was low on resource: memory."}
        finding = only("evictions", pod(evicted))
        assert (finding.severity, finding.title) == (WARNING, "web-0 was put out")
        assert "low on resource: memory" in finding.evidence[0].text
        assert not found("failed-jobs", pod(evicted))

    def test_a_drained_node_is_information(self) -> None:
        condition = {"type": "DisruptionTarget", "status": "True", "reason": "EvictionByEvictionAPI"}
        finding = only("evictions", pod({"phase": "Running", "conditions": [condition]}))
        assert (finding.severity, finding.title) == (INFO, "web-0 was put out (EvictionByEvictionAPI)")

    def test_a_pod_that_is_gone_is_known_by_its_event(self) -> None:
        told = event("Evicted", "The node had condition: [DiskPressure].", about="Pod/gone")
        assert only("evictions", events=(told,)).object.name == "gone"


class TestVolumes:
    """Claims and mounts."""

    def claim(self, phase: str, **more: Any) -> View:
        made = {"name": "data", "creationTimestamp": LONG_AGO}
        return View({"metadata": made, "spec": {"storageClassName": "fast"}, "status": {"phase": phase, **more}})

    def test_a_claim_without_a_volume(self) -> None:
        told = event("ProvisioningFailed", 'storageclass "fast" not found', about="PersistentVolumeClaim/data")
        finding = only("volume-claims", claims=(self.claim("Pending"),), events=(told,))
        assert (finding.severity, finding.title) == (CRITICAL, "PersistentVolumeClaim data has no volume")
        assert [each.text for each in finding.evidence][1:] == ["fast", 'storageclass "fast" not found']

    def test_one_that_waits_for_its_pod(self) -> None:
        told = event("WaitForFirstConsumer", "waiting", about="PersistentVolumeClaim/data", type="Normal")
        assert only("volume-claims", claims=(self.claim("Pending"),), events=(told,)).severity == INFO

    @pytest.mark.parametrize("phase", ["Bound", ""])
    def test_a_bound_claim_is_fine(self, phase: str) -> None:
        assert not found("volume-claims", claims=(self.claim(phase),))

    def test_lost_absent_and_to_be_resized(self) -> None:
        assert only("volume-claims", claims=(self.claim("Lost"),)).severity == CRITICAL
        assert only("volume-claims", absent=("data",)).title == "PersistentVolumeClaim data does not exist"
        resizing = self.claim("Bound", conditions=[{"type": "FileSystemResizePending", "status": "True"}])
        assert only("volume-claims", claims=(resizing,)).severity == WARNING

    @pytest.mark.parametrize(
        ("phase", "severity"), [("Pending", CRITICAL), ("Running", INFO), ("Succeeded", INFO), ("Failed", INFO)]
    )
    def test_a_mount_that_fails(self, phase: str, severity: Severity) -> None:
        told = event("FailedMount", 'MountVolume.SetUp failed: configmap "x" not found')
        assert only("mounts", pod({"phase": phase}), events=(told,)).severity == severity

    def test_a_mount_of_a_pod_that_is_gone_or_leaves_is_past(self) -> None:
        told = event("FailedMount", "MountVolume.SetUp failed")
        leaving = pod({"phase": "Pending"})
        leaving["metadata"].value["deletionTimestamp"] = LATELY  # type: ignore[index]
        assert only("mounts", events=(told,)).severity == INFO
        assert only("mounts", leaving, events=(told,)).severity == INFO

    def test_a_full_volume_as_last_words(self) -> None:
        ended = status(lastState=terminated(message="write /data/x: No space left on device"))
        assert only("mounts", pod(ended)).title == "web-0/app ended because no space was left"


class TestWorkloads:
    """Jobs, quotas, replicas."""

    def test_a_job_that_failed(self) -> None:
        condition = {
            "type": "Failed",
            "status": "True",
            "reason": "BackoffLimitExceeded",
            "message": "Job has reached the specified backoff limit",
            "lastTransitionTime": LATELY,
        }
        job = View({"kind": "Job", "metadata": {"name": "nightly"}, "status": {"conditions": [condition], "failed": 7}})
        finding = only("failed-jobs", workloads=(job,))
        assert (finding.title, finding.count) == ("Job nightly has failed: BackoffLimitExceeded", 7)
        assert not found("failed-jobs", workloads=(View({"kind": "Job", "metadata": {"name": "a"}, "status": {}}),))

    def test_a_job_that_only_an_event_knows(self) -> None:
        told = event("BackoffLimitExceeded", "Job has reached the limit", about="Job/gone")
        assert only("failed-jobs", events=(told,)).object.name == "gone"

    def test_a_pod_that_failed_for_good(self) -> None:
        finding = only("failed-jobs", pod(status("Failed", state=terminated(4))))
        assert (finding.severity, finding.title) == (WARNING, "web-0 has failed, exit code 4")

    @pytest.mark.parametrize(
        ("message", "cause"),
        [
            ('pods "web-1" is forbidden: exceeded quota: small, requested: pods=1', "a quota is used up"),
            ('pods "web-1" is forbidden: violates PodSecurity "restricted:latest"', "Pod Security level"),
            ("error looking up service account apps/web: serviceaccount not found", "ServiceAccount does not exist"),
        ],
    )
    def test_pods_that_are_refused(self, message: str, cause: str) -> None:
        finding = only("pod-creation", events=(event("FailedCreate", message, about="ReplicaSet/web-1"),))
        assert (finding.severity, finding.object.kind) == (CRITICAL, "ReplicaSet")
        assert cause in finding.title

    @pytest.mark.parametrize(("ready", "severity", "verb"), [(2, CRITICAL, "cannot"), (3, INFO, "could not")])
    def test_a_refusal_is_past_once_all_pods_are_ready(self, ready: int, severity: Severity, verb: str) -> None:
        fields = {"metadata": {"name": "web-1"}, "spec": {"replicas": 3}, "status": {"readyReplicas": ready}}
        told = event("FailedCreate", 'pods "web-1-x" is forbidden: exceeded quota', about="ReplicaSet/web-1")
        finding = only("pod-creation", events=(told,), workloads=(View({"kind": "ReplicaSet", **fields}),))
        assert (finding.severity, finding.title) == (
            severity,
            f"ReplicaSet web-1 {verb} create pods: a quota is used up",
        )

    @pytest.mark.parametrize(("ready", "severities"), [(0, [CRITICAL]), (1, [WARNING]), (2, [])])
    def test_a_deployment_short_of_replicas(self, ready: int, severities: list[Severity]) -> None:
        fields = {"metadata": {"name": "web"}, "spec": {"replicas": 2}, "status": {"availableReplicas": ready}}
        short = found("replicas", workloads=(View({"kind": "Deployment", **fields}),))
        assert [finding.severity for finding in short] == severities

    def test_a_stuck_rollout(self) -> None:
        condition = {"type": "Progressing", "status": "False", "reason": "ProgressDeadlineExceeded"}
        fields = {"metadata": {"name": "web"}, "status": {"conditions": [condition]}}
        finding = only("replicas", workloads=(View({"kind": "Deployment", **fields}),))
        assert finding.title == "Deployment web does not get on with its rollout"


def test_a_healthy_pod_has_no_finding() -> None:
    healthy = pod(
        status(ready=True, restartCount=0, state={"running": {"startedAt": (NOW - timedelta(days=9)).isoformat()}})
    )
    for check in CHECKS:
        assert not found(check.name, healthy), check.name
