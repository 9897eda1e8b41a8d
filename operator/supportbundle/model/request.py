"""What a bundle asks for once its template, if it names one, is filled in: the input of its plan."""

from __future__ import annotations

from dataclasses import dataclass

from supportbundle.model.gap import Gap
from supportbundle.model.spec import SupportBundleSpec
from supportbundle.model.template import UsedTemplate


@dataclass(frozen=True, slots=True)
class Request:
    """`gaps` are what a template asks for and only the bundle itself could have."""

    spec: SupportBundleSpec
    gaps: tuple[Gap, ...] = ()
    template: UsedTemplate | None = None
