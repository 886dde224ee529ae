"""Is the queue's database as SQLite left it?"""

from __future__ import annotations

import sqlite3
from contextlib import closing
from pathlib import Path

from ion_summary.errors import StoreCorruptError
from ion_summary.jobs.database import open_database, path_of


def problems(root: Path) -> list[str]:
    """What is wrong with the queue of a store; nothing, if there is none."""
    if not path_of(root).exists():
        return []
    try:
        with closing(open_database(root)) as db:
            found = [str(problem) for (problem,) in db.execute("PRAGMA integrity_check(20)")]
    except StoreCorruptError as error:
        return [error.message]
    except sqlite3.DatabaseError as error:
        return [str(error)]
    return [] if found == ["ok"] else found
