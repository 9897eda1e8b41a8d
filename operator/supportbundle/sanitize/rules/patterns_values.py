"""Secrets that only the words around them or a check sum give away: payment cards, elements of XML.

Card numbers are looked for where a word for cards stands before them, or where they are grouped as on a card. A bare
number of the right length is as likely an identifier or a time in microseconds, one in ten of which pass Luhn's test.
The grouped form has no literal: it is the only trigger without one, and costs about half a millisecond for each MiB.
"""

from __future__ import annotations

from typing import Final

from .records import Hit, PatternRule

_CARD_WORD: Final = (
    r"(?i:card|visa|master_?card|amex|american express|maestro|diners|discover|unionpay|\bjcb\b|\bpan\b|\bcc\b"
    r"|cc_?n(?:um|umber|o)|account number|track ?[12])"
)
_BETWEEN: Final = r"[^\d\r\n<]{1,32}"
_DIGITS: Final = r"\d(?:[ \-]?\d){12,18}\b"
_GROUPS: Final = r"\b[2-6]\d{3}(?: \d{4} \d{4} \d{4}|-\d{4}-\d{4}-\d{4})(?:[ \-]\d{3})?\b"

_NAMES: Final = r"(?i:password|passwd|passphrase|secret|token|api[._\-]?key|private[._\-]?key)"
_ELEMENT: Final = r"<[\w.:\-]{0,64}" + _NAMES + r"(?:[ \t][^<>\r\n]{0,200})?"
_NAMED: Final = r"\b(?:name|key)=\\{0,8}[\"'][\w.\-]{0,64}" + _NAMES + r"\\{0,8}[\"']"

VALUES: Final = (
    PatternRule(
        name="payment-number",
        reason="Numbers of payment cards after a word for them.",
        trigger=_CARD_WORD + _BETWEEN + r"\d(?:[ \-]?\d){11}",
        pattern=_CARD_WORD + _BETWEEN + "(?P<secret>" + _DIGITS + ")",
        check="card",
        boundary=False,
        hits=(
            Hit("card number 4012888888881881 declined", "4012888888881881"),
            Hit("Visa 4012 8888 8888 1881", "4012 8888 8888 1881"),
            Hit("amex: 371449635398431", "371449635398431"),
        ),
        lookalikes=("card number 4012888888881882", "card created at 1763719200000000", "discovered 12 hosts"),
    ),
    PatternRule(
        name="payment-number",
        reason="Numbers in the groups in which cards show them.",
        seen=r"\d[ \-]\d{4}[ \-]\d{4}[ \-]\d{3}",  # five times cheaper for Hyperscan than the trigger
        trigger=_GROUPS,
        pattern=_GROUPS,
        check="card",
        hits=(Hit("typed 4012 8888 8888 1881 here", "4012 8888 8888 1881"), Hit("4012-8888-8888-1881", "4012-8888")),
        lookalikes=("4012 8888 8888 1882", "4012 8888-8888 1881"),
    ),
    PatternRule(
        name="payment-check-code",
        reason="The check code of a card may never be kept.",
        trigger=r"\b(?i:cvv2?|cvc2?|card_?(?:cvc|cvv)|security_?code)\\?[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\?[\"']?\d{3}",
        pattern=r"(?i:cvv2?|cvc2?|card_?(?:cvc|cvv)|security_?code)\\?[\"']?[ \t]{0,4}[:=][ \t]{0,4}\\?[\"']?"
        r"(?P<secret>\d{3,4})\b"
        r"",
        hits=(Hit("cvv=123 exp=12/30", "123"),),
        lookalikes=("cvv: missing", "cvc=12345678"),
    ),
    PatternRule(
        name="xml-element",
        reason="A secret as the text of an XML element, in a log or a document that does not parse.",
        seen=r"<[\w.:\-]*" + _NAMES,
        trigger=_ELEMENT + r">(?:<!\[CDATA\[)?[^<>\r\n\]]",
        pattern=_ELEMENT + r">(?:<!\[CDATA\[)?(?P<secret>[^<>\r\n\]]+)(?:\]\]>)?</",
        boundary=False,
        hits=(
            Hit("<dbPassword>hunter2</dbPassword>", "hunter2"),
            Hit('at <x:apiKey xmlns:x="u"><![CDATA[hunter2]]></x:apiKey>', "hunter2"),
        ),
        lookalikes=("<password></password>", "<password>"),
    ),
    PatternRule(
        name="xml-element",
        reason="The same where an attribute gives the name.",
        seen=r"\b(?:name|key)=\\*[\"'][\w.\-]*" + _NAMES,
        trigger=_NAMED + r">(?:<!\[CDATA\[)?[^<>\r\n\]]",
        pattern=_NAMED + r">(?:<!\[CDATA\[)?(?P<secret>[^<>\r\n\]]+)(?:\]\]>)?</",
        boundary=False,
        hits=(Hit('at <property name="db.password">hunter2</property>', "hunter2"),),
        lookalikes=('<property name="db.password"></property>', '<a name="token">'),
    ),
)
