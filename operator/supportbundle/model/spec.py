"""SupportBundle.spec as frozen values. `crds/` states the schema; a contract test keeps the two equal."""

from __future__ import annotations

from datetime import timedelta
from enum import StrEnum
from typing import Annotated, Self

from pydantic import Field, StringConstraints, model_validator

from supportbundle.model.api import APIOptions
from supportbundle.model.archive import ArchiveOptions
from supportbundle.model.base import Value
from supportbundle.model.capability import DEFAULT_CAPABILITIES, Capability
from supportbundle.model.collectors import (
    ConfigOptions,
    EventsOptions,
    ExecOptions,
    FilesOptions,
    FindingsOptions,
    HelmOptions,
    HTTPOptions,
    LogsOptions,
    MetricsOptions,
    ProfileOptions,
    ResourcesOptions,
)
from supportbundle.model.hint import Hint
from supportbundle.model.placing import FallbackFor, FallbackWhen, Missing, OutputPath
from supportbundle.model.quantity import ByteQuantity, Duration

Name63 = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?$")]
Name253 = Annotated[str, StringConstraints(pattern=r"^[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?$")]

MAX_SELECTORS = 8
UserName = Annotated[str, StringConstraints(min_length=2, max_length=48, pattern=r"""^[^\s"'<>:/\\]+$""")]


class SelectorOperator(StrEnum):
    """Operators of metav1.LabelSelectorRequirement."""

    IN = "In"
    NOT_IN = "NotIn"
    EXISTS = "Exists"
    DOES_NOT_EXIST = "DoesNotExist"


class SelectorRequirement(Value):
    """metav1.LabelSelectorRequirement."""

    key: str
    operator: SelectorOperator
    values: tuple[str, ...] = ()


class LabelSelector(Value):
    """metav1.LabelSelector."""

    match_labels: dict[str, str] = Field(default_factory=dict)
    match_expressions: tuple[SelectorRequirement, ...] = ()


class Target(Value):
    """Pods of the bundle's own namespace: by label, by name, or both (a union).

    `any_of` takes the place of `selector` where one set of labels does not tell: a pod needs to match one of them.
    """

    selector: LabelSelector | None = None
    any_of: Annotated[tuple[LabelSelector, ...], Field(min_length=1, max_length=MAX_SELECTORS)] | None = None
    pod_names: Annotated[tuple[Name253, ...], Field(max_length=100)] = ()

    @property
    def selectors(self) -> tuple[LabelSelector, ...]:
        """All by which pods are chosen."""
        return (*((self.selector,) if self.selector is not None else ()), *(self.any_of or ()))


class CollectorType(StrEnum):
    """The discriminator of a collector; its options stand in the field of the same name in lower case."""

    LOGS = "Logs"
    EVENTS = "Events"
    CONFIG = "Config"
    PROFILE = "Profile"
    HTTP = "HTTP"
    EXEC = "Exec"
    FILES = "Files"
    HELM = "Helm"
    RESOURCES = "Resources"
    METRICS = "Metrics"
    API = "API"
    FINDINGS = "Findings"


class CollectorSpec(Value):
    """One thing to collect. Only the options of its `type` may be set; without them all defaults hold.

    `path` is where its files stand in the zip; `fallback_for` the collector whose failure makes this one run, and
    `fallback_when` what counts as one (nothing written at all, if it is not set); `hints` are what its author says
    about failures.
    """

    name: Name63
    type: CollectorType
    path: OutputPath | None = None
    missing: Missing | None = None
    fallback_for: FallbackFor | None = None
    fallback_when: FallbackWhen | None = None
    hints: Annotated[tuple[Hint, ...], Field(max_length=16)] = ()
    target: Target | None = None
    logs: LogsOptions | None = None
    events: EventsOptions | None = None
    config: ConfigOptions | None = None
    profile: ProfileOptions | None = None
    http: HTTPOptions | None = None
    exec: ExecOptions | None = None
    files: FilesOptions | None = None
    helm: HelmOptions | None = None
    resources: ResourcesOptions | None = None
    metrics: MetricsOptions | None = None
    api: APIOptions | None = None
    findings: FindingsOptions | None = None

    @property
    def steps(self) -> frozenset[str]:
        """Names of its steps, for which others may stand in by `collector/step`."""
        return frozenset(step.name for step in self.api.steps) if self.api else frozenset()

    @property
    def uses_secrets(self) -> bool:
        """Whether it takes Secrets for itself."""
        asked = [options for options in (self.http, self.api) if options is not None]
        return (
            any(options.headers_from or (options.tls and options.tls.ca_from) for options in asked)
            or bool(self.profile and self.profile.headers_from)
            or bool(self.exec and self.exec.stdin_from)
            or bool(self.config and self.config.secret_shapes)
        )


ParameterValue = Annotated[str, StringConstraints(max_length=1024)]


class SecretRef(Value):
    """A Secret of the bundle's namespace."""

    name: Name253


class TemplateRef(Value):
    """A SupportBundleTemplate by name, with what it is to be filled in with.

    `secrets` are apart from `parameters`, so that admission sees that Secrets are used, whatever the template does.
    """

    name: Name253
    parameters: dict[str, ParameterValue] = Field(default_factory=dict)
    secrets: dict[str, SecretRef] = Field(default_factory=dict)


class PseudonymKind(StrEnum):
    """What may be replaced by a stable pseudonym instead of being kept."""

    IP = "IP"
    MAC = "MAC"
    EMAIL = "Email"
    HOSTNAME = "Hostname"
    USER = "User"


class RuleType(StrEnum):
    """The discriminator of a sanitizing rule."""

    KEY = "Key"
    PATH = "Path"
    REGEX = "Regex"
    LITERAL = "Literal"


class RuleExample(Value):
    """A text to try a rule on: `removed` must be gone afterwards; without it the rule must leave the text alone."""

    text: Annotated[str, StringConstraints(min_length=1, max_length=1024)]
    removed: Annotated[str, StringConstraints(max_length=1024)] = ""


class SanitizationRule(Value):
    """A rule that adds to the admin's floor; `pattern` is read as its `type` says."""

    name: Name63
    type: RuleType
    pattern: Annotated[str, StringConstraints(min_length=1, max_length=512)]
    reason: Annotated[str, StringConstraints(max_length=256)] = ""
    examples: Annotated[tuple[RuleExample, ...], Field(max_length=5)] = ()


class Sanitization(Value):
    """What the bundle asks for beyond the admin's floor.

    `hostnames`, `domains` and `users` are names that become pseudonyms wherever they stand.
    """

    pseudonymize: tuple[PseudonymKind, ...] = ()
    hostnames: Annotated[tuple[Name253, ...], Field(max_length=100)] = ()
    domains: Annotated[tuple[Name253, ...], Field(max_length=50)] = ()
    users: Annotated[tuple[UserName, ...], Field(max_length=100)] = ()
    keep_shape: bool = False
    rules: Annotated[tuple[SanitizationRule, ...], Field(max_length=50)] = ()

    @model_validator(mode="after")
    def _names_are_used(self) -> Self:
        """Names that nothing would look for would be ignored in silence."""
        if (self.hostnames or self.domains) and PseudonymKind.HOSTNAME not in self.pseudonymize:
            raise ValueError("hostnames and domains need the kind Hostname in pseudonymize")
        if self.users and PseudonymKind.USER not in self.pseudonymize:
            raise ValueError("users needs the kind User in pseudonymize")
        return self


class DestinationRef(Value):
    """A SupportBundleDestination by name."""

    name: Name253 = "default"


RECIPIENT_PATTERN = r"^(age1[02-9ac-hj-np-z]{58}|ssh-(ed25519|rsa) [A-Za-z0-9+/]{60,1000}={0,3}( [ -~]{0,200})?)$"
Recipient = Annotated[str, StringConstraints(pattern=RECIPIENT_PATTERN, max_length=1024)]


class Encryption(Value):
    """Recipients for which the zip is encrypted with age: X25519 keys, or SSH keys (Ed25519, RSA)."""

    recipients: Annotated[tuple[Recipient, ...], Field(min_length=1, max_length=16)]


class Limits(Value):
    """Budgets of the whole bundle."""

    max_bytes: Annotated[ByteQuantity, Field(ge=1 << 20, le=100 << 30)] = 1 << 30
    max_duration: Annotated[Duration, Field(ge=timedelta(seconds=10), le=timedelta(hours=6))] = timedelta(minutes=10)
    parallelism: Annotated[int, Field(ge=1, le=50)] = 4


class DeletionPolicy(StrEnum):
    """Whether the artifact goes with the resource."""

    RETAIN = "Retain"
    DELETE = "Delete"


class OnCancel(StrEnum):
    """What becomes of that which a cancelled bundle has collected."""

    DROP = "Drop"
    PACK = "Pack"


class SupportBundleSpec(Value):
    """The request. Immutable in the API, but for `cancel`."""

    template_ref: TemplateRef | None = None
    capabilities: tuple[Capability, ...] = DEFAULT_CAPABILITIES
    target: Target | None = None
    collectors: Annotated[tuple[CollectorSpec, ...], Field(max_length=50)] = ()
    sanitization: Sanitization = Sanitization()
    destination: DestinationRef = DestinationRef()
    archive: ArchiveOptions | None = None
    encryption: Encryption | None = None
    limits: Limits = Limits()
    ttl: Annotated[Duration, Field(ge=timedelta(seconds=1), le=timedelta(hours=8760))] = timedelta(hours=168)
    deletion_policy: DeletionPolicy = DeletionPolicy.RETAIN
    service_account_name: Name253 | None = None
    dry_run: bool = False
    on_cancel: OnCancel = OnCancel.DROP
    cancel: bool = False

    @property
    def uses_secrets(self) -> bool:
        """Whether a collector takes Secrets for itself (headers, certificates, shapes), or a template is given some."""
        given = self.template_ref is not None and bool(self.template_ref.secrets)
        return given or any(collector.uses_secrets for collector in self.collectors)

    @property
    def wants_cluster_info(self) -> bool:
        """Whether a collector asks for facts about the whole cluster."""
        return any(collector.resources and collector.resources.cluster_info for collector in self.collectors)
