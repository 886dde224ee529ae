"""What has a partition lost that nobody had a right to take?

The index knows how long each partition was. Whoever makes one shorter says so before (``StoreWriter.expect_changes``),
or leaves a tombstone. Any other loss is noted in quarantine before the index follows, so that ``verify`` tells of it
until ``verify --repair`` has been told to go on without.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path
from stat import S_ISREG

from ion_summary.store import files, layout, quarantine
from ion_summary.store.partition import Finding
from ion_summary.store.tombstones import Tombstones
from ion_summary.store.tracking import changes

_OF_RECORDS = "SELECT size FROM partition WHERE day = ?"
_OF_TRANSCRIPTS = "SELECT size FROM transcript WHERE day = ?"


def losses(db: sqlite3.Connection, root: Path) -> list[Finding]:
    """All losses, noted or not; ``db`` is the catalog, before it follows the partitions."""
    fresh = of_records(db, root, [change.day for change in changes(db, root) if change.afresh])
    fresh += of_transcripts(db, root, [day for (day,) in db.execute("SELECT day FROM transcript")])
    return list(dict.fromkeys([*_noted(root), *fresh]))


def of_records(db: sqlite3.Connection, root: Path, days: Iterable[int]) -> list[Finding]:
    """What the partitions of some days' records have lost since the index last read them."""
    return _lost(db, root, _OF_RECORDS, {day: layout.records_path(root, day) for day in days})


def of_transcripts(db: sqlite3.Connection, root: Path, days: Iterable[int]) -> list[Finding]:
    """What the partitions of some days' transcripts have lost since they were last appended to."""
    return _lost(db, root, _OF_TRANSCRIPTS, {day: layout.transcripts_path(root, day) for day in days})


def _lost(db: sqlite3.Connection, root: Path, query: str, paths: Mapping[int, Path]) -> list[Finding]:
    shorter = []
    for day, path in paths.items():
        before, size = db.execute(query, (day,)).fetchone(), _size(path)
        # Others may write meanwhile: they note before it that the partition will be another one, and after it its size.
        if before is not None and size < before[0] and db.execute(query, (day,)).fetchone() == before:
            shorter.append((day, path, size, before[0] - size))
    # Read after the look at the files: who prunes a day says so before it goes, and the index has not followed yet.
    known = Tombstones.read(root) if any(not size for _, _, size, _ in shorter) else Tombstones()
    return [
        _finding(root, path, size, missing) for day, path, size, missing in shorter if size or not known.has_pruned(day)
    ]


def _finding(root: Path, path: Path, size: int, missing: int) -> Finding:
    problem = f"{missing:,} bytes shorter than when it was last read or written"
    line = files.read(path).count(b"\n") + 1 if size else None
    return Finding(path.relative_to(root).as_posix(), line, problem)


def _size(path: Path) -> int:
    """The bytes of a file; none if it is gone, or something else of that name."""
    try:
        stat = path.lstat()
    except FileNotFoundError:
        return 0
    return stat.st_size if S_ISREG(stat.st_mode) else 0


def note(root: Path, lost: Iterable[Finding], on_damage: Callable[[Finding], None]) -> None:
    """Notes losses, so that they are told when the index does not know of them any more, and tells ``on_damage`` now.

    Raises StoreNotWritableError.
    """
    for each in lost:
        path = root / each.file
        quarantine.keep(root, path, path.stat().st_size if path.exists() else 0, b"", each.problem, each.line)
        on_damage(each)


def _noted(root: Path) -> Iterator[Finding]:
    for entry in quarantine.entries(root):
        if not entry.data:
            yield Finding(entry.file, entry.line, entry.reason)


def clear(root: Path) -> list[Finding]:
    """Forgets the losses that were noted: whoever repairs the store is told of them a last time. Which they were.

    Raises StoreNotWritableError.
    """
    noted = list(_noted(root))
    files.remove_all([entry.path for entry in quarantine.entries(root) if not entry.data])
    return noted
