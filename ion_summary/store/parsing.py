"""What does a stretch of a partition hold, in the forms that the index takes? Pure: it can be done in any process."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import tzinfo
from pathlib import Path
from typing import Any, NamedTuple

from ion_summary.store.catalog import DAY_SHIFT
from ion_summary.store.matching import searchable
from ion_summary.store.partition import records
from ion_summary.store.rows import Row, read_row
from ion_summary.store.segments import document

#: So many bytes are read at once.
SLICE = 2 << 20


class Parsed(NamedTuple):
    """The rows of a stretch, column by column (in which form they take least to come from another process) and numbered
    from 0; the documents of the same records, if they were wanted; how many lines the stretch has; and what could not
    be read: offset, length and what is wrong.
    """

    day: int
    start: int
    end: int
    columns: list[tuple[Any, ...]]
    documents: list[bytes]
    lines: int
    problems: list[tuple[int, int, str]]

    def ids(self, first: int) -> list[int]:
        """The final numbers of the rows, if the stretch begins with line ``first`` of the day."""
        base = self.day << DAY_SHIFT | first
        return [base + number for number in self.columns[0]] if self.columns else []

    def numbered(self, first: int) -> list[Row]:
        """The rows with these numbers."""
        return list(map(Row._make, zip(self.ids(first), *self.columns[1:], strict=True)))

    def offsets(self) -> Sequence[int]:
        """Where the line of each row begins."""
        return self.columns[Row._fields.index("offset")] if self.columns else ()


def slices(path: Path, start: int, end: int, size: int = SLICE) -> Iterator[tuple[int, int]]:
    """Stretches of a partition, from byte ``start`` to byte ``end``, each of whole lines."""
    with path.open("rb") as file:
        while start < end:
            file.seek(min(start + size, end))
            file.readline()
            middle = min(file.tell(), end)
            yield start, middle
            start = middle


def parse(path: Path, day: int, start: int, end: int, naive: tzinfo | None, with_documents: bool) -> Parsed:
    """The lines between two offsets. Damage is a part of the result; only the file itself may be missing (OSError)."""
    rows, documents, problems, lines = list[Row](), list[bytes](), list[tuple[int, int, str]](), 0
    for line in records(path, start, end):
        problem = line.problem
        if line.record is not None:
            try:
                row = read_row(line.record, lines, line.offset, line.length, naive)
            except (ValueError, OverflowError) as error:
                problem = f"its time cannot be read: {error}"
            else:
                rows.append(row)
                if with_documents:  # at once: what the record is made of is in the processor's cache
                    documents.append(document(*searchable(line.record), row.names))
        if problem is not None:
            problems.append((line.offset, line.length, problem))
        lines += 1
    return Parsed(day, start, end, list(zip(*rows, strict=True)), documents, lines, problems)
