"""How far has the index read each partition, and of which file? What it has not read is a change to take in."""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Collection, Iterable, Iterator, Mapping
from pathlib import Path
from typing import NamedTuple

import orjson

from ion_summary.store import layout
from ion_summary.store.catalog import NEVER
from ion_summary.store.hashing import blake2b

# So many bytes before the place up to which a partition has been read tell it from one that took its place: inodes
# are used again at once, and a file may be written anew in place. A line of ours ends with its digest.
_TAIL_BYTES = 256
# A copy has the time of its original, as precisely as tools and archives keep it: nanoseconds, microseconds, seconds.
_PRECISIONS_NS = (1, 1_000, 1_000_000_000)


class Change(NamedTuple):
    """A partition that is not as the catalog knows it: read it from byte ``start``, its next line being ``number``.

    ``afresh`` if all that was known of it must go; ``stat`` is None if the file is gone.
    """

    day: int
    start: int
    number: int
    afresh: bool
    stat: os.stat_result | None

    @property
    def size(self) -> int:
        """How many bytes are to be read."""
        return self.stat.st_size - self.start if self.stat else 0

    @property
    def is_copy(self) -> bool:
        """Whether it is just what was read, in another file: the store was copied, or a snapshot of it restored."""
        return self.stat is not None and not self.afresh and 0 < self.start == self.stat.st_size


def changes(db: sqlite3.Connection, root: Path) -> list[Change]:
    """What differs between the partitions as they are on the disk and what the catalog has read of them."""
    known = db.execute(_KNOWN).fetchall()
    disk = layout.record_partitions(root)  # after it: others may append meanwhile, and note it
    found = [change for day, *noted in known if (change := _change(root, day, disk.pop(day, None), *noted))]
    return found + [Change(day, 0, 0, False, stat) for day, stat in disk.items()]


def changes_of(db: sqlite3.Connection, root: Path, days: Collection[int]) -> list[Change]:
    """The same of some days."""
    known = {day: db.execute(f"{_KNOWN} WHERE day = ?", (day,)).fetchone() for day in days}
    disk: dict[int, os.stat_result] = {}
    for month in {layout.month_of(day) for day in days}:
        disk.update(layout.partitions_of(root, month))
    found = []
    for day, row in known.items():
        if row is not None and (change := _change(root, day, disk.get(day), *row[1:])):
            found.append(change)
        elif row is None and day in disk:
            found.append(Change(day, 0, 0, False, disk[day]))
    return found


_KNOWN = "SELECT day, inode, size, mtime, lines, tail FROM partition"


def _change(
    root: Path, day: int, stat: os.stat_result | None, inode: int, size: int, mtime: int, lines: int, tail: int
) -> Change | None:
    if stat is None:
        return Change(day, 0, 0, True, None)
    if (stat.st_mtime_ns, stat.st_size, stat.st_ino) == (mtime, size, inode):
        return None
    if stat.st_ino == inode:
        goes_on = stat.st_size > size
    else:
        goes_on = stat.st_size == size and _is_of_copy(stat.st_mtime_ns, mtime)
    goes_on = goes_on and _tail_of_file(layout.records_path(root, day), size) == tail
    return Change(day, size, lines, False, stat) if goes_on else Change(day, 0, 0, True, stat)


def _is_of_copy(mtime: int, original: int) -> bool:
    return any(mtime == original - original % precision for precision in _PRECISIONS_NS)


def note(db: sqlite3.Connection, root: Path, day: int, stat: os.stat_result, read: int, lines: int) -> None:
    """Notes how far a partition has been read: to its byte ``read``, and how many lines that were."""
    tail = _tail_of_file(layout.records_path(root, day), read)
    birth = int.from_bytes(os.urandom(7), "big")
    none = "0, 0, 0, 0, 0, 0, 0, 0"
    db.execute(f"INSERT OR IGNORE INTO partition VALUES(?, {none}, ?, {NEVER}, {-NEVER})", (day, birth))
    db.execute(
        "UPDATE partition SET inode = ?, size = ?, mtime = ?, lines = ?, tail = ? WHERE day = ?",
        (stat.st_ino, read, stat.st_mtime_ns, lines, tail, day),
    )


class Noted(NamedTuple):
    """What the catalog knows of the file of a partition, as far as it has read it."""

    inode: int
    size: int
    mtime: int
    tail: int

    def is_of(self, descriptor: int) -> bool:
        """Whether an open file is, so far, the one that was read."""
        stat = os.fstat(descriptor)
        # Of the very file that was read, other bytes are damage.
        same = (self.inode, self.size, self.mtime) == (stat.st_ino, stat.st_size, stat.st_mtime_ns)
        return same or _tail(descriptor, self.size) == self.tail


def noted(db: sqlite3.Connection, days: Iterable[int]) -> dict[int, Noted]:
    """What the catalog knows of the files of those of the days that have one."""
    query = "SELECT day, inode, size, mtime, tail FROM partition WHERE day IN (SELECT value FROM json_each(?))"
    found = db.execute(query, (orjson.dumps(list(days)).decode(),))
    return {day: Noted(*rest) for day, *rest in found}


def is_known(db: sqlite3.Connection, day: int, descriptor: int) -> bool:
    """Whether an open file is, as far as it has been read, the one that the catalog knows as the partition of a day."""
    found = noted(db, [day])
    return day in found and found[day].is_of(descriptor)


def _tail(descriptor: int, end: int) -> int:
    start = max(0, end - _TAIL_BYTES)
    data = os.pread(descriptor, end - start, start)
    return int.from_bytes(blake2b(data, digest_size=8).digest(), "big", signed=True)


def _tail_of_file(path: Path, end: int) -> int | None:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    except OSError:
        return None
    try:
        return _tail(descriptor, end)
    finally:
        os.close(descriptor)


def unindexed(partitions: Mapping[int, tuple[int, int]], indexed: Mapping[int, int]) -> Iterator[tuple[int, int, int]]:
    """The hot tail: per day the bytes ``start, end`` of the lines that the catalog knows and no segment has."""
    for day, (size, _) in partitions.items():
        upto = indexed.get(day, 0)
        if upto < size:
            yield day, max(upto, 0), size
