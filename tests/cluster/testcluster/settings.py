"""Where the cluster lives and what it is called; everything else is derived from the state folder.

One name gives the network namespace, the cgroup and the lock, so that a second checkout on the same
machine meets the same cluster instead of a half-hidden twin.
"""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from .errors import ClusterError

NODE_ADDRESS = "198.18.0.1"
"""From the range reserved for benchmarks; it exists in the cluster's own namespace only."""
NODE_NAME = "node"
NODE_LINK = "node0"
POD_RANGE = "10.244.0.0/16"
SERVICE_RANGE = "10.96.0.0/16"
FIRST_SERVICE = "10.96.0.1"
API_PORT = 6443
S3_PORT = 7070
S3_ACCESS_KEY = "testcluster"
S3_SECRET_KEY = "testcluster-secret"
KUBERNETES_VERSION = "v1.34.4"

HERE = Path(__file__).resolve().parent.parent
REPOSITORY = HERE.parent.parent


@dataclass(frozen=True)
class Settings:
    """The folders and names of one cluster."""

    state: Path
    cache: Path
    current: bool = False
    """The caller's own kubeconfig is used and nothing is started."""

    @classmethod
    def read(cls, environ: Mapping[str, str] = os.environ) -> Settings:
        """Settings from the environment, with the defaults of the README."""
        home = Path(environ.get("HOME", "/root"))
        xdg = Path(environ.get("XDG_CACHE_HOME") or home / ".cache")
        cache = Path(environ.get("SUPPORTBUNDLE_CACHE") or xdg / "supportbundle-operator")
        state = Path(environ.get("SUPPORTBUNDLE_STATE") or "/var/lib/supportbundle-testcluster")
        if not state.is_absolute() or not re.fullmatch(r"[a-z][a-z0-9-]{2,40}", state.name):
            raise ClusterError(
                f"SUPPORTBUNDLE_STATE={state} cannot name a cluster",
                "give an absolute path whose last part has 3 to 41 characters of a-z, 0-9 and -",
            )
        return cls(state, cache.absolute(), environ.get("CLUSTER") == "current")

    @property
    def name(self) -> str:
        """The name of the network namespace, the cgroup and the lock."""
        return self.state.name

    @property
    def netns(self) -> Path:
        """The file that holds the network namespace open."""
        return Path("/run/netns") / self.name

    @property
    def lock(self) -> Path:
        """Outside the state folder, which `down` removes while it holds the lock."""
        return Path("/run") / f"{self.name}.lock"

    @property
    def build_lock(self) -> Path:
        """Held while the cache is written; taken after `lock` or alone, never before it."""
        return self.cache / "build.lock"

    @property
    def bin(self) -> Path:
        """The programs of the running cluster: links into the cache."""
        return self.state / "bin"

    @property
    def pki(self) -> Path:
        """Keys, certificates and kubeconfigs."""
        return self.state / "pki"

    @property
    def config(self) -> Path:
        """Rendered configuration of the components."""
        return self.state / "config"

    @property
    def logs(self) -> Path:
        """One log for each component."""
        return self.state / "logs"

    @property
    def kubeconfig(self) -> Path:
        """The administrator's kubeconfig."""
        return self.pki / "admin.kubeconfig"

    @property
    def containerd_socket(self) -> Path:
        """The address of the container runtime; short, as a socket's path may have 107 bytes."""
        return self.state / "containerd.sock"
