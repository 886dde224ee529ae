"""How do jobs leave a queue that came out of an archive, where nobody says the names of who was forgotten?"""

from __future__ import annotations

import contextlib
from collections.abc import Callable
from pathlib import Path

import orjson

from ion_summary.jobs import erasing, spool
from ion_summary.jobs.database import open_database, path_of

_SESSIONS = "SELECT session, user FROM job UNION SELECT session, user FROM call WHERE session IS NOT NULL"


def forget_if(root: Path, is_wanted: Callable[[str, str], bool]) -> int:
    """Erases all that the queue of a store knows of the sessions for which ``is_wanted(session, user)``; how many
    jobs that were.

    Raises StoreNotWritableError, StoreCorruptError.
    """

    def is_wanted_item(item: bytes) -> bool:
        fields = orjson.loads(item)
        return is_wanted(fields["session_id"], fields["user_id"])

    found = spool.erase(root, is_wanted_item)
    if not path_of(root).exists():
        return found
    with contextlib.closing(open_database(root)) as db:
        rows = db.execute(_SESSIONS).fetchall()
    sessions = [session for session, user in rows if is_wanted(session, user or "")]
    return found + (erasing.forget(root, sessions) if sessions else 0)
