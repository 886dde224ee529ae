"""Must a transcript file be read again, and from where? An unchanged one is not even opened."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import IO, Any

import orjson

from ion_summary.store.catalog import Catalog
from ion_summary.store.hashing import blake2b
from ion_summary.transcripts.reader import Rejected, Resume, Source, Stamp

# Of a file with millions of broken lines the first so many are reported again at each run.
_REJECTED_KEPT = 100
_CHUNK = 1 << 20


@dataclass(frozen=True, slots=True)
class Look:
    """A look at a source before it is read: what its file is known by, and what is known of its last reading."""

    name: str
    key: str
    stamp: Stamp | None
    known: dict[str, Any] | None
    unchanged: bool

    @property
    def unread_by(self) -> str | None:
        """The edition of the readers that could do nothing with the whole file; None if it was read."""
        return self.known.get("unread_by") if self.known else None

    @property
    def rejected(self) -> list[Rejected]:
        """What was rejected at the last reading: it still is, as long as the file is unchanged."""
        assert self.known is not None
        return [Rejected(name or self.name, line, reason) for name, line, reason in self.known["rejected"]]


def look(source: Source, stamp: Stamp | None, options: str, catalog: Catalog) -> Look:
    """Compares a source and its ``stamp`` with what was noted when it was last read with the same ``options``."""
    if source.path is None or stamp is None:
        return Look(source.name, source.name, None, None, unchanged=False)
    key = os.fspath(source.path.absolute()) + (f":{source.member}" if source.member else "")
    query = "SELECT size, mtime, inode, state FROM file WHERE path = ?"
    row = catalog.db.execute(query, (_nameless(key),)).fetchone()
    known = orjson.loads(row[3]) if row else None
    if known is None or known["options"] != _nameless(options):
        return Look(source.name, key, stamp, None, unchanged=False)
    return Look(source.name, key, stamp, known, unchanged=tuple(row[:3]) == stamp)


def resume_point(source: Source, seen: Look) -> Resume | None:
    """Where a file that only grew is to be read on from; None to read it whole.

    Every byte before that point is compared, by its hash: an edited file is read anew.
    """
    known = seen.known
    if known is None or known["resume"] is None or seen.stamp is None:
        return None
    offset, state = known["resume"]
    if seen.stamp.size < offset:
        return None
    with source.open() as stream:
        if _hash(stream, offset) != known["hash"]:
            return None
    return Resume(offset, state)


def note(
    source: Source,
    seen: Look,
    options: str,
    end: Resume | None,
    rejected: list[Rejected],
    unread_by: str | None = None,
) -> tuple[str, int, int, int, str] | None:
    """What ``StoreWriter.remember_files`` is to remember of a source that was read, or that nobody can read; None if it
    cannot be met again.
    """
    if seen.stamp is None:
        return None
    file_hash = None
    if end is not None:
        with source.open() as stream:
            file_hash = _hash(stream, end.offset)
    state = {
        "options": _nameless(options),
        "hash": file_hash,
        "resume": None if end is None else [end.offset, end.state],
        "rejected": [
            [None if item.source == source.name else item.source, item.line, item.reason]
            for item in rejected[:_REJECTED_KEPT]
        ],
        "unread_by": unread_by,
    }
    return _nameless(seen.key), *seen.stamp, orjson.dumps(state).decode()


def _hash(stream: IO[bytes], size: int) -> str:
    found = blake2b(digest_size=16)
    for chunk in _chunks(stream, size):
        found.update(chunk)
    return found.hexdigest()


def _chunks(stream: IO[bytes], size: int) -> Iterator[bytes]:
    while size > 0 and (chunk := stream.read(min(size, _CHUNK))):
        size -= len(chunk)
        yield chunk


def _nameless(text: str) -> str:
    """What a path is known by: it may hold the name of somebody who wants to be forgotten."""
    return blake2b(text.encode("utf-8", "surrogateescape"), digest_size=16).hexdigest()
