"""Certificates and kubeconfigs: one authority, and an identity for each component, as in a real cluster."""

from __future__ import annotations

import base64
from pathlib import Path

from .settings import API_PORT, FIRST_SERVICE, NODE_ADDRESS, NODE_NAME, Settings
from .shell import run

CLIENTS = {
    "admin": "/O=system:masters/CN=admin",
    "controller-manager": "/CN=system:kube-controller-manager",
    "scheduler": "/CN=system:kube-scheduler",
    "proxy": "/CN=system:kube-proxy",
    "kubelet": f"/O=system:nodes/CN=system:node:{NODE_NAME}",
}
"""Who they are to the API server: bootstrap roles are bound to these very names."""

SERVER_NAMES = [
    "DNS:localhost",
    f"DNS:{NODE_NAME}",
    "DNS:kubernetes",
    "DNS:kubernetes.default",
    "DNS:kubernetes.default.svc",
    "DNS:kubernetes.default.svc.cluster.local",
    "IP:127.0.0.1",
    f"IP:{NODE_ADDRESS}",
    f"IP:{FIRST_SERVICE}",
]


def create(settings: Settings) -> None:
    """Create what is missing; a run that crashed half-way is completed by the next."""
    settings.pki.mkdir(mode=0o700, parents=True, exist_ok=True)
    folder = settings.pki
    if not (folder / "ca.crt").exists():
        _authority(folder)
    if not (folder / "service-account.pub").exists():
        _service_account_key(folder)
    if not (folder / "server.crt").exists():
        names = ",".join(SERVER_NAMES)
        _sign(folder, "server", f"/CN={NODE_NAME}", f"extendedKeyUsage=serverAuth\nsubjectAltName={names}")
    for name, subject in CLIENTS.items():
        if not (folder / f"{name}.kubeconfig").exists():
            _sign(folder, name, subject, "extendedKeyUsage=clientAuth")
            (folder / f"{name}.kubeconfig").write_text(kubeconfig(folder, name))
            (folder / f"{name}.kubeconfig").chmod(0o600)


def kubeconfig(folder: Path, name: str) -> str:
    """Render a kubeconfig that holds its certificates, so that it works wherever it is copied."""

    def inline(file: str) -> str:
        return base64.b64encode((folder / file).read_bytes()).decode()

    return f"""apiVersion: v1
kind: Config
current-context: testcluster
clusters:
- name: testcluster
  cluster:
    server: https://{NODE_ADDRESS}:{API_PORT}
    certificate-authority-data: {inline("ca.crt")}
users:
- name: {name}
  user:
    client-certificate-data: {inline(f"{name}.crt")}
    client-key-data: {inline(f"{name}.key")}
contexts:
- name: testcluster
  context: {{cluster: testcluster, user: {name}}}
"""


def _key_options() -> list[str]:
    return ["-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes"]


def _authority(folder: Path) -> None:
    run(["openssl", "req", "-x509", *_key_options(), "-days", "3650", "-subj", "/CN=testcluster-ca",
         "-addext", "keyUsage=critical,keyCertSign,digitalSignature",
         "-keyout", folder / "ca.key", "-out", folder / "ca.crt.new"])  # fmt: skip
    (folder / "ca.crt.new").rename(folder / "ca.crt")


def _service_account_key(folder: Path) -> None:
    run(["openssl", "genrsa", "-out", folder / "service-account.key", "2048"])
    run(["openssl", "rsa", "-in", folder / "service-account.key", "-pubout",
         "-out", folder / "service-account.pub"])  # fmt: skip


def _sign(folder: Path, name: str, subject: str, extensions: str) -> None:
    request, wanted = folder / f"{name}.csr", folder / f"{name}.ext"
    run(["openssl", "req", "-new", *_key_options(), "-subj", subject,
         "-keyout", folder / f"{name}.key", "-out", request])  # fmt: skip
    wanted.write_text(f"basicConstraints=CA:FALSE\nkeyUsage=digitalSignature\n{extensions}\n")
    run(["openssl", "x509", "-req", "-in", request, "-days", "3650", "-extfile", wanted,
         "-CA", folder / "ca.crt", "-CAkey", folder / "ca.key", "-CAcreateserial",
         "-out", folder / f"{name}.crt"])  # fmt: skip
    request.unlink()
    wanted.unlink()
