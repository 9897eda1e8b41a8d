"""Credentials in HTTP: authorization fields, cookies, what URLs carry in their query."""

from __future__ import annotations

from typing import Final

from .issued import ALNUM, URL64, of_class
from .records import Hit, PatternRule

_QUOTE: Final = r"""\\{0,8}["']?"""
_GAP: Final = r"(?:\\?[ \t]|\+|%20){1,4}"
_SESSIONS: Final = (
    r"(?:_gitlab_session|connect\.sid|JSESSIONID|PHPSESSID|ASP\.NET_SessionId|laravel_session|_session_id"
    r"|grafana_session|sessionid|csrftoken|remember_user_token|MMAUTHTOKEN|MMCSRF|_oauth2_proxy|argocd\.token)"
)

HTTP: Final = (
    PatternRule(
        name="authorization",
        reason="HTTP authorization fields in dumps, traces and command lines.",
        trigger=r"(?i:authorization)" + _QUOTE + r"\s{0,4}(?:\\ ?)?[:=]",
        pattern=r"(?i)authorization" + _QUOTE + r"\s{0,4}(?:=>|(?:\\ ?)?[:=])\\?[\s\\\"'\[]{0,8}"
        r"(?P<secret>(?:digest|aws4-hmac-sha256|hawk|oauth|sharedkeylite)\s+[^\r\n]+"
        r"|(?:bearer|basic|token|negotiate|ntlm|apikey|sso-key|bot|key)(?:\\?[ \t])+[^\s\"'\\,\]\}<]+"
        r"|[\w+/=.~\-]{16,})",
        boundary=False,
        hits=(
            Hit("> Authorization: Bearer abc.def", "abc.def"),
            Hit("curl -H 'Authorization: Basic dXNlcjpwYXNz' https://x", "dXNlcjpwYXNz"),
            Hit("Proxy-Authorization: Basic dXNlcjpwYXNz", "dXNlcjpwYXNz"),
            Hit("headers=map[Authorization:[Bearer abcdef]]", "abcdef"),
            Hit('Authorization: Digest username="bob", response="6629fae49393"', "6629fae49393"),
            Hit('"HTTP_AUTHORIZATION"=>"Basic dXNlcjpwYXNz"', "dXNlcjpwYXNz"),
        ),
        lookalikes=("authorization: RBAC", "authorization: none", "Authorization: required"),
    ),
    PatternRule(
        name="authorization",
        reason="The same with the scheme of some product: any word and an opaque value.",
        trigger=r"(?i:authorization)"
        + _QUOTE
        + r"\s{0,4}[:=][\s\"'\[]{0,8}[A-Za-z][\w\-]{2,40}[ \t]+[\w+/=.~:%&\-]{16}",
        pattern=r"(?i)authorization"
        + _QUOTE
        + r"\s{0,4}[:=][\s\"'\[]{0,8}(?P<secret>[a-z][\w\-]{2,40}[ \t]+[\w+/=.~:%&\-]{16,})",
        check="opaque",
        boundary=False,
        hits=(Hit("Authorization: GenieKey 6f9619ff-8b86-d011-b42d-00cf4fc964ff", "8b86-d011"),),
        lookalikes=("authorization: cannot use impersonation-of-groups",),
    ),
    PatternRule(
        name="cookie",
        reason="Cookies open sessions.",
        trigger=r"(?i:cookie)" + _QUOTE + r"\s{0,4}[:=]",
        pattern=r"(?i)cookie"
        + _QUOTE
        + r"\s{0,4}[:=]\s{0,4}\\{0,8}[\"'\[]{0,2}(?P<secret>[\w!#$%&*+.^|~\-]+=[^\r\n\"'\\<][^\r\n\"'\\]*)",
        boundary=False,
        hits=(
            Hit("Cookie: sid=abc123; theme=dark", "abc123"),
            Hit("< Set-Cookie: JSESSIONID=ABC123; Path=/; HttpOnly", "ABC123"),
        ),
        lookalikes=("cookie: enabled", "cookies are set"),
    ),
    PatternRule(
        name="cookie",
        reason="Cookies on curl's command line.",
        seen=r"curl[ \t]",
        trigger=r"curl[ \t](?:[^\r\n|]{0,300}[ \t])?(?:-b|--cookie)[ \t=]{1,4}[\"']?[\w.\-]{1,64}=",
        pattern=r"curl[ \t](?:[^\r\n|]{0,300}?[ \t])?(?:-b|--cookie)[ \t=]{1,4}[\"']?[\w.\-]{1,64}="
        r"(?P<secret>[^\s\"'<]+)",
        hits=(Hit("curl -b 'sid=abc123' https://x", "abc123"),),
        lookalikes=("curl -b cookies.txt https://x", "curl --cookie-jar x"),
    ),
    PatternRule(
        name="cookie",
        reason="Cookies of well-known programs, wherever they stand.",
        trigger=_SESSIONS + r"=[\w%.+/=\-]{8}",
        pattern=_SESSIONS + r"=(?P<secret>[\w%.+/=\-]{8,})",
        hits=(Hit("got connect.sid=s%3Aabc123DEF456", "abc123DEF456"),),
        lookalikes=("JSESSIONID=none", "sessionid= missing"),
    ),
    PatternRule(
        name="bearer",
        reason="A bearer token outside of a header field.",
        trigger=r"(?i:bearer)" + _GAP + r"[\w.~+/\-]{8}",
        pattern=r"(?i)bearer" + _GAP + r"(?P<secret>[\w.~+/\-]{8,}=*)",
        check="opaque",
        hits=(Hit("sent Bearer abc123def456", "abc123def456"),),
        lookalikes=("bearer authentication failed", "Bearer token missing"),
    ),
    PatternRule(
        name="bearer",
        reason="Kubernetes' way to give a bearer token to a WebSocket.",
        trigger=r"base64url\.bearer\.authorization\.k8s\.io\.[\w\-]{8}",
        pattern=r"base64url\.bearer\.authorization\.k8s\.io\.(?P<secret>[\w\-]{8,})",
        hits=(Hit("base64url.bearer.authorization.k8s.io." + of_class(URL64, 30), of_class(URL64, 30)),),
        lookalikes=("base64url.bearer.authorization.k8s.io",),
    ),
    PatternRule(
        name="basic-auth",
        reason="Basic credentials outside of a header field.",
        trigger=r"(?i:basic)" + _GAP + r"[A-Za-z0-9+/]{8}",
        pattern=r"(?i)basic" + _GAP + r"(?P<secret>[A-Za-z0-9+/]{8,}={0,2})",
        check="mixed",
        hits=(Hit("sent Basic dXNlcjpwYXNzd29yZA==", "dXNlcjpwYXNzd29yZA=="),),
        lookalikes=("basic authentication failed", "Basic programming", "a basic username/password pair"),
    ),
    PatternRule(
        name="url-parameter",
        reason="Signatures and one-time codes in a URL's query open what it points to.",
        trigger=r"[?&;](?i:sig|code|signature|t|hash|hmac|ticket|assertion|samlresponse|jwt|auth|key)=[\w%+/=.~\-]{16}",
        pattern=r"[?&;](?i:sig|code|signature|t|hash|hmac|ticket|assertion|samlresponse|jwt|auth|key)="
        r"(?P<secret>[\w%+/=.~\-]{16,})",
        check="opaque",
        boundary=False,
        hits=(Hit("https://a.blob.example/c?sv=2024&sig=abc123DEF456%2Bxyz%3D&se=1", "abc123DEF456%2Bxyz%3D"),),
        lookalikes=("/x?sig=none", "/x?t=1763719200000", "/x?code=200&key=name"),
    ),
    PatternRule(
        name="presigned-url",
        reason="Signature and session token of a presigned S3 URL.",
        trigger=r"(?i:x-(?:amz|goog)-(?:signature|security-token))=",
        pattern=r"(?i)x-(?:amz|goog)-(?:signature|security-token)=(?P<secret>[\w%+/=.\-]{8,})",
        hits=(Hit("GET /b/k?X-Amz-Date=1&X-Amz-Signature=fe5f80f77d5fa3 HTTP/1.1", "fe5f80f77d5fa3"),),
        lookalikes=("X-Amz-SignedHeaders=host",),
    ),
    PatternRule(
        name="signature",
        reason="Signatures of webhooks, with the name of their method before them.",
        trigger=r"(?i:signature)[\w\-]{0,8}" + _QUOTE + r"[ \t]{0,4}[:=][ \t\"']{0,4}(?:sha\d{1,3}|v\d)=[0-9a-f]{16}",
        pattern=r"(?i:signature)[\w\-]{0,8}"
        + _QUOTE
        + r"[ \t]{0,4}[:=][ \t\"']{0,4}(?:sha\d{1,3}|v\d)=(?P<secret>[0-9a-f]{16,})",
        boundary=False,
        hits=(Hit("X-Hub-Signature-256: sha256=" + "0a1b" * 16, "0a1b" * 16),),
        lookalikes=("signature: sha256=none", of_class(ALNUM, 8) + " signature ok"),
    ),
)
