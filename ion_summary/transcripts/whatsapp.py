"""How is a WhatsApp chat read, from Android or an iPhone, in whatever language the phone speaks?"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from datetime import datetime
from itertools import islice
from pathlib import PurePath
from typing import IO
from unicodedata import normalize

from ion_summary.model import Message
from ion_summary.transcripts import encoding, rooms, sniff
from ion_summary.transcripts import whatsapp_lines as shapes
from ion_summary.transcripts.lines import TextLine, byte_lines, decoded_lines
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.rooms import Room, Spoken
from ion_summary.transcripts.speakers import role_of

_ORDER_LINES = 1_000_000
"""Lines from which the order of day and month is told."""
_FILE = re.compile(
    r"WhatsApp[ _](?:Chat|대화)(?:[ _](?:with|-)|\s*-)[ _](?P<a>.+)|(?P<b>.+?) ?님과의? WhatsApp 대화"
    r"|Chat WhatsApp \S+ (?P<c>.+)"
)
_ENCRYPTED = re.compile(r"Messages and calls are end-to-end encrypted|메시지와 통화는 종단간 암호화")
# What the app writes in the name of somebody, or of the group, and nobody said.
_NOTICE = re.compile(
    r"(?:Messages and calls are end-to-end encrypted|Messages to this (?:chat|group) and calls are now secured"
    r"|메시지와 통화는 종단간 암호화)"
    r"|(?:This message was deleted|You deleted this message|이 메시지는 삭제되었습니다"
    r"|(?:회원님이 )?메시지를 삭제했습니다|삭제된 메시지입니다|Waiting for this message\. This may take a while)\.?\s*$"
)
# iOS writes these behind a mark of direction under the name of who did it.
_CAME_AND_WENT = re.compile(
    r".*(?: (?:created (?:this )?group|added |removed |left$|joined using|changed (?:the|this) |is now an admin"
    r"|pinned a message)|(?:그룹을 만들었습니다|추가했습니다|나갔습니다|내보냈습니다|변경했습니다|참여했습니다))"
)
_EDITED = re.compile(r"\s*<(?:This message was edited|이 메시지는 (?:수정|편집)되었습니다|수정된 메시지)>\s*$")
_FILES = re.compile(
    r"<(?:attached|첨부(?:됨| 파일)?): (?P<a>[^>\n]+)>|^(?P<b>[^\n]+\.\w{2,5}) \((?:file attached|파일 첨부됨)\)", re.M
)
_LOG_LEVELS = frozenset("TRACE DEBUG INFO WARN WARNING ERROR CRITICAL FATAL".split())


class WhatsAppReader:
    """One session for each local day of the chat."""

    name = "whatsapp"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:
        """Lines with a date, a time and a name, in one of the two shapes; the app's first line."""
        look = sniff.look(head)
        if look.kind != "text":
            return None
        begun = [found for found in map(shapes.line, look.lines) if found]
        if begun and not any(map(shapes.line, look.top)):
            return Evidence(25, "lines as in WhatsApp, but only further down, as if they were quoted")
        names = {found.name for found in (shapes.said(each.rest) for each in begun) if found}
        if any(_ENCRYPTED.search(each.rest) for each in begun):
            return Evidence(97, "a chat that begins with WhatsApp's notice of encryption")
        if not names or all(role_of(each) or each in _LOG_LEVELS for each in names):
            return Evidence(25, "lines with a date and a time as in WhatsApp, but no names") if begun else None
        if len(begun) > 1 or "whatsapp" in name.lower() or name.endswith("_chat.txt"):
            return Evidence(85, f"{len(begun)} lines with date, time and name as WhatsApp writes them")
        return Evidence(45, "one line like a WhatsApp message")

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The chat's days. There is no Resume, because more dates may show that the day comes before the month."""
        with source.open() as raw:
            head = raw.read(sniff.HEAD)
        codec = encoding.guess(encoding.decoded_head(head))
        room = Room(_room(source, sniff.look(head).lines))
        with source.open() as raw:
            order = shapes.order(islice(_begun(_texts(raw, codec, source.name)), _ORDER_LINES))
        with source.open() as raw:
            spoken = _spoken(_texts(raw, codec, source.name), order, room, options)
            yield from rooms.sessions(spoken, options)


def _texts(raw: IO[bytes], codec: str, source: str) -> Iterator[TextLine | Rejected]:
    stream, _ = encoding.as_utf8(raw)
    return decoded_lines(byte_lines(stream), codec, source)


def _begun(lines: Iterable[TextLine | Rejected]) -> Iterator[shapes.Line | str]:
    for item in lines:
        if not isinstance(item, Rejected):
            yield shapes.line(item[2]) or ""


def _spoken(
    lines: Iterable[TextLine | Rejected], order: str, room: Room, options: ReadOptions
) -> Iterator[Spoken | Rejected]:
    when: datetime | None = None
    name = ""
    texts: list[str] = []
    size = 0
    for item in lines:
        if isinstance(item, Rejected):
            yield item
            continue
        found = shapes.line(item[2])
        # A date that cannot be is one of another export that somebody quotes.
        day = shapes.day(found.numbers, order) if found else None
        if not found or not day:
            texts.append(item[2])
            size += len(item[2])
            if size > rooms.MAX_CHARACTERS:  # a message without an end becomes several
                yield from _message(when, name, texts, room)
                texts, size = [], 0
            continue
        yield from _message(when, name, texts, room)
        size = 0
        said = shapes.said(found.rest)
        when = datetime.combine(day, found.clock, options.tz) if said else None
        name, texts = (said.name, [said.text]) if said else ("", [])
    yield from _message(when, name, texts, room)


def _message(when: datetime | None, name: str, texts: list[str], room: Room) -> Iterator[Spoken]:
    """The message that has been collected; nothing for a notice, and for what came before the first."""
    if when is None:
        return
    text = "\n".join(texts).strip()
    plain = text if text.isascii() else shapes.MARKS.sub("", text)
    if plain.endswith(">"):
        plain = _EDITED.sub("", plain)
    if _NOTICE.match(plain) or (text.startswith("\u200e") and _CAME_AND_WENT.match(plain)):
        return
    if "<" in plain or "(" in plain:
        plain = _FILES.sub(lambda match: f"[{match['a'] or match['b']}]", plain)
    if plain := plain.strip():
        yield Spoken(Message("user", plain, when, name), room)


def _room(source: Source, lines: list[str]) -> str:
    """The chat's name: iOS writes it before the notice of encryption; else the file's or the archive's name has it."""
    for found in filter(None, map(shapes.line, lines[:3])):
        said = shapes.said(found.rest)
        if said and _ENCRYPTED.search(said.text):
            return said.name
    name = source.member or (source.path and source.path.name) or source.name
    file = PurePath(normalize("NFC", name).replace("\\", "/"))
    archive = source.path.stem if source.member and source.path else ""
    stems = [file.stem, normalize("NFC", archive), normalize("NFC", source.directory)]
    for stem in stems:
        if match := _FILE.fullmatch(stem):
            return next(filter(None, match.groups()), stem).strip()
    return next((stem for stem in stems if stem and stem != "_chat"), "WhatsApp")


READER = WhatsAppReader()
