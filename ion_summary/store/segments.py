"""In which records does a word occur? One full-text segment a month, in SQLite's FTS5, holding numbers and no text.

A segment cannot be changed, only added to: numbers of superseded records stay in it, and whoever reads it asks the
catalog whether a number still stands for a record. A day that was read anew gives its numbers to other lines, and so
its whole month is built again; until then, and for a reader who sees the one database before and the other after, its
``birth`` differs. ``indexed`` says up to which byte of each partition the lines are in their segment; the
lines behind it, the hot tail, are looked at one by one until there are enough of them.
"""

from __future__ import annotations

import contextlib
import re
import sqlite3
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from functools import cached_property, lru_cache
from itertools import chain, groupby
from typing import NamedTuple

from ion_summary.store import database, text_table
from ion_summary.store.hashing import hash64
from ion_summary.store.layout import month_of
from ion_summary.text.terms import Term, Tokens
from ion_summary.text.tokens import OUTSIDE_MARK, USER_MARK, index_text, tag_token

SCHEMA = 5
#: The least and the greatest number.
Span = tuple[int, int]
ALL: Span = (0, (1 << 63) - 1)

_TABLES = f"""
CREATE TABLE indexed(day INTEGER PRIMARY KEY, upto INTEGER NOT NULL, birth INTEGER NOT NULL);
CREATE TABLE segment(month TEXT PRIMARY KEY) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA};
"""
# After an addition so many of its documents have one page of the segment merged. Left to itself, FTS5 merges for a
# quarter of a second now and then, and whoever saves waits.
_DOCUMENTS_A_PAGE = 4
_64_BITS = (1 << 64) - 1
_COUNTS_KEPT = 4096


def create(db: sqlite3.Connection) -> None:
    """Makes the tables in an empty database."""
    database.create(db, _TABLES)


def document(texts: Sequence[str], tags: Iterable[str], names: Iterable[str]) -> bytes:
    """What FTS5 is given for a record, one line of UTF-8: what ``index_text`` says of its texts and tags, and a token
    for each of the names of those whose session it is.
    """
    return index_text(texts, tags, map(_user_text, names))


def user_token(name: str) -> str:
    """The one index token that stands for a name, just as it is written: the catalog's hash of it."""
    return f"{USER_MARK}{hash64(name) & _64_BITS:x}"


@lru_cache(maxsize=4096)
def _user_text(name: str) -> bytes:
    return user_token(name).encode()


def words_of(document: bytes) -> set[str]:
    """The words that the segments' tokenizer finds in a document: runs of all but ASCII punctuation, in lower case."""
    return set(re.findall(r"[^\x00-/:-@\[-^`{-\x7f]+", document.decode().lower()))


def match_expression(terms: Sequence[Term], tag: str | None) -> tuple[str | None, bool]:
    """The FTS5 query that no record with all the terms (and the tag) escapes, or None if there is no such query;
    and whether everything it finds has them. Every token is quoted: nothing a user types is syntax.
    """
    wanted, enough = [], True
    for term in terms:
        ways, exact = term.index_query()
        wanted += [_either(ways, "")] if ways else []
        enough = enough and exact
    if tag is not None:
        wanted.append(f'"{tag_token(tag)}"')
        enough = False  # tags that differ in punctuation share a token
    return " AND ".join(dict.fromkeys(wanted)) or None, enough


def outside_expression(terms: Sequence[Term]) -> str | None:
    """The FTS5 query for records with all the terms in title and tags, or None if there is no such query."""
    ways = [term.index_query()[0] for term in terms]
    return " AND ".join(_either(some, OUTSIDE_MARK) for some in ways) if ways and all(ways) else None


def of_names(expression: str, names: Sequence[str]) -> str:
    """The FTS5 query for those that are of one of the names, besides; of everybody, if there is none."""
    mine = " OR ".join(f'"{user_token(name)}"' for name in names)
    return f"({expression}) AND ({mine})" if names else expression


def _either(ways: Sequence[Tokens], mark: str) -> str:
    every = [" AND ".join(f'"{mark}{token}"{" *" if prefix else ""}' for token, prefix in way) for way in ways]
    return every[0] if len(every) == 1 else f"({' OR '.join(f'({each})' for each in every)})"


class Stretch(NamedTuple):
    """A day's next lines as ``(number, document)``, which end at byte ``upto``; ``birth`` is what the catalog calls the
    day's numbers.
    """

    day: int
    upto: int
    birth: int
    documents: Iterable[tuple[int, bytes]]


class Segments:
    """The segments, over one connection, which ``connect`` makes when they are first asked: many questions are answered
    by the catalog alone. Changes belong to the caller's transaction.

    ``partitions`` is asked what the catalog has read of each day, and what it calls the day's numbers.
    """

    def __init__(
        self, connect: Callable[[], sqlite3.Connection], partitions: Callable[[], Mapping[int, tuple[int, int]]]
    ) -> None:
        self._connect = connect
        self._partitions = partitions
        self._held = False
        # What was counted, and when: what of each day was in its segment.
        self._counted: dict[tuple[str, str], int] = {}
        self._counted_of: frozenset[tuple[int, int, int]] = frozenset()

    @cached_property
    def db(self) -> sqlite3.Connection:
        """The connection."""
        db = self._connect()
        if self._held:
            db.execute("BEGIN")
        return db

    @cached_property
    def _indexed(self) -> database.Memo[list[tuple[int, int, int]]]:
        return database.Memo(self.db, self._read_indexed)

    @cached_property
    def _counts(self) -> database.Memo[dict[tuple[str, str], int]]:
        return database.Memo(self.db, self._still_counted)

    @property
    def is_open(self) -> bool:
        """Whether they have been asked yet."""
        return "db" in self.__dict__

    def close(self) -> None:
        """Ends the connection."""
        if self.is_open:
            self.db.close()

    @contextlib.contextmanager
    def snapshot(self) -> Iterator[None]:
        """Everything that is read inside is of one moment."""
        self._held = True
        try:
            if self.is_open:
                self.db.execute("BEGIN")
            yield
        finally:
            self._held = False
            if self.is_open and self.db.in_transaction:
                self.db.execute("ROLLBACK")

    def _read_indexed(self) -> list[tuple[int, int, int]]:
        return list(zip(*database.columns(self.db, "indexed", ("day", "upto", "birth")), strict=True))

    def _still_counted(self) -> dict[tuple[str, str], int]:
        """What was counted, but for the months whose segment holds something else since: while sessions are saved that
        is one of them, and to count all again takes the longer, the larger the store is.
        """
        before, self._counted_of = self._counted_of, frozenset(self._indexed())
        others = {month_of(day) for day, _, _ in before ^ self._counted_of}
        self._counted = {asked: count for asked, count in self._counted.items() if asked[1] not in others}
        return self._counted

    def indexed(self) -> dict[int, int]:
        """Per day the byte up to which its partition's lines are in the segment (-1: its numbers are stale)."""
        births = {day: birth for day, (_, birth) in self._partitions().items()}
        return {day: upto if births.get(day) == birth else -1 for day, upto, birth in self._indexed()}

    def upto(self, day: int, birth: int) -> int:
        """The same of one day, whose numbers the catalog calls so."""
        known = self.db.execute("SELECT upto, birth FROM indexed WHERE day = ?", (day,)).fetchone() or (0, birth)
        return known[0] if known[1] == birth else -1

    def months(self) -> list[str]:
        """The months that have a segment, newest first."""
        return [month for (month,) in self.db.execute("SELECT month FROM segment ORDER BY month DESC")]

    def add(self, stretches: Iterable[Stretch]) -> None:
        """Takes in the next lines of some days, sorted by day: those of a month at once."""
        for month, some in groupby(stretches, lambda stretch: month_of(stretch.day)):
            table, days = self._table(month), list(some)
            documents = chain.from_iterable(stretch.documents for stretch in days)
            pages = text_table.add(self.db, table, documents) // _DOCUMENTS_A_PAGE
            self.db.execute(f"INSERT INTO {table}({table}, rank) VALUES('merge', ?)", (max(1, pages),))
            self._note(stretch[:3] for stretch in days)

    def add_month(self, month: str, segment: text_table.Pages, days: Iterable[tuple[int, int, int]]) -> None:
        """Takes in the segment of a month that has none yet, as it was made elsewhere of whole partitions, and of each
        of them the day, the byte at which it ends and what the catalog calls its numbers.
        """
        text_table.paste(self.db, self._table(month), segment)
        self._note(days)

    def _note(self, days: Iterable[tuple[int, int, int]]) -> None:
        self.db.executemany("INSERT OR REPLACE INTO indexed(day, upto, birth) VALUES(?, ?, ?)", days)

    def _table(self, month: str) -> str:
        table = _name(month)
        if not self.db.execute("SELECT 1 FROM segment WHERE month = ?", (month,)).fetchone():
            text_table.create(self.db, table)
            self.db.execute("INSERT INTO segment(month) VALUES(?)", (month,))
        return table

    def drop_month(self, month: str) -> None:
        """Removes a segment; the days in it count as not indexed."""
        self.db.execute(f"DROP TABLE IF EXISTS {_name(month)}")
        self.db.execute("DELETE FROM segment WHERE month = ?", (month,))
        days = [(day,) for day in self.indexed() if month_of(day) == month]
        self.db.executemany("DELETE FROM indexed WHERE day = ?", days)

    def documents_with(self, month: str) -> Counter[str]:
        """For each token of a month's segment the number of documents that have it."""
        vocabulary = f"vocabulary_{_name(month)}"
        self.db.execute(
            f"CREATE VIRTUAL TABLE IF NOT EXISTS temp.{vocabulary} USING fts5vocab('main', '{_name(month)}', 'row')"
        )
        return Counter(dict(self.db.execute(f"SELECT term, doc FROM temp.{vocabulary}")))

    def numbers(self, expression: str, month: str, span: Span = ALL) -> Iterator[int]:
        """The numbers in a month's segment that match and are in the span, greatest first."""
        table = _name(month)
        query = f"SELECT rowid FROM {table} WHERE {table} MATCH ? AND rowid BETWEEN ? AND ? ORDER BY rowid DESC"
        return (number for (number,) in self.db.execute(query, (expression, *span)))

    def listed(self, expression: str, month: str) -> str:
        """All numbers in a month's segment that match, in a JSON array, for another query to take them."""
        table = _name(month)
        query = f"SELECT json_group_array(rowid) FROM {table} WHERE {table} MATCH ?"
        numbers: str = self.db.execute(query, (expression,)).fetchone()[0]
        return numbers

    def counts(self, expression: str, months: Sequence[str]) -> dict[str, int]:
        """How many numbers in each of some months' segments match: counted once, as long as the segment is the same."""
        known = self._counts()
        if len(known) >= _COUNTS_KEPT:
            known.clear()
        for month in months:
            if (expression, month) not in known:
                table = _name(month)
                query = f"SELECT count(*) FROM {table} WHERE {table} MATCH ?"
                known[expression, month] = self.db.execute(query, (expression,)).fetchone()[0]
        return {month: known[expression, month] for month in months}

    def count_in(self, expression: str, month: str, span: Span) -> int:
        """How many numbers in a month's segment match and are in the span."""
        table = _name(month)
        query = f"SELECT count(*) FROM {table} WHERE {table} MATCH ? AND rowid BETWEEN ? AND ?"
        count: int = self.db.execute(query, (expression, *span)).fetchone()[0]
        return count


def _name(month: str) -> str:
    return f"segment_{month.replace('-', '_')}"
