"""How is the project's own format read: sessions with their messages, as JSON Lines, an array or one object?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from ion_summary.model import Session, Turns
from ion_summary.transcripts import sniff
from ion_summary.transcripts.chat_messages import chat_messages, kind_of
from ion_summary.transcripts.reader import Evidence, Item, ReadOptions, Rejected, Resume, Source
from ion_summary.transcripts.records import Record, records

_OWN = ("session_id", "user_id")
_OF_MESSAGES = ("timestamp", "speaker")
_MAX_ID = 1024
_MAX_PROBLEMS = 5
"""Of one session; further ones are counted."""


class NativeReader:
    """``{"session_id", "user_id", "messages": [{"role", "content", "timestamp"}], "metadata"}``."""

    name = "native"
    zone: str | None = None

    def recognise(self, head: bytes, name: str) -> Evidence | None:  # noqa: ARG002
        """Objects with ``messages`` that say who spoke or when as only this format does."""
        objects = sniff.look(head).objects
        if not any(isinstance(value.get("messages"), list) for value in objects):
            return None
        messages = [item for value in objects for item in _list(value.get("messages")) if isinstance(item, dict)]
        if any(key in value for value in objects for key in _OWN):
            return Evidence(95, "objects with `messages` and a session_id or user_id")
        if any("content" in item and any(key in item for key in _OF_MESSAGES) for item in messages):
            return Evidence(92, "objects whose `messages` have content and a timestamp or a speaker")
        return Evidence(20, "objects with `messages`, but without content in them that could be seen")

    def read(self, source: Source, options: ReadOptions, start: Resume | None = None) -> Iterator[Item]:
        """One session for each object; a line of JSON Lines is a place of its own, so a growing file can be read on."""
        for record in records(source, start):
            if isinstance(record, Record):
                yield from session(record, source, options)
            else:
                yield record


def session(record: Record, source: Source, options: ReadOptions) -> Iterator[Session | Rejected]:
    """The session that one object is, after what of it cannot be read."""
    value, place, line = record
    if not isinstance(value, dict):
        yield Rejected(source.name, line, f"{kind_of(value)} where a session should be")
        return
    items = value.get("messages")
    if not isinstance(items, list):
        yield Rejected(source.name, line, "no list of `messages`")
        return
    try:
        session_id, user_id = _id(value, "session_id", "id"), _id(value, "user_id")
    except ValueError as error:
        yield Rejected(source.name, line, str(error))
        return
    messages, problems = chat_messages(items, options.tz)
    for problem in problems[:_MAX_PROBLEMS]:
        yield Rejected(source.name, line, problem)
    if len(problems) > _MAX_PROBLEMS:
        yield Rejected(source.name, line, f"{len(problems) - _MAX_PROBLEMS:,} more messages of this session")
    if not any(text.strip() for text in Turns.of(messages).contents):
        yield Rejected(source.name, line, "no messages with text")
        return
    metadata = value.get("metadata")
    metadata = metadata if isinstance(metadata, dict) else {}
    for key in ("title", "model"):
        if isinstance(value.get(key), str):
            metadata.setdefault(key, value[key])
    yield Session(session_id, user_id, messages, metadata, place)


def _id(value: dict[str, Any], *keys: str) -> str | None:
    """The first id that is there, as text. Raises ValueError if it is no id."""
    for key in keys:
        found = value.get(key)
        if type(found) is str:
            if len(found) > _MAX_ID:
                raise ValueError(f"{key} is longer than {_MAX_ID:,} characters")
            if found:
                return found
        elif isinstance(found, int) and not isinstance(found, bool):
            return str(found)
        elif found is not None:
            # A number beyond 64 bits arrives as a float: two ids would become one.
            raise ValueError(f"{key} is {kind_of(found)} that is no id: write it as text")
    return None


def _list(value: Any) -> list[Any]:
    return value if isinstance(value, list) else []


READER = NativeReader()
