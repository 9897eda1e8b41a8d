"""The configuration files of the components, as pure functions of the settings."""

from __future__ import annotations

import json
from pathlib import Path

from .settings import NODE_ADDRESS, POD_RANGE, Settings

PAUSE_IMAGE = "localhost/sb-pause:test"
CNI_PROGRAMS = Path("/usr/lib/cni")


def files(settings: Settings) -> dict[Path, str]:
    """Return every rendered file by its path."""
    return {
        settings.config / "containerd.toml": containerd(settings),
        settings.config / "cni" / "10-bridge.conflist": cni(settings),
        settings.config / "kubelet.json": kubelet(settings),
        settings.config / "Corefile": corefile(settings),
        settings.config / "resolv.conf": f"nameserver {NODE_ADDRESS}\n",
    }


def containerd(settings: Settings) -> str:
    """Render containerd's configuration.

    restrict_oom_score_adj: without CAP_SYS_RESOURCE no sandbox starts otherwise.
    netns_mounts_under_state_dir: so that unmounting the state folder removes the pods' namespaces.
    """
    return f"""version = 2
root = "{settings.state}/containerd"
state = "{settings.state}/containerd-run"
disabled_plugins = ["io.containerd.internal.v1.opt", "io.containerd.snapshotter.v1.btrfs",
  "io.containerd.snapshotter.v1.zfs", "io.containerd.snapshotter.v1.aufs",
  "io.containerd.snapshotter.v1.devmapper"]

[grpc]
  address = "{settings.containerd_socket}"

[plugins."io.containerd.grpc.v1.cri"]
  sandbox_image = "{PAUSE_IMAGE}"
  restrict_oom_score_adj = true
  netns_mounts_under_state_dir = true
  max_container_log_line_size = -1
  stream_server_address = "127.0.0.1"
  [plugins."io.containerd.grpc.v1.cri".cni]
    bin_dir = "{CNI_PROGRAMS}"
    conf_dir = "{settings.config}/cni"
  [plugins."io.containerd.grpc.v1.cri".containerd]
    default_runtime_name = "runc"
    [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc]
      runtime_type = "io.containerd.runc.v2"
      [plugins."io.containerd.grpc.v1.cri".containerd.runtimes.runc.options]
        Root = "{settings.state}/runc"
"""


def cni(settings: Settings) -> str:
    """Render the pod network: a bridge in the cluster's own namespace."""
    bridge = {
        "type": "bridge",
        "bridge": "cni0",
        "isGateway": True,
        "ipMasq": False,
        "hairpinMode": True,
        "ipam": {
            "type": "host-local",
            "dataDir": str(settings.state / "ipam"),
            "ranges": [[{"subnet": POD_RANGE.replace("/16", "/20")}]],
            "routes": [{"dst": "0.0.0.0/0"}],
        },
    }
    portmap = {"type": "portmap", "capabilities": {"portMappings": True}}
    conflist = {"cniVersion": "0.4.0", "name": settings.name, "plugins": [bridge, portmap]}
    return json.dumps(conflist, indent=1)


def kubelet(settings: Settings) -> str:
    """Render the kubelet's configuration.

    imageGC: images have no registry to come back from, so a full disk must not collect them.
    """
    return json.dumps(
        {
            "apiVersion": "kubelet.config.k8s.io/v1beta1",
            "kind": "KubeletConfiguration",
            "authentication": {
                "anonymous": {"enabled": False},
                "webhook": {"enabled": True},
                "x509": {"clientCAFile": f"{settings.pki}/ca.crt"},
            },
            "authorization": {"mode": "Webhook"},
            "tlsCertFile": f"{settings.pki}/server.crt",
            "tlsPrivateKeyFile": f"{settings.pki}/server.key",
            "cgroupDriver": "cgroupfs",
            "cgroupRoot": f"/{settings.name}",
            "failCgroupV1": False,
            "failSwapOn": False,
            "clusterDNS": [NODE_ADDRESS],
            "clusterDomain": "cluster.local",
            "resolvConf": f"{settings.config}/resolv.conf",
            "containerRuntimeEndpoint": f"unix://{settings.containerd_socket}",
            "volumePluginDir": f"{settings.state}/volume-plugins",
            "podLogsDir": f"{settings.state}/pod-logs",
            "containerLogMaxSize": "512Mi",
            "imageGCHighThresholdPercent": 100,
            "imageGCLowThresholdPercent": 99,
            "evictionHard": {"memory.available": "50Mi", "nodefs.available": "1%"},
            "maxPods": 400,
            "serializeImagePulls": False,
            "registryPullQPS": 0,
            "eventRecordQPS": 0,
            "kubeAPIQPS": 200,
            "kubeAPIBurst": 400,
            # Crash-looping test pods should crash again within a test's patience.
            "crashLoopBackOff": {"maxContainerRestartPeriod": "20s"},
            "featureGates": {"KubeletCrashLoopBackOffMax": True},
            "syncFrequency": "20s",
            "nodeStatusUpdateFrequency": "5s",
            "shutdownGracePeriod": "0s",
        },
        indent=1,
    )


def corefile(settings: Settings) -> str:
    """Render the DNS server's configuration: cluster names only, as nothing leaves the namespace."""
    return f"""cluster.local:53 {{
    bind {NODE_ADDRESS}
    errors
    ready {NODE_ADDRESS}:8181
    kubernetes cluster.local in-addr.arpa ip6.arpa {{
        kubeconfig {settings.kubeconfig}
        ttl 5
    }}
    cache 5
}}
"""
