"""Which records are there, whose, from when, and at which bytes? A table in SQLite, derived from the partitions.

A record's number is its day (UTC, ordinal) and its line in that day's partition: numbers of one day are one range, and
a rebuilt catalog gives every record the number it had. Of each session the newest line is in ``record``, the others
in ``superseded``, so that a line that vanishes uncovers the one before it.

``by_session`` and ``by_user`` are search trees over ``record``, and tables of their own: SQLite fills an index over a
table without leaving any room in it, and then one session more splits page after page.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Collection, Container, Iterable, Sequence
from typing import TYPE_CHECKING, Any, NamedTuple

import orjson

from ion_summary.store import database

if TYPE_CHECKING:
    from ion_summary.store.rows import Row

SCHEMA = 7
# One session more changes a page or more of each search tree: with SQLite's usual pages of 4 KiB that makes 200 KiB.
PAGE_BYTES = 1024
DAY_SHIFT = 24  # up to 16 million lines a day
#: Later than any time, and its negative earlier.
NEVER = 1 << 62

COLUMNS = "id, session, user, type, created, saved, offset, length, messages, source, content, derived"
INSERT = f"INSERT INTO {{}}({COLUMNS}) VALUES({', '.join('?' * 12)})"
_Columns = tuple[Any, ...]

INDEXES = {
    "record_created": "CREATE INDEX record_created ON record(created)",
    "record_derived": "CREATE INDEX record_derived ON record(content) WHERE derived",
}
_TABLES = f"""
CREATE TABLE partition(
    day INTEGER PRIMARY KEY, inode INTEGER, size INTEGER, mtime INTEGER, lines INTEGER,
    sessions INTEGER, llm INTEGER, messages INTEGER, tail INTEGER, birth INTEGER, oldest INTEGER, newest INTEGER);
CREATE TABLE month(name TEXT PRIMARY KEY, mtime INTEGER NOT NULL, inode INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE name(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, sessions INTEGER NOT NULL DEFAULT 0);
CREATE TABLE source(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
CREATE TABLE record(
    id INTEGER PRIMARY KEY, session INTEGER NOT NULL, user INTEGER NOT NULL, type INTEGER NOT NULL,
    created INTEGER NOT NULL, saved INTEGER NOT NULL, offset INTEGER NOT NULL, length INTEGER NOT NULL,
    messages INTEGER NOT NULL, source INTEGER, content INTEGER, derived INTEGER NOT NULL);
{";".join(INDEXES.values())};
CREATE TABLE by_session(session INTEGER PRIMARY KEY, record INTEGER NOT NULL) WITHOUT ROWID;
CREATE TABLE by_user(
    user INTEGER, created INTEGER, record INTEGER, PRIMARY KEY(user, created, record)) WITHOUT ROWID;
CREATE TABLE superseded AS SELECT {COLUMNS} FROM record;
CREATE INDEX superseded_session ON superseded(session);
CREATE INDEX superseded_number ON superseded(id);
CREATE TABLE participant(record INTEGER, name INTEGER, PRIMARY KEY(record, name)) WITHOUT ROWID;
CREATE INDEX participant_name ON participant(name, record);
CREATE TABLE IF NOT EXISTS transcript(day INTEGER PRIMARY KEY, size INTEGER NOT NULL);
CREATE TABLE IF NOT EXISTS file(
    path TEXT PRIMARY KEY, size INTEGER, mtime INTEGER, inode INTEGER, state TEXT NOT NULL) WITHOUT ROWID;
PRAGMA user_version = {SCHEMA};
"""


#: The condition for records of sessions whose numbers are in a JSON array.
OF_SESSIONS = "id IN (SELECT record FROM by_session WHERE session IN (SELECT value FROM json_each(?)))"
#: What fills the search trees, in their order, from the records.
FILL_BY_SESSION = "INSERT INTO by_session SELECT session, id FROM record ORDER BY session"
FILL_BY_USER = "INSERT INTO by_user SELECT user, created, id FROM record ORDER BY user, created, id"

#: The tables that say nothing of the partitions of records.
OF_OTHER_FILES = ("transcript", "file")


class Place(NamedTuple):
    """Where the newest line of a session is: its number, and its bytes in that day's partition."""

    id: int
    session: int
    created: int
    offset: int
    length: int


#: The columns of a ``Place``.
PLACE = "record.id, record.session, record.created, record.offset, record.length"


class Stored(NamedTuple):
    """What an ingest must know of a session that is stored already."""

    id: int
    messages: int
    content: int | None
    saved: int


def create(db: sqlite3.Connection) -> None:
    """Makes the tables in an empty database."""
    database.create(db, _TABLES)


class Catalog:
    """The rows, over one connection. Changes belong to the caller's transaction."""

    def __init__(self, db: sqlite3.Connection) -> None:
        self.db = db
        self._partitions = database.Memo(db, self._read_partitions)
        self._expected = database.Memo(db, self._read_expected)

    def stored(self, sessions: Iterable[int]) -> dict[int, Stored]:
        """The stored state of those of the sessions (``hash64`` of their ids) that are there."""
        query = f"SELECT session, id, messages, content, saved FROM record WHERE {OF_SESSIONS}"
        found = self.db.execute(query, (orjson.dumps(list(sessions)).decode(),))
        return {session: Stored(*state) for session, *state in found}

    def places(self, sessions: Iterable[int]) -> list[Place]:
        """Where the newest lines of those of the sessions are that are there."""
        query = f"SELECT {PLACE} FROM record WHERE {OF_SESSIONS}"
        return [Place(*row) for row in self.db.execute(query, (orjson.dumps(list(sessions)).decode(),))]

    def count_between(self, first_ms: int, last_ms: int) -> int:
        """How many records are of that time, both its ends included. Days that are in it as a whole are counted
        already.
        """
        query = (
            "SELECT coalesce(sum(CASE WHEN oldest >= ?1 AND newest <= ?2 THEN sessions ELSE ("
            "SELECT count(*) FROM record"
            f" WHERE id >= day << {DAY_SHIFT} AND id < day + 1 << {DAY_SHIFT}"
            # Nor may SQLite look for them beyond the day.
            " AND created BETWEEN max(?1, oldest) AND min(?2, newest)"
            ") END), 0) FROM partition WHERE newest >= ?1 AND oldest <= ?2"
        )
        count: int = self.db.execute(query, (first_ms, last_ms)).fetchone()[0]
        return count

    def partitions(self) -> dict[int, tuple[int, int]]:
        """Per day how many bytes of its partition have been read, and what its numbers are called (its birth): those
        of a partition that is read anew are others.
        """
        return self._partitions()

    def _read_partitions(self) -> dict[int, tuple[int, int]]:
        days, sizes, births = database.columns(self.db, "partition", ("day", "size", "birth"))
        return dict(zip(days, zip(sizes, births, strict=True), strict=True))

    def expected(self) -> list[int]:
        """The days of which somebody has said that they are about to be written anew, and has not done it yet."""
        return self._expected()

    def _read_expected(self) -> list[int]:
        return [day for (day,) in self.db.execute("SELECT day FROM partition WHERE size = 0 AND lines > 0")]

    def birth(self, day: int) -> int:
        """What the numbers of a day that has a partition are called."""
        birth: int = self.db.execute("SELECT birth FROM partition WHERE day = ?", (day,)).fetchone()[0]
        return birth

    def read_of(self, days: Iterable[int]) -> dict[int, tuple[int, int]]:
        """Of those of the days that have a partition how many of its bytes and lines have been read."""
        query = "SELECT day, size, lines FROM partition WHERE day IN (SELECT value FROM json_each(?))"
        found = self.db.execute(query, (orjson.dumps(list(days)).decode(),))
        return {day: (size, lines) for day, size, lines in found}

    def derived_with(self, contents: Iterable[int]) -> list[tuple[int, str, Place]]:
        """Sessions with a derived id whose whole content is one of those: content, user, and where the record is."""
        query = (
            f"SELECT content, (SELECT name FROM name WHERE id = user), {PLACE} FROM record"
            " WHERE derived AND content IN (SELECT value FROM json_each(?))"
        )
        found = self.db.execute(query, (orjson.dumps(list(contents)).decode(),))
        return [(content, user, Place(*place)) for content, user, *place in found]

    def add(self, rows: Sequence[Row], stored: Container[int] | None = None) -> None:
        """Takes in lines; of each session the newest (by ``saved``, then by number) becomes or stays the record.

        ``stored`` are the sessions that have a record already, if the caller knows; the others are not looked for.
        """
        live = self._live({row.session for row in rows if stored is None or row.session in stored})
        fresh: dict[int, _Columns] = {}
        past: list[_Columns] = []
        for row, new in zip(rows, self._columns_of(rows), strict=True):
            old = fresh.get(row.session) or live.get(row.session)
            if old is None:
                fresh[row.session] = new
            elif (new[5], new[0]) > (old[5], old[0]):
                past.append(old)
                fresh[row.session] = new
            else:
                past.append(new)
        gone = [live[session] for session in fresh if session in live]
        self._remove(gone)
        self._insert(fresh.values())
        self.db.executemany(INSERT.format("superseded"), past)
        self._add_participants(rows)

    def _insert(self, rows: Collection[_Columns]) -> None:
        self.db.executemany(INSERT.format("record"), rows)
        self.db.executemany("INSERT INTO by_session(session, record) VALUES(?, ?)", [(row[1], row[0]) for row in rows])
        by_user = [(row[2], row[4], row[0]) for row in rows]
        self.db.executemany("INSERT INTO by_user(user, created, record) VALUES(?, ?, ?)", by_user)
        self._count(rows, 1)

    def _remove(self, rows: Collection[_Columns]) -> None:
        self.db.executemany("DELETE FROM by_session WHERE session = ?", [(row[1],) for row in rows])
        by_user = [(row[2], row[4], row[0]) for row in rows]
        self.db.executemany("DELETE FROM by_user WHERE user = ? AND created = ? AND record = ?", by_user)
        self.db.executemany("DELETE FROM record WHERE id = ?", [(row[0],) for row in rows])
        self._count(rows, -1)

    def _columns_of(self, rows: Sequence[Row]) -> list[_Columns]:
        users = self._numbers("name", (row.user for row in rows))
        sources: dict[str | None, int | None] = {None: None}
        sources.update(self._numbers("source", (row.source for row in rows)))
        return [
            (row[0], row[1], users[row[2]], *row[3:9], sources[row[9]], row[10], row[11])  # by place: for speed
            for row in rows
        ]

    def drop_days(self, first: int, last: int) -> None:
        """Forgets the partitions of some days, all there are from the first to the last; sessions whose newest line was
        in them fall back to the newest of their other lines.
        """
        span = (first << DAY_SHIFT, (last + 1) << DAY_SHIFT)
        self.db.execute(
            "UPDATE name SET sessions = name.sessions - gone.count FROM"
            " (SELECT user, count(*) AS count FROM record WHERE id >= ? AND id < ? GROUP BY user) AS gone"
            " WHERE name.id = gone.user",
            span,
        )
        uncovered = self.db.execute(
            "SELECT DISTINCT r.session FROM record r JOIN superseded s ON s.session = r.session"
            " WHERE r.id >= ?1 AND r.id < ?2 AND NOT (s.id >= ?1 AND s.id < ?2)",
            span,
        ).fetchall()
        # Sorted by SQLite, so that each page of a tree is changed once.
        gone = "FROM record WHERE id >= ? AND id < ?"
        self.db.execute(f"DELETE FROM by_session WHERE session IN (SELECT session {gone})", span)
        self.db.execute(f"DELETE FROM by_user WHERE (user, created, record) IN (SELECT user, created, id {gone})", span)
        for table, column in (("record", "id"), ("superseded", "id"), ("participant", "record")):
            self.db.execute(f"DELETE FROM {table} WHERE {column} >= ? AND {column} < ?", span)
        self.db.execute("DELETE FROM partition WHERE day BETWEEN ? AND ?", (first, last))
        self._promote([session for (session,) in uncovered])

    def drop_unused(self) -> None:
        """Forgets names and sources that no line has any more."""
        self.db.execute(
            "DELETE FROM name WHERE sessions = 0 AND id NOT IN (SELECT name FROM participant)"
            " AND id NOT IN (SELECT user FROM superseded)"
        )
        self.db.execute(
            "DELETE FROM source WHERE id NOT IN (SELECT source FROM record WHERE source IS NOT NULL"
            " UNION SELECT source FROM superseded WHERE source IS NOT NULL)"
        )

    def _promote(self, sessions: list[int]) -> None:
        query = f"SELECT {COLUMNS} FROM superseded WHERE session = ? ORDER BY saved DESC, id DESC LIMIT 1"
        back = [row for session in sessions if (row := self.db.execute(query, (session,)).fetchone())]
        self.db.executemany("DELETE FROM superseded WHERE id = ?", [(row[0],) for row in back])
        self._insert(back)

    def _live(self, sessions: Iterable[int]) -> dict[int, _Columns]:
        query = f"SELECT {COLUMNS} FROM record WHERE {OF_SESSIONS}"
        return {row[1]: row for row in self.db.execute(query, (orjson.dumps(list(sessions)).decode(),))}

    def _numbers(self, table: str, names: Iterable[str | None]) -> dict[str, int]:
        wanted = [name for name in dict.fromkeys(names) if name is not None]
        query = f"SELECT name, id FROM {table} WHERE name IN (SELECT value FROM json_each(?))"
        found = dict(self.db.execute(query, (orjson.dumps(wanted).decode(),)))
        if missing := [name for name in wanted if name not in found]:
            self.db.executemany(f"INSERT INTO {table}(name) VALUES(?)", zip(missing))
            found.update(self.db.execute(query, (orjson.dumps(missing).decode(),)))
        return found

    def _add_participants(self, rows: Iterable[Row]) -> None:
        rooms = [row for row in rows if row.participants]
        if rooms:
            numbers = self._numbers("name", (name for row in rooms for name in row.participants))
            pairs = [(row.id, numbers[name]) for row in rooms for name in dict.fromkeys(row.participants)]
            self.db.executemany("INSERT OR IGNORE INTO participant(record, name) VALUES(?, ?)", pairs)

    def _count(self, rows: Iterable[_Columns], sign: int) -> None:
        """Keeps the counters of partitions and users: adding up a million rows for `stats` takes 300 ms."""
        days: dict[int, list[int]] = {}
        users: dict[int, int] = {}
        for row in rows:
            day = days.setdefault(row[0] >> DAY_SHIFT, [0, 0, 0, row[4], row[4]])
            day[0] += sign
            day[1] += sign * row[3]
            day[2] += sign * row[8]
            day[3], day[4] = min(day[3], row[4]), max(day[4], row[4])
            users[row[2]] = users.get(row[2], 0) + sign
        self.db.executemany(
            "UPDATE partition SET sessions = sessions + ?, llm = llm + ?, messages = messages + ?,"
            " oldest = min(oldest, ?), newest = max(newest, ?) WHERE day = ?",
            [(*counts, day) for day, counts in days.items()],
        )
        self.db.executemany(
            "UPDATE name SET sessions = sessions + ? WHERE id = ?", [(count, user) for user, count in users.items()]
        )
