"""Where are the sessions themselves, word for word? In partitions like the records', by the day the session ended."""

from __future__ import annotations

import mmap
from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime
from pathlib import Path
from typing import Any

import orjson

from ion_summary.model import Message, Turns
from ion_summary.store import layout, sealing
from ion_summary.store.partition import DamagedLineError, decode, encode, has_digest

# So many lines are looked for one by one.
_FEW = 4
_SECOND_FIELD = b',"user_id":'  # as ``encode_transcript`` writes it, right behind the session's id


def encode_messages(messages: Sequence[Message]) -> bytes:
    """The messages as a JSON array of the native format; they are kept so, here and on their way here."""
    said = Turns.of(messages)
    if said.objects is not None:
        return orjson.dumps(said.objects)
    fields = [
        {"role": role, "content": content, "timestamp": timestamp, "name": name}
        for role, content, timestamp, name in zip(said.roles, said.contents, said.timestamps, said.names, strict=True)
    ]
    return orjson.dumps(fields, option=orjson.OPT_UTC_Z)


def encode_transcript(session_id: str, user_id: str, messages: bytes, metadata: dict[str, Any]) -> bytes:
    """The line of a session, whose messages ``encode_messages`` has encoded: the native format with a digest."""
    fragment = orjson.Fragment(messages)
    return encode({"session_id": session_id, "user_id": user_id, "messages": fragment, "metadata": metadata})


def decode_messages(line: bytes) -> list[Message]:
    """The messages of a transcript's line (without newline). Raises DamagedLineError."""
    if not has_digest(line):
        raise DamagedLineError("the digest is missing")
    return messages_of(decode(line)["messages"])


def messages_of(values: list[dict[str, Any]]) -> list[Message]:
    """The messages that were written as JSON objects."""
    return [
        Message(
            role=value["role"],
            content=value["content"],
            timestamp=datetime.fromisoformat(value["timestamp"]) if value.get("timestamp") else None,
            name=value.get("name"),
        )
        for value in values
    ]


def find_messages(root: Path, day: int, session_id: str) -> list[Message] | None:
    """The messages of a session that ended on ``day``, by its newest line; None if they were not kept.

    Raises:
        DamagedLineError: its line is not what was written.
    """
    line = find_lines(root, day, [session_id]).get(session_id)
    return None if line is None else decode_messages(line)


def find_lines(root: Path, day: int, sessions: Iterable[str]) -> dict[str, bytes]:
    """The newest lines of those of the sessions that ended on ``day`` and were kept; each file is opened once."""
    path, sealed = layout.transcripts_path(root, day), layout.sealed_path(root, day)
    # Nothing inside a line can look like this: quotes in a text are escaped.
    wanted = {session: b'{"session_id":' + orjson.dumps(session) + b"," for session in sessions}
    found: dict[str, bytes] = {}
    if path.is_file() and path.stat().st_size:
        with path.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            found = _last_lines(data, wanted)
    if len(found) < len(wanted) and sealed.is_file():
        rest = {session: beginning for session, beginning in wanted.items() if session not in found}
        found |= _last_lines(sealing.read(sealed), rest)
    return found


def _last_lines(data: bytes | mmap.mmap, wanted: Mapping[str, bytes]) -> dict[str, bytes]:
    if len(wanted) > _FEW:
        return _last_lines_in_passing(data, wanted)
    lines = {session: _last_line(data, beginning) for session, beginning in wanted.items()}
    return {session: line for session, line in lines.items() if line is not None}


def _last_lines_in_passing(data: bytes | mmap.mmap, wanted: Mapping[str, bytes]) -> dict[str, bytes]:
    """The same for many: every line is looked at once, and not a good part of the file for each of the sessions."""
    sessions = {beginning: session for session, beginning in wanted.items()}
    places: dict[str, tuple[int, int]] = {}
    start = 0
    while (end := data.find(b"\n", start)) >= 0:
        beginning = data[start : data.find(_SECOND_FIELD, start, end) + 1]
        if (session := sessions.get(beginning)) is not None:
            places[session] = start, end
        start = end + 1
    return {session: data[start:end] for session, (start, end) in places.items()}


def _last_line(data: bytes | mmap.mmap, beginning: bytes) -> bytes | None:
    """The last whole line that begins so."""
    start = data.rfind(beginning, 0, data.rfind(b"\n") + 1)  # what is half written hides nothing before it
    while start > 0 and data[start - 1 : start] != b"\n":
        start = data.rfind(beginning, 0, start)
    return None if start < 0 else data[start : data.find(b"\n", start)]
