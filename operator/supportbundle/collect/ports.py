"""Requests to ports of target pods: which pods may be asked, by which way, with which secrets, and what is kept.

Shared by every collector that speaks HTTP with targets, so that the rule "only forwarded ports and pod addresses" has
one place.
"""

from __future__ import annotations

import re
import time
from collections.abc import AsyncIterator, Callable, Iterable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager
from urllib.parse import urlsplit

from supportbundle.collect.base import PodAnswer, PodRequest, PodTLS, RunContext, SecretReader, ok
from supportbundle.errors import Invalid, NotFound, SecretNotFound
from supportbundle.model.addresses import is_pod_address
from supportbundle.model.base import Value
from supportbundle.model.capability import PolicyRule
from supportbundle.model.collectors import Header, HeaderSource, PodChoice, SecretKey, TLSOptions, Via
from supportbundle.model.gap import Gap, printable
from supportbundle.model.paths import one
from supportbundle.model.plan import Task
from supportbundle.model.pod import PodFacts

NEEDS = (
    PolicyRule(api_groups=("",), resources=("pods/portforward",), verbs=("create", "get")),
    PolicyRule(api_groups=("",), resources=("pods",), verbs=("get",)),
)
"""What it takes to ask a pod's port, by either way."""

_VALUE = re.compile(r"[\x20-\x7e]*")
_OURS = frozenset(
    {"connection", "content-length", "expect", "keep-alive", "te", "trailer", "transfer-encoding", "upgrade"}
)
"""Headers that frame the exchange; a wrong one would let the body be read as a second request."""

ON_NODES_NETWORK = (
    "The pod uses its node's network, so its ports are the node's. Use an Exec or Files collector instead."
)
_AGAIN = "Make a new bundle."
_TYPE_CHARS = 128
_LOCATION_CHARS = 300
_REDIRECTS = range(300, 400)
_FINE = range(200, 300)
Clock = Callable[[], float]


class PodGone(NotFound):
    """The pod that was planned is not there any more, whoever has its name or its address now."""

    reason = "PodGone"


class InvalidHeader(Invalid):
    """A header that must not be sent; its value is never quoted, because it may be a secret."""

    reason = "InvalidHeader"


class PodPort(Value):
    """A port of one pod, and the way to it. `uid` and `ip` only matter to `PodIP`."""

    pod: str
    uid: str
    ip: str
    port: int
    via: Via

    @classmethod
    def of(cls, pod: PodFacts, port: int, via: Via) -> PodPort:
        """The pod's port as it was when the plan was made."""
        return cls(pod=pod.name, uid=pod.uid, ip=pod.ip, port=port, via=via)


def choose(pods: tuple[PodFacts, ...], choice: PodChoice, collector: str) -> Iterator[PodFacts | Gap]:
    """The running pods that a collector runs in, and a gap for each other one.

    `One` takes the first ready one by name; where none is ready the first that runs, because that is the one to look
    into.
    """
    running = sorted((p for p in pods if p.running), key=lambda p: (not p.ready, p.name))
    if choice == PodChoice.ONE:
        yield from running[:1]
        if pods and not running:
            yield Gap.say("PodNotRunning", "None of the target pods is running.", collector=collector)
        return
    for pod in pods:
        yield pod if pod.running else not_running(pod, collector)


def not_running(pod: PodFacts, collector: str) -> Gap:
    """The gap of a pod whose ports and programs cannot be reached."""
    return Gap.say(
        "PodNotRunning",
        f"The pod is {pod.phase}; only a running one can be asked.",
        target=pod.name,
        collector=collector,
    )


def unreachable(pod: PodFacts, via: Via, collector: str) -> Gap | None:
    """Why this way does not lead to the pod, or must not be taken; None if it may.

    A port of a pod on its node's network is a port of the node, its loopback included: kubelet, etcd and others.
    """
    if pod.host_network:
        return Gap.say("NotAllowed", ON_NODES_NETWORK, target=pod.name, collector=collector)
    if via == Via.PORT_FORWARD:
        return None
    if not pod.ip:
        message = "The pod has no address yet. Use `via: PortForward`, or wait until it has started."
        return Gap.say("PodNotRunning", message, target=pod.name, collector=collector)
    if not is_pod_address(pod.ip):
        message = f"{pod.ip} is no address that a pod may be asked at. Use `via: PortForward`."
        return Gap.say("NotAllowed", message, target=pod.name, collector=collector)
    return None


@asynccontextmanager
async def pod_url(port: PodPort, context: RunContext, *, secure: bool = False) -> AsyncIterator[str]:
    """A base URL without a trailing slash: a forwarded port of ours, or the pod's own address; `https` if `secure`.

    Raises:
        PodGone: the address is not the planned pod's any more.
        SupportBundleError: as `ClusterReader.get` and `ClusterReader.forward`.
    """
    scheme = "https" if secure else "http"
    if port.via == Via.POD_IP:
        await _still_there(port, context)
        host = f"[{port.ip}]" if ":" in port.ip else port.ip
        yield f"{scheme}://{host}:{port.port}"
        return
    async with context.cluster.forward(context.namespace, port.pod, port.port) as base:
        yield f"{scheme}://{base.partition('://')[2]}"


async def _still_there(port: PodPort, context: RunContext) -> None:
    """An address passes to the next pod, perhaps of another namespace, which must not be sent a tenant's secrets.

    What remains is the moment between this look and the connection.
    """
    try:
        found = await context.cluster.get(one("v1", "pods", port.pod, context.namespace))
    except NotFound as error:
        raise PodGone(f"The pod {port.pod} was deleted meanwhile.", _AGAIN) from error
    uid, address = found["metadata"].get("uid"), (found.get("status") or {}).get("podIP")
    if (uid, address) != (port.uid, port.ip):
        raise PodGone(f"The pod {port.pod} was replaced, or has another address than when the plan was made.", _AGAIN)


def credentials(sources: Iterable[HeaderSource], tls: TLSOptions | None = None) -> tuple[str, ...]:
    """The Secrets that these options make a task use; for `Task.credentials`."""
    names = {source.secret for source in sources}
    if tls is not None and tls.ca_from is not None:
        names.add(tls.ca_from.secret)
    return tuple(sorted(names))


def refused_header(names: Iterable[str]) -> str | None:
    """The first of the header names that may not be set, if any."""
    return next((name for name in names if name.lower() in _OURS), None)


def header_problem(*named: Iterable[Header | HeaderSource]) -> str | None:
    """What is wrong with the headers that somebody wants to be sent, if anything."""
    refused = refused_header(header.name for headers in named for header in headers)
    return f"The header {refused} frames the request and cannot be set. Leave it out." if refused else None


def content_type(answer: PodAnswer) -> str:
    """As the pod calls it, fit for the manifest; empty if it says nothing."""
    return printable(_header(answer, "content-type"), _TYPE_CHARS)


def redirect_of(answer: PodAnswer) -> str:
    """Where a redirect leads and what to do about it; empty for any other answer."""
    if answer.status not in _REDIRECTS:
        return ""
    where = printable(_header(answer, "location"), _LOCATION_CHARS) or "nowhere"
    return f"It redirects to {where}; redirects are not followed. Ask for the final path."


def _header(answer: PodAnswer, name: str) -> str:
    return next((value for found, value in answer.headers.items() if found.lower() == name), "")


def request_headers(plain: Iterable[Header], sources: Iterable[HeaderSource], secrets: SecretReader) -> dict[str, str]:
    """All headers of a request; one from a Secret replaces a plain one of the same name.

    Raises:
        SecretNotFound: a Secret or its key is not there.
        InvalidHeader: a value holds something else than printable ASCII.
    """
    headers = {header.name.lower(): header.value for header in plain}
    for source in sources:
        value = secret_value(SecretKey(secret=source.secret, key=source.key), secrets)
        # Whoever makes a Secret with `echo` or from a file leaves a line break at its end.
        text = source.prefix + value.decode("latin-1").removesuffix("\n").removesuffix("\r")
        if not _VALUE.fullmatch(text):
            raise InvalidHeader(
                f"Key {source.key} of Secret {source.secret} holds characters that a header cannot carry.",
                "Store it as one line of printable ASCII.",
            )
        headers[source.name.lower()] = text
    return headers


def trust(options: TLSOptions | None, secrets: SecretReader, *, server_name: str) -> PodTLS | None:
    """How the answer's certificate is checked; `server_name` holds where the options name none.

    Raises:
        SecretNotFound: the CA's Secret or key is not there.
        Invalid: the CA is no text.
    """
    if options is None:
        return None
    bundle = options.ca_bundle
    if options.ca_from is not None:
        try:
            bundle = f"{bundle}\n{secret_value(options.ca_from, secrets).decode('ascii')}".lstrip()
        except UnicodeDecodeError as error:
            raise Invalid(
                f"Key {options.ca_from.key} of Secret {options.ca_from.secret} is no PEM.",
                "Store the CA's certificate as `-----BEGIN CERTIFICATE-----`.",
            ) from error
    return PodTLS(
        ca_bundle=bundle,
        server_name=options.server_name or server_name,
        insecure_skip_verify=options.insecure_skip_verify,
    )


def secret_value(wanted: SecretKey, secrets: SecretReader) -> bytes:
    """The value of one key.

    Raises:
        SecretNotFound: the Secret or its key is not there.
    """
    keys = secrets.keys(wanted.secret)
    if wanted.key not in keys:
        raise SecretNotFound(
            f"The Secret {wanted.secret} has no key {wanted.key}.",
            f"Put the value under {wanted.key}, or name a key that it has.",
        )
    return keys[wanted.key]


async def download(
    request: PodRequest, path: str, task: Task, context: RunContext, *, limit: int, clock: Clock = time.monotonic
) -> int:
    """One exchange into one file, whatever the status; another one than 2xx is a gap besides. Returns the status.

    What answers a strict task with another status is no file.

    The manifest gets `status`, `contentType`, `firstByteMs` and `milliseconds` (both since the request was sent).

    Raises:
        HTTPStatus: a strict task was refused.
        SupportBundleError: nothing was answered, or the body broke off (what came before is kept).
    """
    started = clock()
    async with AsyncExitStack() as open_things:
        answer = await open_things.enter_async_context(context.cluster.request(request))
        if task.strict:
            await ok(answer, f"{request.method} {urlsplit(request.url).path}")
        opening = context.sink.member(path, task=task, limit=limit, keep_partial=True)
        member = await open_things.enter_async_context(opening)
        member.note("status", answer.status)
        if kind := content_type(answer):
            member.note("contentType", kind)
        first = True
        async for chunk in answer.body:
            if first:
                member.note("firstByteMs", round((clock() - started) * 1000))
                first = False
            if not await member.write(chunk):
                break
        member.note("milliseconds", round((clock() - started) * 1000))
    if answer.status not in _FINE:
        message = _unlucky(answer, task.place(path))
        context.sink.gap(Gap.say(f"HTTP{answer.status}", message, target=task.target, collector=task.collector))
    return answer.status


def _unlucky(answer: PodAnswer, path: str) -> str:
    kept = f"The request was answered with {answer.status}; its body is kept in {path}."
    return f"{kept} {where}" if (where := redirect_of(answer)) else kept
