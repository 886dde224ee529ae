"""How do lines leave the partitions, so that none of their bytes stay?"""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Iterable, Iterator
from pathlib import Path
from typing import Any

import orjson

from ion_summary.store import files, layout, quarantine, sealing
from ion_summary.store.hashing import hash64
from ion_summary.store.partition import DamagedLineError, decode

#: Says of a line, with its newline, and of what it holds (None: it is damaged) whether it goes.
Goes = Callable[[bytes, dict[str, Any] | None], bool]


def days_with(root: Path, needles: Collection[bytes]) -> set[int]:
    """The days of which a partition has one of the needles in its bytes, as far as it can be read."""
    if not needles:
        return set()
    paths = [(day, path) for day, some in layout.transcript_files(root).items() for path in some]
    paths += [(day, layout.records_path(root, day)) for day in layout.record_partitions(root)]
    return {day for day, path in paths if _has_any(_read(path)[0], needles)}


def erase_session(root: Path, session_id: str, days: Collection[int]) -> bool:
    """Rewrites the partitions of some days that have a line of the session without its lines; whether there was one.

    Oldest first, because of a session's lines the newest counts: interrupted, the session is still there, and the
    call can be repeated.
    """
    needles = spellings(session_id)
    transcripts = [path for day in sorted(days) for path in layout.transcript_files_of(root, day)]
    records = [path for day in sorted(days) if (path := layout.records_path(root, day)).is_file()]
    erased = [
        cut_out(root, path, lambda _, fields: fields is not None and fields.get("session_id") == session_id, needles)
        for path in (*transcripts, *records)
    ]
    return any(erased)


def spellings(text: str) -> tuple[bytes, ...]:
    """The bytes of a text in JSON: as we write it, and as the original system did, with what is not ASCII escaped."""
    return tuple(dict.fromkeys((orjson.dumps(text), json.dumps(text).encode())))


def cut_out(root: Path, path: Path, goes: Goes, needles: Collection[bytes] | None = None) -> bool:
    """Writes a partition anew without the lines that go; whether there were any.

    If ``needles`` are given, one that has none of them in its bytes is left alone. Of a compressed one that is broken
    only the beginning can be read: if it is written anew, what it was goes to quarantine, for there is more in it.
    """
    data, problem = _read(path)
    kept = _without(data, goes, needles)
    if len(kept) == len(data):
        return False
    if problem is not None:
        quarantine.keep(root, path, 0, files.read(path), problem)
    sealing.replace(path, kept)
    return True


def erase(path: Path, goes: Goes, needles: Collection[bytes] | None = None) -> bool:
    """The same so that nothing is left: what cannot be read of a broken one goes too, without ``needles`` always."""
    data, problem = _read(path)
    kept = _without(data, goes, needles)
    if len(kept) == len(data) and (problem is None or needles is not None):
        return False
    sealing.replace(path, kept)
    return True


def _read(path: Path) -> tuple[bytes, str | None]:
    """The lines of a partition that can be read, and why not all of them."""
    try:
        return sealing.read(path), None
    except DamagedLineError as error:
        return sealing.readable(path), str(error)


def _without(data: bytes, goes: Goes, needles: Collection[bytes] | None) -> bytes:
    if needles is not None and not _has_any(data, needles):
        return data
    return b"".join(line for line in split(data) if not goes(line, fields_of(line)))


def _has_any(data: bytes, needles: Iterable[bytes]) -> bool:
    return any(needle in data for needle in needles)


def of_sessions(sessions: Collection[int]) -> Goes:
    """Says which lines are of sessions, by the ``hash64`` of their ids."""

    def goes(_: bytes, fields: dict[str, Any] | None) -> bool:
        named = None if fields is None else fields.get("session_id")
        return isinstance(named, str) and hash64(named) in sessions

    return goes


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a partition with their newlines; of a compressed one that is broken those in its beginning."""
    return split(_read(path)[0])


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
