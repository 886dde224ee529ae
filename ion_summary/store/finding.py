"""What does a query find, and has it just been asked?"""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from ion_summary.model import SessionSummary
from ion_summary.store.catalog import Catalog, Place
from ion_summary.store.database import version
from ion_summary.store.lines import LineReader
from ion_summary.store.partition import Finding
from ion_summary.store.query import Matches, Query
from ion_summary.store.ranking import FOREMOST, WEIGHED, ranked
from ion_summary.store.segments import Segments

#: How many records match, and where those of the wanted page are, with their scores (0 where there is none).
Page = tuple[int, list[tuple[Place, float]]]

_REMEMBERED = 64
_LONGEST_REMEMBERED = 1_000


class Finder:
    """Answers queries to a store, and remembers where the answers of the last ones stand while the index is the same.

    ``on_damage`` is told of lines that were not written so.
    """

    def __init__(self, root: Path, on_damage: Callable[[Finding], None]) -> None:
        self._root = root
        self._on_damage = on_damage
        self._of: tuple[Any, ...] = ()
        self._pages: dict[Query, Page] = {}

    def find(
        self, query: Query, catalog: Catalog, segments: Segments
    ) -> tuple[int, list[tuple[SessionSummary, float]]]:
        """How many records match, and those of the wanted page with their scores. Raises MovedError."""
        with LineReader(self._root, catalog, self._on_damage) as lines:
            total, page = self._remembered(query, catalog, segments) or self._asked(query, catalog, segments, lines)
            found = [(lines.record(place), score) for place, score in page]
        return total, [(SessionSummary.from_dict(record), score) for record, score in found if record]

    def _remembered(self, query: Query, catalog: Catalog, segments: Segments) -> Page | None:
        # The objects stand for themselves: those that were opened anew may count their changes from the same number.
        now = (catalog, version(catalog.db), segments, version(segments.db) if segments.is_open else None)
        if self._of != now:
            self._of = now
            self._pages.clear()
        return self._pages.get(query)

    def _asked(self, query: Query, catalog: Catalog, segments: Segments, lines: LineReader) -> Page:
        page = _page(query, catalog, segments, lines)
        if len(page[1]) <= _LONGEST_REMEMBERED:
            if len(self._pages) == _REMEMBERED:
                del self._pages[next(iter(self._pages))]
            self._pages[query] = page
        return page


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
    return total, ranked(places, foremost, query.terms, lines.record)[page]
