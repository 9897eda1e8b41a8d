"""The operator's login: in a cluster or by kubeconfig, with whatever plug-in the kubeconfig asks for.

Kept apart from `login`, because importing the `kubernetes` package is dear and the collector Job does without.
"""

from __future__ import annotations

import os
import ssl
import time
from collections.abc import Awaitable, Callable, Mapping

from kubernetes.aio import config
from kubernetes.aio.client import Configuration

from supportbundle.errors import Forbidden, Invalid
from supportbundle.kube.login import REREAD_SECONDS, Login, in_pod, trust


async def configured(environ: Mapping[str, str] = os.environ) -> Login:
    """KUBECONFIG if it is set, else the pod's service account, else `~/.kube/config`; its current context.

    Raises:
        Invalid: there is no usable configuration.
    """
    if "KUBECONFIG" not in environ and "KUBERNETES_SERVICE_HOST" in environ:
        return in_pod(environ=environ)
    configuration = Configuration()
    try:
        loader = await config.load_kube_config(  # type: ignore[no-untyped-call]
            config_file=environ.get("KUBECONFIG"), client_configuration=configuration, persist_config=False
        )
        tls = _tls(configuration)
    except (config.ConfigException, OSError, ValueError) as error:
        raise Invalid(f"The kubeconfig cannot be used: {error}.", "Set KUBECONFIG to a working one.") from error

    async def refresh() -> None:
        await loader.load_and_set(configuration)

    return Login(
        base_url=configuration.host.rstrip("/"),
        headers=Refreshed(configuration, refresh).headers,
        tls=tls,
        server_name=configuration.tls_server_name,
        proxy=configuration.proxy,
    )


class Refreshed:
    """The headers of a kubeconfig user. The loader knows when an exec plug-in's token ends; we ask each minute."""

    def __init__(
        self,
        configuration: Configuration,
        refresh: Callable[[], Awaitable[None]],
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self._configuration = configuration
        self._refresh = refresh
        self._clock = clock
        self._asked_at = clock()

    async def headers(self) -> Mapping[str, str]:
        """The Authorization header, or none where a client certificate is the identity.

        Raises:
            Forbidden: the kubeconfig's plug-in gave no credentials.
        """
        if self._clock() - self._asked_at >= REREAD_SECONDS:
            self._asked_at = self._clock()
            try:
                await self._refresh()
            except (config.ConfigException, OSError, ValueError) as error:
                raise Forbidden(f"The kubeconfig's credentials cannot be refreshed: {error}.") from error
        bearer = (await self._configuration.auth_settings()).get("BearerToken")
        return {"Authorization": str(bearer["value"])} if bearer and bearer["value"] else {}


def _tls(configuration: Configuration) -> ssl.SSLContext:
    context = trust(configuration.ssl_ca_cert)
    if configuration.cert_file:
        context.load_cert_chain(configuration.cert_file, configuration.key_file)
    if not configuration.verify_ssl:
        context.check_hostname = False
        context.verify_mode = ssl.CERT_NONE
    return context
