"""Which records does a query ask for, how many are they, and which of them stand on the wanted page?

Only numbers are handled until the page is known; then exactly its lines are read. Texts are looked at before that
only where the index lets through too much: words of three syllables or more, phrases, prefixes of phrases, tags.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Literal

import orjson

from ion_summary.store.catalog import DAY_SHIFT, PLACE, Catalog, Place, hash64
from ion_summary.store.layout import month_of
from ion_summary.store.matching import folded, has_all, has_tag, searchable
from ion_summary.store.segments import Segments, match_expression
from ion_summary.store.tracking import unindexed
from ion_summary.text.tokens import Term, parse_terms

Sort = Literal["relevance", "newest", "oldest"]

# Below this many records of a user it is quicker to look at each than to ask the segments for everybody's.
_FEW_RECORDS = 200
_CHUNK = 4_000
_OF_ONE_USER = "record.user = ?"


@dataclass(frozen=True)
class Query:
    """What is asked for. ``since_ms`` and ``until_ms`` are inclusive, in epoch milliseconds; all parts must hold.

    ``sort`` ``relevance`` is ``newest`` where there is no text to be relevant to.
    """

    text: str | None = None
    user: str | None = None
    type: str | None = None
    since_ms: int | None = None
    until_ms: int | None = None
    source: str | None = None
    tag: str | None = None
    session: str | None = None
    limit: int = 20
    offset: int = 0
    sort: Sort = "relevance"

    @cached_property
    def terms(self) -> list[Term]:
        """What the text asks for."""
        return parse_terms(self.text) if self.text else []


#: Reads the record at a place; None if it is damaged (which the callee reports) or lacks one of the needles.
Fetch = Callable[[Place, Sequence[bytes]], dict[str, Any] | None]


class Matches:
    """The records that a query matches, at one moment."""

    def __init__(self, query: Query, catalog: Catalog, segments: Segments, fetch: Fetch) -> None:
        self._query = query
        self._catalog = catalog
        self._segments = segments
        self._fetch = fetch
        self._conditions, self._values = self._filters()

    @cached_property
    def _indexed(self) -> dict[int, int]:
        return self._segments.indexed()

    @cached_property
    def _stale(self) -> set[int]:
        return {day for day, upto in self._indexed.items() if upto < 0}

    @property
    def by_text(self) -> bool:
        """Whether texts are asked for, and not only what the catalog knows."""
        return bool(self._query.terms or self._query.tag)

    def page(self) -> tuple[int, list[Place]]:
        """How many there are, and those of the wanted page, for a query that the catalog alone can answer."""
        where = " AND ".join(self._conditions) or "TRUE"
        order = "ASC" if self._query.sort == "oldest" else "DESC"
        rows = self._catalog.db.execute(
            f"SELECT {PLACE} FROM record WHERE {where} ORDER BY created {order}, id {order} LIMIT ? OFFSET ?",
            (*self._values, self._query.limit, self._query.offset),
        ).fetchall()
        return self._total(where), [Place(*row) for row in rows]

    def places(self) -> list[Place]:
        """All of them, for a query by text: newest first."""
        if self._is_few():
            return _newest_first(self._of_few())
        expression, enough = match_expression(self._query.terms, self._query.tag)
        found = list(self._of_tail(expression))
        if expression is not None:
            for month in self._segments.months():
                candidates = self._candidates(self._numbers(expression, month))
                found += candidates if enough else self._verified(candidates)
        return _newest_first(found)

    def newest(self, wanted: int) -> tuple[int, list[Place]]:
        """How many there are, and the newest ``wanted`` of them, for a query by text.

        Where the index alone knows what matches, only so many numbers are looked up in the catalog.
        """
        expression, enough = match_expression(self._query.terms, self._query.tag)
        if expression is None or not enough or self._conditions:
            found = self.places()
            return len(found), found[:wanted]
        found = list(self._of_tail(expression))
        total, complete = len(found), 0
        unsure = self._unsure_months()
        for month in self._segments.months():
            if month in unsure:
                some = list(self._candidates(self._numbers(expression, month)))
                total += len(some)
            else:
                total += self._segments.count(expression, month)
                # One month more than enough: times of an adopted store may lie a day off their partition's.
                some = [] if complete > 1 else self._first_of(expression, month, wanted)
            found += some
            complete += len(found) >= wanted
        return total, _newest_first(found)[:wanted]

    def _first_of(self, expression: str, month: str, wanted: int) -> list[Place]:
        numbers: list[int] = []
        for number in self._segments.numbers(expression, month):
            if len(numbers) >= wanted and number >> DAY_SHIFT < (numbers[wanted - 1] >> DAY_SHIFT) - 1:
                break
            numbers.append(number)
        return list(self._candidates(numbers))

    def _unsure_months(self) -> set[str]:
        """The months whose segment holds numbers that stand for nothing, or for something else, by now."""
        days = {day for (day,) in self._catalog.db.execute(f"SELECT DISTINCT id >> {DAY_SHIFT} FROM superseded")}
        there = self._catalog.partitions()
        gone = {day for day, upto in self._indexed.items() if upto < 0 or day not in there}
        return {month_of(day) for day in days | gone}

    def _numbers(self, expression: str, month: str) -> Iterator[int]:
        stale, numbers = self._stale, self._segments.numbers(expression, month)
        return (number for number in numbers if number >> DAY_SHIFT not in stale) if stale else numbers

    def _total(self, where: str) -> int:
        if not self._conditions:
            query, values = "SELECT coalesce(sum(sessions), 0) FROM partition", list[Any]()
        elif where == _OF_ONE_USER:
            query, values = "SELECT sessions FROM name WHERE id = ?", self._values
        else:
            query, values = f"SELECT count(*) FROM record WHERE {where}", self._values
        total: int = self._catalog.db.execute(query, values).fetchone()[0]
        return total

    def _filters(self) -> tuple[list[str], list[Any]]:
        conditions, values = list[str](), list[Any]()
        query = self._query
        for condition, value in (
            ("record.created >= ?", query.since_ms),
            ("record.created <= ?", query.until_ms),
            ("record.type = ?", None if query.type is None else int(query.type == "llm")),
            ("record.source = (SELECT id FROM source WHERE name = ?)", query.source),
            ("record.session = ?", None if query.session is None else hash64(query.session)),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        if query.user is not None:
            condition, its_values = self._of_user(query.user)
            conditions.append(condition)
            values += its_values
        return conditions, values

    def _of_user(self, user: str) -> tuple[str, list[int]]:
        found = self._catalog.db.execute("SELECT id FROM name WHERE name = ?", (user,)).fetchone()
        if found is None:
            return "FALSE", []
        spoke = "SELECT record FROM participant WHERE name = ?"
        if self._catalog.db.execute(spoke + " LIMIT 1", found).fetchone():
            return f"(record.user = ? OR record.id IN ({spoke}))", [found[0], found[0]]
        return _OF_ONE_USER, [found[0]]

    def _is_few(self) -> bool:
        if self._query.user is None and self._query.session is None:
            return False
        query = f"SELECT count(*) FROM (SELECT 1 FROM record WHERE {' AND '.join(self._conditions)} LIMIT ?)"
        count: int = self._catalog.db.execute(query, (*self._values, _FEW_RECORDS + 1)).fetchone()[0]
        return count <= _FEW_RECORDS

    def _of_few(self) -> Iterator[Place]:
        query = f"SELECT {PLACE} FROM record WHERE {' AND '.join(self._conditions)}"
        return self._verified(Place(*row) for row in self._catalog.db.execute(query, self._values))

    def _of_tail(self, expression: str | None) -> Iterator[Place]:
        """Those among the records that no segment has; or among all, if the segments cannot help."""
        if expression is None:
            yield from self._verified(self._with_filters("id >= ?", [0]))
            return
        for day, start, _ in unindexed(self._catalog.partitions(), self._indexed):
            span = [day << DAY_SHIFT, (day + 1) << DAY_SHIFT, start]
            yield from self._verified(self._with_filters("id >= ? AND record.id < ? AND record.offset >= ?", span))

    def _candidates(self, numbers: Iterable[int]) -> Iterator[Place]:
        """Those of the numbers that stand for a record with the other properties asked for."""
        wanted = list(numbers)
        where = " AND ".join(self._conditions) or "TRUE"
        for start in range(0, len(wanted), _CHUNK):
            some = orjson.dumps(wanted[start : start + _CHUNK]).decode()
            # CROSS: by the numbers, never by all records of a user or a time that are then compared with them.
            tables = "json_each(?) wanted CROSS JOIN record ON record.id = wanted.value"
            rows = self._catalog.db.execute(f"SELECT {PLACE} FROM {tables} WHERE {where}", (some, *self._values))
            yield from (Place(*row) for row in rows)

    def _with_filters(self, condition: str, values: list[Any]) -> Iterator[Place]:
        where = " AND ".join([f"record.{condition}", *self._conditions])
        query = f"SELECT {PLACE} FROM record WHERE {where}"
        return (Place(*row) for row in self._catalog.db.execute(query, (*values, *self._values)))

    def _verified(self, places: Iterable[Place]) -> Iterator[Place]:
        needles = [needle for term in self._query.terms for needle in term.needles()]
        for place in places:
            record = self._fetch(place, needles)
            if record is None:
                continue
            texts, tags = searchable(record)
            if self._query.tag is not None and not has_tag(tags, self._query.tag):
                continue
            if has_all(folded(texts), self._query.terms):
                yield place


def _newest_first(places: Iterable[Place]) -> list[Place]:
    return sorted(places, key=lambda place: (place.created, place.id), reverse=True)
