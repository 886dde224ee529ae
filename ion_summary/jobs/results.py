"""Which answers are kept, by whom were they paid, and which sessions rest on them?

All of it belongs into a transaction.
"""

from __future__ import annotations

import sqlite3

from ion_summary.jobs.owners import now_ms


def keep_result(db: sqlite3.Connection, key: str, body: str | None, session: str) -> None:
    """Keeps a result (None: it is there already), and for which session it is used.

    Who brings a new one has paid for it.
    """
    paid = False
    if body is not None:
        paid = db.execute("INSERT OR IGNORE INTO result VALUES(?, ?, ?)", (key, now_ms(), body)).rowcount > 0
    db.execute("INSERT OR IGNORE INTO result_use VALUES(?, ?, ?)", (key, session, paid))


def drop_uses(db: sqlite3.Connection, session: str, *, but: str = "") -> None:
    """Removes the results that a session rests on, ``but`` one; those that another session rests on stay."""
    gone = "DELETE FROM result_use WHERE session = ? AND key != ? RETURNING key"
    keys = db.execute(gone, (session, but)).fetchall()
    unused = "DELETE FROM result WHERE key = ? AND NOT EXISTS (SELECT 1 FROM result_use u WHERE u.key = result.key)"
    db.executemany(unused, keys)
