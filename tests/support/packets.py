"""What a product's own support bundle holds, as its documents say it, and how a zip is held against that."""

from __future__ import annotations

import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import yaml

from support.contractservers import every_secret

OURS = frozenset({"manifest.json", "redactions.json", "collector.log"})
"""What the operator adds to every zip."""

NODE = frozenset({"mattermost.log", "cpu.prof", "heap.prof", "goroutines"})
"""Of each node of Mattermost."""
V9 = frozenset({"plugins.json", "sanitized_config.json", "support_packet.yaml"}) | NODE
V11_SHARED = frozenset(
    {
        "metadata.yaml",
        "plugins.json",
        "sanitized_config.json",
        "stats.yaml",
        "jobs.yaml",
        "permissions.yaml",
        "diagnostics.yaml",
    }
)
V11 = V11_SHARED | NODE

STATISTICS = (
    "channel_open_count",
    "channel_private_count",
    "post_count",
    "unique_user_count",
    "team_count",
    "total_websocket_connections",
    "total_master_db_connections",
    "total_read_db_connections",
    "daily_active_users",
    "monthly_active_users",
    "inactive_user_count",
)
"""Rows of Mattermost's standard analytics in their order."""

HIDDEN = (
    "LdapSettings.BindPassword",
    "FileSettings.PublicLinkSalt",
    "FileSettings.AmazonS3SecretAccessKey",
    "EmailSettings.SMTPPassword",
    "GitLabSettings.Secret",
    "GoogleSettings.Secret",
    "Office365Settings.Secret",
    "OpenIdSettings.Secret",
    "SqlSettings.AtRestEncryptKey",
    "ElasticsearchSettings.Password",
    "MessageExportSettings.GlobalRelaySettings.SMTPPassword",
    "ServiceSettings.SplitKey",
)
"""Settings that every version of Mattermost hides itself, beside data sources."""

HIDDEN_LATER = (
    "CacheSettings.RedisPassword",
    "FileSettings.ExportAmazonS3SecretAccessKey",
    "ServiceSettings.GoogleDeveloperKey",
    "ServiceSettings.GiphySdkKey",
)

NEVER_HIDDEN = (
    "AutoTranslationSettings.LibreTranslate.APIKey",
    "ImageProxySettings.RemoteImageProxyOptions",
    "FileSettings.AmazonS3AccessKeyId",
    "FileSettings.ExportAmazonS3AccessKeyId",
    "LdapSettings.BindUsername",
    "EmailSettings.SMTPUsername",
    "ElasticsearchSettings.Username",
    "MessageExportSettings.GlobalRelaySettings.SMTPUsername",
)
"""What no version of the server hides, and the preset does."""

SUPPORT_PACKET = (
    "server_os",
    "server_architecture",
    "server_version",
    "build_hash",
    "database_type",
    "database_version",
    "database_schema_version",
    "websocket_connections",
    "master_db_connections",
    "read_db_connections",
    "cluster_id",
    "file_driver",
    "file_status",
    "ldap_vendor_name",
    "ldap_vendor_version",
    "elastic_server_version",
    "elastic_server_plugins",
    "license_to",
    "license_supported_users",
    "license_is_trial",
    "active_users",
    "daily_active_users",
    "monthly_active_users",
    "inactive_user_count",
    "total_posts",
    "total_channels",
    "total_teams",
    "data_retention_jobs",
    "message_export_jobs",
    "elastic_post_indexing_jobs",
    "elastic_post_aggregation_jobs",
    "bleve_post_indexin_jobs",
    "ldap_sync_jobs",
    "migration_jobs",
)
"""Keys of support_packet.yaml in their order; the odd one is the product's."""

NO_SOURCE = (
    "database_version",
    "cluster_id",
    "ldap_vendor_name",
    "ldap_vendor_version",
    "elastic_server_version",
    "elastic_server_plugins",
)
"""Those of which no API tells."""
NEEDS_LICENCE = ("license_to", "license_supported_users", "license_is_trial")
NEEDS_NODE = ("server_os", "server_architecture")


def leaks(product: str, files: Mapping[str, bytes]) -> list[tuple[bytes, str]]:
    """Planted secrets of the product that stand in a file, with its name."""
    return [(secret, name) for secret in every_secret(product) for name, data in files.items() if secret in data]


def top(profile: bytes, scratch: Path) -> str:
    """What `go tool pprof` makes of a profile."""
    file = scratch / "profile"
    file.write_bytes(profile)
    shown = subprocess.run(["go", "tool", "pprof", "-raw", file], check=True, capture_output=True, cwd=scratch)
    return shown.stdout.decode()


def parsed(files: Mapping[str, bytes], name: str) -> Any:
    """A YAML document, or JSON, which is YAML too."""
    return yaml.safe_load(files[name])


def note(manifest: Mapping[str, Any], path: str, key: str) -> str:
    """A note of a file in the manifest; empty where there is none."""
    member = next(each for each in manifest["members"] if each["path"] == path)
    return str(member.get("notes", {}).get(key, ""))
