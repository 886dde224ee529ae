"""Which of the records that no segment has yet may match? This hot tail is the last bytes of some partitions."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from ion_summary.store.catalog import DAY_SHIFT, PLACE, Catalog, Place
from ion_summary.store.lines import LineReader
from ion_summary.store.matching import probes
from ion_summary.store.tracking import unindexed
from ion_summary.text.tokens import Term

_NEWLINE = b"\n"
_END_OF_OURS = b'"}\n'
_DIGEST_KEY = b',"digest":"'


class Tail:
    """The hot tail as of one moment; ``indexed`` says how far each day is in its segment."""

    def __init__(self, catalog: Catalog, indexed: Mapping[int, int], lines: LineReader) -> None:
        self._catalog = catalog
        self._indexed = indexed
        self._lines = lines

    def candidates(self, terms: Sequence[Term], where: str, values: Sequence[Any]) -> Iterator[Place]:
        """The records that may have all the terms, with the other properties asked for; a day's bytes are searched as
        a whole first, for most of them hold no match.
        """
        for day, start, end in unindexed(self._catalog.partitions(), self._indexed):
            data = self._lines.read(day, start, end - start)
            hits = _hits(data, terms)
            if hits is not None and not hits:
                continue
            query = (
                f"SELECT {PLACE} FROM record WHERE record.id >= ? AND record.id < ? AND record.offset >= ? AND {where}"
                " ORDER BY record.id"
            )
            span = (day << DAY_SHIFT, (day + 1) << DAY_SHIFT, start)
            places = [Place(*row) for row in self._catalog.db.execute(query, (*span, *values))]
            yield from places if hits is None else _at(places, [start + hit for hit in hits])


def _hits(data: bytes, terms: Sequence[Term]) -> list[int] | None:
    """Where in lines of ours the rarest of the needles stands; None if every line must be looked at."""
    if not terms or data.count(_DIGEST_KEY) < data.count(_NEWLINE) or not data.endswith(_END_OF_OURS):
        return None
    best: list[int] | None = None
    lowered = data.lower()
    for probe in probes(terms):
        # One of several ways of writing suffices: each is represented by its longest needle.
        needles = [max(way, key=len) for way in probe.needles if way]
        if len(needles) == len(probe.needles):
            found = [place for needle in dict.fromkeys(needles) for place in _places(lowered, needle)]
            best = found if best is None or len(found) < len(best) else best
    return None if best is None else sorted(best)


def _places(data: bytes, needle: bytes) -> Iterator[int]:
    at = data.find(needle)
    while at >= 0:
        yield at
        at = data.find(needle, at + 1)


def _at(places: Sequence[Place], offsets: Sequence[int]) -> Iterator[Place]:
    """The records in which the bytes stand, each once."""
    starts = [place.offset for place in places]
    for index in dict.fromkeys(bisect_right(starts, offset) - 1 for offset in offsets):
        if index >= 0:
            yield places[index]
