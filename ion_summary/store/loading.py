"""How does a catalog come to be where all lines are read anew? Rows first, then the search trees over them at once."""

from __future__ import annotations

import sqlite3
from collections.abc import Container, Iterable, Sequence

from ion_summary.store.catalog import (
    COLUMNS,
    DAY_SHIFT,
    FILL_BY_SESSION,
    FILL_BY_USER,
    INDEXES,
    INSERT,
    NEVER,
    Catalog,
)
from ion_summary.store.rows import Row

# So many names are known while a catalog is loaded: of a million users it would be much memory.
_NAMES_KEPT = 1 << 16


class LoadingCatalog(Catalog):
    """An empty catalog while all lines there are come into it: rows first, then the search trees over them at once,
    which takes a third of the time. Until ``settle`` nothing may be asked of it.
    """

    def __init__(self, db: sqlite3.Connection) -> None:
        super().__init__(db)
        self._known: dict[str, dict[str, int]] = {"name": {}, "source": {}}
        for name in INDEXES:
            self.db.execute(f"DROP INDEX {name}")

    def add(self, rows: Sequence[Row], stored: Container[int] | None = None) -> None:  # noqa: ARG002
        """Takes in lines; which are the newest of their sessions is seen at the end."""
        self.db.executemany(INSERT.format("record"), self._columns_of(rows))
        self._add_participants(rows)

    def _numbers(self, table: str, names: Iterable[str | None]) -> dict[str, int]:
        """Most names come again: nobody else gives them numbers meanwhile."""
        known, wanted = self._known[table], dict.fromkeys(names)
        missing = [name for name in wanted if name not in known]
        if len(known) > _NAMES_KEPT:
            known.clear()
            missing = list(wanted)
        known.update(super()._numbers(table, missing))
        return known

    def settle(self) -> None:
        """Finds the newest line of each session, and makes a catalog like any other."""
        try:
            self.db.execute(FILL_BY_SESSION)
        except sqlite3.IntegrityError:  # some sessions have more than one line
            self._drop_superseded()
            self.db.execute(FILL_BY_SESSION)
        for statement in (FILL_BY_USER, *INDEXES.values()):
            self.db.execute(statement)
        self._count_all()

    def _drop_superseded(self) -> None:
        place = "row_number() OVER (PARTITION BY session ORDER BY saved DESC, id DESC) AS place"
        again = "SELECT session FROM record GROUP BY session HAVING count(*) > 1"
        ranked = f"SELECT {COLUMNS}, {place} FROM record WHERE session IN ({again})"
        self.db.execute(f"INSERT INTO superseded SELECT {COLUMNS} FROM ({ranked}) WHERE place > 1")
        self.db.execute("DELETE FROM record WHERE id IN (SELECT id FROM superseded)")

    def _count_all(self) -> None:
        of_a_day = "FROM record WHERE id >= day << ?1 AND id < (day + 1) << ?1"
        counted = (
            f"SELECT count(*), coalesce(sum(type), 0), coalesce(sum(messages), 0), coalesce(min(created), {NEVER}),"
            f" coalesce(max(created), {-NEVER}) {of_a_day}"
        )
        columns = "sessions, llm, messages, oldest, newest"
        self.db.execute(f"UPDATE partition SET ({columns}) = ({counted})", (DAY_SHIFT,))
        self.db.execute("UPDATE name SET sessions = (SELECT count(*) FROM by_user WHERE user = name.id)")
