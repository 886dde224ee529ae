"""How does the stream of a chat room's messages become sessions: one for each local day, or one for all?"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import date
from typing import NamedTuple

from ion_summary.model import Message, Session
from ion_summary.transcripts.reader import ReadOptions, Rejected

MAX_CHARACTERS = 4 << 20
"""Of one session; what follows begins another one of the same day, so that memory is bounded."""


class Spoken(NamedTuple):
    """One message of a room, with the byte ``offset`` and the ``line`` where it begins."""

    message: Message
    offset: int
    line: int


def sessions(
    stream: Iterable[Spoken | Rejected], room: str, options: ReadOptions
) -> Generator[Session | Rejected, None, Spoken | None]:
    """The sessions of ``room`` in the order of ``stream``, all of whose messages have a time; returns where the last
    begins.

    ``place`` is the day in ``options.tz``, or ``all``. A room whose messages are out of order may have a day twice.
    """
    by_day = options.split == "day"
    day: date | None = None
    size = 0
    messages: list[Message] = []
    first: Spoken | None = None
    for item in stream:
        if isinstance(item, Rejected):
            yield item
            continue
        message = item.message
        today = message.timestamp.astimezone(options.tz).date() if by_day and message.timestamp else None
        if messages and (today != day or size > MAX_CHARACTERS):
            yield _session(messages, day, room)
            messages = []
        if not messages:
            first, day, size = item, today, 0
        messages.append(message)
        size += len(message.content)
    if messages:
        yield _session(messages, day, room)
    return first


def _session(messages: list[Message], day: date | None, room: str) -> Session:
    participants = list(dict.fromkeys(message.name for message in messages if message.name))
    place = day.isoformat() if day else "all"
    return Session(None, None, messages, {"title": room, "participants": participants}, place, room)
