"""How does what is derived follow the partitions? By the bytes it has read of each, and of which file.

The index is two SQLite databases, ``catalog.sqlite`` and ``text.sqlite``, each of which says how far it has come; so
they may be behind each other, or be deleted, and catch up. Only the holder of the writer's lock brings them up to
date; a reader that cannot have the lock brings a copy of its own up to date.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Collection, Container, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from pathlib import Path
from typing import Any, NamedTuple

from ion_summary.progress import Progress, Silent
from ion_summary.store import catalog, files, layout, losses, segments
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.database import (
    closed_on_error,
    create_anew,
    derived_database,
    is_whole,
    remove_database,
    transaction,
    vacuum,
)
from ion_summary.store.filling import TAIL_LINES, Filler
from ion_summary.store.intake import Intake
from ion_summary.store.loading import LoadingCatalog
from ion_summary.store.matching import searchable
from ion_summary.store.months import by_month, made_at_once, one_by_one, read
from ion_summary.store.partition import Finding
from ion_summary.store.rows import Row, row_of
from ion_summary.store.segments import Segments, Stretch, document
from ion_summary.store.settled import settle, settle_days, unsettling
from ion_summary.store.tracking import Change, changes, note
from ion_summary.workers import Workers

_BULK_BYTES = 2 << 20
_FOR_SEVERAL_BYTES = 32 << 20
# So many months for each process lie ready: they are large, but whoever has made one must not wait for the next.
_MONTHS_AHEAD = 2


class Appended(NamedTuple):
    """A record that was just written: what the catalog would otherwise have to read again."""

    record: dict[str, Any]
    session: int
    created: int
    saved: int
    length: int


class IndexWriter:
    """The index in the hands of the lock's holder.

    ``naive`` is the zone of times without one (None: local); ``on_damage`` is told of every line that cannot be read;
    ``processes`` may share the work where there is much to read (None: one for each processor).
    """

    def __init__(
        self, root: Path, naive: tzinfo | None, on_damage: Callable[[Finding], None], processes: int | None = 1
    ) -> None:
        self._processes = processes
        self._root = root
        self._naive = naive
        self._on_damage = on_damage
        files.make_directory(root / layout.INDEX)
        self._open_both()

    def _open_both(self) -> None:
        paths = [self._root / layout.INDEX / name for name in (layout.CATALOG, layout.TEXT)]
        self.catalog = Catalog(derived_database(paths[0], catalog.SCHEMA, catalog.create, catalog.PAGE_BYTES))
        with closed_on_error(self.catalog.db):
            text = derived_database(paths[1], segments.SCHEMA, segments.create)
        self.segments = Segments(lambda: text, self.catalog.partitions)
        assert self.segments.db is text  # opened already: both are locked for as long as this writer is there
        self._filler = Filler(self._root, self._naive, self.catalog, self.segments, self._workers)
        self._identities = {path: _identity(path) for path in paths}

    @property
    def is_current(self) -> bool:
        """Whether both databases are still those that were opened."""
        return all(_identity(path) == known for path, known in self._identities.items())

    def close(self) -> None:
        """Ends the connections; SQLite then folds its write-ahead log into the database."""
        self.catalog.db.close()
        self.segments.close()

    def catch_up(self) -> None:
        """Takes in whatever has changed in the partitions since the last time, and fills the segments if it is much."""
        found = changes(self.catalog.db, self._root)
        if found:
            with self._workers(_fresh(found)) as workers:
                if self._is_mostly_new(found):
                    self._make_anew(Silent(), workers, catalog.OF_OTHER_FILES)
                else:
                    self._follow(found, workers)
        with transaction(self.catalog.db):
            settle(self.catalog.db, self._root)

    def _is_mostly_new(self, found: Collection[Change]) -> bool:
        """Whether it takes less to forget what is known than to take in line after line beside it."""
        afresh = {change.day for change in found if change.afresh}
        kept = sum(size for day, (size, _) in self.catalog.partitions().items() if day not in afresh)
        return _fresh(found) > max(kept, _BULK_BYTES)

    def _workers(self, size: int) -> Workers:
        """Who reads so many bytes: more than this process only if that takes longer than to start others."""
        return Workers(self._processes if size > _FOR_SEVERAL_BYTES else 1)

    def _follow(self, found: Sequence[Change], workers: Workers) -> None:
        bulk = _fresh(found) > _BULK_BYTES
        self._note_losses_of(found)
        self._drop_gone({change.day for change in found if change.stat is None})
        intake = self._intake(self.catalog)
        pieces = one_by_one(intake.pieces(found, with_documents=bulk))
        intake.take_all(workers.in_order(read, pieces), Silent())
        self._filler.recount()
        if bulk or self._filler.tail_lines() > TAIL_LINES:
            self._filler.fill()

    def _drop_gone(self, gone: Container[int]) -> None:
        """Forgets partitions that are not there any more, those that follow each other at once."""
        with transaction(self.catalog.db):
            for is_gone, days in groupby(sorted(self.catalog.partitions()), gone.__contains__):
                if is_gone:
                    first, *others = days
                    self.catalog.drop_days(first, others[-1] if others else first)

    def _intake(self, into: Catalog) -> Intake:
        return Intake(self._root, self._naive, into, self.segments, self._on_damage)

    def extend(
        self, starts: Mapping[int, int], lines: Mapping[int, Sequence[Appended]], stored: Container[int] | None
    ) -> None:
        """Takes in lines that the lock's holder has just appended, per day, from the offsets at which they begin.

        ``stored`` are those of their sessions that had a record before, if that is known.
        The same as ``catch_up``, without reading and checking again what was written a moment ago.
        """
        known = self.catalog.read_of(starts)
        if any(known.get(day, (0, 0))[0] != start for day, start in starts.items()):
            self.catch_up()
            return
        rows: list[Row] = []
        documents: dict[int, list[tuple[int, bytes]]] = {}
        bulk = sum(map(len, lines.values())) >= TAIL_LINES
        old = unsettling(self.catalog.db, starts)
        with transaction(self.catalog.db):
            for day, some in sorted(lines.items()):
                first = known[day][1] if day in known else 0
                fresh = list(_rows(day, first, starts[day], some))
                rows += fresh
                stat = layout.records_path(self._root, day).stat()
                note(self.catalog.db, self._root, day, stat, stat.st_size, first + len(some))
                if bulk:
                    pairs = zip(some, fresh, strict=True)
                    documents[day] = [(row.id, document(*searchable(each.record), row.names)) for each, row in pairs]
            self.catalog.add(rows, stored)
            settle_days(self.catalog.db, self._root, old)
        if bulk:
            self._extend_segments(starts, documents)
        else:
            self._filler.make_room(len(rows))

    def _extend_segments(self, starts: Mapping[int, int], documents: Mapping[int, list[tuple[int, bytes]]]) -> None:
        with transaction(self.segments.db):
            stretches = []
            for day, some in documents.items():
                birth = self.catalog.birth(day)
                if self.segments.upto(day, birth) == starts[day]:  # else lines before are still in the hot tail
                    size = layout.records_path(self._root, day).stat().st_size
                    stretches.append(Stretch(day, size, birth, some))
            self.segments.add(stretches)

    def fill_segments(self) -> None:
        """Puts every line that the catalog has read into its month's segment."""
        self._filler.fill()

    def wipe(self) -> None:
        """Leaves nothing in either database of what was deleted from it. Raises StoreNotWritableError."""
        with transaction(self.catalog.db):
            self.catalog.drop_unused()
        for db in (self.catalog.db, self.segments.db):
            vacuum(db)

    def drop_empty_months(self) -> None:
        """Removes the segments of months that have no partition left.

        In a month that goes on, the words of its gone days stay until it is built again or gone too.
        """
        there = {layout.month_of(day) for day in self.catalog.partitions()}
        with transaction(self.segments.db):
            for month in self.segments.months():
                if month not in there:
                    self.segments.drop_month(month)

    def rebuild(self, progress: Progress, workers: Workers) -> None:
        """Forgets all that was derived and reads every partition from its start, in one transaction: until it is done
        readers see the index as it was.
        """
        if not (is_whole(self.catalog.db) and is_whole(self.segments.db)):
            self.close()
            for name in (layout.CATALOG, layout.TEXT):
                remove_database(self._root / layout.INDEX / name)
            self._open_both()
        self._make_anew(progress, workers)

    def _make_anew(self, progress: Progress, workers: Workers, but: Collection[str] = ()) -> None:
        """Makes both databases from the partitions, but for some tables of the catalog, in one transaction."""
        self._note_losses_of(changes(self.catalog.db, self._root))
        with transaction(self.catalog.db), transaction(self.segments.db):
            create_anew(self.catalog.db, catalog.create, but)
            create_anew(self.segments.db, segments.create)
            loading = LoadingCatalog(self.catalog.db)
            self._load(loading, progress, workers)
            loading.settle()
            self._filler.fill()
            settle(self.catalog.db, self._root)

    def _load(self, loading: LoadingCatalog, progress: Progress, workers: Workers) -> None:
        found = changes(loading.db, self._root)
        at_once = made_at_once(_sizes(found), workers.count)
        intake = self._intake(loading)
        months = by_month(intake.pieces(found, with_documents=True), at_once)
        progress.start("index", _fresh(found), "bytes")
        intake.take_all(workers.in_order(read, months, _MONTHS_AHEAD), progress)
        progress.finish()

    def _note_losses_of(self, found: Iterable[Change]) -> None:
        self.note_losses([change.day for change in found if change.afresh])

    def note_losses(self, days: Collection[int]) -> None:
        """Keeps in mind what partitions have lost: the index, which alone knew of it, is about to forget it."""
        lost = losses.of_records(self.catalog.db, self._root, days)
        if lost:
            losses.note(self._root, lost, self._on_damage)
            # The files that its sessions came from may still be there: the next ingest reads them again.
            self.catalog.db.execute("DELETE FROM file")


def _fresh(found: Iterable[Change]) -> int:
    return sum(change.size for change in found)


def _sizes(found: Iterable[Change]) -> Counter[str]:
    """The bytes to be read of each month."""
    sizes = Counter[str]()
    for change in found:
        sizes[layout.month_of(change.day)] += change.size
    return sizes


def _identity(path: Path) -> tuple[int, int] | None:
    try:
        stat = path.stat(follow_symlinks=False)
    except FileNotFoundError:
        return None
    return stat.st_dev, stat.st_ino


def _rows(day: int, first: int, start: int, lines: Sequence[Appended]) -> Iterator[Row]:
    offset = start
    for number, line in enumerate(lines, day << DAY_SHIFT | first):
        yield row_of(line.record, line.session, line.created, line.saved, number, offset, line.length)
        offset += line.length + 1
