"""How do lines leave the partitions, so that none of their bytes stay?"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterator
from pathlib import Path
from typing import Any

import orjson

from ion_summary.store import files, layout, sealing
from ion_summary.store.catalog import hash64
from ion_summary.store.partition import DamagedLineError, decode

#: Says of a line, with its newline, and of what it holds (None: it is damaged) whether it goes.
Goes = Callable[[bytes, dict[str, Any] | None], bool]


def erase_session(root: Path, session_id: str) -> bool:
    """Rewrites every partition that has a line of the session without its lines; whether there was one.

    Oldest first, because of a session's lines the newest counts: interrupted, the session is still there, and the
    call can be repeated.
    """
    needles = spellings(session_id)
    transcripts = [path for _, paths in sorted(layout.transcript_files(root).items()) for path in paths]
    records = [layout.records_path(root, day) for day in sorted(layout.record_partitions(root))]
    erased = [
        rewrite(path, lambda _, fields: fields is not None and fields.get("session_id") == session_id, needles)
        for path in (*transcripts, *records)
    ]
    return any(erased)


def spellings(text: str) -> tuple[bytes, ...]:
    """The bytes of a text in JSON: as we write it, and as the original system did, with what is not ASCII escaped."""
    return tuple(dict.fromkeys((orjson.dumps(text), json.dumps(text).encode())))


def rewrite(path: Path, goes: Goes, needles: Collection[bytes] | None = None) -> bool:
    """Writes a partition anew without the lines that go; whether there were any.

    If ``needles`` are given, one that has none of them in its bytes is left alone. Of a compressed one that is broken
    only the beginning can be read, by anybody: the rest of it goes too.
    """
    try:
        data, broken = sealing.read(path), False
    except DamagedLineError:
        data, broken = sealing.readable(path), True
    if needles is not None and not any(needle in data for needle in needles):
        return False
    kept = b"".join(line for line in split(data) if not goes(line, fields_of(line)))
    if len(kept) == len(data) and not broken:
        return False
    sealing.replace(path, kept)
    return True


def of_sessions(sessions: Collection[int]) -> Goes:
    """Says which lines are of sessions, by the ``hash64`` of their ids."""

    def goes(_: bytes, fields: dict[str, Any] | None) -> bool:
        named = None if fields is None else fields.get("session_id")
        return isinstance(named, str) and hash64(named) in sessions

    return goes


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a partition with their newlines; of a compressed one that is broken those in its beginning."""
    try:
        return split(sealing.read(path))
    except DamagedLineError:
        return split(sealing.readable(path))


def split(data: bytes) -> Iterator[bytes]:
    """Lines with their newlines; the last one may lack it. (``splitlines`` would break texts at other characters.)"""
    start = 0
    while start < len(data):
        end = data.find(b"\n", start) + 1 or len(data)
        yield data[start:end]
        start = end


def fields_of(line: bytes) -> dict[str, Any] | None:
    """What a line holds; None if it is damaged."""
    try:
        return decode(line.rstrip(b"\r\n"))
    except DamagedLineError:
        return None


def remove_leftovers(root: Path) -> int:
    """Removes what a kill has left of files that were being written beside others; how many there were."""
    places = (".*.new", "*/.*.new", f"{layout.TRANSCRIPTS}/*/.*.new")  # not rglob: a month may be a link
    found = [path for place in places for path in root.glob(place) if path.is_file() and not path.is_symlink()]
    for path in found:
        files.remove(path)
    return len(found)
