"""What the leak check takes for certain: issuers' formats, written anew and stricter than the sanitizer's own rules.

A finding blocks a member, so an expression may match nothing but a secret; prefixes, lengths and alphabets are those
that the issuers publish. Each is bounded, and compiles for Hyperscan's streaming mode.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

EXPRESSIONS: Final[Mapping[str, bytes]] = {
    "pem": rb"-----BEGIN (?:[A-Z0-9]{2,12} ){0,3}PRIVATE KEY(?: BLOCK)?-----"
    rb"(?:\s|\\+[nr]|[A-Za-z\-]{4,12}: [\w,\- ]{1,60}){1,12}[A-Za-z0-9+/]{32}",
    "pem-line": rb"(?:^|[ \t\r\n])MII[A-Za-z0-9+/]{37}",
    "jwt": rb"\beyJ[A-Za-z0-9_\-]{10,600}\.eyJ[A-Za-z0-9_\-]{6,600}\.[A-Za-z0-9_\-]{16}",
    "aws-access-key": rb"\b(?:AKIA|ASIA)[A-Z2-7]{16}\b",
    "github-token": rb"\bgh[pousr]_[A-Za-z0-9]{36}",
    "github-pat": rb"\bgithub_pat_[A-Za-z0-9]{22}_",
    "gitlab-token": rb"\bgl(?:pat|dt|rt|ptt|soat|oas|agent)-[A-Za-z0-9_\-]{20}",
    "slack-token": rb"\bxox[bp]-[0-9]{8,14}-[A-Za-z0-9\-]{10}",
    "stripe-key": rb"\b[sr]k_live_[A-Za-z0-9]{20}",
    "npm-token": rb"\bnpm_[A-Za-z0-9]{36}\b",
    "pypi-token": rb"\bpypi-AgEIcHlwaS5vcmc[A-Za-z0-9_\-]{20}",
    "sendgrid-key": rb"\bSG\.[A-Za-z0-9_\-]{22}\.[A-Za-z0-9_\-]{43}",
    "gcp-api-key": rb"\bAIza[A-Za-z0-9_\-]{35}\b",
    "vault-token": rb"\bhvs\.[A-Za-z0-9_\-]{24}",
    "url-userinfo": rb"\b(?:postgres(?:ql)?|mysql|mongodb(?:\+srv)?|rediss?|amqps?)://[\w.\-]{0,40}:"
    rb"[\w.\-!$%]{0,80}[A-WYZa-wyz1-9][\w.\-!$%]{0,80}@[\w\[]",
    "ssh-key": rb"\bb3BlbnNzaC1rZXktdjEA[A-Za-z0-9+/]{24}",
    "ssh-key-putty": rb"Private-Lines: [0-9]{1,3}\r?\n[A-Za-z0-9+/]{40}",
    "pem-base64": rb"LS0tLS1CRUdJTi(?:BQUklWQVRF|BSU0Eg|BFQyBQ|BPUEVOU1NI|BFTkNSWVBU|BEU0Eg)",
    "age-key": rb"\bAGE-SECRET-KEY-1[QPZRY9X8GF2TVDW0S3JN54KHCE6MUA7L]{58}\b",
    "anthropic-key": rb"\bsk-ant-(?:api|admin|oat)[0-9]{2}-[A-Za-z0-9_\-]{80}",
    "openai-key": rb"\bsk-[A-Za-z0-9_\-]{20,80}T3BlbkFJ[A-Za-z0-9]{16}",
    "dockerhub-token": rb"\bdckr_[po]at_[A-Za-z0-9_\-]{27}",
    "digitalocean-token": rb"\bdo[por]_v1_[0-9a-f]{64}\b",
    "grafana-token": rb"\bglsa_[A-Za-z0-9]{32}_[0-9a-fA-F]{8}\b",
    "shopify-token": rb"\bshp(?:at|ca|pa|ss)_[0-9a-fA-F]{32}\b",
    "huggingface-token": rb"\bhf_[A-Za-z]{34}\b",
    "databricks-token": rb"\bdapi[0-9a-f]{32}\b",
    "slack-app": rb"\bxapp-[0-9]-[A-Z0-9]{8,14}-[0-9]{10,14}-[0-9a-f]{64}\b",
    "webhook": rb"hooks\.slack\.com/services/T[A-Z0-9]{8,11}/B[A-Z0-9]{8,11}/[A-Za-z0-9]{24}\b",
    "gcp-oauth": rb"\bya29\.[A-Za-z0-9_\-]{40}",
    "gcp-client-secret": rb"\bGOCSPX-[A-Za-z0-9_\-]{28}\b",
    "dynatrace-token": rb"\bdt0c01\.[A-Z0-9]{24}\.[A-Z0-9]{64}\b",
    "newrelic-key": rb"\bNRAK-[A-Z0-9]{27}\b",
    "doppler-token": rb"\bdp\.(?:pt|st)\.[A-Za-z0-9.\-_]{40}",
    "planetscale-token": rb"\bpscale_(?:tkn|pw|oauth)_[A-Za-z0-9_\-.=]{32}",
    "pulumi-token": rb"\bpul-[0-9a-f]{40}\b",
    "rubygems-key": rb"\brubygems_[0-9a-f]{48}\b",
    "linear-key": rb"\blin_api_[A-Za-z0-9]{40}\b",
    "postman-key": rb"\bPMAK-[0-9a-f]{24}-[0-9a-f]{34}\b",
    "sentry-token": rb"\bsntryu_[0-9a-f]{64}\b",
    "mysql-dsn": rb"[A-Za-z0-9_]:[A-Za-z0-9_!.*\-]{0,60}[A-WYZa-wyz1-9]"
    rb"[A-Za-z0-9_!.*\-]{0,60}@tcp\([A-Za-z0-9.\-]{1,60}:[0-9]{2,5}\)/",
    "bcrypt": rb"\$2[aby]\$[0-9]{2}\$[A-Za-z0-9./]{53}",
    "kubeconfig-key": rb"client-key-data:[ \t]{1,4}LS0tLS1CRUdJTi",
    "aws-secret-key": rb"""(?i:aws_secret_access_key)[\"' \t]{0,3}[:=][\"' \t]{0,3}[A-Za-z0-9+/]{40}\b""",
    "tailnet-key": rb"\bprivkey:[0-9a-f]{64}\b",
}
"""Expressions by the rule that should have caught them; passwords of x, X and 0 are shapes."""
