"""How do sessions leave the queue, so that none of their bytes stay?

Jobs go, what has been queued and not been looked at, results that no other session rests on, and requests in batches;
what was spent stays in the ledger, without saying for whom. ``secure_delete`` overwrites what is deleted, and the
write-ahead log is emptied.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterable
from pathlib import Path

import orjson

from ion_summary.jobs import spool
from ion_summary.jobs.database import open_database, path_of, transaction, wipe_log
from ion_summary.jobs.results import drop_uses


def forget(root: Path, sessions: Iterable[str], users: Iterable[str] = ()) -> int:
    """Erases all that the queue of a store knows of sessions, and of users; how many jobs.

    Raises StoreNotWritableError, StoreCorruptError.
    """
    wanted, whose = frozenset(sessions), frozenset(users)
    spool.erase(root, lambda item: _names(item, wanted, whose))
    if not path_of(root).exists():
        return 0
    db = open_database(root)
    try:
        with transaction(db):
            known = set(wanted)
            for user in whose:
                known |= {session for (session,) in db.execute("SELECT session FROM job WHERE user = ?", (user,))}
                db.execute("UPDATE call SET user = NULL, session = NULL WHERE user = ?", (user,))
            found = forget_in(db, known)
        wipe_log(db)
    finally:
        db.close()
    return found


def _names(item: bytes, sessions: frozenset[str], users: frozenset[str]) -> bool:
    fields = orjson.loads(item)
    return fields["session_id"] in sessions or fields["user_id"] in users


def forget_in(db: sqlite3.Connection, sessions: Iterable[str]) -> int:
    """``forget`` within a transaction; the log still holds what was."""
    found = 0
    for session in sessions:
        for (number,) in db.execute("SELECT id FROM job WHERE session = ?", (session,)).fetchall():
            # An empty body keeps the place: the results of the others are told by theirs.
            db.execute("UPDATE batch_request SET body = '', job = 0, key = '' WHERE job = ?", (number,))
        found += db.execute("DELETE FROM job WHERE session = ?", (session,)).rowcount
        drop_uses(db, session)
        db.execute("UPDATE call SET session = NULL, user = NULL WHERE session = ?", (session,))
    return found
