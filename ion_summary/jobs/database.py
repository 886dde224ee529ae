"""How is jobs.sqlite opened, brought up to date, and changed as a whole?

It is not derived from anything, so that its schema is migrated and never dropped. WAL with ``synchronous=NORMAL``: a
transaction survives ``kill -9`` of the process from its commit on; a power cut may take the last ones. What is
deleted is overwritten (``secure_delete``).
"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Iterator
from pathlib import Path

from ion_summary.errors import QueueCorruptError, StoreCorruptError, StoreNotWritableError
from ion_summary.jobs import schema
from ion_summary.polling import attempts

NAME = "jobs.sqlite"
_BUSY_MS = 30_000
# Pages in the log that make a commit stop for a checkpoint: it syncs the disk, which whoever makes calls has no time
# for. A worker has a thread do that, every second (``checkpoint``).
_MOST_IN_LOG = 8_000
# ERROR: it is a database, and does not have our tables.
_BROKEN = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_ERROR)


def path_of(root: Path) -> Path:
    """Where the queue of a store is."""
    return root / NAME


def open_database(root: Path) -> sqlite3.Connection:
    """A connection to the queue of the store at ``root``, which is made if there is none.

    Raises:
        StoreNotWritableError: the disk is full, or the store belongs to somebody else.
        StoreCorruptError: it is no database (QueueCorruptError), or one of a newer ion-summary.
    """
    path = path_of(root)
    if not path.exists():
        _make(path)
    with _as_errors(path):
        db = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        try:
            db.execute(f"PRAGMA busy_timeout = {_BUSY_MS}")
            db.execute("PRAGMA secure_delete = ON")
            _keep_log(db)
            db.execute("PRAGMA synchronous = NORMAL")
            db.execute(f"PRAGMA wal_autocheckpoint = {_MOST_IN_LOG}")
            _migrate(db, path)
        except BaseException:
            db.close()
            raise
    return db


def _keep_log(db: sqlite3.Connection) -> None:
    """Has the database keep a write-ahead log, which one connection alone can change: whoever is second must wait."""
    # SQLite does not wait here, since two that read the header and want to change it would do so for ever.
    if not any(_keeps_log(db) for _ in attempts(_BUSY_MS / 1_000)):
        db.execute("PRAGMA journal_mode = WAL")


def _keeps_log(db: sqlite3.Connection) -> bool:
    try:
        db.execute("PRAGMA journal_mode = WAL")
    except sqlite3.OperationalError as error:
        if error.sqlite_errorcode & 0xFF != sqlite3.SQLITE_BUSY:
            raise
        return False
    return True


def _make(path: Path) -> None:
    """An empty file, 0600: SQLite would go by the umask. What it puts beside the file gets the file's mode."""
    try:
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        # Never one that is there: closing it here would take away the locks that this process has on it.
        with contextlib.suppress(FileExistsError):
            os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    except OSError as error:
        raise StoreNotWritableError(path=path, reason=error.strerror or str(error)) from error


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[sqlite3.Connection]:
    """All of it or nothing. Raises StoreNotWritableError, StoreCorruptError."""
    with _as_errors(NAME):
        db.execute("BEGIN IMMEDIATE")
        try:
            yield db
        except BaseException:
            if db.in_transaction:  # SQLite itself ends it when the disk is full
                db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")


def checkpoint(root: Path) -> None:
    """Brings what stands in the write-ahead log into the database, as far as nobody is reading it; others go on."""
    from urllib.parse import quote

    address = f"file:{quote(str(path_of(root)))}?mode=rw"
    # A failure (a full disk) is no loss: it stays in the log, and who commits will be told.
    with contextlib.suppress(sqlite3.Error), contextlib.closing(sqlite3.connect(address, uri=True)) as db:
        db.execute("PRAGMA synchronous = NORMAL")
        db.execute("PRAGMA wal_checkpoint(PASSIVE)")


def wipe_log(db: sqlite3.Connection) -> None:
    """Empties the write-ahead log: it holds pages as they were before something was deleted from them.

    Raises StoreNotWritableError if somebody reads the database for so long that it cannot be done.
    """
    # SQLite waits for readers, but not for somebody else's checkpoint: of a worker, or of whoever closes it.
    if all(_is_log_in_use(db) for _ in attempts(_BUSY_MS / 1_000)):
        reason = "another process is reading it, so that its log cannot be emptied"
        raise StoreNotWritableError(path=NAME, reason=reason)


def _is_log_in_use(db: sqlite3.Connection) -> bool:
    with _as_errors(NAME):
        (busy, *_) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    return bool(busy)


def _migrate(db: sqlite3.Connection, path: Path) -> None:
    newest = len(schema.MIGRATIONS)
    if _version(db) == newest:
        return
    with transaction(db):
        version = _version(db)  # another process may have been quicker
        require_known(version, path)
        for migration in schema.MIGRATIONS[version:]:
            for statement in migration.split(";"):
                if statement.strip():
                    db.execute(statement)
        db.execute(f"PRAGMA user_version = {newest}")


def require_known(version: int, path: Path) -> None:
    """Raises StoreCorruptError for the schema of a newer ion-summary."""
    if version > len(schema.MIGRATIONS):
        raise StoreCorruptError(path=path, reason=f"schema {version} is of a newer ion-summary than this one")


def is_damage(error: sqlite3.Error) -> bool:
    """Whether SQLite complains of what stands in the file, and not of the disk, the rights or somebody else."""
    return getattr(error, "sqlite_errorcode", sqlite3.SQLITE_OK) & 0xFF in _BROKEN


def _version(db: sqlite3.Connection) -> int:
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


@contextlib.contextmanager
def _as_errors(path: Path | str) -> Iterator[None]:
    try:
        yield
    except sqlite3.DatabaseError as error:
        if is_damage(error):
            raise QueueCorruptError(path=path, reason=str(error)) from error
        if isinstance(error, sqlite3.OperationalError):
            raise StoreNotWritableError(path=path, reason=str(error)) from error
        raise StoreCorruptError(path=path, reason=str(error)) from error
