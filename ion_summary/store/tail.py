"""Which of the records that no segment has yet may match? This hot tail is the last bytes of some partitions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import orjson

from ion_summary.store.catalog import DAY_SHIFT, PLACE, Catalog, Place
from ion_summary.store.lines import LineReader, MovedError
from ion_summary.store.probing import probes
from ion_summary.store.tracking import unindexed
from ion_summary.text.terms import Term

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
        a whole first, for most of them hold no match. Raises MovedError.
        """
        if self._catalog.expected():
            raise MovedError  # how far their tails reach is not known just now
        for day, start, end in unindexed(self._catalog.partitions(), self._indexed):
            data = self._lines.read(day, start, end - start)
            hits = _hits(data, terms)
            if hits is not None and not hits:
                continue
            span: list[Any] = [day << DAY_SHIFT, (day + 1) << DAY_SHIFT]
            if hits is None:
                of_lines = "record.offset >= ?"
                span.append(start)
            else:
                of_lines = "record.offset IN (SELECT value FROM json_each(?))"
                lines = {start + data.rfind(_NEWLINE, 0, hit) + 1 for hit in hits}
                span.append(orjson.dumps(list(lines)).decode())
            query = f"SELECT {PLACE} FROM record WHERE record.id >= ? AND record.id < ? AND {of_lines} AND {where}"
            yield from map(Place._make, self._catalog.db.execute(f"{query} ORDER BY record.id", (*span, *values)))


def _hits(data: bytes, terms: Sequence[Term]) -> list[int] | None:
    """Where in lines of ours the rarest of the patterns stands; None if every line must be looked at."""
    if not terms or data.count(_DIGEST_KEY) < data.count(_NEWLINE) or not data.endswith(_END_OF_OURS):
        return None
    best: list[int] | None = None
    wanted = probes(terms)
    lowered = data.lower() if any(probe.lower for probe in wanted) else data
    for probe in wanted:
        if probe.pattern.pattern:
            found = [match.start() for match in probe.pattern.finditer(lowered)]
            best = found if best is None or len(found) < len(best) else best
    return best
