"""Where the Job's pods find what the operator gives them; the two sides of one contract."""

from __future__ import annotations

from pathlib import PurePosixPath
from typing import Final

RUN_DIR: Final = PurePosixPath("/run/supportbundle")
"""The run's Secret: the plan and the upload URLs, both gzip'd JSON."""
PLAN_FILE: Final = "plan.json.gz"
UPLOADS_FILE: Final = "uploads.json.gz"
PSEUDONYM_KEY_FILE: Final = "pseudonyms.key"
"""In the same Secret, where a bundle asks for pseudonyms: the key of its destination."""
KNOWN_DIR: Final = PurePosixPath("/run/known")
"""One directory for each Secret whose values are to be redacted; one volume each, for a projected one merges keys."""
SCRATCH_DIR: Final = PurePosixPath("/scratch")
TOKEN_DIR: Final = PurePosixPath("/var/run/secrets/kubernetes.io/serviceaccount")
