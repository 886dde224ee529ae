"""What does a reader see? All that counts at the moment it looks, without waiting for anybody."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from enum import Enum, auto
from pathlib import Path
from typing import TYPE_CHECKING

import orjson

from ion_summary.errors import StoreNotWritableError
from ion_summary.polling import attempts
from ion_summary.store import catalog, layout, segments
from ion_summary.store.catalog import Catalog
from ion_summary.store.database import open_database, schema_of
from ion_summary.store.lines import MovedError
from ion_summary.store.lock import WriterLock
from ion_summary.store.partition import Finding
from ion_summary.store.segments import Segments
from ion_summary.store.settled import differing
from ion_summary.store.tracking import Change, changes, is_known, note

if TYPE_CHECKING:
    from ion_summary.store.index import IndexWriter

# To look whether anything has changed takes some tenths of a millisecond; what this process writes itself, and
# what others have put into the index, is seen at once all the same.
_LOOK_AGAIN_S = 0.2
# Who saves a session has entered it into the index a millisecond or two after its line is there. To open the index anew
# takes longer, and to copy the catalog instead a tenth of a second for a million records.
_A_SAVE_S = 0.005
_A_MOMENT_S = 0.05
_AGAIN_S = 0.001


class _Outcome(Enum):
    DONE = auto()
    BUSY = auto()
    REFUSED = auto()


class IndexReader:
    """The catalog and the segments as they are, brought up to date when the writer's lock can be had.

    While somebody else writes for longer than a moment, or where nothing may be written, a copy of the catalog in
    memory is brought up to date instead; the segments then know less, and the lines behind them are looked at.
    """

    def __init__(
        self, root: Path, naive: tzinfo | None, on_damage: Callable[[Finding], None], processes: int | None = 1
    ) -> None:
        self._processes = processes
        self._root = root
        self._naive = naive
        self._on_damage = on_damage
        self._opened: tuple[Catalog, Segments] | None = None
        self._private = False
        self._looked = 0.0
        self._moved = False

    def current(self) -> tuple[Catalog, Segments]:
        """The catalog and the segments to ask now."""
        if self._opened is not None and not self._private and time.monotonic() - self._looked < _LOOK_AGAIN_S:
            return self._opened
        known = self.opened()[0].db
        found = self._changes(known)
        # Who is just saving enters it into the index while this process looks.
        if found and not (_are_longer(found) and _are_taken_in(found, known, _A_SAVE_S)):
            self.close()
            self._opened = self._caught_up(found)
        self._moved = False
        self._looked = time.monotonic()
        return self.opened() if self._opened is None else self._opened

    def opened(self) -> tuple[Catalog, Segments]:
        """The catalog and the segments as they were left."""
        if self._opened is None or self._private:
            self.close()
            self._opened = self._open()
        return self._opened

    def _changes(self, known: sqlite3.Connection) -> list[Change]:
        if self._moved:
            return changes(known, self._root)
        found = differing(known, self._root)
        return changes(known, self._root) if found is None else found

    def look_closely(self) -> None:
        """Has the next call open the index again and look at every partition: one was not as the index has read it."""
        self.close()
        self._moved = True

    def look_again(self) -> None:
        """Has the next call look at the partitions: this process has written."""
        self._looked = 0.0

    def close(self) -> None:
        """Ends the connections."""
        if self._opened is not None:
            known, texts = self._opened
            known.db.close()
            texts.close()
        self._opened, self._private, self._looked = None, False, 0.0

    def _open(self) -> tuple[Catalog, Segments]:
        index = self._root / layout.INDEX
        known = Catalog(_open_or_empty(index / layout.CATALOG, catalog.SCHEMA, catalog.create))
        return known, Segments(self._open_texts, known.partitions)

    def _open_texts(self) -> sqlite3.Connection:
        db = _open(self._root / layout.INDEX / layout.TEXT, segments.SCHEMA)
        if db is None:  # deleted, or of another version: the partitions have not changed, so nobody else would fill it
            self._write(lambda writer: writer.fill_segments())
        return db or _open_or_empty(self._root / layout.INDEX / layout.TEXT, segments.SCHEMA, segments.create)

    def _caught_up(self, found: Sequence[Change]) -> tuple[Catalog, Segments]:
        outcome = self._write(lambda writer: writer.catch_up())
        if all(change.is_copy for change in found):
            return self._open()  # noted or not, the index is right about them
        if outcome is not _Outcome.REFUSED:
            known, texts = self._open()
            # What somebody has written since was not there when the question was asked.
            if _are_longer(found) and _are_taken_in(found, known.db, _A_MOMENT_S):
                return known, texts
            if outcome is _Outcome.DONE and not changes(known.db, self._root):
                return known, texts
            known.db.close()  # it cannot be opened to be read, on a full disk perhaps: that must not look like none
        return self._copied()

    def _write(self, what: Callable[[IndexWriter], None]) -> _Outcome:
        """Does something to the index if the writer's lock can be had at once."""
        from ion_summary.store.index import IndexWriter  # most readers need nothing of it

        lock = WriterLock(self._root, 0)
        try:
            if not lock.try_acquire():
                return _Outcome.BUSY
            try:
                writer = IndexWriter(self._root, self._naive, self._on_damage, self._processes)
                try:
                    what(writer)
                finally:
                    writer.close()
            finally:
                lock.release()
        except StoreNotWritableError:
            # a full disk, a read-only mount, somebody else's store: none of them keeps anyone from reading
            return _Outcome.REFUSED
        return _Outcome.DONE

    def _copied(self) -> tuple[Catalog, Segments]:
        behind, _ = self._open()
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        behind.db.backup(db)
        behind.db.close()
        mine = Catalog(db)
        try:
            for change in sorted(changes(db, self._root)):
                self._take_in(mine, change)
        except BaseException:
            db.close()
            raise
        self._private = True
        return mine, Segments(self._open_texts, mine.partitions)

    def _take_in(self, mine: Catalog, change: Change) -> None:
        from ion_summary.store.parsing import parse, slices

        if change.stat is None:
            mine.drop_days(change.day, change.day)
            return
        path, number = layout.records_path(self._root, change.day), change.number
        with _pinned(path, change.stat) as descriptor:
            if change.start and not is_known(mine.db, change.day, descriptor):
                raise MovedError
            if change.afresh:
                mine.drop_days(change.day, change.day)
            note(mine.db, self._root, change.day, change.stat, change.start, number)
            for start, end in slices(path, change.start, change.stat.st_size):
                part = parse(path, change.day, start, end, self._naive, with_documents=False)
                mine.add(part.numbered(number))  # what is damaged is the next writer's affair
                number += part.lines
                note(mine.db, self._root, change.day, change.stat, part.end, number)


def _are_longer(found: Sequence[Change]) -> bool:
    """Whether there are only more lines than the index has read."""
    return not any(change.afresh or change.stat is None for change in found)


def _are_taken_in(found: Sequence[Change], known: sqlite3.Connection, seconds: float) -> bool:
    """Whether whoever writes has, in a moment, entered all that was there into the index."""
    return any(_has_taken_in(found, known) for _ in attempts(seconds, _AGAIN_S))


def _has_taken_in(found: Sequence[Change], known: sqlite3.Connection) -> bool:
    days = orjson.dumps([change.day for change in found]).decode()
    query = "SELECT day, inode, size FROM partition WHERE day IN (SELECT value FROM json_each(?))"
    read = {day: (inode, size) for day, inode, size in known.execute(query, (days,))}
    stats = [(read.get(change.day, (0, 0)), change.stat) for change in found if change.stat]
    return all(inode == stat.st_ino and size >= stat.st_size for (inode, size), stat in stats)


@contextlib.contextmanager
def _pinned(path: Path, stat: os.stat_result) -> Iterator[int]:
    """Raises MovedError unless all that is read inside is of the file with that ``stat``, however it has grown.

    As long as it is open, no file that takes its place can have its inode.
    """
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            now = os.fstat(descriptor)
            if now.st_ino != stat.st_ino or now.st_size < stat.st_size:
                raise MovedError
            yield descriptor
            if path.stat(follow_symlinks=False).st_ino != now.st_ino:
                raise MovedError
        finally:
            os.close(descriptor)
    except FileNotFoundError:
        raise MovedError from None


def _open(path: Path, schema: int) -> sqlite3.Connection | None:
    """The database, or None where there is none of this schema."""
    try:
        db = open_database(path, "ro")
        if schema_of(db) == schema:
            return db
        db.close()
    except sqlite3.DatabaseError:
        pass  # none, or not one: what is derived is derived again
    return None


def _open_or_empty(path: Path, schema: int, create: Callable[[sqlite3.Connection], None]) -> sqlite3.Connection:
    """The database, or an empty one in memory where there is none of this schema."""
    db = _open(path, schema)
    if db is None:
        db = sqlite3.connect(":memory:", isolation_level=None, check_same_thread=False)
        create(db)
    return db
