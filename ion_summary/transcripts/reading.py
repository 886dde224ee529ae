"""What does a source hold, whatever it is made of: inert sessions, and reasons for what is not readable?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import lru_cache
from typing import Any

from ion_summary.model import Message, Session, Turns
from ion_summary.text.clean import clean, is_inert, one_line
from ion_summary.transcripts import files
from ion_summary.transcripts.reader import Item, Reader, ReadOptions, Rejected, Resume, Source

MAX_REJECTED = 1_000
"""Of one source; further ones are counted, because nobody reads a million lines of complaint."""
MAX_UNREADABLE = 10_000
"""Rejected parts before the first session, after which the rest is left: it is not what it was taken for."""
_MAX_NESTING = 16
_name = lru_cache(maxsize=4096)(one_line)


def read(source: Source, reader: Reader, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
    """The sessions of ``source`` in order with every text made inert, and its unreadable parts; at last a Resume if it
    can grow.

    Never raises for what the source holds: an error of reading is a Rejected too.
    """
    sessions = rejected = 0
    items = reader.read(source, options, start)
    while True:
        try:
            item = next(items, None)
        except OSError as error:
            item = None
            yield Rejected(source.name, None, files.reason(error))
        if item is None:
            break
        if isinstance(item, Session):
            sessions += 1
            empty = f"no messages with text (session {one_line(item.place)})"
            item = _inert(item) or Rejected(source.name, None, empty)
        if isinstance(item, Rejected):
            rejected += 1
            if rejected > MAX_REJECTED:
                if rejected > MAX_UNREADABLE and not sessions:
                    break
                continue
        yield item
    if rejected > MAX_REJECTED:
        gave_up = "" if sessions or rejected <= MAX_UNREADABLE else "; the rest was left"
        yield Rejected(source.name, None, f"{rejected - MAX_REJECTED:,} more parts could not be read{gave_up}")


def _inert(session: Session) -> Session | None:
    """``session`` without anything that acts; None if it has no text."""
    said = Turns.of(session.messages)
    messages: Sequence[Message] = said
    texts, names = said.contents, set(said.names)
    if not (all(map(str.strip, texts)) and is_inert("\n".join(texts)) and all(map(_is_clean_name, names))):
        messages = [_inert_message(message, text) for message in said if (text := clean(message.content)).strip()]
    if not messages:
        return None
    return Session(
        (session.session_id and one_line(session.session_id)) or None,
        (session.user_id and _name(session.user_id)) or None,
        messages,
        session.metadata and _inert_mapping(session.metadata, 0),
        session.place,
        session.room and one_line(session.room),
    )


def _is_clean_name(name: str | None) -> bool:
    return name is None or (name != "" and _name(name) == name)


def _inert_message(message: Message, text: str) -> Message:
    return Message(message.role, text, message.timestamp, _name(message.name) or None if message.name else None)


def _inert_mapping(values: dict[str, Any], nesting: int) -> dict[str, Any]:
    return {
        _name(str(key)): one_line(value) if type(value) is str else _inert_value(value, nesting + 1)
        for key, value in values.items()
    }


def _inert_value(value: Any, nesting: int) -> Any:
    """Any JSON value with its texts in one line each; what is nested too deep for a record is left out."""
    if isinstance(value, str):
        return one_line(value)
    if nesting > _MAX_NESTING and isinstance(value, dict | list):
        return None
    if isinstance(value, dict):
        return _inert_mapping(value, nesting)
    if isinstance(value, list):
        return [_inert_value(each, nesting + 1) for each in value]
    return value
