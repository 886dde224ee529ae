"""How is a KakaoTalk export read, from Windows, Android, iOS or as CSV, in Korean or English?

A line of the dialect's shape begins a message and every other line continues it, blank lines too. The exports name no
zone and no message, and all but CSV know minutes only.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import date, datetime, tzinfo
from typing import Any

from ion_summary.model import Message
from ion_summary.transcripts import encoding, rooms, sniff
from ion_summary.transcripts import kakaotalk_exports as exports
from ion_summary.transcripts import kakaotalk_lines as shapes
from ion_summary.transcripts.kakaotalk_lines import Line
from ion_summary.transcripts.lines import TextLine, byte_lines, decoded_lines
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.rooms import Room, Spoken

_Seen = tuple[TextLine, Line | None]
"""A line, and what it begins; None if it continues."""


class KakaoTalkReader:
    """One session for each local day of the room."""

    name = "kakaotalk"
    zone: str | None = "Asia/Seoul"

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """The header of an export, or lines of one of the dialects."""
        look = sniff.look(head)
        if look.kind != "text":
            return None
        dialect, count = exports.dialect(look.lines)
        top = look.lines[: exports.HEADER_LINES]
        if any(map(shapes.room, top)) and any(map(shapes.SAVED.match, top)):
            return Evidence(97, f"the header of a KakaoTalk export ({dialect or 'no messages seen'})")
        if count and not exports.dialect(look.top)[1]:
            return Evidence(30, "lines as in KakaoTalk, but only further down, as if they were quoted")
        if dialect == "csv" and shapes.CSV_HEADER.match(look.lines[0]):
            return Evidence(95, "the header Date,User,Message and dated rows, as KakaoTalk writes CSV")
        if dialect == "windows" and any(map(shapes.day_line, look.lines)):
            return Evidence(93, "a KakaoTalk day line and messages as KakaoTalk for Windows writes them")
        if count > 1 or (count and dialect not in ("csv", "windows")):
            return Evidence(80, f"messages as KakaoTalk writes them ({dialect})")
        return Evidence(30, "one line like a KakaoTalk message") if count else None

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """The room's days. The Resume points at the last day's first message, as the day may go on."""
        with source.open() as raw:
            head = raw.read(sniff.HEAD)
            raw.seek(0)
            stream, mark = encoding.as_utf8(raw)
            with stream:
                state = start.state if start else _first_state(head, source)
                offset = start.offset if start else max(mark, 0)
                if start:
                    stream.seek(offset)
                lines = byte_lines(stream, offset, int(state["line"]))
                parsers = _Parsers(_parser(source.name, state, options.tz))
                decoded = decoded_lines(lines, str(state["encoding"]), source.name)
                last = yield from rooms.sessions(parsers.spoken(decoded), options)
                if last and mark >= 0:
                    yield Resume(last.offset, {**state, **_state_at(last, parsers.of(last))})


def _parser(source: str, state: dict[str, Any], tz: tzinfo) -> _Parser:
    day = date.fromisoformat(state["day"]) if state["day"] else None
    return _Parser(source, Room(str(state["room"])), str(state["dialect"]), tz, day, bool(state["announces"]))


def _first_state(head: bytes, source: Source) -> dict[str, Any]:
    lines = sniff.look(head).lines
    return {
        "room": exports.room(lines, source.files[0].name),
        "dialect": exports.dialect(lines)[0] or "windows",
        "encoding": encoding.guess(encoding.decoded_head(head)),
        "line": 0,
        "day": None,
        "announces": False,
    }


def _state_at(last: Spoken, parser: _Parser) -> dict[str, Any]:
    """What must be known to read on from ``last``, which ``parser`` has found."""
    when = last.message.timestamp
    return {
        "room": parser.room.name,
        "dialect": parser.dialect,
        "line": last.line - 1,
        "day": when.date().isoformat() if when else None,
        "announces": parser.announces,
    }


@dataclass(slots=True)
class _Parsers:
    """The parsers of a file's exports, and the offset from which each of them read."""

    first: _Parser
    used: list[tuple[int, _Parser]] = field(default_factory=list)

    def spoken(self, lines: Iterable[TextLine | Rejected]) -> Iterator[Spoken | Rejected]:
        """The messages of all exports in the file."""
        found = exports.Exports(lines)
        parser = self.first
        self.used.append((0, parser))
        yield from parser.spoken(found.of_one())
        while found.room is not None:
            room = Room(found.room) if found.room else self.first.room
            parser = _Parser(parser.source, room, found.dialect() or parser.dialect, parser.tz, None, announces=False)
            self.used.append((found.offset, parser))
            yield from parser.spoken(found.of_one())

    def of(self, spoken: Spoken) -> _Parser:
        """The one that has found a message."""
        return next(parser for offset, parser in reversed(self.used) if offset <= spoken.offset)


_NOTHING = Line(None, None, "")


@dataclass(slots=True)
class _Open:
    """A message that may still get lines."""

    when: datetime
    name: str
    texts: list[str]
    offset: int
    line: int
    size: int = 0


@dataclass(slots=True)
class _Parser:
    """Lines become messages. ``announces``: the export has lines that announce the day or minute of what follows."""

    source: str
    room: Room
    dialect: str
    tz: tzinfo
    day: date | None
    announces: bool
    current: _Open | None = None
    undated: int = 0
    first_undated: int = 0

    def spoken(self, lines: Iterable[TextLine | Rejected]) -> Iterator[Spoken | Rejected]:
        """The messages in order."""
        seen = {"windows": self._windows, "csv": self._csv}.get(self.dialect, self._phone)
        for item in seen(lines):
            if isinstance(item, Rejected):
                yield item
                continue
            (number, offset, text), begun = item
            if begun is None:
                if self.current:
                    yield from self._more(self.current, text)
                continue
            yield from self._close()
            if begun.when and begun.name:
                self.current = _Open(begun.when, begun.name, [begun.text], offset, number)
            elif begun.name:
                self.undated += 1
                self.first_undated = self.first_undated or number
        yield from self._close()
        yield from self._undated()

    def _more(self, current: _Open, text: str) -> Iterator[Spoken | Rejected]:
        """Adds a line to the message; one without an end becomes several."""
        current.texts.append(text)
        current.size += len(text)
        if current.size > rooms.MAX_CHARACTERS:
            yield from self._close()
            self.current = _Open(current.when, current.name, [], current.offset, current.line)

    def _close(self) -> Iterator[Spoken | Rejected]:
        current, self.current = self.current, None
        if not current:
            return
        yield from self._undated()
        text = "\n".join(current.texts).rstrip()
        if self.dialect == "csv":
            text = shapes.csv_text(text)
        if text and not shapes.deleted(text) and not (self.dialect == "csv" and shapes.notice(text)):
            when = current.when.replace(tzinfo=self.tz)
            yield Spoken(Message("user", text, when, current.name), self.room, current.offset, current.line)

    def _undated(self) -> Iterator[Rejected]:
        if self.undated:
            reason = f"{self.undated:,} messages before the first line with a date"
            yield Rejected(self.source, self.first_undated, reason)
            self.undated = 0

    def _windows(self, lines: Iterable[TextLine | Rejected]) -> Iterator[_Seen | Rejected]:
        for item in lines:
            if isinstance(item, Rejected):
                yield item
                continue
            line = shapes.windows(item[2])
            if line and line.time and self.day:
                line = line._replace(when=datetime.combine(self.day, line.time))
            elif not line and (day := shapes.day_line(item[2])):
                self.day, line = day, _NOTHING
            elif not line and shapes.notice(item[2]):
                line = _NOTHING
            yield item, line

    def _csv(self, lines: Iterable[TextLine | Rejected]) -> Iterator[_Seen | Rejected]:
        for item in lines:
            if isinstance(item, Rejected):
                yield item
            else:
                yield item, _NOTHING if shapes.CSV_HEADER.match(item[2]) else shapes.csv(item[2])

    def _phone(self, lines: Iterable[TextLine | Rejected]) -> Iterator[_Seen | Rejected]:
        """A date that stands alone announces the next message, if that is of it; else it is text of the last one."""
        held: list[TextLine] = []
        for item in lines:
            if isinstance(item, Rejected):
                yield item
                continue
            text = item[2]
            if held and not text.strip():
                held.append(item)
                continue
            line = shapes.phone(text, self.dialect)
            announced = bool(held) and line is not None and self._announced(held[0][2], line)
            self.announces |= announced
            if not announced:
                yield from ((each, None) for each in held)
            held = []
            if shapes.stands_alone(text, line):
                held = [item]
            elif line and self.announces and not announced and self._goes_back(line):
                yield item, None  # an older message quoted
            else:
                yield item, line
        yield from ((each, None) for each in held)

    def _announced(self, text: str, line: Line) -> bool:
        alone = shapes.phone(text, self.dialect)
        if alone:
            return alone.when == line.when
        day = shapes.bare_day(text)
        known = self.current.when.date() if self.current else None
        return line.when is not None and line.when.date() == day != known

    def _goes_back(self, line: Line) -> bool:
        return bool(self.current and line.when and line.when.date() < self.current.when.date())


READER = KakaoTalkReader()
