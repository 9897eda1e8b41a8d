"""What a bundle may do: each capability is one fixed ClusterRole for the Job and one check of the requester."""

from __future__ import annotations

from enum import StrEnum

from supportbundle.model.base import Value


class Capability(StrEnum):
    """The words of `spec.capabilities`."""

    LOGS = "Logs"
    EVENTS = "Events"
    CONFIG = "Config"
    PROFILES = "Profiles"
    HTTP = "HTTP"
    EXEC = "Exec"
    DEBUG = "Debug"
    HELM = "Helm"
    RESOURCES = "Resources"


DEFAULT_CAPABILITIES = (Capability.LOGS, Capability.EVENTS, Capability.CONFIG)


class PolicyRule(Value):
    """One RBAC rule, as in a ClusterRole."""

    api_groups: tuple[str, ...]
    resources: tuple[str, ...]
    verbs: tuple[str, ...]


OPT_IN = frozenset({Capability.DEBUG, Capability.HELM})
"""Switched on by the admin alone: one changes target pods, the other reads Secrets."""

VIEW_VERB = "collectresources"
"""The virtual verb on `supportbundles` for what cannot be checked kind by kind; the chart gives it to who may view."""

CLUSTER_VERB = "collectcluster"
"""The virtual verb for facts about the whole cluster, which the operator reads; `view` does not hold it."""

EXTRA_VERB = "collectextra"
"""The virtual verb for kinds that an admin adds to what Resources collects; `view` does not hold it."""
