"""XML: every secret goes, the document stays well-formed, nothing else changes."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from collections.abc import Callable
from xml.sax.saxutils import escape, quoteattr

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from support import documents
from supportbundle.sanitize import Sanitizer

Clean = Callable[..., bytes]


def _out(rule: str) -> str:
    return f"&lt;redacted:{rule}&gt;"


CASES = {
    "text": ('<a><password>hunter2 "x" &amp; y</password></a>', f"<a><password>{_out('password')}</password></a>"),
    "over lines": (
        "<a>\n <t:token>\n  hunter2\n  hunter2\n </t:token>\n</a>\n",
        f"<a>\n <t:token>\n  {_out('token')}\n </t:token>\n</a>\n",
    ),
    "cdata": (
        "<a><secret><![CDATA[hunter2 < ]]></secret></a>",
        "<a><secret><![CDATA[<redacted:secret> ]]></secret></a>",
    ),
    "text and cdata": (
        "<a><secret>hunter2<!-- c --><![CDATA[hunter2]]></secret></a>",
        f"<a><secret>{_out('secret')}<!-- c --></secret></a>",
    ),
    "attributes beside": ('<a><secret id="7">hunter2</secret></a>', f'<a><secret id="7">{_out("secret")}</secret></a>'),
    "attribute": ("<db user='bob' x:password='hunter2'/>", f"<db user='bob' x:password='{_out('password')}'/>"),
    "attribute over lines": (
        '<db password="&quot;hunter2\n two"\n  port="1"/>',
        f'<db password="{_out("password")}"\n  port="1"/>',
    ),
    "add": ('<a><add key="Password" value="hunter2"/></a>', f'<a><add key="Password" value="{_out("password")}"/></a>'),
    "add, value first": (
        '<a><add value="hunter2" key="ApiKey"/></a>',
        f'<a><add value="{_out("api-key")}" key="ApiKey"/></a>',
    ),
    "property": (
        '<a><property name="db.password">hunter2</property></a>',
        f'<a><property name="db.password">{_out("password")}</property></a>',
    ),
    "entry": (
        '<a><entry key="db.password">hunter2</entry></a>',
        f'<a><entry key="db.password">{_out("password")}</entry></a>',
    ),
    "hadoop": (
        "<property><name>fs.secret.key</name><value>hunter2</value></property>",
        f"<property><name>fs.secret.key</name><value>{_out('private-key')}</value></property>",
    ),
    "value, then name": (
        "<property><value>hunter2</value><name>secret.key</name></property>",
        f"<property><value>{_out('private-key')}</value><name>secret.key</name></property>",
    ),
    "servlet": (
        "<p><param-name>db.password</param-name><param-value>hunter2</param-value></p>",
        f"<p><param-name>db.password</param-name><param-value>{_out('password')}</param-value></p>",
    ),
    "resource file": (
        '<data name="ApiKey" xml:space="preserve">\n<value>hunter2</value></data>',
        f'<data name="ApiKey" xml:space="preserve">\n<value>{_out("api-key")}</value></data>',
    ),
    "property list": (
        "<dict><key>User</key><string>bob</string><key>Password</key><string>hunter2</string></dict>",
        f"<dict><key>User</key><string>bob</string><key>Password</key><string>{_out('password')}</string></dict>",
    ),
    "children": (
        "<credentials><a>hunter2</a><b><c>hunter2</c></b></credentials>",
        f"<credentials><a>{_out('credential')}</a><b><c>{_out('credential')}</c></b></credentials>",
    ),
    "connection string": (
        '<add name="Db" connectionString="Server=x;Pwd=hunter2" providerName="y"/>',
        f'<add name="Db" connectionString="Server=x;Pwd={_out("password")}" providerName="y"/>',
    ),
    "connection string in an element": (
        "<a><url>Server=x;Pwd=hunter2;A=&lt;b&gt;&#233;&e;</url></a>",
        f"<a><url>Server=x;Pwd={_out('password')};A=&lt;b&gt;&#233;&e;</url></a>",
    ),
    "comment": ('<a><!-- password="hunter2" --></a>', '<a><!-- password="<redacted:password>" --></a>'),
    "entity": (
        '<!DOCTYPE a [<!ENTITY db_password "hunter2">]><a/>',
        f'<!DOCTYPE a [<!ENTITY db_password "{_out("password")}">]><a/>',
    ),
    "written in references": (
        '<a><add key="&#80;assword" value="hunter2"/></a>',
        f'<a><add key="&#80;assword" value="{_out("password")}"/></a>',
    ),
    "events": (
        "<e><token>hunter2</token></e>\n<e><n>1</n></e>\n",
        f"<e><token>{_out('token')}</token></e>\n<e><n>1</n></e>\n",
    ),
}


@pytest.mark.parametrize(("content", "expected"), CASES.values(), ids=CASES.keys())
def test_loses_the_secret_and_nothing_else(content: str, expected: str, clean: Clean) -> None:
    assert clean(content).decode() == expected
    assert clean(expected).decode() == expected


@pytest.mark.parametrize(
    "content",
    [
        '<c><tokenExpiry>30</tokenExpiry><secret name="db"/><password/><password></password></c>',
        '<p><passwordPolicy min="8">strict</passwordPolicy><add key="secretName" value="db"/></p>',
        '<input type="password" name="q"/>',
    ],
)
def test_keeps_what_only_looks_secret(content: str, clean: Clean) -> None:
    assert clean(content).decode() == content


@pytest.mark.parametrize(
    "log",
    [
        "<init> started\npassword=hunter2 x\n",
        "<a><b>1</b>\npassword=hunter2\n</c>\n",
        "<6>kernel: password=hunter2 x\n",
    ],
)
def test_a_text_that_only_begins_like_xml_is_read_as_text(log: str, clean: Clean) -> None:
    assert clean(log).decode() == log.replace("hunter2", "<redacted:password>")


texts = st.text("abc XYZ.-/é\"'\\#;<&>{}[]=:$%,\n", max_size=20)
named = st.tuples(documents.plain_keys, texts) | st.tuples(documents.secret_keys, documents.secret_texts)
forms = st.integers(0, 3)


def _element(made: tuple[tuple[str, str], int, str]) -> str:
    """An element with attributes, text or CDATA in it."""
    (key, text), form, other = made
    tag = f"e_{key}"
    if form == 0:
        return f"<{tag}>{escape(text)}</{tag}>"
    if form == 1:
        return f"<{tag}><![CDATA[{text.replace(']]>', '')}]]></{tag}>"
    if form == 2:
        return f"<add key={quoteattr(tag)}\n value={quoteattr(text)} />"
    return f"<n {tag} = {quoteattr(text)}>{escape(other)}</n>"


def _group(inner: list[str]) -> str:
    """Elements in an element, with a comment and an instruction."""
    return f"<?p i?><group id='1'>\n<!-- a note -->{''.join(inner)}</group>"


elements = st.recursive(
    st.tuples(named, forms, texts).map(_element), lambda inner: st.lists(inner, max_size=4).map(_group), max_leaves=16
)


def _parsed(element: ET.Element) -> list[object]:
    pairs: list[object] = [[key, value] for key, value in element.attrib.items()]
    return [element.tag, pairs, (element.text or "").strip(), [_parsed(child) for child in element]]


@settings(max_examples=150, deadline=None)
@given(inner=st.lists(elements, max_size=5), cuts=documents.sizes)
def test_any_xml_loses_secrets_only(
    inner: list[str], cuts: list[int], sanitizer: Sanitizer, in_chunks: documents.InChunks
) -> None:
    content = f"<?xml version='1.0'?>\n<root>{''.join(inner)}</root>\n"
    before = ET.fromstring(content)  # noqa: S314 - as above
    out = documents.sanitized(sanitizer, in_chunks, content.encode(), cuts)
    documents.assert_only_secrets_differ(_parsed(before), _parsed(ET.fromstring(out.decode())))  # noqa: S314 - as above


@settings(max_examples=100, deadline=None)
@given(inner=st.lists(elements, max_size=5), cuts=documents.sizes, repeat=st.integers(1, 30))
def test_any_window_and_split_is_safe(
    inner: list[str], cuts: list[int], repeat: int, tiny: Sanitizer, in_chunks: documents.InChunks
) -> None:
    content = f"<root>{''.join(inner) * repeat}</root>\n".encode()
    documents.assert_any_split_is_safe(tiny, in_chunks, content, cuts)
