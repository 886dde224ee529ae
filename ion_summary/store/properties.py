"""Which records have what a query asks for besides words and tags: the user, the type, the days, the source, the id?

The catalog alone answers that; here is what it is asked, in its SQL.
"""

from __future__ import annotations

import sys
from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import islice
from typing import Any
from unicodedata import normalize

import orjson

from ion_summary.store.catalog import DAY_SHIFT, NEVER, OF_SESSIONS, PLACE, Catalog, Place
from ion_summary.store.hashing import hash64
from ion_summary.store.lines import Spots
from ion_summary.store.query import Query
from ion_summary.store.segments import ALL, Span

# Below this many records of a user it is quicker to look at each than to ask the segments for everybody's.
_FEW_RECORDS = 200
_CHUNK = 4_000
_OF_ONE_USER = "record.user = ?"
# CROSS: by the numbers, never by all records of a user or a time that are then compared with them.
_BY_NUMBER = "json_each(?) wanted CROSS JOIN record ON record.id = wanted.value"


class Properties:
    """The properties that a query asks for, and the records that have them, at one moment.

    ``where`` and ``values`` are the condition that a ``record`` has all of them. ``names`` are the user's, as they are
    written: the segments know these, and none of the other properties.
    """

    def __init__(self, query: Query, catalog: Catalog) -> None:
        self._query = query
        self._catalog = catalog
        self._others, self._other_values = self._filters()
        # Those of the search tree that are of the user and the time, if it is one user; in which order it has them.
        self._theirs: str | None = None
        self._records, self._sorted = "record", ("created", "id")
        self.names: list[str] = []
        mine, its_values = ([], list[int]()) if query.user is None else self._of_user(query.user)
        self._conditions = [*self._others, *mine]
        self.where, self.values = " AND ".join(self._conditions) or "TRUE", [*self._other_values, *its_values]

    @property
    def has_others(self) -> bool:
        """Whether another property than the user is asked for."""
        return bool(self._others)

    def page(self) -> list[Place]:
        """The records of the wanted page."""
        order = "ASC" if self._query.sort == "oldest" else "DESC"
        created, number = self._sorted
        rows = self._catalog.db.execute(
            f"SELECT {PLACE} FROM {self._records} WHERE {self.where}"
            f" ORDER BY {created} {order}, {number} {order} LIMIT ? OFFSET ?",
            (*self.values, min(self._query.limit, sys.maxsize), min(self._query.offset, sys.maxsize)),
        )
        return list(map(Place._make, rows.fetchall()))

    def total(self) -> int:
        """How many records there are."""
        if not self._conditions:
            query, values = "SELECT coalesce(sum(sessions), 0) FROM partition", list[Any]()
        elif self.where == _OF_ONE_USER:
            query, values = "SELECT sessions FROM name WHERE id = ?", self.values
        elif self._time is not None and all("created" in condition for condition in self._conditions):
            return self._catalog.count_between(*self._time)
        else:
            records, values = self._counted
            query = f"SELECT count(*) FROM {records}"
        total: int = self._catalog.db.execute(query, values).fetchone()[0]
        return total

    def days(self) -> list[int]:
        """The days (ordinals) of the records, newest first."""
        if not self._conditions:
            return sorted(self._catalog.partitions(), reverse=True)
        query = f"SELECT DISTINCT id >> {DAY_SHIFT} AS day FROM {self._records} WHERE {self.where} ORDER BY day DESC"
        return [day for (day,) in self._catalog.db.execute(query, self.values)]

    def all(self) -> Iterator[Place]:
        """All the records."""
        query = f"SELECT {PLACE} FROM {self._records} WHERE {self.where}"
        return map(Place._make, self._catalog.db.execute(query, self.values))

    def of_sessions(self, sessions: Iterable[int]) -> list[Place]:
        """Those of the sessions (``hash64`` of their ids)."""
        wanted = orjson.dumps(list(sessions)).decode()
        query = f"SELECT {PLACE} FROM record WHERE {OF_SESSIONS} AND {self.where}"
        return [Place._make(row) for row in self._catalog.db.execute(query, (wanted, *self.values))]

    def candidates(self, numbers: Iterable[int]) -> Iterator[Place]:
        """Those of the numbers (which the segments found: of the user) with the other properties asked for, too."""
        rest = iter(numbers)
        while some := list(islice(rest, _CHUNK)):
            yield from self.places(orjson.dumps(some).decode())

    def places(self, numbers: str) -> Iterator[Place]:
        """The same of numbers in a JSON array."""
        query = f"SELECT {PLACE} FROM {_BY_NUMBER} WHERE {' AND '.join(self._others) or 'TRUE'}"
        return map(Place._make, self._catalog.db.execute(query, (numbers, *self._other_values)))

    def spots(self, numbers: str) -> Spots:
        """Where the records are whose numbers are in a JSON array. In columns, because the rows of many are slow."""
        columns = ", ".join(f"json_group_array(record.{column})" for column in ("id", "offset", "length"))
        query = f"SELECT {columns} FROM {_BY_NUMBER}"
        return Spots(*map(orjson.loads, self._catalog.db.execute(query, (numbers,)).fetchone()))

    @property
    def _counted(self) -> tuple[str, list[Any]]:
        """What to count, with its values: the search tree alone, where it knows all that is asked for."""
        if self._theirs is not None and all("created" in condition for condition in self._others):
            return f"by_user WHERE {self._theirs}", []
        return f"{self._records} WHERE {self.where}", self.values

    @cached_property
    def are_of_few(self) -> bool:
        """Whether it is known that few records have them."""
        if self._query.user is None and self._query.session is None:
            return False
        records, values = self._counted
        query = f"SELECT count(*) FROM (SELECT 1 FROM {records} LIMIT ?)"
        count: int = self._catalog.db.execute(query, (*values, _FEW_RECORDS + 1)).fetchone()[0]
        return count <= _FEW_RECORDS

    @property
    def span(self) -> Span:
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
            self._others.append("FALSE")  # nobody's are those of no number that the segments find
            return [], []
        found, self.names = list(known), list(known.values())
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
