"""How does the stream of a chat room's messages become sessions: one for each local day, or one for all?"""

from __future__ import annotations

from collections.abc import Generator, Iterable
from datetime import date, datetime
from operator import gt, lt
from typing import NamedTuple

from ion_summary.model import Message, Session
from ion_summary.transcripts.reader import ReadOptions, Rejected

MAX_CHARACTERS = 4 << 20
"""Of one session; what follows begins another one of the same day, so that memory is bounded."""
_MAX_ID = 200


class Room(NamedTuple):
    """A chat room by its name, and by the ``id`` that stays when it is renamed, if the export tells one.

    The id is unique among all rooms of all formats (``slack-C024BE91L``).
    """

    name: str
    id: str | None = None


class Spoken(NamedTuple):
    """One message of a room, with the byte ``offset`` and the ``line`` where it begins in a file that can grow."""

    message: Message
    room: Room
    offset: int = 0
    line: int = 0


def sessions(
    stream: Iterable[Spoken | Rejected], options: ReadOptions
) -> Generator[Session | Rejected, None, Spoken | None]:
    """The sessions of the rooms in the order of ``stream``, all of whose messages have a time; returns where the last
    begins.

    ``place`` is the day in ``options.tz``, or ``all``. Within a session messages are in order of time, also where the
    stream has the newest first. A room whose days are out of order may have a day twice.
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
        today = _local_day(message.timestamp, options) if by_day and message.timestamp else None
        if first and messages and (today != day or size > MAX_CHARACTERS or item.room != first.room):
            yield _session(messages, day, first.room)
            messages = []
        if not messages:
            first, day, size = item, today, 0
        messages.append(message)
        size += len(message.content)
    if first and messages:
        yield _session(messages, day, first.room)
    return first


def _local_day(moment: datetime, options: ReadOptions) -> date:
    return (moment if moment.tzinfo is options.tz else moment.astimezone(options.tz)).date()


def _session(messages: list[Message], day: date | None, room: Room) -> Session:
    messages = _in_order(messages)
    participants = list(dict.fromkeys(message.name for message in messages if message.name))
    place = day.isoformat() if day else "all"
    session_id = f"{room.id}-{place}" if room.id and len(room.id) <= _MAX_ID else None
    return Session(session_id, None, messages, {"title": room.name, "participants": participants}, place, room.name)


def _in_order(messages: list[Message]) -> list[Message]:
    """By time; messages of the same time stay in the order in which they were said."""
    times = list(map(_seconds, messages))
    if not any(map(gt, times, times[1:])):
        return messages
    newest_first = sum(map(gt, times, times[1:])) > sum(map(lt, times, times[1:]))
    return sorted(reversed(messages) if newest_first else messages, key=_seconds)


def _seconds(message: Message) -> float:
    return message.timestamp.timestamp() if message.timestamp else 0.0
