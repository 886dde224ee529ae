"""What do the partitions of a month hold, its segment included? Pure: it can be done in any process.

Who reads all of a month makes its segment at once, in memory, in a fraction of the time that it takes beside all others
in one database; and several do so at the same time.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Container, Iterable, Iterator, Mapping, Sequence
from datetime import tzinfo
from itertools import groupby
from pathlib import Path
from typing import NamedTuple

from ion_summary.store import text_table
from ion_summary.store.layout import month_of
from ion_summary.store.parsing import Parsed, parse

# What a process makes at once must fit into its memory: as much again for the segment, and half of it for the rows.
_MONTH_BYTES = 64 << 20


class Piece(NamedTuple):
    """What ``parse`` is given."""

    path: Path
    day: int
    start: int
    end: int
    naive: tzinfo | None
    with_documents: bool


class Read(NamedTuple):
    """What some pieces hold, and the segment of their month if they are all that it has."""

    parts: list[Parsed]
    segment: text_table.Pages | None


def read(pieces: Sequence[Piece], whole: bool) -> Read:
    """Reads pieces of one month: in their order, from the start of each partition, if they are a ``whole`` one."""
    if not whole:
        return Read([parse(*piece) for piece in pieces], None)
    parts: list[Parsed] = []
    segment = text_table.make(_documents(pieces, parts))
    return Read(parts, segment)


def _documents(pieces: Iterable[Piece], parts: list[Parsed]) -> Iterator[tuple[int, bytes]]:
    lines: Counter[int] = Counter()
    for piece in pieces:
        part = parse(*piece)
        yield from zip(part.ids(lines[piece.day]), part.documents, strict=True)
        lines[piece.day] += part.lines
        parts.append(part._replace(documents=[]))


def made_at_once(sizes: Mapping[str, int], processes: int) -> set[str]:
    """Which of the months, each with its bytes, ``read`` is to read as a whole: as many for each process. The rest is
    shared piece by piece, so that nobody is idle while another makes the last month.
    """
    fit = [month for month in sorted(sizes) if sizes[month] <= _MONTH_BYTES] if text_table.can_paste() else []
    return set(fit[: len(fit) - len(fit) % processes])


def by_month(pieces: Iterable[Piece], at_once: Container[str]) -> Iterator[tuple[list[Piece], bool]]:
    """What ``read`` is to be given for whole partitions, sorted by day: some months as a whole, the others piece by
    piece.
    """
    for month, some in groupby(pieces, lambda piece: month_of(piece.day)):
        if month in at_once:
            yield list(some), True
        else:
            yield from one_by_one(some)


def one_by_one(pieces: Iterable[Piece]) -> Iterator[tuple[list[Piece], bool]]:
    """What ``read`` is to be given for pieces that are not all of their months."""
    return (([piece], False) for piece in pieces)
