"""Which session is this: one that is stored, one that has grown, or a new one?"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import replace

from ion_summary.model import Message, Session, Turns
from ion_summary.store.hashing import blake2b

# Cleaned texts hold neither of the two: no two conversations give the same bytes.
_FIELD = "\x1f"
_END = "\x1e"
# How KakaoTalk on Android calls whoever exports a room.
_EXPORTER = "회원님"


def _frame(message: Message) -> str:
    return f"{message.role}{_FIELD}{message.name or ''}{_FIELD}{message.content}{_END}"


def content_hash(messages: Sequence[Message]) -> str:
    """16 hexadecimal digits for who said what, in order. Times do not count: exports round them differently.

    What is hashed is what ``_frame`` makes of every message.
    """
    said = Turns.of(messages)
    turns = zip(said.roles, said.names, said.contents, strict=True)
    framed = [f"{role}{_FIELD}{name or ''}{_FIELD}{content}{_END}" for role, name, content in turns]
    return blake2b("".join(framed).encode(), digest_size=8).hexdigest()


def prefix_numbers(messages: Sequence[Message]) -> list[int]:
    """The catalog's numbers of the contents that this one may have grown from: its first message, its first two, …"""
    running, numbers = blake2b(digest_size=8), []
    for message in messages:
        running.update(_frame(message).encode())
        numbers.append(int.from_bytes(running.copy().digest(), "big", signed=True))
    return numbers


def derived_id(session: Session, source: str, format_name: str, user: str | None) -> str:
    """The id of a session that has none of its own.

    For a room: of the room and the day, so that every export of the room gives the same. Else: of the source's name,
    the place in it and the first message.
    """
    if session.room is not None:
        parts = [format_name, session.room, user or "", session.place]
    else:
        parts = [format_name, source, session.place, _frame(session.messages[0])]
    digest = blake2b("\x1d".join(parts).encode(), digest_size=8).hexdigest()
    return f"{format_name}-{digest}"


def goes_on(stored: Sequence[Message], exported: Sequence[Message]) -> bool:
    """Whether one of the two is the other with more at its end, be it words of the last message.

    Where a file that is being written is read, its last message may be half of one.
    """
    shorter, longer = sorted((stored, exported), key=len)
    if not shorter or content_hash(shorter[:-1]) != content_hash(longer[: len(shorter) - 1]):
        return False
    last, there = shorter[-1], longer[len(shorter) - 1]
    same_author = (last.role, last.name) == (there.role, there.name)
    return same_author and (there.content.startswith(last.content) or last.content.startswith(there.content))


def united(stored: Sequence[Message], exported: Sequence[Message]) -> list[Message]:
    """The messages of one room and day that two exports of it hold, each once, in order of time.

    Messages have no ids here, and some exports round to the minute: the same message is the same minute, name and text,
    and the n-th such one in either. Where both have precise times, the same instant and name is a message that was
    edited, and the same instant and text one whose author was renamed: what is exported now holds.
    """
    stored, exported = _named(stored, exported), _named(exported, stored)
    precise = _is_precise(stored) and _is_precise(exported)
    more = _unmatched(exported, stored, _likeness)
    if precise and more:
        gone = missing = _unmatched(stored, exported, _likeness)
        for likeness in (_edited, _renamed):
            missing = _unmatched(missing, more, likeness)
        replaced = set(map(id, gone)) - set(map(id, missing))
        stored = [message for message in stored if id(message) not in replaced]
    timed = [message for message in (*stored, *more) if message.timestamp]
    if len(timed) < len(stored) + len(more):
        return [*stored, *more]
    return sorted(timed, key=_instant if precise else _minute)


def _named(some: Sequence[Message], others: Sequence[Message]) -> Sequence[Message]:
    """``some`` with the names that ``others`` give for what the exporter of ``some`` has said."""
    if all(message.name != _EXPORTER for message in some):
        return some
    names = {_said(message): message.name for message in _unmatched(others, some, _likeness) if message.name}
    return [
        replace(message, name=names.get(_said(message), _EXPORTER)) if message.name == _EXPORTER else message
        for message in some
    ]


def _unmatched(
    some: Iterable[Message], others: Iterable[Message], likeness: Callable[[Message], object]
) -> list[Message]:
    """Those of ``some`` that are like none of ``others``, each of which is the like of one only."""
    left = Counter(map(likeness, others))
    found = []
    for message in some:
        key = likeness(message)
        if left[key] > 0:
            left[key] -= 1
        else:
            found.append(message)
    return found


def _is_precise(messages: Iterable[Message]) -> bool:
    return any(
        message.timestamp and (message.timestamp.second or message.timestamp.microsecond) for message in messages
    )


def _instant(message: Message) -> float:
    return message.timestamp.timestamp() if message.timestamp else 0.0


def _minute(message: Message) -> int:
    return int(message.timestamp.timestamp()) // 60 if message.timestamp else 0


def _likeness(message: Message) -> object:
    """Marks of personal data are numbered in each export anew."""
    return _minute(message), _unnumbered(message.name or ""), _unnumbered(message.content)


def _unnumbered(text: str) -> str:
    if "[" not in text:
        return text
    from ion_summary.text.personal_data import mark_pattern  # few texts have brackets

    return mark_pattern().sub("[]", text)


def _said(message: Message) -> object:
    return _minute(message), _unnumbered(message.content)


def _edited(message: Message) -> object:
    return _instant(message), message.name


def _renamed(message: Message) -> object:
    return _instant(message), message.content
