"""Which records are in no segment yet, and how do they get there?"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any

from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.database import transaction
from ion_summary.store.months import Piece
from ion_summary.store.parsing import SLICE, parse, slices
from ion_summary.store.segments import Segments, Stretch
from ion_summary.store.tracking import unindexed
from ion_summary.workers import Workers

#: So many lines may wait outside the segments: each search looks at every one of them. Whoever saves one more puts some
#: of them there.
TAIL_LINES = 300
_STEP_BYTES = 128 << 10


class Filler:
    """Fills the segments from the partitions, as far as the catalog has read them.

    ``naive`` is the zone of times without one (None: local); ``workers`` says who reads so many bytes.
    """

    def __init__(
        self,
        root: Path,
        naive: tzinfo | None,
        catalog: Catalog,
        segments: Segments,
        workers: Callable[[int], Workers],
    ) -> None:
        self._root = root
        self._naive = naive
        self._catalog = catalog
        self._segments = segments
        self._workers = workers
        self._tail: tuple[Any, int] = (None, 0)

    def fill(self) -> None:
        """Puts every line that the catalog has read into its month's segment."""
        self._tail = (None, 0)
        with transaction(self._segments.db):
            for month in self._stale_months():
                self._segments.drop_month(month)
            self._fill([piece for stretch in self._unindexed() for piece in self._slices(*stretch)])

    def make_room(self, lines: int) -> None:
        """After so many lines have come outside the segments: puts the oldest into theirs if there are too many by now.

        All of them would keep whoever saves waiting.
        """
        if self._tail_with(lines) <= TAIL_LINES:
            return
        if self._stale_months():
            self.fill()
            return
        self._tail = (None, 0)
        pieces, size = list[Piece](), 0
        for stretch in self._unindexed():
            if size < _STEP_BYTES:
                piece = next(self._slices(*stretch, _STEP_BYTES - size))
                pieces.append(piece)
                size += piece.end - piece.start
        with transaction(self._segments.db):
            self._fill(pieces)

    def tail_lines(self) -> int:
        """How many records are not in their segment yet."""
        return sum(
            self._catalog.db.execute(
                "SELECT count(*) FROM record WHERE id >= ? AND id < ? AND offset >= ?",
                (day << DAY_SHIFT, (day + 1) << DAY_SHIFT, upto),
            ).fetchone()[0]
            for day, upto, _ in unindexed(self._catalog.partitions(), self._segments.indexed())
        )

    def recount(self) -> None:
        """Has ``make_room`` count again: others than it have changed what waits."""
        self._tail = (None, 0)

    def _tail_with(self, more: int) -> int:
        """``tail_lines``, with so many that came just now: counted once, then added up for as long as nobody else
        writes.
        """
        others = [db.execute("PRAGMA data_version").fetchone() for db in (self._catalog.db, self._segments.db)]
        known, lines = self._tail
        self._tail = (others, lines + more if known == others else self.tail_lines())
        return self._tail[1]

    def _unindexed(self) -> list[tuple[int, int, int]]:
        return list(unindexed(self._catalog.partitions(), self._segments.indexed()))

    def _slices(self, day: int, start: int, end: int, size: int = SLICE) -> Iterator[Piece]:
        path = layout.records_path(self._root, day)
        return (Piece(path, day, *some, self._naive, True) for some in slices(path, start, end, size))

    def _stale_months(self) -> set[str]:
        """Those whose numbers stand for other lines by now. Those of a day that is gone stand for nothing, and do no
        harm until there is such a day again.
        """
        there = self._catalog.partitions()
        return {layout.month_of(day) for day, upto in self._segments.indexed().items() if upto < 0 and day in there}

    def _fill(self, pieces: Sequence[Piece]) -> None:
        numbers: tuple[int, dict[int, int]] = (0, {})
        waiting, size = list[Stretch](), 0
        with self._workers(sum(piece.end - piece.start for piece in pieces)) as workers:
            for part in workers.in_order(parse, pieces):
                if numbers[0] != part.day:
                    numbers = (part.day, self._numbers(part.day, part.start))
                numbered = zip(map(numbers[1].get, part.offsets()), part.documents, strict=True)
                known = [(number, document) for number, document in numbered if number is not None]
                waiting.append(Stretch(part.day, part.end, self._catalog.birth(part.day), known))
                size += part.end - part.start
                if size >= SLICE:
                    self._segments.add(waiting)
                    waiting, size = [], 0
            self._segments.add(waiting)

    def _numbers(self, day: int, start: int) -> dict[int, int]:
        """The catalog's numbers of a day's lines by their offsets: it alone says which number a line has.

        Superseded lines too: they are found again when the line that superseded them vanishes.
        """
        span = (day << DAY_SHIFT, (day + 1) << DAY_SHIFT, start)
        of_a_day = "WHERE id >= ? AND id < ? AND offset >= ?"
        query = f"SELECT offset, id FROM record {of_a_day} UNION ALL SELECT offset, id FROM superseded {of_a_day}"
        return dict(self._catalog.db.execute(query, (*span, *span)))
