"""The registry of text readers: a new format is one new file and one line here."""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from typing import Final, NamedTuple

from . import sniff
from .context import Context
from .documents.documentstream import DocumentStream
from .documents.hcltext import Hcl
from .documents.initext import Ini
from .documents.jsonstream import JsonStream
from .documents.propertiestext import Properties
from .documents.tomltext import Toml
from .documents.xmltext import Xml, is_xml
from .documents.yamlstream import YamlStream
from .edits import LineCounter
from .reader import Reader
from .report import Report
from .text.dialect import ENV, LOG
from .text.lines import Lines
from .unicode import BOM, Marked


class Entry(NamedTuple):
    """`claims(head, path, whole=...)` says whether a text is of this format; `open` starts its reader."""

    name: str
    claims: Callable[..., bool]
    open: Callable[[Context, Report], Reader]


def _env(context: Context, report: Report) -> Reader:
    return Lines(context, report, ENV, LineCounter())


def _log(context: Context, report: Report) -> Reader:
    return Lines(context, report, LOG, LineCounter())


READERS: Final = (
    Entry("json", sniff.is_json, JsonStream),
    Entry("xml", is_xml, partial(DocumentStream, Xml())),
    Entry("toml", sniff.is_toml, partial(DocumentStream, Toml())),
    Entry("hcl", sniff.is_hcl, partial(DocumentStream, Hcl())),
    Entry("ini", sniff.is_ini, partial(DocumentStream, Ini())),
    Entry("properties", sniff.is_properties, partial(DocumentStream, Properties())),
    Entry("env", sniff.is_assignments, _env),
    Entry("yaml", sniff.is_yaml, YamlStream),
)
"""Asked in this order; what nobody claims is running text."""


def open_text(context: Context, report: Report, head: bytes, path: str, *, whole: bool) -> Reader:
    """The reader for a text that begins with `head`; `whole` says that this is all of it."""
    if head.startswith(BOM):
        return Marked(open_text(context, report, head[len(BOM) :], path, whole=whole))
    for entry in READERS:
        if entry.claims(head, path, whole=whole):
            return entry.open(context, report)
    return _log(context, report)


def sanitize_text(context: Context, text: bytes) -> tuple[bytes, tuple[str, ...]]:
    """A text held in memory, sanitized, and the rules that replaced something, once for each secret.

    Raises:
        Unsanitizable: if it cannot be proven clean.
    """
    report = Report()
    reader = open_text(context, report, text[: sniff.HEAD], "", whole=len(text) <= sniff.HEAD)
    clean = reader.feed(text) + reader.finish()
    return clean, tuple(rule for rule, number in report.counts.items() for _ in range(number))
