"""Which lines does nobody read any more, and how do days that are over become small?

Of the records every line but the newest of a session goes; of a day's transcripts every one but the newest of each
session that is stored. Transcripts of past months (UTC) are compressed; partitions of records are not, because a search
reads single lines of them.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import orjson

from ion_summary.errors import StoreCorruptError
from ion_summary.store import erasing, files, layout, sealing
from ion_summary.store.catalog import DAY_SHIFT, OF_SESSIONS, Catalog
from ion_summary.store.hashing import hash64
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.writing import StoreWriter


@dataclass
class Compacted:
    """What was done: lines dropped, bytes of the partitions before and after, transcripts of so many days sealed."""

    lines: int = 0
    bytes_before: int = 0
    bytes_after: int = 0
    sealed: int = 0


def compact(root: Path, writer: StoreWriter, this_month: str) -> Compacted:
    """Compacts every partition, each at once or not at all. For the holder of the writer's lock.

    ``this_month`` (``YYYY-MM``) and what comes later is not sealed. The index is behind afterwards. Raises
    StoreNotWritableError, and StoreCorruptError for a compressed partition that cannot be read: it is left alone.
    """
    done = Compacted()
    erasing.remove_leftovers(root)
    for day, stat in sorted(layout.record_partitions(root).items()):
        path = layout.records_path(root, day)
        done.bytes_before += stat.st_size
        superseded = _superseded(writer.catalog, day)
        if superseded:
            writer.expect_changes([day])
            done.lines += _drop(path, superseded)
        done.bytes_after += path.stat().st_size if path.exists() else 0
    for day, paths in sorted(layout.transcript_files(root).items()):
        done.bytes_before += sum(path.stat().st_size for path in paths)
        _compact_transcripts(root, writer, day, paths, this_month, done)
        done.bytes_after += sum(path.stat().st_size for path in layout.transcript_files_of(root, day))
    return done


def _superseded(catalog: Catalog, day: int) -> set[int]:
    query = "SELECT offset FROM superseded WHERE id >= ? AND id < ?"
    return {offset for (offset,) in catalog.db.execute(query, (day << DAY_SHIFT, (day + 1) << DAY_SHIFT))}


def _drop(path: Path, offsets: set[int]) -> int:
    kept, offset, dropped = list[bytes](), 0, 0
    for line in erasing.lines_of(path):
        # A damaged line may hold whole ones: `verify --repair` takes care of it.
        if offset in offsets and erasing.fields_of(line) is not None:
            dropped += 1
        else:
            kept.append(line)
        offset += len(line)
    if dropped:
        sealing.replace(path, b"".join(kept))
    return dropped


def _compact_transcripts(
    root: Path, writer: StoreWriter, day: int, paths: list[Path], this_month: str, done: Compacted
) -> None:
    lines = [line for path in paths for line in _undamaged(path)]
    kept = _newest(writer.catalog, lines)
    sealed = layout.sealed_path(root, day)
    seals = layout.month_of(day) < this_month
    if len(kept) == len(lines) and (paths == [sealed] or not seals):
        return
    done.lines += len(lines) - len(kept)
    done.sealed += seals
    writer.expect_changed_transcripts([day])
    if seals or sealed in paths:
        sealing.replace(sealed, b"".join(kept))
        # Its lines are in the other by now; until it is gone they are there twice, which does no harm.
        files.remove_all([layout.transcripts_path(root, day)])
    else:
        sealing.replace(paths[0], b"".join(kept))


def _undamaged(path: Path) -> Iterator[bytes]:
    try:
        return erasing.split(sealing.read(path))
    except DamagedLineError as error:
        raise StoreCorruptError(path=path, reason=str(error)) from error


def _newest(catalog: Catalog, lines: Iterable[bytes]) -> list[bytes]:
    """The newest line of each session that is stored, and damaged lines; in order."""
    by_session: dict[int | bytes, bytes] = {}
    for line in lines:
        fields = erasing.fields_of(line)
        named = None if fields is None else fields.get("session_id")
        key = hash64(named) if isinstance(named, str) else line
        by_session.pop(key, None)
        by_session[key] = line
    numbers = [key for key in by_session if isinstance(key, int)]
    query = f"SELECT session FROM record WHERE {OF_SESSIONS}"
    stored = {session for (session,) in catalog.db.execute(query, (orjson.dumps(numbers).decode(),))}
    return [line for key, line in by_session.items() if not isinstance(key, int) or key in stored]
