"""Alertmanager's webhook, as far as it is needed: which alerts fire, with which labels, since when.

Source: Alertmanager's documentation of `webhook_config`, version 4 of the message.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from enum import StrEnum
from typing import Annotated, Final, Literal

from pydantic import AwareDatetime, Field, StringConstraints, ValidationError

from supportbundle.errors import Invalid
from supportbundle.model.base import Observed

MAX_ALERTS: Final = 1000
_NAMESPACE: Final = re.compile(r"[a-z0-9]([a-z0-9-]{0,61}[a-z0-9])?")
_POD: Final = re.compile(r"[a-z0-9]([a-z0-9.-]{0,251}[a-z0-9])?")
LabelText = Annotated[str, StringConstraints(max_length=4096)]


class AlertStatus(StrEnum):
    """Whether it still holds."""

    FIRING = "firing"
    RESOLVED = "resolved"


class Alert(Observed):
    """One alert. Times have a zone."""

    status: AlertStatus
    labels: Annotated[Mapping[LabelText, LabelText], Field(max_length=128)]
    starts_at: AwareDatetime

    @property
    def namespace(self) -> str | None:
        """The label `namespace`, if it can be one."""
        return _fits(_NAMESPACE, self.labels.get("namespace", ""))

    @property
    def pod(self) -> str | None:
        """The label `pod`, if it can be one."""
        return _fits(_POD, self.labels.get("pod", ""))

    @property
    def name(self) -> str:
        """The label `alertname`."""
        return self.labels.get("alertname", "")


class AlertGroup(Observed):
    """One call of the webhook."""

    version: Literal["4"]
    alerts: Annotated[tuple[Alert, ...], Field(max_length=MAX_ALERTS)]


def parse_alerts(body: bytes) -> AlertGroup:
    """One call's body.

    Raises:
        Invalid: it is no such message; the text repeats nothing of it.
    """
    try:
        return AlertGroup.model_validate_json(body)
    except ValidationError as error:
        where = ".".join(map(str, error.errors()[0]["loc"])) or "the body"
        raise Invalid(f"No message of Alertmanager's webhook, version 4: {where}.") from error


def _fits(pattern: re.Pattern[str], text: str) -> str | None:
    return text if pattern.fullmatch(text) else None
