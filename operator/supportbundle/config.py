"""The operator's own settings: one YAML file, written by the chart, read and checked once at start."""

from __future__ import annotations

import os
from collections.abc import Mapping
from pathlib import Path
from typing import Annotated, Any, Literal

import yaml
from pydantic import Field, JsonValue, ValidationError

from supportbundle.errors import Invalid
from supportbundle.model import names
from supportbundle.model.base import Value
from supportbundle.model.capability import OPT_IN, Capability
from supportbundle.model.destination import DestinationSpec, S3Options
from supportbundle.model.spec import Name63, SanitizationRule


class CollectorPod(Value):
    """How the pods of collection Jobs look beyond what is fixed; values go into the pod spec as they are."""

    resources: dict[str, JsonValue] = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, JsonValue], ...] = ()
    priority_class_name: str | None = None
    scratch_size: str = "4Gi"


class DeliveryPod(Value):
    """How the pods of delivery Jobs look beyond what is fixed. Their `account` has no rights in the API."""

    account: str = ""
    resources: dict[str, JsonValue] = Field(default_factory=dict)
    node_selector: dict[str, str] = Field(default_factory=dict)
    tolerations: tuple[dict[str, JsonValue], ...] = ()


class SanitizationFloor(Value):
    """What holds for every bundle: `rules` beside the built-in ones, and whether Secrets of targets are mounted.

    Where they are not, their values are found only by the rules for what they stand under and look like.
    """

    rules: Annotated[tuple[SanitizationRule, ...], Field(max_length=100)] = ()
    known_secrets: bool = True


class OperatorConfig(Value):
    """Everything that the admin decides for the whole installation.

    `policyNames` are the ValidatingAdmissionPolicies that must be bound before a bundle may run without its own
    ServiceAccount; an empty list means that the admin has switched them off. `proxy` comes from the operator's own
    environment: collectors reach the store by the same way. `clusterInfo` says that the operator may list nodes and
    storage classes; `profileProbe` that Profile collectors may look for pprof on ports that nobody has named;
    `extraResources` that the role of Resources holds more than `view` shows; `debugImage` is empty
    where no debugging containers are allowed. `leaseName` is the Lease by which the operator's pods agree on who works.
    `templates` are the specs of those that the operator applies, by name. `watchNamespaces` are the only ones that it
    looks into; empty means all. `deletionSeconds` is how long a store may keep a deleted bundle with
    `deletionPolicy: Delete` from going; the sweep leaves alone what is younger than `sweepGraceSeconds`.
    `staging` is where zips are made that may not be made where they end. `bundlesAtOnce` may collect at the same time,
    the others wait for their turn.
    """

    image: str
    image_pull_policy: Literal["Always", "IfNotPresent", "Never"] = "IfNotPresent"
    image_pull_secrets: tuple[str, ...] = ()
    collect_role_prefix: str
    policy_names: tuple[str, ...] = ()
    enabled_capabilities: tuple[Capability, ...] = tuple(c for c in Capability if c not in OPT_IN)
    cluster_info: bool = False
    profile_probe: bool = False
    extra_resources: bool = False
    debug_image: str = ""
    default_destination: DestinationSpec | None = None
    templates: dict[str, dict[str, JsonValue]] = Field(default_factory=dict)
    create_bucket: bool = False
    collector: CollectorPod = CollectorPod()
    staging: S3Options | None = None
    delivery: DeliveryPod = DeliveryPod()
    sanitization: SanitizationFloor = SanitizationFloor()
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    proxy: dict[str, str] = Field(default_factory=dict)
    lease_name: str = names.MANAGED_BY
    watch_namespaces: Annotated[tuple[Name63, ...], Field(max_length=200)] = ()
    alertmanager_webhook: bool = False
    workers: int = Field(default=8, ge=1, le=64)
    bundles_at_once: int = Field(default=32, ge=1, le=1000)
    sweep_seconds: int = Field(default=600, ge=10)
    sweep_grace_seconds: int = Field(default=600, ge=0)
    deletion_seconds: int = Field(default=1800, ge=1)


PROXY_VARIABLES = ("HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")


def load_config(path: Path, environ: Mapping[str, str] = os.environ) -> OperatorConfig:
    """Read the file.

    Raises:
        Invalid: if it is missing, is no YAML, or holds unknown or wrong values.
    """
    try:
        raw: Any = yaml.safe_load(path.read_text(encoding="utf-8"))
        config = OperatorConfig.model_validate(raw)
    except (OSError, yaml.YAMLError, ValidationError) as error:
        raise Invalid(f"The settings in {path} cannot be used: {error}", "Correct the Helm values.") from error
    proxy = {name: environ[name] for name in PROXY_VARIABLES if environ.get(name)}
    return config.model_copy(update={"proxy": proxy | config.proxy})
