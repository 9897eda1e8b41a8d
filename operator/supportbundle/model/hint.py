"""What to do about a failure, said by who knows the product: a collector's author knows more than its type does."""

from __future__ import annotations

from typing import Annotated

from pydantic import StringConstraints

from supportbundle.model.base import Value


class Hint(Value):
    """A sentence for the gaps of one reason; with `contains` only for those whose message holds this text."""

    reason: Annotated[str, StringConstraints(pattern=r"^[A-Za-z][A-Za-z0-9]{0,62}$")]
    contains: Annotated[str, StringConstraints(max_length=128)] = ""
    say: Annotated[str, StringConstraints(min_length=1, max_length=400)]
