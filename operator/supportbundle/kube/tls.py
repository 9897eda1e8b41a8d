"""How the certificate of a pod is verified: by the CA that the bundle names, or by the public ones."""

from __future__ import annotations

import ssl

import aiohttp

from supportbundle.errors import Invalid
from supportbundle.kube.login import trust
from supportbundle.model.exchange import PodTLS


class TLSFailed(Invalid):
    """A pod's certificate was not accepted, or the port does not speak TLS; waiting does not help."""

    reason = "TLSFailed"


def context(tls: PodTLS) -> ssl.SSLContext:
    """The context of one exchange.

    Raises:
        Invalid: `ca_bundle` holds no certificate.
    """
    if tls.insecure_skip_verify:
        unverified = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
        unverified.check_hostname = False
        unverified.verify_mode = ssl.CERT_NONE
        return unverified
    if not tls.ca_bundle:
        return trust(None)
    try:
        # As `trust`, so the CAs of service meshes and cert-manager pass that lack a key identifier.
        own = ssl.create_default_context(cadata=tls.ca_bundle)
    except (ssl.SSLError, ValueError, TypeError) as error:
        raise Invalid(
            "The CA bundle holds no PEM certificate that can be read.", "Correct tls.caBundle or tls.caFrom."
        ) from error
    own.verify_flags &= ~ssl.VERIFY_X509_STRICT
    return own


def handshake_failed(
    error: aiohttp.ClientConnectorCertificateError | aiohttp.ClientConnectorSSLError, what: str
) -> TLSFailed:
    """What a failed handshake means for the reader."""
    if isinstance(error, aiohttp.ClientConnectorCertificateError):
        cause = getattr(error.certificate_error, "verify_message", "") or "its name does not match"
        return TLSFailed(
            f"{what}: the pod's certificate was not accepted: {cause.rstrip('.')}.",
            "Set tls.caBundle/caFrom, serverName or insecureSkipVerify.",
        )
    cause = getattr(error.os_error, "reason", "") or "no reason given"
    return TLSFailed(
        f"{what}: the TLS handshake failed: {cause.replace('_', ' ').lower()}.", "Check that this port speaks https."
    )
