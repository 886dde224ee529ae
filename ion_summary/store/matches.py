"""Which records does a query ask for, how many are they, and which of them stand on the wanted page?

Only numbers are handled until the page is known; then exactly its lines are read. Texts are looked at before that
only where the index lets through too much: words of three syllables or more, phrases, prefixes of phrases, tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from functools import cached_property
from heapq import nlargest, nsmallest
from itertools import chain, islice
from operator import itemgetter

import orjson

from ion_summary.store.catalog import DAY_SHIFT, Catalog, Place
from ion_summary.store.lines import LineReader
from ion_summary.store.properties import Properties
from ion_summary.store.query import Query
from ion_summary.store.segment_numbers import SegmentNumbers
from ion_summary.store.segments import Segments, match_expression, of_names, outside_expression
from ion_summary.store.tail import Tail

# So many are looked at one by one before the months are asked each for itself.
_FEW_NUMBERS = 4_000
_BY_TIME = itemgetter(Place._fields.index("created"), Place._fields.index("id"))


class Matches:
    """The records that a query matches, at one moment."""

    def __init__(self, query: Query, catalog: Catalog, segments: Segments, lines: LineReader) -> None:
        self._query = query
        self._catalog = catalog
        self._segments = segments
        self._lines = lines
        self._properties = Properties(query, catalog)

    @cached_property
    def _numbers(self) -> SegmentNumbers:
        return SegmentNumbers(self._catalog, self._segments, self._properties.span)

    @property
    def by_text(self) -> bool:
        """Whether texts are asked for, and not only what the catalog knows."""
        return bool(self._query.terms or self._query.tag)

    def page(self) -> tuple[int, list[Place]]:
        """How many there are, and those of the wanted page, for a query that the catalog alone can answer."""
        return self._properties.total(), self._properties.page()

    def days(self) -> list[int]:
        """The days (ordinals) that have records with the other properties asked for, newest first."""
        return self._properties.days()

    def among(self, sessions: Iterable[int]) -> list[Place]:
        """The records of those of the sessions (``hash64`` of their ids) that have the other properties asked for."""
        return self._properties.of_sessions(sessions)

    def first(self, wanted: int) -> tuple[int, list[Place]]:
        """How many there are, and the first ``wanted`` of them by time, for a query by text.

        Where the index alone knows what matches, only so many numbers are looked up in the catalog.
        """
        if self._properties.are_of_few:
            return self._best(wanted, self._verified(self._properties.all()))
        expression, enough = match_expression(self._query.terms, self._query.tag)
        if expression is None:  # the segments cannot help
            return self._best(wanted, self._verified(self._properties.all()))
        expression = of_names(expression, self._properties.names)
        if self._properties.has_others or self._query.sort == "oldest":
            return self._best(wanted, self._all(expression, enough))
        if not enough:
            few = list(islice(self._numbers.all(expression), _FEW_NUMBERS + 1))
            if len(few) <= _FEW_NUMBERS:
                return self._best(wanted, chain(self._of_tail(), self._verified(self._properties.candidates(few))))
        return self._newest_counted(expression, enough, wanted)

    def foremost(self, wanted: int) -> list[Place]:
        """The newest ``wanted`` of those that have all the words in title and tags. (The hot tail's are not among them:
        they are among the newest anyway.)
        """
        expression = outside_expression(self._query.terms)
        found: list[Place] = []
        if expression is None or self._properties.are_of_few:
            return found
        _, enough = match_expression(self._query.terms, self._query.tag)
        numbers = self._numbers.all(of_names(expression, self._properties.names))
        while len(found) < wanted and (some := list(islice(numbers, wanted))):
            candidates = self._properties.candidates(some)
            found += candidates if enough else self._verified(candidates)
        return sorted(found, key=_BY_TIME, reverse=True)[:wanted]

    def _best(self, wanted: int, found: Iterable[Place]) -> tuple[int, list[Place]]:
        """How many were found, and the first ``wanted`` by time, without ever having all of them in memory."""
        total = 0

        def counted() -> Iterator[Place]:
            nonlocal total
            for place in found:
                total += 1
                yield place

        oldest = self._query.sort == "oldest"
        best = (nsmallest if oldest else nlargest)(wanted, counted(), key=_BY_TIME)
        if wanted == 0:
            total += sum(1 for _ in found)
        return total, best

    def _all(self, expression: str, enough: bool) -> Iterator[Place]:
        yield from self._of_tail()
        candidates = self._properties.candidates(self._numbers.all(expression))
        yield from candidates if enough else self._verified(candidates)

    def _newest_counted(self, expression: str, enough: bool, wanted: int) -> tuple[int, list[Place]]:
        """Where only the first by time are looked up; of the other months it is enough to know how many there are."""
        found = list(self._of_tail())
        total, complete, counted = len(found), 0, list[str]()
        unsure = self._numbers.unknown_months()
        if not enough:
            unsure |= self._numbers.stale_months
        months = self._segments.months()
        sure_months = [month for month in months if month not in unsure]
        counts = self._segments.counts(expression, sure_months) if enough else {}
        for month in months:
            some = list[Place]()
            # One month more than enough: times of an adopted store may lie a day off their partition's.
            beyond = complete > 1
            if month in unsure:
                candidates = self._properties.candidates(self._numbers.of_month(expression, month))
                some = list(candidates if enough else self._verified(candidates))
                total += len(some)
            elif not (enough or beyond):
                sure, others = self._sifted(expression, month)
                some = [*self._properties.places(orjson.dumps(sure).decode()), *others]
                total += len(some)
            else:
                counted.append(month)
                some = [] if beyond or not counts[month] else self._first_of(expression, month, wanted)
            found += some
            complete += len(found) >= wanted
        total += (self._numbers.count if enough else self._verified_count)(expression, counted)
        return total, nlargest(wanted, found, key=_BY_TIME)

    def _verified_count(self, expression: str, months: Sequence[str]) -> int:
        """The same, where each must be looked at."""
        sifted = (self._sifted(expression, month) for month in months)
        return sum(len(sure) + sum(1 for _ in others) for sure, others in sifted)

    def _sifted(self, expression: str, month: str) -> tuple[list[int], Iterator[Place]]:
        """The numbers in a month's segment that match for sure, by their lines' bytes alone, and the others that do."""
        numbers, sure = self._segments.listed(expression, month), list[int]()
        if self._query.tag is None:
            sure, unsure = self._lines.sifted(self._properties.spots(numbers), self._query.terms)
            numbers = orjson.dumps(unsure).decode()
        return sure, self._verified(self._properties.places(numbers))

    def _first_of(self, expression: str, month: str, wanted: int) -> list[Place]:
        numbers: list[int] = []
        for number in self._numbers.of_month(expression, month):
            if number in self._numbers.superseded:
                continue
            if len(numbers) >= wanted and number >> DAY_SHIFT < (numbers[wanted - 1] >> DAY_SHIFT) - 1:
                break
            numbers.append(number)
        return list(self._properties.candidates(numbers))

    def _of_tail(self) -> Iterator[Place]:
        """Those among the records that no segment has."""
        tail = Tail(self._catalog, self._numbers.indexed, self._lines)
        return self._verified(tail.candidates(self._query.terms, self._properties.where, self._properties.values))

    def _verified(self, places: Iterable[Place]) -> Iterator[Place]:
        return self._lines.with_terms(places, self._query.terms, self._query.tag)
