"""How do new lines of the partitions come into the index? Piece by piece, in transactions of a bearable size."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path

from ion_summary.progress import Progress
from ion_summary.store import layout, quarantine
from ion_summary.store.catalog import Catalog
from ion_summary.store.database import transaction
from ion_summary.store.months import Piece, Read
from ion_summary.store.parsing import Parsed, slices
from ion_summary.store.partition import Finding
from ion_summary.store.segments import Segments, Stretch
from ion_summary.store.tracking import Change, note

# A transaction for each partition would cost more than the work, one for all the memory.
_GROUP_BYTES = 64 << 20


@dataclass(slots=True)
class _Partition:
    """A partition that is being read: its file, the number of the next line, what its numbers are called, and whether
    its segment has just what was read before.
    """

    stat: os.stat_result
    number: int
    birth: int
    with_segment: bool


class Intake:
    """Takes what has changed in the partitions into a catalog and the segments.

    ``naive`` is the zone of times without one (None: local); ``on_damage`` is told of every line that cannot be read.
    """

    def __init__(
        self,
        root: Path,
        naive: tzinfo | None,
        catalog: Catalog,
        segments: Segments,
        on_damage: Callable[[Finding], None],
    ) -> None:
        self._root = root
        self._naive = naive
        self._catalog = catalog
        self._segments = segments
        self._on_damage = on_damage
        self._partitions: dict[int, _Partition] = {}

    def pieces(self, found: Iterable[Change], *, with_documents: bool) -> Iterator[Piece]:
        """What is to be read of the changed partitions, by day. Whoever asks for it is in the transactions in which it
        is noted that no more of these partitions has been read than was before: ``take_all`` does.
        """
        for change in sorted(found):
            if change.stat is None:
                continue
            if change.afresh:
                self._catalog.drop_days(change.day, change.day)
            path = layout.records_path(self._root, change.day)
            quarantine.repair_tail(self._root, path)
            stat = path.stat()
            note(self._catalog.db, self._root, change.day, stat, change.start, change.number)
            birth = self._catalog.birth(change.day)
            goes_on = with_documents and self._segments.upto(change.day, birth) == change.start
            self._partitions[change.day] = _Partition(stat, change.number, birth, goes_on)
            for start, end in slices(path, change.start, stat.st_size):
                yield Piece(path, change.day, start, end, self._naive, with_documents)

    def take_all(self, stretches: Iterator[Read], progress: Progress) -> None:
        """Takes in what was read of the ``pieces``, in their order."""
        done = False
        # One row of stretches for all transactions: the workers go on while one is ended.
        while not done:
            with transaction(self._catalog.db), transaction(self._segments.db):
                done = self._take_some(stretches, progress)

    def _take_some(self, stretches: Iterator[Read], progress: Progress) -> bool:
        """Takes in what one transaction should hold. Whether there is no more."""
        size = 0
        for parts, segment in stretches:
            for part in parts:
                self._take_in(part, in_segment=segment is not None)
                progress.advance(part.end - part.start)
                size += part.end - part.start
            if segment is not None:
                days = {part.day: (part.day, part.end, self._partitions[part.day].birth) for part in parts}
                self._segments.add_month(layout.month_of(parts[0].day), segment, days.values())
            if size > _GROUP_BYTES:
                return False
        return True

    def _take_in(self, part: Parsed, in_segment: bool) -> None:
        partition = self._partitions[part.day]
        rows = part.numbered(partition.number)
        partition.number += part.lines
        self._catalog.add(rows)
        note(self._catalog.db, self._root, part.day, partition.stat, part.end, partition.number)
        if partition.with_segment and not in_segment:
            numbered = zip((row.id for row in rows), part.documents, strict=True)
            self._segments.add([Stretch(part.day, part.end, partition.birth, numbered)])
        for offset, length, problem in part.problems:
            self._report(layout.records_path(self._root, part.day), offset, length, problem)

    def _report(self, path: Path, offset: int, length: int, problem: str) -> None:
        with path.open("rb") as file:
            before = file.read(offset)
            data = file.read(length)
        quarantine.keep(self._root, path, offset, data, problem)
        name = path.relative_to(self._root).as_posix()
        self._on_damage(Finding(name, before.count(b"\n") + 1, problem))
