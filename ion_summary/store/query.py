"""Which records does a query ask for, how many are they, and which of them stand on the wanted page?

Only numbers are handled until the page is known; then exactly its lines are read. Texts are looked at before that
only where the index lets through too much: words of three syllables or more, phrases, prefixes of phrases, tags.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from heapq import nlargest, nsmallest
from itertools import chain, islice
from operator import itemgetter
from typing import Any, Literal
from unicodedata import normalize

import orjson

from ion_summary.store.catalog import DAY_SHIFT, NEVER, OF_SESSIONS, PLACE, Catalog, Place
from ion_summary.store.hashing import hash64
from ion_summary.store.layout import month_of
from ion_summary.store.lines import LineReader, Spots
from ion_summary.store.segments import ALL, Segments, Span, match_expression, of_names, outside_expression
from ion_summary.store.tail import Tail
from ion_summary.text.terms import Term, parse_terms

Sort = Literal["relevance", "newest", "oldest"]

# Below this many records of a user it is quicker to look at each than to ask the segments for everybody's.
_FEW_RECORDS = 200
_CHUNK = 4_000
_OF_ONE_USER = "record.user = ?"
# CROSS: by the numbers, never by all records of a user or a time that are then compared with them.
_BY_NUMBER = "json_each(?) wanted CROSS JOIN record ON record.id = wanted.value"


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


class Matches:
    """The records that a query matches, at one moment."""

    def __init__(self, query: Query, catalog: Catalog, segments: Segments, lines: LineReader) -> None:
        self._query = query
        self._catalog = catalog
        self._segments = segments
        self._lines = lines
        self._others, self._other_values = self._filters()
        # Those of the search tree that are of the user and the time, if it is one user; in which order it has them.
        self._theirs: str | None = None
        self._records, self._sorted = "record", ("created", "id")
        # The names of the user asked for, as they are written: the segments know these, and not the other properties.
        self._names: list[str] = []
        mine, its_values = ([], list[int]()) if query.user is None else self._of_user(query.user)
        self._conditions, self._values = [*self._others, *mine], [*self._other_values, *its_values]
        self._where = " AND ".join(self._conditions) or "TRUE"

    @property
    def by_text(self) -> bool:
        """Whether texts are asked for, and not only what the catalog knows."""
        return bool(self._query.terms or self._query.tag)

    def page(self) -> tuple[int, list[Place]]:
        """How many there are, and those of the wanted page, for a query that the catalog alone can answer."""
        order = "ASC" if self._query.sort == "oldest" else "DESC"
        created, number = self._sorted
        rows = self._catalog.db.execute(
            f"SELECT {PLACE} FROM {self._records} WHERE {self._where}"
            f" ORDER BY {created} {order}, {number} {order} LIMIT ? OFFSET ?",
            (*self._values, self._query.limit, self._query.offset),
        ).fetchall()
        return self._total(), [Place(*row) for row in rows]

    def days(self) -> list[int]:
        """The days (ordinals) that have records with the other properties asked for, newest first."""
        if not self._conditions:
            return sorted(self._catalog.partitions(), reverse=True)
        query = f"SELECT DISTINCT id >> {DAY_SHIFT} AS day FROM {self._records} WHERE {self._where} ORDER BY day DESC"
        return [day for (day,) in self._catalog.db.execute(query, self._values)]

    def among(self, sessions: Iterable[int]) -> list[Place]:
        """The records of those of the sessions (``hash64`` of their ids) that have the other properties asked for."""
        wanted = orjson.dumps(list(sessions)).decode()
        query = f"SELECT {PLACE} FROM record WHERE {OF_SESSIONS} AND {self._where}"
        return [Place._make(row) for row in self._catalog.db.execute(query, (wanted, *self._values))]

    def first(self, wanted: int) -> tuple[int, list[Place]]:
        """How many there are, and the first ``wanted`` of them by time, for a query by text.

        Where the index alone knows what matches, only so many numbers are looked up in the catalog.
        """
        if self._is_few:
            return self._best(wanted, self._verified(self._with_filters("id >= ?", [0])))
        expression, enough = match_expression(self._query.terms, self._query.tag)
        if expression is None:  # the segments cannot help
            return self._best(wanted, self._verified(self._with_filters("id >= ?", [0])))
        expression = of_names(expression, self._names)
        if self._others or self._query.sort == "oldest":
            return self._best(wanted, self._all(expression, enough))
        if not enough:
            few = list(islice(self._numbers(expression), _CHUNK + 1))
            if len(few) <= _CHUNK:
                return self._best(wanted, chain(self._of_tail(), self._verified(self._candidates(few))))
        return self._newest_counted(expression, enough, wanted)

    def foremost(self, wanted: int) -> list[Place]:
        """The newest ``wanted`` of those that have all the words in title and tags. (The hot tail's are not among them:
        they are among the newest anyway.)
        """
        expression = outside_expression(self._query.terms)
        found: list[Place] = []
        if expression is None or self._is_few:
            return found
        _, enough = match_expression(self._query.terms, self._query.tag)
        numbers = self._numbers(of_names(expression, self._names))
        while len(found) < wanted and (some := list(islice(numbers, wanted))):
            candidates = self._candidates(some)
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
        candidates = self._candidates(self._numbers(expression))
        yield from candidates if enough else self._verified(candidates)

    def _newest_counted(self, expression: str, enough: bool, wanted: int) -> tuple[int, list[Place]]:
        """Where only the first by time are looked up; of the other months it is enough to know how many there are."""
        found = list(self._of_tail())
        total, complete, counted = len(found), 0, list[str]()
        unsure = self._unknown_months() if enough else self._unknown_months() | self._stale_months
        for month in self._segments.months():
            some = list[Place]()
            # One month more than enough: times of an adopted store may lie a day off their partition's.
            beyond = complete > 1
            if month in unsure:
                candidates = self._candidates(self._numbers_of(expression, month))
                some = list(candidates if enough else self._verified(candidates))
                total += len(some)
            elif not (enough or beyond):
                sure, others = self._sifted(expression, month)
                some = [*self._places(orjson.dumps(sure).decode()), *others]
                total += len(some)
            else:
                counted.append(month)
                some = [] if beyond else self._first_of(expression, month, wanted)
            found += some
            complete += len(found) >= wanted
        total += (self._count if enough else self._verified_count)(expression, counted)
        return total, nlargest(wanted, found, key=_BY_TIME)

    def _count(self, expression: str, months: Sequence[str]) -> int:
        """How many of the numbers of months match, without those of superseded lines."""
        total = self._segments.count(expression, [month for month in months if month not in self._stale_months])
        for month in self._stale_months.intersection(months):
            total += sum(self._segments.count_in(expression, month, span) for span in self._sound_spans(month))
        for month in {month_of(day) for day in {number >> DAY_SHIFT for number in self._past}}.intersection(months):
            total -= sum(number in self._past for number in self._numbers_of(expression, month))
        return total

    def _verified_count(self, expression: str, months: Sequence[str]) -> int:
        """The same, where each must be looked at."""
        sifted = (self._sifted(expression, month) for month in months)
        return sum(len(sure) + sum(1 for _ in others) for sure, others in sifted)

    def _sifted(self, expression: str, month: str) -> tuple[list[int], Iterator[Place]]:
        """The numbers in a month's segment that match for sure, by their lines' bytes alone, and the others that do."""
        numbers, sure = self._segments.listed(expression, month), list[int]()
        if self._query.tag is None:
            sure, unsure = self._lines.sifted(self._spots(numbers), self._query.terms)
            numbers = orjson.dumps(unsure).decode()
        return sure, self._verified(self._places(numbers))

    def _spots(self, numbers: str) -> Spots:
        """Where the records are whose numbers are in a JSON array. In columns, because the rows of many are slow."""
        columns = ", ".join(f"json_group_array(record.{column})" for column in ("id", "offset", "length"))
        query = f"SELECT {columns} FROM {_BY_NUMBER}"
        return Spots(*map(orjson.loads, self._catalog.db.execute(query, (numbers,)).fetchone()))

    def _first_of(self, expression: str, month: str, wanted: int) -> list[Place]:
        numbers: list[int] = []
        for number in self._numbers_of(expression, month):
            if number in self._past:
                continue
            if len(numbers) >= wanted and number >> DAY_SHIFT < (numbers[wanted - 1] >> DAY_SHIFT) - 1:
                break
            numbers.append(number)
        return list(self._candidates(numbers))

    @cached_property
    def _indexed(self) -> dict[int, int]:
        return self._segments.indexed()

    @cached_property
    def _stale(self) -> set[int]:
        return {day for day, upto in self._indexed.items() if upto < 0}

    @cached_property
    def _stale_months(self) -> set[str]:
        """The months whose segment holds numbers that stand for nothing, or for something else, by now."""
        return {month_of(day) for day in self._stale}

    def _unknown_months(self) -> set[str]:
        """The months of whose segment the catalog, looked at a moment before, does not know all lines yet."""
        there = self._catalog.partitions()
        return {month_of(day) for day, upto in self._indexed.items() if day in there and upto > there[day][0]}

    def _sound_spans(self, month: str) -> Iterator[Span]:
        """The numbers in a month's segment that stand for what they stood for when they came into it."""
        start, end = ALL
        for day in sorted(day for day in self._stale if month_of(day) == month):
            if start < day << DAY_SHIFT:
                yield start, (day << DAY_SHIFT) - 1
            start = day + 1 << DAY_SHIFT
        yield start, end

    @cached_property
    def _past(self) -> set[int]:
        """The numbers of lines that newer ones of their sessions have superseded: they stay in their segment."""
        return {number for (number,) in self._catalog.db.execute("SELECT id FROM superseded")}

    def _numbers(self, expression: str) -> Iterator[int]:
        """Those that match, greatest first; of a time, those of its days alone."""
        months = self._segments.months()
        if self._span != ALL:
            oldest, newest = (month_of(number >> DAY_SHIFT) for number in self._span)
            months = [month for month in months if oldest <= month <= newest]
        return chain.from_iterable(self._numbers_of(expression, month) for month in months)

    def _numbers_of(self, expression: str, month: str) -> Iterator[int]:
        stale, numbers = self._stale, self._segments.numbers(expression, month, self._span)
        return (number for number in numbers if number >> DAY_SHIFT not in stale) if stale else numbers

    @cached_property
    def _span(self) -> Span:
        """The numbers among which are those of all records of the time that is asked for."""
        if self._time is None:
            return ALL
        query = "SELECT coalesce(min(day), 1), coalesce(max(day), 1) FROM partition WHERE newest >= ? AND oldest <= ?"
        first, last = self._catalog.db.execute(query, self._time).fetchone()
        return first << DAY_SHIFT, (last + 1 << DAY_SHIFT) - 1

    @property
    def _time(self) -> tuple[int, int] | None:
        """The first and the last instant asked for."""
        since, until = self._query.since_ms, self._query.until_ms
        if since is None and until is None:
            return None
        return -NEVER if since is None else since, NEVER if until is None else until

    def _total(self) -> int:
        if not self._conditions:
            query, values = "SELECT coalesce(sum(sessions), 0) FROM partition", list[Any]()
        elif self._where == _OF_ONE_USER:
            query, values = "SELECT sessions FROM name WHERE id = ?", self._values
        elif self._theirs is not None and all("created" in condition for condition in self._others):
            query, values = f"SELECT count(*) FROM by_user WHERE {self._theirs}", []
        elif self._time is not None and all("created" in condition for condition in self._conditions):
            return self._catalog.count_between(*self._time)
        else:
            query, values = f"SELECT count(*) FROM {self._records} WHERE {self._where}", self._values
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
            (
                "record.id = (SELECT record FROM by_session WHERE session = ?)",
                None if query.session is None else hash64(query.session),
            ),
        ):
            if value is not None:
                conditions.append(condition)
                values.append(value)
        return conditions, values

    def _of_user(self, user: str) -> tuple[list[str], list[int]]:
        """Hangul typed or pasted on a Mac may be decomposed, and so may be that of a store of the original system."""
        spellings = (user, normalize("NFC", user), normalize("NFD", user))
        query = "SELECT id, name FROM name WHERE name IN (?, ?, ?)"
        known: dict[int, str] = dict(self._catalog.db.execute(query, spellings).fetchall())
        if not known:
            return ["FALSE"], []
        found, self._names = list(known), list(known.values())
        marks = ", ".join("?" * len(found))
        spoke = f"SELECT record FROM participant WHERE name IN ({marks})"
        if len(found) > 1 or self._catalog.db.execute(spoke + " LIMIT 1", found).fetchone():
            wrote = f"SELECT record FROM by_user WHERE user IN ({marks})"
            return [f"record.id IN ({wrote} UNION ALL {spoke})"], [*found, *found]
        since, until = self._time or (-NEVER, NEVER)
        self._theirs = f"by_user.user = {found[0]} AND by_user.created BETWEEN {since} AND {until}"
        self._records = f"by_user CROSS JOIN record ON record.id = by_user.record AND {self._theirs}"
        self._sorted = "by_user.created", "by_user.record"
        return [_OF_ONE_USER], found

    @cached_property
    def _is_few(self) -> bool:
        if self._query.user is None and self._query.session is None:
            return False
        query = f"SELECT count(*) FROM (SELECT 1 FROM {self._records} WHERE {self._where} LIMIT ?)"
        count: int = self._catalog.db.execute(query, (*self._values, _FEW_RECORDS + 1)).fetchone()[0]
        return count <= _FEW_RECORDS

    def _of_tail(self) -> Iterator[Place]:
        """Those among the records that no segment has."""
        tail = Tail(self._catalog, self._indexed, self._lines)
        return self._verified(tail.candidates(self._query.terms, self._where, self._values))

    def _candidates(self, numbers: Iterable[int]) -> Iterator[Place]:
        """Those of the numbers (which the segments found: of the user) with the other properties asked for, too."""
        rest = iter(numbers)
        while some := list(islice(rest, _CHUNK)):
            yield from self._places(orjson.dumps(some).decode())

    def _places(self, numbers: str) -> Iterator[Place]:
        """The same of numbers in a JSON array."""
        query = f"SELECT {PLACE} FROM {_BY_NUMBER} WHERE {' AND '.join(self._others) or 'TRUE'}"
        return map(Place._make, self._catalog.db.execute(query, (numbers, *self._other_values)))

    def _with_filters(self, condition: str, values: list[Any]) -> Iterator[Place]:
        query = f"SELECT {PLACE} FROM {self._records} WHERE record.{condition} AND {self._where}"
        return map(Place._make, self._catalog.db.execute(query, (*values, *self._values)))

    def _verified(self, places: Iterable[Place]) -> Iterator[Place]:
        return self._lines.with_terms(places, self._query.terms, self._query.tag)


_BY_TIME = itemgetter(Place._fields.index("created"), Place._fields.index("id"))
