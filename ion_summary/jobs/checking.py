"""Is the queue's database as SQLite left it?"""

from __future__ import annotations

from contextlib import closing
from pathlib import Path

from ion_summary.errors import QueueCorruptError, StoreCorruptError
from ion_summary.jobs.counting import counts
from ion_summary.jobs.database import path_of, require_known
from ion_summary.jobs.reading import open_for_reading, reading


def problems(root: Path) -> list[str]:
    """What is wrong with the queue of a store; nothing, if there is none. Raises StoreNotReadableError."""
    try:
        return _damage(root)
    except StoreCorruptError as error:
        return [str(error.fields["reason"])]


def is_broken(root: Path) -> bool:
    """Whether the queue is damaged. One that is of a newer version, or that cannot be looked into now, is not."""
    try:
        return bool(_damage(root))
    except QueueCorruptError:
        return True
    except StoreCorruptError:
        return False


def _damage(root: Path) -> list[str]:
    db = open_for_reading(root)
    if db is None:
        return []
    with closing(db), reading(root):
        require_known(db.execute("PRAGMA user_version").fetchone()[0], path_of(root))
        found = [str(problem) for (problem,) in db.execute("PRAGMA integrity_check(20)")]
    counts(root)  # a whole database may be none of ours
    return [] if found == ["ok"] else found
