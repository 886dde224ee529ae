"""How is the queue read by who makes nothing, and needs no right to write?"""

from __future__ import annotations

import os
import sqlite3
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ion_summary.errors import QueueCorruptError, StoreCorruptError, StoreNotReadableError
from ion_summary.jobs.database import is_damage, path_of

_FILES = ("", "-wal", "-shm")


def open_for_reading(root: Path) -> sqlite3.Connection | None:
    """A connection to the queue of the store at ``root``; None if there is none yet.

    Raises StoreNotReadableError, StoreCorruptError.
    """
    path = path_of(root)
    if not _is_there(path):
        return None
    from urllib.parse import quote

    uri = f"file:{quote(str(path))}?mode=ro"
    with reading(root):
        try:
            return _made(uri)
        except sqlite3.OperationalError as error:
            _require_readable(path)
            if is_damage(error):
                raise
            return _made(uri + "&immutable=1")  # of a store that may only be read


@contextmanager
def reading(root: Path) -> Iterator[None]:
    """SQLite's complaints as errors: QueueCorruptError if the file is damaged, else StoreCorruptError."""
    try:
        yield
    except sqlite3.DatabaseError as error:
        kind = QueueCorruptError if is_damage(error) else StoreCorruptError
        raise kind(path=path_of(root), reason=str(error)) from error


def _is_there(path: Path) -> bool:
    try:
        return path.exists()
    except PermissionError as error:
        raise StoreNotReadableError(path=path.parent) from error


def _require_readable(path: Path) -> None:
    for each in (path.with_name(path.name + end) for end in _FILES):
        if each.exists() and not os.access(each, os.R_OK):
            raise StoreNotReadableError(path=each)


def _made(uri: str) -> sqlite3.Connection | None:
    """A connection; None if the database was just made, and is empty."""
    db = sqlite3.connect(uri, uri=True, isolation_level=None)
    version = 0
    try:
        version = db.execute("PRAGMA user_version").fetchone()[0]
    finally:
        if not version:
            db.close()
    return db if version else None
