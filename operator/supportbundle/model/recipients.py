"""Which public keys a zip can be encrypted for: what age itself says, beyond the pattern that admission checks."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from supportbundle.errors import Invalid


def recipients_of(keys: Sequence[str]) -> list[Any]:
    """The recipients that age knows.

    Raises:
        Invalid: one is none.
    """
    if not keys:
        return []
    import pyrage  # noqa: PLC0415 - only who encrypts pays for it

    found = []
    for key in keys:
        kind = pyrage.x25519.Recipient if key.startswith("age1") else pyrage.ssh.Recipient
        try:
            found.append(kind.from_str(key))
        except pyrage.RecipientError:
            raise Invalid(
                f"The recipient {key[:24]}... is no public key that age can encrypt for.",
                "It must be an age1... key, or an SSH key of type ssh-ed25519 or ssh-rsa.",
            ) from None
    return found
