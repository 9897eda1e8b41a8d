"""The components of the cluster: how each is called and how one knows that it serves."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from .render import CNI_PROGRAMS
from .settings import (
    API_PORT,
    NODE_ADDRESS,
    NODE_NAME,
    POD_RANGE,
    S3_ACCESS_KEY,
    S3_PORT,
    S3_SECRET_KEY,
    SERVICE_RANGE,
    Settings,
)


@dataclass(frozen=True)
class Component:
    """One long-running program."""

    name: str
    argv: list[str]
    ready: str
    """A URL that answers 200, `tcp://host:port`, or `unix://path` that accepts a connection."""
    env: Mapping[str, str] = field(default_factory=dict)


def all_components(settings: Settings) -> list[Component]:
    """Return the components in the order in which they can start."""
    return [
        _etcd(settings),
        _s3(settings),
        _containerd(settings),
        _apiserver(settings),
        _controller_manager(settings),
        _scheduler(settings),
        _kubelet(settings),
        _proxy(settings),
        _dns(settings),
    ]


def _etcd(settings: Settings) -> Component:
    client, peer = "http://127.0.0.1:2379", "http://127.0.0.1:2380"
    argv = [
        f"{settings.bin}/etcd",
        "--name=testcluster",
        f"--data-dir={settings.state}/etcd",
        f"--listen-client-urls={client}",
        f"--advertise-client-urls={client}",
        f"--listen-peer-urls={peer}",
        f"--initial-advertise-peer-urls={peer}",
        f"--initial-cluster=testcluster={peer}",
        "--unsafe-no-fsync",  # the data die with the cluster anyway
        "--log-level=warn",
    ]
    return Component("etcd", argv, f"{client}/health")


def _s3(settings: Settings) -> Component:
    argv = [f"{settings.bin}/versitygw", "--port", f"{NODE_ADDRESS}:{S3_PORT}", "--quiet",
            "posix", f"{settings.state}/s3"]  # fmt: skip
    keys = {"ROOT_ACCESS_KEY": S3_ACCESS_KEY, "ROOT_SECRET_KEY": S3_SECRET_KEY}
    return Component("s3", argv, f"tcp://{NODE_ADDRESS}:{S3_PORT}", keys)


def _containerd(settings: Settings) -> Component:
    argv = ["containerd", "--config", f"{settings.config}/containerd.toml", "--log-level", "warn"]
    # The CNI programs call iptables, which lives in sbin.
    path = {"PATH": f"{CNI_PROGRAMS}:/usr/local/sbin:/usr/sbin:/sbin:/usr/local/bin:/usr/bin:/bin"}
    return Component("containerd", argv, f"unix://{settings.containerd_socket}", path)


def _apiserver(settings: Settings) -> Component:
    pki = settings.pki
    argv = [
        f"{settings.bin}/kube-apiserver",
        f"--advertise-address={NODE_ADDRESS}",
        f"--secure-port={API_PORT}",
        f"--service-cluster-ip-range={SERVICE_RANGE}",
        "--etcd-servers=http://127.0.0.1:2379",
        "--allow-privileged",
        "--authorization-mode=Node,RBAC",
        "--enable-admission-plugins=NodeRestriction",
        # Tests inject sidecars and images into pods as webhooks do elsewhere; in 1.34 this is off by default.
        "--feature-gates=MutatingAdmissionPolicy=true",
        "--runtime-config=admissionregistration.k8s.io/v1beta1=true",
        "--kubelet-preferred-address-types=InternalIP",
        f"--kubelet-certificate-authority={pki}/ca.crt",
        f"--kubelet-client-certificate={pki}/admin.crt",
        f"--kubelet-client-key={pki}/admin.key",
        f"--client-ca-file={pki}/ca.crt",
        f"--tls-cert-file={pki}/server.crt",
        f"--tls-private-key-file={pki}/server.key",
        "--service-account-issuer=https://kubernetes.default.svc.cluster.local",
        f"--service-account-key-file={pki}/service-account.pub",
        f"--service-account-signing-key-file={pki}/service-account.key",
    ]
    return Component("apiserver", argv, f"https://{NODE_ADDRESS}:{API_PORT}/readyz")


def _controller_manager(settings: Settings) -> Component:
    argv = [
        f"{settings.bin}/kube-controller-manager",
        f"--kubeconfig={settings.pki}/controller-manager.kubeconfig",
        f"--service-account-private-key-file={settings.pki}/service-account.key",
        f"--root-ca-file={settings.pki}/ca.crt",
        "--use-service-account-credentials",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        # The default of 20 a second would slow the tests of a thousand bundles more than our code.
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    return Component("controller-manager", argv, "https://127.0.0.1:10257/healthz")


def _scheduler(settings: Settings) -> Component:
    argv = [
        f"{settings.bin}/kube-scheduler",
        f"--kubeconfig={settings.pki}/scheduler.kubeconfig",
        "--leader-elect=false",
        "--bind-address=127.0.0.1",
        "--kube-api-qps=200",
        "--kube-api-burst=400",
    ]
    return Component("scheduler", argv, "https://127.0.0.1:10259/healthz")


def _kubelet(settings: Settings) -> Component:
    argv = [
        f"{settings.bin}/kubelet",
        f"--config={settings.config}/kubelet.json",
        f"--kubeconfig={settings.pki}/kubelet.kubeconfig",
        f"--root-dir={settings.state}/kubelet",
        f"--cert-dir={settings.state}/kubelet/pki",
        f"--hostname-override={NODE_NAME}",
        f"--node-ip={NODE_ADDRESS}",
    ]
    return Component("kubelet", argv, "http://127.0.0.1:10248/healthz")


def _proxy(settings: Settings) -> Component:
    argv = [
        f"{settings.bin}/kube-proxy",
        f"--kubeconfig={settings.pki}/proxy.kubeconfig",
        "--proxy-mode=iptables",
        f"--cluster-cidr={POD_RANGE}",
        f"--hostname-override={NODE_NAME}",
        "--conntrack-max-per-core=0",  # these limits belong to the machine, not to the namespace
        "--conntrack-tcp-timeout-established=0",
        "--conntrack-tcp-timeout-close-wait=0",
    ]
    return Component("proxy", argv, "http://127.0.0.1:10256/healthz")


def _dns(settings: Settings) -> Component:
    argv = [f"{settings.bin}/coredns", "-conf", f"{settings.config}/Corefile"]
    return Component("dns", argv, f"http://{NODE_ADDRESS}:8181/ready")
