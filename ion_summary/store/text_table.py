"""How is the table of a full-text segment made, filled, and carried from one database to another?

A table of FTS5 is its shadow tables: who has their rows has the table. That is how a dump of SQLite keeps one, and how
a process that has no part in the index makes one for it. Where SQLite guards shadow tables (its "defensive" mode, which
some systems set for all programs) this cannot be done.
"""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterable
from functools import cache
from typing import NamedTuple

# One term dictionary page set a flush: the default of 1 MB leaves hundreds of tiny levels to merge later.
_HASH_BYTES = 64 << 20
# What FTS5 calls a crisis, so many parts that it merges all of them at once, is not to come about.
_CRISIS = 64
_OPTIONS = {"hashsize": _HASH_BYTES, "automerge": 0, "crisismerge": _CRISIS}


class Pages(NamedTuple):
    """The rows of a table's shadow tables: its pages, and the first word of each leaf."""

    data: list[tuple[int, bytes]]
    idx: list[tuple[int, bytes, int]]


def create(db: sqlite3.Connection, table: str) -> None:
    """Makes an empty table."""
    db.execute(
        f"CREATE VIRTUAL TABLE {table} USING"
        " fts5(body, content='', detail=none, columnsize=0, tokenize=\"ascii tokenchars '_'\")"
    )
    for option in _OPTIONS.items():
        db.execute(f"INSERT INTO {table}({table}, rank) VALUES(?, ?)", option)


def add(db: sqlite3.Connection, table: str, documents: Iterable[tuple[int, bytes]]) -> int:
    """Takes in ``(number, document)``, in the order of the numbers; how many there were."""
    return db.executemany(f"INSERT INTO {table}(rowid, body) VALUES(?, CAST(? AS TEXT))", documents).rowcount


def make(documents: Iterable[tuple[int, bytes]]) -> Pages:
    """The table that ``documents`` fill, which nobody else sees."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        db.execute("BEGIN")
        create(db, "made")
        add(db, "made", documents)
        db.execute("COMMIT")  # now it is in the shadow tables
        data = db.execute("SELECT id, block FROM made_data").fetchall()
        return Pages(data, db.execute("SELECT segid, term, pgno FROM made_idx").fetchall())


def paste(db: sqlite3.Connection, table: str, pages: Pages) -> None:
    """Gives an empty table the rows of another one."""
    # Has FTS5 forget what it knows of the table: it does not look for changes of its own connection.
    db.execute(f"INSERT INTO {table}({table}) VALUES('delete-all')")
    db.executemany(f"INSERT OR REPLACE INTO {table}_data(id, block) VALUES(?, ?)", pages.data)
    db.executemany(f"INSERT OR REPLACE INTO {table}_idx(segid, term, pgno) VALUES(?, ?, ?)", pages.idx)


@cache
def can_paste() -> bool:
    """Whether shadow tables may be written here."""
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        create(db, "tried")
        try:
            paste(db, "tried", Pages([], [(1, b"", 1)]))
        except sqlite3.DatabaseError:
            return False
    return True
