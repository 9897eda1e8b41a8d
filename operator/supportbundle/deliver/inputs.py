"""What the Job's pod was given: what to send where, and the Secrets of the two stores."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from pydantic import ValidationError

from supportbundle.errors import Corrupt
from supportbundle.model.delivery import DELIVERY_DIR, DELIVERY_FILE, DESTINATION_KEYS, STAGING_KEYS, Delivery


@dataclass(frozen=True, slots=True)
class Mounts:
    """The directories of the pod; tests give their own."""

    delivery: Path = Path(DELIVERY_DIR)
    staging: Path = Path(STAGING_KEYS)
    destination: Path = Path(DESTINATION_KEYS)

    def description(self) -> Delivery:
        """What to do.

        Raises:
            Corrupt: the Secret does not hold it.
        """
        try:
            return Delivery.model_validate_json((self.delivery / DELIVERY_FILE).read_bytes())
        except (OSError, ValidationError):
            raise Corrupt("The delivery's Secret cannot be read; another version of the operator wrote it.") from None


def read_secret(directory: Path) -> dict[str, bytes]:
    """The keys of one mounted Secret; none where it does not exist, which mounts as an empty directory."""
    if not directory.is_dir():
        return {}
    # The kubelet's own entries (..data and its timestamped target) are links to the same files.
    return {file.name: file.read_bytes() for file in directory.iterdir() if not file.name.startswith("..")}
