"""Logging in: from a pod's mounted files, and by kubeconfig."""

from __future__ import annotations

import os
import ssl
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import yaml

from supportbundle.errors import Invalid, Unavailable
from supportbundle.kube.kubeconfig import configured
from supportbundle.kube.login import TokenFile, in_pod

ENVIRON = {"KUBERNETES_SERVICE_HOST": "10.0.0.1", "KUBERNETES_SERVICE_PORT": "443"}


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A CA certificate, as a cluster has one."""
    directory = tmp_path_factory.mktemp("ca")
    subject = ["-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:prime256v1", "-subj", "/CN=test", "-days", "2"]
    files = ["-keyout", str(directory / "ca.key"), "-out", str(directory / "ca.crt")]
    subprocess.run(["openssl", "req", "-nodes", *subject, *files], check=True, capture_output=True)
    return directory


@pytest.fixture
def account(tmp_path: Path, authority: Path) -> Path:
    """A mounted service account."""
    (tmp_path / "ca.crt").write_bytes((authority / "ca.crt").read_bytes())
    (tmp_path / "token").write_text("t-1\n")
    (tmp_path / "namespace").write_text("apps")
    return tmp_path


async def test_a_pod_logs_in_with_its_three_files(account: Path) -> None:
    login = in_pod(account, ENVIRON)
    assert login.base_url == "https://10.0.0.1:443"
    assert login.namespace == "apps"
    assert await login.headers() == {"Authorization": "Bearer t-1"}
    assert login.tls is not None
    assert login.tls.verify_mode == ssl.CERT_REQUIRED
    assert login.tls.check_hostname
    assert len(login.tls.get_ca_certs()) == 1


def test_an_ipv6_api_server(account: Path) -> None:
    assert in_pod(account, {**ENVIRON, "KUBERNETES_SERVICE_HOST": "fd00::1"}).base_url == "https://[fd00::1]:443"


@pytest.mark.parametrize("environ", [{}, {"KUBERNETES_SERVICE_HOST": "10.0.0.1"}])
def test_outside_of_a_pod(account: Path, environ: dict[str, str]) -> None:
    with pytest.raises(Invalid, match="Run this in a pod"):
        in_pod(account, environ)


def test_without_a_mounted_token(tmp_path: Path) -> None:
    with pytest.raises(Invalid, match=r"ca\.crt"):
        in_pod(tmp_path, ENVIRON)


class TestTokenFile:
    """A token that somebody else rotates."""

    async def test_a_rotated_token_is_seen_within_a_minute(self, tmp_path: Path) -> None:
        now = 0.0
        path = tmp_path / "token"
        path.write_text("old")
        token = TokenFile(path, clock=lambda: now)
        assert (await token.headers())["Authorization"] == "Bearer old"
        path.write_text("new")
        now = 59.0
        assert (await token.headers())["Authorization"] == "Bearer old"
        now = 60.0
        assert (await token.headers())["Authorization"] == "Bearer new"

    @pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
    async def test_a_file_that_is_gone_or_broken_leaves_the_last_token(
        self, tmp_path: Path, content: bytes | None
    ) -> None:
        now = 0.0
        path = tmp_path / "token"
        path.write_text("old")
        token = TokenFile(path, clock=lambda: now)
        await token.headers()
        path.unlink()
        if content is not None:
            path.write_bytes(content)
        now = 100.0
        assert (await token.headers())["Authorization"] == "Bearer old"

    @pytest.mark.parametrize("content", [None, b"", b"\xff\xfe"])
    async def test_no_token_ever(self, tmp_path: Path, content: bytes | None) -> None:
        if content is not None:
            (tmp_path / "token").write_bytes(content)
        with pytest.raises(Unavailable):
            await TokenFile(tmp_path / "token").headers()


class TestKubeconfig:
    """The current context of a kubeconfig."""

    @staticmethod
    def write(directory: Path, authority: Path, user: dict[str, object]) -> dict[str, str]:
        """Two contexts, of which the second is current."""
        cluster = {"server": "https://api.example:6443/", "certificate-authority": str(authority / "ca.crt")}
        config = {
            "apiVersion": "v1",
            "kind": "Config",
            "current-context": "mine",
            "contexts": [
                {"name": "other", "context": {"cluster": "b", "user": "u"}},
                {"name": "mine", "context": {"cluster": "a", "user": "u"}},
            ],
            "clusters": [
                {"name": "a", "cluster": {**cluster, "tls-server-name": "kubernetes"}},
                {"name": "b", "cluster": {"server": "https://other.example"}},
            ],
            "users": [{"name": "u", "user": user}],
        }
        path = directory / "kubeconfig"
        path.write_text(yaml.safe_dump(config))
        return {"KUBECONFIG": str(path)}

    async def test_the_current_context_and_its_token(self, tmp_path: Path, authority: Path) -> None:
        login = await configured(self.write(tmp_path, authority, {"token": "secret"}))
        assert login.base_url == "https://api.example:6443"
        assert login.server_name == "kubernetes"
        assert await login.headers() == {"Authorization": "Bearer secret"}

    async def test_a_client_certificate_sends_no_header(self, tmp_path: Path, authority: Path) -> None:
        user = {"client-certificate": str(authority / "ca.crt"), "client-key": str(authority / "ca.key")}
        login = await configured(self.write(tmp_path, authority, user))
        assert await login.headers() == {}

    async def test_an_exec_plug_in_is_asked_for_its_token(self, tmp_path: Path, authority: Path) -> None:
        end = (datetime.now(UTC) + timedelta(hours=1)).strftime("%Y-%m-%dT%H:%M:%SZ")
        status = f'"status": {{"token": "from-plugin", "expirationTimestamp": "{end}"}}'
        kind = '"apiVersion": "client.authentication.k8s.io/v1", "kind": "ExecCredential"'
        plugin = {
            "apiVersion": "client.authentication.k8s.io/v1",
            "interactiveMode": "Never",
            "command": "echo",
            "args": [f"{{{kind}, {status}}}"],
        }
        login = await configured(self.write(tmp_path, authority, {"exec": plugin}))
        assert await login.headers() == {"Authorization": "Bearer from-plugin"}

    async def test_kubeconfig_wins_over_the_pods_account(self, tmp_path: Path, authority: Path) -> None:
        login = await configured(self.write(tmp_path, authority, {"token": "t"}) | ENVIRON)
        assert login.base_url == "https://api.example:6443"

    async def test_a_missing_file_is_told(self, tmp_path: Path) -> None:
        with pytest.raises(Invalid, match="kubeconfig"):
            await configured({"KUBECONFIG": str(tmp_path / "none")})


def test_the_job_never_imports_the_kubernetes_package() -> None:
    program = (
        "import sys, supportbundle.kube.client, supportbundle.kube.login, supportbundle.collect.registry\n"
        "sys.exit([m for m in sys.modules if m.partition('.')[0] in {'kubernetes', 'kopf', 'boto3'}] or 0)"
    )
    environ = {**os.environ, "PYTHONPATH": str(Path(__file__).parents[3] / "operator")}
    subprocess.run([sys.executable, "-c", program], check=True, env=environ)
