"""What is one line of a partition, and are its bytes still those that were written?

A line is a JSON object whose last member is ``"digest"``: 16 hexadecimal digits of the BLAKE2b hash (8 bytes) of all
bytes before ``,"digest":"``. A record of an adopted store has no digest; its ``created_at`` is naive or not in UTC,
which tells it from one of ours that lost its digest to a flipped bit.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ion_summary.store.hashing import blake2b

_DIGEST_KEY = b',"digest":"'
_DIGEST_TAIL = len(_DIGEST_KEY) + 16 + 2  # key, digits, closing quote and brace
_RECORD_END = rb',"digest":"([0-9a-f]{16})"\}'
_REQUIRED = ("session_id", "user_id", "summary", "created_at")
_TEXTS = frozenset({str})
_BLOCK = 1 << 20


class Finding(NamedTuple):
    """One damage: the file relative to the store, its 1-based line (None: the whole file), what is wrong."""

    file: str
    line: int | None
    problem: str


class DamagedLineError(ValueError):
    """The bytes are not a line of the store. For callers inside the store: they count it, report it and go on."""


def encode(fields: dict[str, Any]) -> bytes:
    """The line, newline included, of a record or a transcript."""
    body = orjson.dumps(fields, option=orjson.OPT_UTC_Z)[:-1]
    return b'%b,"digest":"%b"}\n' % (body, _digest(body))


def _digest(body: bytes) -> bytes:
    return blake2b(body, digest_size=8).hexdigest().encode()


def has_digest(line: bytes) -> bool:
    """Whether a line (without newline) ends as ours do; nothing is said of its truth."""
    return ends_as_ours(line, len(line))


def ends_as_ours(data: bytes | bytearray, end: int) -> bool:
    """The same of a line that ends (without newline) at ``end``, among others."""
    return data.startswith(_DIGEST_KEY, end - _DIGEST_TAIL) and data.startswith(b'"}', end - 2)


def decode(line: bytes) -> dict[str, Any]:
    """The JSON object of a line (without newline), its digest checked.

    Raises:
        DamagedLineError: not JSON, not an object, or not the bytes that were written.
    """
    if has_digest(line) and _digest(line[:-_DIGEST_TAIL]) != line[-18:-2]:
        raise DamagedLineError("the digest does not fit the bytes")
    try:
        fields = orjson.loads(line)
    except orjson.JSONDecodeError as error:
        raise DamagedLineError(f"not JSON: {error}") from None
    if not isinstance(fields, dict):
        raise DamagedLineError("not a JSON object")
    return fields


def decode_with_digest(line: bytes) -> dict[str, Any]:
    """``decode`` for a line that must have a digest. Raises DamagedLineError."""
    if not has_digest(line):
        raise DamagedLineError("the digest is missing")
    return decode(line)


def decode_record(line: bytes) -> dict[str, Any]:
    """``decode`` for a record: the members that every record has are there and of their types."""
    fields = decode(line)
    if not _TEXTS.issuperset(map(type, map(fields.get, _REQUIRED))):
        missing = next(name for name in _REQUIRED if not isinstance(fields.get(name), str))
        raise DamagedLineError(f"no text in {missing!r}")
    if not has_digest(line) and fields["created_at"].endswith("Z") and b"saved_at" in line:
        raise DamagedLineError("the digest is missing")
    return fields


def salvage(line: bytes) -> Iterator[bytes]:
    """The whole lines inside a damaged one: a newline that was lost glues good records to its neighbour."""
    for end in re.finditer(_RECORD_END, line):
        start = line.rfind(b'{"session_id":', 0, end.start())
        while start >= 0:
            if _digest(line[start : end.start()]) == end.group(1):
                yield line[start : end.end()]
                break
            start = line.rfind(b'{"session_id":', 0, start)


class Line(NamedTuple):
    """One line of a partition of records: where it stands, how long it is, and the record or what is wrong with it.

    ``end`` is the offset of the next line. A record saved out of a damaged line is a line of its own.
    """

    offset: int
    length: int
    end: int
    record: dict[str, Any] | None
    problem: str | None = None


def lines(path: Path, start: int, end: int) -> Iterator[tuple[int, bytes]]:
    """The lines of ``path`` from byte ``start`` up to byte ``end``: offset and bytes, with the newline that ends it."""
    with open(path, "rb", buffering=_BLOCK, opener=_open_quietly) as file:
        file.seek(start)
        offset = start
        while offset < end and (line := file.readline(end - offset)):
            yield offset, line
            offset += len(line)


def records(path: Path, start: int, end: int) -> Iterator[Line]:
    """The lines of a partition of records between two offsets, damaged ones with what could be saved out of them.

    Empty lines are left out. An unterminated last line counts if it is whole, for then only its newline is missing;
    else it was torn off while it was written, never acknowledged, and is left out.
    """
    for offset, line in lines(path, start, end):
        body = line.rstrip(b"\r\n")
        if not body:
            continue
        after = offset + len(line)
        try:
            yield Line(offset, len(body), after, decode_record(body))
        except DamagedLineError as error:
            if line.endswith(b"\n"):
                yield Line(offset, len(body), after, None, str(error))
                for inside in salvage(body):
                    at = offset + body.index(inside)
                    yield Line(at, len(inside), after, decode_record(inside))


def _open_quietly(path: str, flags: int) -> int:
    return os.open(path, flags | os.O_NOFOLLOW)
