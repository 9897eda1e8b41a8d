"""Tokens of clouds, hosting providers and the tools that provision them."""

from __future__ import annotations

from typing import Final

from .issued import ALNUM, BASE64, HEX, LOWER, UPPER, URL64, issued, of_class
from .records import Hit, PatternRule

_AZURE_MARKS: Final = r"(?:AzFu|AzSe|AzCa|AZDO|\+ASt|\+ACR|\+ARm|\+AMC|ACDb|AIoT|AEhS|ASbS|APIM)"

CLOUD: Final = (
    issued("aws-access-key", "AWS", "A3T[A-Z0-9]|AKIA|ASIA|ABIA|ACCA", UPPER, 16, start="AK" + "IA", tail=r"\b"),
    issued("aws-bedrock-key", "Amazon Bedrock", "ABSK", BASE64, 100, start="AB" + "SK"),
    issued("aws-bedrock-key", "Amazon Bedrock", "bedrock-api-key-", "[A-Za-z0-9+/=]", 20, start="bedrock-api-key-"),
    issued("aws-mws-token", "Amazon MWS", r"amzn\.mws\.", r"[0-9a-f\-]", 36, start="amzn.mws."),
    issued("aws-appsync-key", "AWS AppSync", "da2-", LOWER, 26, start="da2-", tail=r"\b"),
    issued("gcp-api-key", "Google Cloud", "AIza", URL64, 35, start="AI" + "za"),
    issued("gcp-api-key", "Google Cloud", r"AQ\.Ab", URL64, 40, start="AQ.Ab"),
    issued("gcp-oauth", "Google OAuth", r"ya29\.", r"[\w\-.]", 20, start="ya29" + "."),
    issued("gcp-oauth", "Google OAuth", "1//0", URL64, 30, start="1//0"),
    issued("gcp-hmac-key", "Google Cloud Storage", "GOOG", UPPER, 20, start="GO" + "OG", tail=r"\b"),
    issued("gcp-client-secret", "Google OAuth clients", "GOCSPX-", URL64, 20, start="GOCSPX-"),
    PatternRule(
        name="azure-client-secret",
        reason="Client secrets of Microsoft Entra carry their mark in the fourth place.",
        trigger=r"[\w~.\-]{3}[5-9]Q~[\w~.\-]{10}",
        pattern=r"[\w~.\-]{3}[5-9]Q~[\w~.\-]{31,40}",
        hits=(Hit("uses aB18" + "Q~" + of_class(URL64, 34), of_class(URL64, 34)),),
        lookalikes=("8Q~", "in 2028Q~soon"),
    ),
    PatternRule(
        name="azure-key",
        reason="Keys of Azure services carry a mark and a check sum near their end.",
        trigger=r"[A-Za-z0-9+/]{32,84}" + _AZURE_MARKS + "[A-Za-z0-9+/]{4}",
        pattern=r"[A-Za-z0-9+/]{32,84}" + _AZURE_MARKS + "[A-Za-z0-9+/]{4,10}={0,2}",
        hits=(Hit("pat " + of_class(ALNUM, 76) + "AZDO" + "a1b2", of_class(ALNUM, 70)),),
        lookalikes=("the organisation AZDO has keys", "/usr/share/AzFuncs"),
    ),
    issued("alibaba-key", "Alibaba Cloud", "LTAI", ALNUM, 16, start="LT" + "AI"),
    issued("tencent-key", "Tencent Cloud", "AKID", ALNUM, 32, start="AK" + "ID", tail=r"\b"),
    issued("yandex-key", "Yandex Cloud", "AQVN", URL64, 35, start="AQ" + "VN"),
    issued("yandex-key", "Yandex Cloud", "YCAJE", URL64, 20, start="YC" + "AJE"),
    PatternRule(
        name="yandex-key",
        reason="Yandex's identity tokens: two parts, the second a signature.",
        trigger=r"t1\.[\w\-]{10}",
        pattern=r"t1\.[\w\-]{10,400}={0,2}\.[\w\-]{86}={0,2}",
        hits=(Hit("t1." + of_class(URL64, 40) + "." + of_class(URL64, 86), of_class(URL64, 86)),),
        lookalikes=("t1.micro_instances-x",),
    ),
    issued("digitalocean-token", "DigitalOcean", "do[opr]_v1_", HEX, 40, start="dop" + "_v1_"),
    issued("cloudflare-token", "Cloudflare", r"v1\.0-", r"[0-9a-f\-]", 60, start="v1.0-"),
    issued("cloudflare-token", "Cloudflare", "cf(?:ut|k|at)_", ALNUM, 36, start="cfut_"),
    issued("heroku-key", "Heroku", "HRKU-", URL64, 36, start="HRKU-"),
    issued("fly-token", "Fly.io", "fo1_", URL64, 40, start="fo1_"),
    issued("fly-token", "Fly.io", "fm(?:1[ar]|2)_", "[A-Za-z0-9+/=,]", 60, start="fm2_"),
    issued("pulumi-token", "Pulumi", "pul-", HEX, 40, start="pul-"),
    issued("tailscale-key", "Tailscale", "tskey-[a-z]{2,12}-", r"[A-Za-z0-9\-]", 20, start="tskey-" + "auth-"),
    issued("netlify-token", "Netlify", "nf[a-z]_", ALNUM, 36, start="nfp_"),
    issued("vercel-token", "Vercel", r"vc[a-z]_", ALNUM, 40, start="vcp_"),
    issued("vercel-token", "Vercel", "vercel_blob_rw_", r"\w", 20, start="vercel_blob_rw_"),
    issued("supabase-key", "Supabase", "sb_secret_|sbp_", r"[\w\-]", 30, start="sbp_"),
    issued("planetscale-token", "PlanetScale", "pscale_(?:tkn|pw|oauth)_", r"[\w=.\-]", 32, start="pscale_tkn_"),
    issued("databricks-token", "Databricks", "dapi", "[0-9a-f]", 32, start="dapi", tail=r"(?:-\d)?\b"),
    issued("clickhouse-key", "ClickHouse Cloud", "4b1d", ALNUM, 38, start="4b1d", tail=r"\b"),
    issued("openshift-token", "OpenShift", "sha256~", URL64, 43, start="sha256~"),
    issued("defined-token", "Defined Networking", "dnkey-", r"[\w=\-]", 60, start="dnkey-"),
    issued("exoscale-key", "Exoscale", "EXO", "[0-9a-f]", 24, start="EXO", tail=r"\b"),
    issued("render-key", "Render", "rnd_", ALNUM, 28, start="rnd_"),
    issued("vault-token", "HashiCorp Vault", r"hv[sbr]\.", URL64, 16, start="hvs" + "."),
    PatternRule(
        name="vault-token",
        reason="Vault's older tokens: one letter, a dot, 24 letters and digits.",
        trigger=r"\bs\.[A-Za-z0-9]{24}\b",
        pattern=r"s\.[A-Za-z0-9]{24}\b",
        check="opaque",
        hits=(Hit("login s." + of_class(ALNUM, 24) + " ok", of_class(ALNUM, 24)),),
        lookalikes=("s.connectionManagerFactoryX", "s.short1"),
    ),
    PatternRule(
        name="terraform-token",
        reason="A token of HCP Terraform.",
        trigger=r"\.atlasv1\.[\w\-=]{10}",
        pattern=r"\.atlasv1\.(?P<secret>[\w\-=]{40,})",
        boundary=False,
        hits=(Hit("a1B2c3D4e5F6g7." + "atlasv1." + of_class(URL64, 67), of_class(URL64, 67)),),
        lookalikes=(".atlasv1.example",),
    ),
    PatternRule(
        name="vault-unseal",
        reason="What `vault operator init` prints once.",
        trigger=r"(?i:(?:unseal|recovery) key) ?\d{0,2}: {0,4}[A-Za-z0-9+/]{20}",
        pattern=r"(?i:(?:unseal|recovery) key) ?\d{0,2}: {0,4}(?P<secret>[A-Za-z0-9+/]{20,}={0,2})",
        hits=(Hit("Unseal Key 1: " + of_class(BASE64, 43) + "=", of_class(BASE64, 43)),),
        lookalikes=("Unseal Key (will be hidden):",),
    ),
)
