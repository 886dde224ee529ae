"""May the index be asked without a look at every partition?

The newest days are looked at each time, and so is every month's directory: its time tells of partitions that came,
went or were replaced. That it also tells of lines which this program appends to older days is this program's doing: it
sets the directory's time before it appends, and notes a time of its own choosing when the index has followed. What is
left is another program that writes into an old partition in place. The older days are looked at a part at a time, and
whoever reads a line sees whether its partition is the one that the index has read.
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Iterable, Iterator
from pathlib import Path

from ion_summary.store import files, layout
from ion_summary.store.tracking import Change, changes_of

#: So many days, the newest that there are, are looked at each time; and as many of the others.
NEWEST = 62
_A_SECOND_NS = 1_000_000_000
_OF_PARTITION = "SELECT day, inode, size, mtime FROM partition"
# A directory's time and inode.
_State = tuple[int, int]


def is_settled(db: sqlite3.Connection, root: Path) -> bool:
    """Whether the partitions are as the catalog has read them, as far as can be seen at a glance."""
    return _noted(db) == layout.months(root) and all(_is_as_noted(root, *row) for row in _some_partitions(db))


def differing(db: sqlite3.Connection, root: Path) -> list[Change] | None:
    """The partitions that are longer than the catalog has read them, as far as can be seen at a glance; None if every
    one must be looked at.
    """
    noted, there = _noted(db), layout.months(root)
    if noted.keys() != there.keys():
        return None
    days = {row[0] for row in _some_partitions(db) if not _is_as_noted(root, *row)}
    for month in (name for name, state in there.items() if noted[name] != state):
        days.update(layout.days_of(month).values())
    found = changes_of(db, root, days)
    return None if any(change.afresh for change in found) else found


def are_as_noted(db: sqlite3.Connection, root: Path, days: Iterable[int]) -> bool:
    """Whether the partitions of some days are as the catalog has read them; those that it does not know are not there.

    Before lines are appended: they must not be glued to what somebody else has left there.
    """
    for day in days:
        row = db.execute(f"{_OF_PARTITION} WHERE day = ?", (day,)).fetchone()
        if not (_is_as_noted(root, *row) if row else not os.path.lexists(layout.records_name(root, day))):
            return False
    return True


def unsettling(db: sqlite3.Connection, days: Iterable[int]) -> set[int]:
    """Those of some days that are not among the newest, which everybody looks at each time, or have no partition yet:
    where lines are appended to them, the directory's time tells of it.
    """
    newest = {day for (day,) in db.execute("SELECT day FROM partition ORDER BY day DESC LIMIT ?", (NEWEST,))}
    return set(days) - newest


def unsettle(db: sqlite3.Connection, root: Path, days: Iterable[int]) -> None:
    """Before lines are appended to days: has whoever comes after a kill look at every partition.

    The time is on the disk when the lines are:
    a file system writes its journal in order.
    """
    for month in {layout.month_of(day) for day in unsettling(db, days)}:
        path = root / month
        with files.writing(path), contextlib.suppress(FileNotFoundError):  # one that is made is noticed
            os.utime(path)


def settle(db: sqlite3.Connection, root: Path) -> None:
    """Notes the months that hold just what the catalog has read. For the lock's holder, in a transaction."""
    noted, there = _noted(db), layout.months(root)
    db.executemany("DELETE FROM month WHERE name = ?", [(name,) for name in noted.keys() - there.keys()])
    _settle(db, root, [name for name, state in there.items() if noted.get(name) != state])


def settle_days(db: sqlite3.Connection, root: Path, days: Iterable[int]) -> None:
    """The same for the months of days that have been appended to."""
    _settle(db, root, {layout.month_of(day) for day in days})


def _settle(db: sqlite3.Connection, root: Path, months: Iterable[str]) -> None:
    for name in months:
        state = _stamped(root / name)
        if state is not None and _is_read(db, root, name):
            db.execute("INSERT OR REPLACE INTO month(name, mtime, inode) VALUES(?, ?, ?)", (name, *state))


def _stamped(path: Path) -> _State | None:
    """The state of a directory with a time that nobody else gives it: other changes are stamped with the ticks of the
    kernel's clock. None where times are not kept so precisely, or are somebody else's to set.
    """
    now = time.time_ns()
    try:
        os.utime(path, ns=(now, now))
        stat = path.stat()
    except OSError:
        return None
    return (now, stat.st_ino) if stat.st_mtime_ns == now else None


def _is_read(db: sqlite3.Connection, root: Path, month: str) -> bool:
    there = {day: (stat.st_ino, stat.st_size, stat.st_mtime_ns) for day, stat in layout.partitions_of(root, month)}
    days = layout.days_of(month).values()
    known = db.execute(f"{_OF_PARTITION} WHERE day BETWEEN ? AND ?", (min(days), max(days)))
    return there == {day: tuple(state) for day, *state in known}


def _noted(db: sqlite3.Connection) -> dict[str, _State]:
    return {name: (mtime, inode) for name, mtime, inode in db.execute("SELECT name, mtime, inode FROM month")}


def _some_partitions(db: sqlite3.Connection) -> Iterator[tuple[int, int, int, int]]:
    """The newest, and a part of the others: with the next second comes the next part."""
    yield from db.execute(f"{_OF_PARTITION} ORDER BY day DESC LIMIT ?", (NEWEST,))
    (count,) = db.execute("SELECT count(*) FROM partition").fetchone()
    if count > NEWEST:
        parts = -(-count // NEWEST)
        part = time.time_ns() // _A_SECOND_NS % parts
        yield from db.execute(f"{_OF_PARTITION} WHERE day % ? = ?", (parts, part))


def _is_as_noted(root: Path, day: int, inode: int, size: int, mtime: int) -> bool:
    try:
        stat = os.lstat(layout.records_name(root, day))
    except OSError:
        return False
    return (stat.st_ino, stat.st_size, stat.st_mtime_ns) == (inode, size, mtime)
