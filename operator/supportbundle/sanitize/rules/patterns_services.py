"""Tokens of services on the net: messages, mail, payment, monitoring, language models."""

from __future__ import annotations

from typing import Final

from .issued import ALNUM, BASE64, HEX, LOWER, UPPER, URL64, issued, of_class
from .records import Hit, PatternRule

_UUID: Final = r"[0-9a-fA-F]{8}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{4}-[0-9a-fA-F]{12}"
_WEBHOOKS: Final = (
    r"(?:hooks\.slack\.com/(?:services|workflows|triggers)|discord(?:app)?\.com/api/webhooks"
    r"|\.webhook\.office\.com/webhookb2|outlook\.office(?:365)?\.com/webhook|events\.pagerduty\.com/integration"
    r"|hooks\.zapier\.com/hooks/catch|open\.(?:feishu\.cn|larksuite\.com)/open-apis/bot/v2/hook"
    r"|maker\.ifttt\.com/(?:trigger|use)|hook\.(?:eu|us)\d\.make\.com|hook\.integromat\.com)/"
)

MESSAGES: Final = (
    issued("slack-token", "Slack", "xox[abceoprs]-|xoxe.xox[bp]-|xoxd-|xapp-", r"[\w\-%]", 10, start="xo" + "xb-"),
    PatternRule(
        name="webhook",
        reason="Whoever knows the path may post.",
        trigger=_WEBHOOKS + r"[\w@/\-]{6}",
        pattern=_WEBHOOKS + r"(?P<secret>[\w@/\-]{14,})",
        boundary=False,
        hits=(
            Hit("https://hooks." + "slack.com/services/T00000000/B00000000/abc123DEF456", "abc123DEF456"),
            Hit("https://discord" + ".com/api/webhooks/123456789012345678/" + of_class(URL64, 68), of_class(URL64, 68)),
        ),
        lookalikes=("https://hooks.slack.com/services/", "https://events.pagerduty.com/integration/docs"),
    ),
    PatternRule(
        name="telegram-token",
        reason="A token of a Telegram bot: its number and a secret.",
        trigger=r"\d{8,10}:AA[\w\-]{10}",
        pattern=r"\d{8,10}:AA[\w\-]{31,}",
        boundary=False,
        hits=(Hit("https://api.telegram.example/bot123456789:" + "AA" + of_class(URL64, 33), of_class(URL64, 33)),),
        lookalikes=("12345678:AAAA",),
    ),
    PatternRule(
        name="discord-token",
        reason="A token of a Discord bot: its number in base64, a time and a signature.",
        trigger=r"[MNO][A-Za-z0-9]{23,27}\.[\w\-]{6}\.[\w\-]{20}",
        pattern=r"[MNO][A-Za-z0-9]{23,27}\.[\w\-]{6}\.[\w\-]{27,40}\b",
        check="opaque",
        hits=(Hit("x M" + of_class(ALNUM, 23) + ".aB1c2D." + of_class(URL64, 38), of_class(URL64, 38)),),
        lookalikes=("MyNumberedPackage.module.SomeClassOfMine",),
    ),
    issued("twilio-key", "Twilio", "SK", "[0-9a-f]", 32, start="S" + "K", tail=r"\b"),
    PatternRule(
        name="sendgrid-key",
        reason="A key of SendGrid: its number and a secret.",
        trigger=r"SG\.[\w\-]{16}",
        pattern=r"SG\.[\w\-]{16,32}\.[\w\-]{16,64}",
        hits=(Hit("SG" + "." + of_class(URL64, 22) + "." + of_class(URL64, 43), of_class(URL64, 43)),),
        lookalikes=("SG.short", "SG.internal-load-balancer-x"),
    ),
    issued("brevo-key", "Brevo", "xkeysib-|xsmtpsib-", r"[\w\-]", 64, start="xkey" + "sib-"),
    issued("mailgun-key", "Mailgun", "key-", "[0-9a-f]", 32, start="key-", tail=r"\b"),
    PatternRule(
        name="mailchimp-key",
        reason="A key of Mailchimp ends with its data centre.",
        trigger=r"[0-9a-f]{32}-us\d",
        pattern=r"[0-9a-f]{32}-us\d{1,2}\b",
        hits=(Hit("key " + of_class("[0-9a-f]", 32) + "-us12", of_class("[0-9a-f]", 32)),),
        lookalikes=("eu-us1",),
    ),
    issued("resend-key", "Resend", "re_[A-Za-z0-9]{8}_", ALNUM, 20, start="re_a1B2c3D4_"),
    issued("linear-key", "Linear", "lin_(?:api|oauth)_", ALNUM, 40, start="lin" + "_api_"),
    issued("notion-token", "Notion", "ntn_", ALNUM, 40, start="ntn_"),
    issued("notion-token", "Notion", "secret_", ALNUM, 43, start="secret_", tail=r"\b"),
    issued("figma-token", "Figma", "fig[dou]_", URL64, 36, start="figd_"),
    issued("airtable-token", "Airtable", r"pat[A-Za-z0-9]{14}\.", "[0-9a-f]", 60, start="pata1B2c3D4e5F6g7."),
    issued("typeform-token", "Typeform", "tfp_", r"[\w\-.]", 40, start="tfp_"),
    issued("frameio-token", "Frame.io", "fio-u-", URL64, 60, start="fio-u-"),
    issued("adobe-secret", "Adobe", "p8e-", URL64, 32, start="p8e-"),
    issued("hubspot-token", "HubSpot", "pat-(?:na|eu|ap)1-", r"[0-9a-f\-]", 36, start="pat-" + "na1-"),
    issued("salesforce-session", "Salesforce", "00D[A-Za-z0-9]{12,15}!", r"[\w.]", 40, start="00Da1B2c3D4e5F6!"),
    issued("okta-token", "Okta", "SSWS ", r"[\w\-]", 20, start="SSWS "),
    issued("dropbox-token", "Dropbox", r"sl\.", r"[\w\-]", 120, start="sl."),
    issued("settlemint-token", "SettleMint", "sm_[aps]at_", ALNUM, 16, start="sm_pat_"),
    issued("chief-token", "Chief Tools", "ctp[a-z]_", ALNUM, 36, start="ctpp_"),
    issued("facebook-token", "Meta", "EAA[A-Z]", ALNUM, 60, start="EA" + "AC"),
    issued("facebook-token", "Meta", "EAACEdEose0cBA", ALNUM, 20, start="EAACEdEose" + "0cBA"),
)

PAYMENT: Final = (
    issued("stripe-key", "Stripe", "[sr]k_(?:live|test|prod)_|whsec_", ALNUM, 16, start="sk" + "_live_"),
    issued("razorpay-key", "Razorpay", "rzp_(?:live|test)_", ALNUM, 14, start="rzp" + "_live_"),
    PatternRule(
        name="adyen-key",
        reason="A key of Adyen: three parts, the first two in base64.",
        trigger=r"AQE[A-Za-z0-9+/]{32}",
        pattern=r"AQE[A-Za-z0-9+/]{32,400}={0,2}-[A-Za-z0-9+/]{20,200}={0,2}-[^\s\"',<]{8,64}",
        hits=(Hit("AQE" + of_class(BASE64, 80) + "==-" + of_class(BASE64, 43) + "=-3wAkV)*$kP", of_class(BASE64, 43)),),
        lookalikes=("AQE" + of_class(ALNUM, 40),),
    ),
    issued("square-token", "Square", "sq0[a-z]{3}-", URL64, 22, start="sq0" + "atp-"),
    issued("square-token", "Square", "EAAA", URL64, 56, start="EA" + "AA"),
    issued("shopify-token", "Shopify", "shp(?:at|ca|pa|ss)_", HEX, 32, start="shp" + "at_"),
    PatternRule(
        name="braintree-token",
        reason="An access token of Braintree.",
        trigger=r"access_token\$(?:production|sandbox)\$",
        pattern=r"access_token\$(?:production|sandbox)\$(?P<secret>[a-z0-9]{16}\$[0-9a-f]{32})",
        hits=(Hit("access_token" + "$production$" + "a1b2c3d4e5f6g7h8$" + "0a" * 16, "0a" * 16),),
        lookalikes=("access_token$production",),
    ),
    issued("flutterwave-key", "Flutterwave", "FLWSECK(?:_TEST|_LIVE)?-", r"[\w\-]", 12, start="FLW" + "SECK-"),
    issued("shippo-token", "Shippo", "shippo_(?:live|test)_", HEX, 40, start="ship" + "po_live_"),
    issued("easypost-key", "EasyPost", "EZ[AT]K", ALNUM, 54, start="EZ" + "AK"),
    issued("duffel-token", "Duffel", "duffel_(?:live|test)_", r"[\w=\-]", 40, start="duf" + "fel_live_"),
    issued("lob-key", "Lob", "(?:live|test)_", "[0-9a-f]", 35, start="live_", tail=r"\b"),
    PatternRule(
        name="plaid-token",
        reason="An access token of Plaid.",
        trigger=r"access-(?:sandbox|development|production)-[0-9a-fA-F]{8}-",
        pattern=r"access-(?:sandbox|development|production)-(?P<secret>" + _UUID + ")",
        hits=(Hit("access-" + "sandbox-6f9619ff-8b86-d011-b42d-00cf4fc964ff", "6f9619ff-8b86-d011-b42d-00cf4fc964ff"),),
        lookalikes=("access-production-eu",),
    ),
)

MONITORING: Final = (
    issued("grafana-token", "Grafana", "glsa_|glc_", r"[\w+/=\-]", 24, start="gl" + "sa_"),
    issued("grafana-token", "Grafana's older keys", "eyJrIjoi", BASE64, 50, start="eyJrI" + "joi"),
    issued("newrelic-key", "New Relic", "NRAK-", UPPER, 27, start="NR" + "AK-"),
    issued("newrelic-key", "New Relic", "NRII-|NRJS-", r"[\w\-]", 19, start="NR" + "II-"),
    PatternRule(
        name="newrelic-key",
        reason="A licence key of New Relic ends with its mark.",
        trigger=r"[0-9a-f]{36}NRAL",
        pattern=r"[0-9a-f]{36}NRAL\b",
        hits=(Hit(of_class("[0-9a-f]", 36) + "NRAL", of_class("[0-9a-f]", 36)),),
        lookalikes=("NRAL",),
    ),
    issued("dynatrace-token", "Dynatrace", r"dt0[a-z]\d\d\.", r"[A-Z0-9.]", 60, start="dt0" + "c01."),
    issued("sentry-token", "Sentry", "sntry[su]_", r"[\w+/=]", 60, start="snt" + "ryu_"),
    issued("posthog-key", "PostHog", "ph[cx]_", ALNUM, 40, start="phx_"),
    issued("honeycomb-key", "Honeycomb", "hc[abx]ik_", LOWER, 50, start="hcaik_"),
)

MODELS: Final = (
    issued(
        "openai-key",
        "OpenAI, Anthropic, OpenRouter and Langfuse",
        "sk-(?:proj-|ant-|svcacct-|admin-|or-v1-|lf-)?[A-Za-z0-9]{4}",
        URL64,
        28,
        start="sk-" + "proj-a1B2",
    ),
    issued("huggingface-token", "Hugging Face", "hf_|api_org_", ALNUM, 30, start="hf_"),
    issued("groq-key", "Groq", "gsk_", ALNUM, 40, start="gsk_"),
    issued("perplexity-key", "Perplexity", "pplx-", ALNUM, 40, start="pplx-"),
    issued("replicate-token", "Replicate", "r8_", ALNUM, 36, start="r8_"),
    issued("xai-key", "xAI", "xai-", ALNUM, 60, start="xai-"),
    issued("nvidia-key", "NVIDIA", "nvapi-", URL64, 50, start="nvapi-"),
    issued("langsmith-key", "LangSmith", "lsv2_(?:pt|sk)_", r"\w", 32, start="lsv2_pt_"),
    issued("together-key", "Together", "tgp_v1_", URL64, 36, start="tgp_v1_"),
    issued("fireworks-key", "Fireworks", "fw_", ALNUM, 22, start="fw_"),
    issued("jina-key", "Jina", "jina_", ALNUM, 50, start="jina_"),
    issued("pinecone-key", "Pinecone", "pcsk_", r"\w", 40, start="pcsk_"),
    issued("tavily-key", "Tavily", "tvly-", URL64, 28, start="tvly-"),
)
