"""What do the logs of coding agents have in common: injected context, and sessions that may grow without end?"""

from __future__ import annotations

import re
from collections.abc import Collection, Iterator
from dataclasses import dataclass, field
from typing import Any, Protocol

from ion_summary.model import Message, Session
from ion_summary.transcripts.chat_messages import kind_of
from ion_summary.transcripts.reader import Rejected, Source
from ion_summary.transcripts.records import Record, records
from ion_summary.transcripts.rooms import MAX_CHARACTERS

_OPENING = re.compile(r"\s*<([A-Za-z][\w-]*)(?:\s[^<>]{0,1000})?>")
_ENTRY_SIZE = 16
"""Characters that a message counts for besides its text."""


class Log(Protocol):
    """What the records of a log have said so far."""

    def take(self, value: dict[str, Any]) -> Iterator[Session]:
        """Takes a record; yields a part of a session if it is too long to be held."""

    def rest(self) -> Iterator[Session]:
        """What has not been delivered yet."""


def sessions(source: Source, log: Log) -> Iterator[Session | Rejected]:
    """The sessions that ``log`` makes of the records of ``source``."""
    for record in records(source):
        if isinstance(record, Rejected):
            yield record
        elif isinstance(record, Record):
            if isinstance(record.value, dict):
                yield from log.take(record.value)
            else:
                yield Rejected(source.name, record.line, f"{kind_of(record.value)} where a record should be")
    yield from log.rest()


def without_envelopes(text: str, tags: Collection[str]) -> str:
    """``text`` without what stands between ``<tag>`` and ``</tag>`` at its beginning and at its end, for these tags.

    Programs put context into a prompt that way. An envelope in the middle is part of what was written.
    """
    begin, end = 0, len(text)
    while (opening := _OPENING.match(text, begin)) and opening[1] in tags:
        closing = text.find(f"</{opening[1]}>", opening.end())
        if closing < 0:
            return ""
        begin = closing + len(opening[1]) + 3
    while (last := _closing_at_end(text, begin, end)) and last[0] in tags:
        opening_at = text.rfind(f"<{last[0]}", begin, last[1])
        if opening_at < 0:
            break
        end = opening_at
    return text[begin:end].strip()


def _closing_at_end(text: str, begin: int, end: int) -> tuple[str, int] | None:
    """The name of the closing tag with which ``text[begin:end]`` ends, and where that tag begins."""
    while end > begin and text[end - 1].isspace():
        end -= 1
    if end <= begin or text[end - 1] != ">":
        return None
    at = text.rfind("</", max(begin, end - 100), end)
    return (text[at + 2 : end - 1], at) if at >= 0 else None


def between(text: str, tag: str) -> str | None:
    """What stands between the first ``<tag>`` and the ``</tag>`` after it."""
    _, opened, rest = text.partition(f"<{tag}>")
    inside, closed, _ = rest.partition(f"</{tag}>")
    return inside.strip() if opened and closed else None


@dataclass(slots=True)
class Growing:
    """A session whose messages come one by one. One that is too long to be held in memory is delivered in parts."""

    session_id: str | None
    place: str
    metadata: dict[str, Any] = field(default_factory=dict)
    messages: list[Message] = field(default_factory=list)
    size: int = 0
    parts: int = 0

    def add(self, message: Message) -> Iterator[Session]:
        """Takes a message; yields a part if there is enough for one."""
        self.messages.append(message)
        self.size += len(message.content) + _ENTRY_SIZE
        if self.size > MAX_CHARACTERS:
            yield from self.deliver()

    def deliver(self) -> Iterator[Session]:
        """What has come since the last part, if anything has."""
        messages, self.messages, self.size = self.messages, [], 0
        if not messages:
            return
        self.parts += 1
        session_id, place = self.session_id, self.place
        if self.parts > 1:
            place = f"{place}.{self.parts}"
            session_id = session_id and f"{session_id}/part-{self.parts}"
        kept = {key: value for key, value in self.metadata.items() if value}
        yield Session(session_id, None, messages, kept, place)
