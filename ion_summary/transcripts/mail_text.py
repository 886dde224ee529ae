"""What does an e-mail say, without what it quotes, signs and attaches?

Mail is full of damage: every step that the standard library may raise at ends with the best that can be had.
"""

from __future__ import annotations

import codecs
import re
from datetime import datetime, tzinfo
from typing import TYPE_CHECKING, Any

from ion_summary.transcripts import html_text
from ion_summary.transcripts.stamps import localised

if TYPE_CHECKING:
    from email.message import Message as Mail

MAX_DEPTH = 30
_MAX_PARTS = 1000
# What comes after such a line is the mail that is answered.
_INTRODUCES = (
    re.compile(r"^On\s.{5,300}\swrote:$", re.S),
    re.compile(r"^.{0,100}\d{4}년 ?\d{1,2}월 ?\d{1,2}일.{0,200}(?:님이 작성|작성|wrote):?$", re.S),
    re.compile(r"^.{0,100}\d{4}[-./] ?\d{1,2}[-./] ?\d{1,2}.{0,200}(?:님이 작성|작성|wrote):$", re.S),
)
_DIVIDER = re.compile(
    r"^(?:-{2,}|_{5,}|={5,})\s*(?:Original Message|Original Appointment|Forwarded message|원본 메시지|원본 메일|"
    r"전달된 메시지|Original-Nachricht)\s*(?:-{2,}|_{5,}|={5,})$",
    re.I,
)
_FORWARDED = re.compile(r"Forward|전달", re.I)
_FROM = re.compile(r"^\*?(?:From|보낸 ?사람|보낸이)\*?\s*[:：]\s*\S")
_OTHER_HEADER = re.compile(r"^\*?(?:Sent|Date|To|Subject|Cc|보낸 ?날짜|날짜|받는 ?사람|받는이|제목|참조)\*?\s*[:：]")
_FACE = re.compile(r">.{0,3}<")
_SIGNATURE = ("-- ", "--")
# Names that mail uses for what Python calls otherwise; the larger set reads the smaller one too.
_CHARSETS = {
    "ks_c_5601-1987": "cp949",
    "ks_c_5601": "cp949",
    "ksc5601": "cp949",
    "euc-kr": "cp949",
    "x-windows-949": "cp949",
    "iso-8859-1": "cp1252",
    "us-ascii": "utf-8",
    "gb2312": "gb18030",
    "shift_jis": "cp932",
    "iso-2022-jp": "iso2022_jp_ext",
}


def header(mail: Mail, name: str) -> str:
    """The value of header ``name`` in one line, decoded; empty if there is none."""
    try:
        value = mail.get(name, "")
    except (ValueError, LookupError, AttributeError, TypeError):
        return ""
    return _decoded_words(value)


def _decoded_words(value: Any) -> str:
    """A header's value with its encoded words (RFC 2047) as text; as it stands, if they are broken."""
    from email.errors import MessageError
    from email.header import decode_header

    try:
        texts = [part if isinstance(part, str) else decoded(part, charset) for part, charset in decode_header(value)]
    except (MessageError, ValueError, LookupError, AttributeError, TypeError):
        texts = [str(value)]
    return " ".join("".join(texts).split())


def decoded(raw: bytes, charset: str | None) -> str:
    """``raw`` in ``charset`` if that reads it; else in UTF-8, else in CP949, and what is left broken as U+FFFD."""
    names = [_CHARSETS.get(charset.lower(), charset)] if charset and charset.lower() != "unknown-8bit" else []
    for name in (*names, "utf-8", "cp949"):
        try:
            return raw.decode(codecs.lookup(name).name)
        except (LookupError, UnicodeError, ValueError):
            continue
    try:
        return raw.decode(names[0] if names else "utf-8", "replace")
    except (LookupError, ValueError):
        return raw.decode("utf-8", "replace")


def person(mail: Mail, field: str) -> tuple[str, str]:
    """Name and address of the first one in header ``field``; each empty if it is not there."""
    from email.utils import parseaddr

    name, address = parseaddr(header(mail, field))
    return name.strip().strip("'\""), address.strip().lower()


def date(mail: Mail, tz: tzinfo) -> datetime | None:
    """When it was sent."""
    from email.utils import parsedate_to_datetime

    try:
        return localised(parsedate_to_datetime(header(mail, "date")), tz)
    except (ValueError, TypeError, IndexError, OverflowError):
        return None


def said(mail: Mail) -> str:
    """What the mail itself says, then the names of what is attached to it in brackets."""
    texts: list[str] = []
    attached: list[str] = []
    _collect(mail, texts, attached, 0)
    text = without_quotes("\n".join(texts))
    return "\n".join(filter(None, [text, *(f"[{name}]" for name in attached)]))


def _collect(part: Mail, texts: list[str], attached: list[str], depth: int) -> None:
    if depth > MAX_DEPTH or len(texts) + len(attached) > _MAX_PARTS:
        return
    kind = part.get_content_type()
    if part.is_multipart():
        inner: Any = part.get_payload()
        if kind == "multipart/alternative":
            _alternative(inner, texts, attached, depth)
        elif kind.startswith("message/"):
            attached.append(header(inner[0], "subject") or "message" if inner else "message")
        else:
            for each in inner:
                _collect(each, texts, attached, depth + 1)
    elif name := _file_name(part):
        attached.append(name)
    elif kind == "text/plain" or part.get_content_maintype() == "multipart":  # the latter without its boundaries
        texts.append(_text(part))
    elif kind == "text/html":
        texts.append("\n".join(html_text.blocks(_quoted(_text(part)))))
    elif part.get_content_maintype() != "text":
        attached.append({"image": "image", "audio": "audio", "video": "video"}.get(part.get_content_maintype(), "file"))


def _alternative(parts: list[Mail], texts: list[str], attached: list[str], depth: int) -> None:
    """Of several forms of the same text the plain one, if it says anything."""
    for wanted in ("text/plain", "text/html", None):
        for each in parts:
            if wanted in (None, each.get_content_type()):
                before = len(texts)
                _collect(each, texts, attached, depth + 1)
                if any(text.strip() for text in texts[before:]):
                    return


def _file_name(part: Mail) -> str:
    try:
        if name := part.get_filename():
            return _decoded_words(name)
        return "file" if part.get_content_disposition() == "attachment" else ""
    except (ValueError, LookupError, AttributeError, TypeError):
        return "file"


def _text(part: Mail) -> str:
    try:
        raw = part.get_payload(decode=True)
        charset = part.get_content_charset()
    except (ValueError, LookupError, AttributeError, TypeError):
        return ""
    return decoded(raw, charset).replace("\r\n", "\n") if isinstance(raw, bytes) else ""


def _quoted(html: str) -> str:
    """HTML up to where it quotes what it answers, as the usual programs mark that."""
    marks = (
        html.find(mark) for mark in ('class="gmail_quote', "<blockquote", 'id="divRplyFwdMsg"', 'id="appendonsend"')
    )
    ends = [html.rfind("<", 0, at + 1) for at in marks if at >= 0]
    return html[: min(ends)] if ends and html_text.blocks(html[: min(ends)]) else html


def without_quotes(text: str) -> str:
    """``text`` without lines that begin with ``>``, what introduces them, the mail that is answered, and the signature.

    What stands between quotations is an answer to them and is kept; a text that is forwarded is what is sent.
    """
    lines = text.split("\n")
    kept: list[str] = []
    forwarded = False
    for at, line in enumerate(lines):
        bare = line.strip()
        if bare.startswith(">") and not _FACE.fullmatch(bare):
            _drop_introduction(kept)
            continue
        forwarded |= _DIVIDER.match(bare) is not None and _FORWARDED.search(bare) is not None
        if not forwarded and (line in _SIGNATURE or (_ends_here(bare, lines, at) and any(map(str.strip, kept)))):
            break
        kept.append(line.rstrip())
    _drop_introduction(kept)
    return re.sub(r"\n{3,}", "\n\n", "\n".join(kept)).strip()


def _ends_here(bare: str, lines: list[str], at: int) -> bool:
    """Whether everything from this line on is the mail that is answered."""
    if _DIVIDER.match(bare):
        return True
    if _FROM.match(bare):
        return sum(bool(_OTHER_HEADER.match(line.strip())) for line in lines[at + 1 : at + 6]) >= 2
    return (
        bare.endswith(("wrote:", "작성:"))
        and any(each.match(bare) for each in _INTRODUCES)
        and not any(line.lstrip().startswith(">") for line in lines[at + 1 : at + 4])
    )


def _drop_introduction(kept: list[str]) -> None:
    """Removes ``On …, … wrote:`` from the end, which may be broken over three lines."""
    end = len(kept)
    while end and not kept[end - 1]:
        end -= 1
    for length in (1, 2, 3):
        if length <= end and any(
            each.match(" ".join(map(str.strip, kept[end - length : end]))) for each in _INTRODUCES
        ):
            del kept[end - length :]
            return
