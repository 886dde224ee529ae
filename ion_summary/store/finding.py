"""What does a query find, and has it just been asked?

What is remembered are the lines of the answer as they were read and checked, and not values made of them: those belong
to whoever asked.
"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import orjson

from ion_summary.model import SessionSummary
from ion_summary.store.catalog import Catalog, Place
from ion_summary.store.database import version
from ion_summary.store.lines import LineReader
from ion_summary.store.matches import Matches
from ion_summary.store.partition import Finding
from ion_summary.store.query import Query
from ion_summary.store.ranking import FOREMOST, WEIGHED, ranked
from ion_summary.store.segments import Segments

#: How many records match, and where those of the wanted page are, with their scores (0 where there is none).
Page = tuple[int, list[tuple[Place, float]]]
#: The same, with the lines themselves.
Answer = tuple[int, list[tuple[bytes, float]]]

_REMEMBERED = 64
_LONGEST_REMEMBERED = 100  # of some 1,200 bytes each


class Finder:
    """Answers queries to a store, and remembers the answers to the last ones while the index is the same.

    ``on_damage`` is told of lines that were not written so.
    """

    def __init__(self, root: Path, on_damage: Callable[[Finding], None]) -> None:
        self._root = root
        self._on_damage = on_damage
        self._of: tuple[Any, ...] = ()
        self._answers: dict[Query, Answer] = {}

    def find(
        self, query: Query, catalog: Catalog, segments: Segments
    ) -> tuple[int, list[tuple[SessionSummary, float]]]:
        """How many records match, and those of the wanted page with their scores. Raises MovedError."""
        known = self._remembered(query, catalog, segments)
        if known is not None:
            total, lines = known
            return total, [(SessionSummary.from_dict(orjson.loads(line)), score) for line, score in lines]
        with LineReader(self._root, catalog, self._on_damage) as reader:
            total, page = _page(query, catalog, segments, reader)
            found = [(*read, score) for place, score in page if (read := reader.checked(place))]
        if len(found) <= _LONGEST_REMEMBERED:
            self._remember(query, (total, [(line, score) for line, _, score in found]))
        return total, [(SessionSummary.from_dict(record), score) for _, record, score in found]

    def _remembered(self, query: Query, catalog: Catalog, segments: Segments) -> Answer | None:
        # The objects stand for themselves: those that were opened anew may count their changes from the same number.
        now = (catalog, version(catalog.db), segments, version(segments.db) if segments.is_open else None)
        if self._of != now:
            self._of = now
            self._answers.clear()
        return self._answers.get(query)

    def _remember(self, query: Query, answer: Answer) -> None:
        if len(self._answers) == _REMEMBERED:
            del self._answers[next(iter(self._answers))]
        self._answers[query] = answer


def _page(query: Query, catalog: Catalog, segments: Segments, lines: LineReader) -> Page:
    matches = Matches(query, catalog, segments, lines)
    if not matches.by_text:
        total, places = matches.page()
        return total, [(place, 0.0) for place in places]
    page = slice(query.offset, query.offset + query.limit)
    if query.sort != "relevance" or not query.terms:
        total, places = matches.first(page.stop)
        return total, [(place, 0.0) for place in places[page]]
    total, places = matches.first(max(page.stop, WEIGHED))
    foremost = matches.foremost(FOREMOST) if total > WEIGHED else []
    return total, ranked(places, foremost, query.terms, lines.parsed)[page]
