"""How are the captions of a meeting or a video read, from WebVTT or SRT, as what people said one after the other?

A caption is a piece of a sentence: those of one speaker that follow each other are one message. Times count from the
beginning of the recording, so a day is known only if the file's name tells one.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from pathlib import PurePath

from ion_summary.model import Message, Session
from ion_summary.transcripts import encoding, sniff
from ion_summary.transcripts.captions_cues import Cue, Speakers, cues, is_timing
from ion_summary.transcripts.lines import byte_lines, decoded_lines
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.rooms import MAX_CHARACTERS

_FIRST_LINES = 12
_LONG = 1_000
"""Characters, after which the next sentence of the same speaker is another message."""
_LONGEST = 10_000
_PAUSE = 5.0
"""Seconds of silence after which captions without a speaker are another message."""
_ADJACENT = 0.1
"""Seconds between two captions of which one repeats the other's words on its way up the screen."""
_SENTENCE_END = re.compile(r"[.!?…。？！][\"'”’)]*$")
# Zoom names files by the time in Greenwich; others have a date, perhaps with a time, of wherever the meeting was.
_ZOOM_FILE = re.compile(r"GMT(\d{4})(\d{2})(\d{2})-(\d{2})(\d{2})(\d{2})")
_DATED_FILE = re.compile(
    r"(?<!\d)(20\d{2})[-._]?(0[1-9]|1[0-2])[-._]?(0[1-9]|[12]\d|3[01])(?!\d)"
    r"(?:[ T_-]+(?:at )?([01]\d|2[0-3])[-.:_h]?([0-5]\d)(?:[-.:_m]?([0-5]\d))?(?!\d))?"
)


class CaptionsReader:
    """One session for the file."""

    name = "captions"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """The header of WebVTT, or lines of times with an arrow."""
        look = sniff.look(head)
        if look.kind != "text":
            return None
        if re.match(r"WEBVTT(?:[ \t]|$)", look.lines[0]):
            return Evidence(98, "the header WEBVTT")
        first = [line for line in look.lines if line.strip()][:_FIRST_LINES]
        if len(first) > 1 and first[0].strip().isdecimal() and is_timing(first[1]):
            return Evidence(95, "numbered captions with their times, as SRT has them")
        return (
            Evidence(70, "lines of times with an arrow, as captions have them") if any(map(is_timing, first)) else None
        )

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:  # noqa: ARG002
        """The session; captions of more than 4 million characters become several."""
        name = PurePath(source.member or (source.path and source.path.name) or source.name).name
        begun = _begun(name, options)
        with source.open() as raw:
            head = raw.read(sniff.HEAD)
            raw.seek(0)
            stream, _ = encoding.as_utf8(raw)
            with stream:
                lines = decoded_lines(byte_lines(stream), encoding.guess(encoding.decoded_head(head)), source.name)
                speakers = Speakers.of(sniff.look(head).lines)
                yield from _sessions(_said(cues(lines), speakers), begun, _title(name))


def _begun(name: str, options: ReadOptions) -> datetime | None:
    """When the recording began, if its name tells."""
    if zoom := _ZOOM_FILE.search(name):
        try:
            return datetime.fromisoformat("{}-{}-{}T{}:{}:{}Z".format(*zoom.groups()))
        except ValueError:
            return None
    if dated := _DATED_FILE.search(name):
        year, month, day, hour, minute, second = (int(part or 0) for part in dated.groups())
        try:
            return datetime(year, month, day, hour, minute, second, tzinfo=options.tz)
        except ValueError:
            return None
    return None


def _title(name: str) -> str:
    return re.sub(r"\.(?:vtt|srt|txt|transcript|cc|[a-z]{2}(?:-[A-Za-z]{2,4})?)(?=\.|$)", "", name) or name


@dataclass(slots=True)
class _Said:
    """What one speaker said without a break: when, and up to when, in seconds."""

    name: str | None
    start: float
    end: float
    lines: list[str] = field(default_factory=list)
    size: int = 0

    def goes_on_with(self, cue: Cue) -> bool:
        """Whether ``cue`` belongs to it."""
        if cue.name != self.name or cue.begins_turn:
            return False
        if self.name is None and cue.start - self.end > _PAUSE:
            return False
        return self.size < _LONG or (self.size < _LONGEST and not _SENTENCE_END.search(self.lines[-1]))

    def take(self, cue: Cue) -> None:
        """Adds the words of ``cue``, without those that were there before and only rolled up, or are still growing."""
        rolling = cue.start - self.end < _ADJACENT
        for line in cue.lines:
            last = self.lines[-1] if self.lines else ""
            if rolling and last and line.startswith(last):
                self.size -= len(self.lines.pop())
            elif rolling and line in self.lines[-2:]:
                continue
            self.lines.append(line)
            self.size += len(line)
        self.end = max(self.end, cue.end)


def _said(found: Iterable[Cue | Rejected], speakers: Speakers) -> Iterator[_Said | Rejected]:
    current: _Said | None = None
    for item in found:
        if isinstance(item, Rejected):
            yield item
            continue
        for cue in speakers.spoken(item, current.name if current else None):
            if current is None or not current.goes_on_with(cue):
                if current:
                    yield current
                current = _Said(cue.name, cue.start, cue.end)
            current.take(cue)
    if current:
        yield current


def _sessions(said: Iterable[_Said | Rejected], begun: datetime | None, title: str) -> Iterator[Session | Rejected]:
    messages: list[Message] = []
    part, size = 1, 0
    for item in said:
        if isinstance(item, Rejected):
            yield item
            continue
        text = " ".join(item.lines).strip()
        if text:
            when = begun + timedelta(seconds=item.start) if begun else None
            messages.append(Message("user", text, when, item.name))
            size += len(text)
        if size > MAX_CHARACTERS:
            yield _session(messages, title, part)
            messages, part, size = [], part + 1, 0
    if messages or part == 1:
        yield _session(messages, title, part)


def _session(messages: list[Message], title: str, part: int) -> Session:
    names = list(dict.fromkeys(message.name for message in messages if message.name))
    metadata = {"title": title, "participants": names} if names else {"title": title}
    return Session(None, None, messages, metadata, str(part))


READER = CaptionsReader()
