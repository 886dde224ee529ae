"""How is a SQLite database of derived data opened, asked at one moment, changed as a whole, and removed?"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Collection, Iterator, Sequence
from pathlib import Path
from typing import Generic, TypeVar

import orjson

from ion_summary.errors import StoreNotWritableError
from ion_summary.store import files

_T = TypeVar("_T")
_CACHE_KIB = 64 << 10
_LOG_BYTES = 16 << 20
# As many as SQLite takes with pages of its usual size.
_FOLD_BYTES = 4 << 20


def open_database(path: Path, mode: str) -> sqlite3.Connection:
    """A connection; ``mode`` is ``ro``, ``rw`` or ``rwc``. A database nobody may write is read as it lies there."""
    uri = f"file:{_quoted(path)}?mode={mode}"
    db = _connected(uri)
    try:
        return _readable(db)
    except sqlite3.OperationalError:
        wal = path.with_name(path.name + "-wal")
        if mode != "ro" or (wal.exists() and wal.stat().st_size):
            raise
    return _readable(_connected(uri + "&immutable=1"))


def _connected(uri: str) -> sqlite3.Connection:
    return sqlite3.connect(uri, uri=True, isolation_level=None, check_same_thread=False, timeout=10)


def _readable(db: sqlite3.Connection) -> sqlite3.Connection:
    with closed_on_error(db):
        db.execute("PRAGMA user_version").fetchone()
    return db


@contextlib.contextmanager
def closed_on_error(db: sqlite3.Connection) -> Iterator[None]:
    """What is not handed on is closed."""
    try:
        yield
    except BaseException:
        db.close()
        raise


def derived_database(
    path: Path, schema: int, create: Callable[[sqlite3.Connection], None], page_bytes: int = 4096
) -> sqlite3.Connection:
    """A connection of who writes what is derived, to the database at ``path``, which is made if there is none.

    Another version's is emptied and made by ``create``: there are no migrations of what is derived. What is no database
    is removed, and so is another version's with other pages. Raises StoreNotWritableError.
    """
    for attempt in (1, 2):
        try:
            db = _writable(path, page_bytes)
            with closed_on_error(db):
                if schema_of(db) == schema:
                    return db
                if db.execute("PRAGMA page_size").fetchone() == (page_bytes,):
                    create_anew(db, create)
                    return db
            db.close()
        except sqlite3.DatabaseError as error:
            # Operational: the disk, not what is on it. Only a database that is none is derived again.
            if attempt == 2 or isinstance(error, sqlite3.OperationalError):
                raise StoreNotWritableError(path=path, reason=str(error)) from error
        remove_database(path)
    raise AssertionError("the second try returns or raises")


def _writable(path: Path, page_bytes: int) -> sqlite3.Connection:
    if not path.exists():
        remove_database(path)  # a write-ahead log that was left behind would be taken for the new database's
    # Made here for its mode, and only if it is new: to close a file gives up all locks that this process has on it,
    # those of a reader's connection too, and then other processes take the log away under that reader.
    with files.writing(path), contextlib.suppress(FileExistsError):
        os.close(os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600))
    if path.is_symlink():
        raise StoreNotWritableError(path=path, reason="a symbolic link")
    db = open_database(path, "rw")
    with closed_on_error(db):
        db.execute(f"PRAGMA page_size={page_bytes}")  # of one that is new
        db.execute("PRAGMA journal_mode=WAL")
        db.execute("PRAGMA synchronous=NORMAL")
        db.execute(f"PRAGMA cache_size=-{_CACHE_KIB}")
        db.execute(f"PRAGMA journal_size_limit={_LOG_BYTES}")
        db.execute(f"PRAGMA wal_autocheckpoint={_FOLD_BYTES // page_bytes}")
    return db


def create_anew(
    db: sqlite3.Connection, create: Callable[[sqlite3.Connection], None], but: Collection[str] = ()
) -> None:
    """Drops all that there is, but for some tables, and has ``create`` make what there should be."""
    with transaction(db):
        drop_everything(db, but)
        create(db)


def _quoted(path: Path) -> str:
    """The path in a URI. The standard library's ``quote`` takes longer to import than a search by user takes."""
    plain = b"/._-"
    return "".join(chr(b) if b < 128 and (chr(b).isalnum() or b in plain) else f"%{b:02X}" for b in os.fsencode(path))


def schema_of(db: sqlite3.Connection) -> int:
    """The version that the database says it has."""
    version: int = db.execute("PRAGMA user_version").fetchone()[0]
    return version


@contextlib.contextmanager
def transaction(db: sqlite3.Connection) -> Iterator[None]:
    """All of it or nothing, within a larger whole if there is one; a full disk is an error that names it."""
    if db.in_transaction:
        # A savepoint also has FTS5 write out what it holds in memory for every segment.
        db.execute("SAVEPOINT part")
        yield
        db.execute("RELEASE part")
        return
    try:
        db.execute("BEGIN IMMEDIATE")
        try:
            yield
        except BaseException:
            db.execute("ROLLBACK")
            raise
        db.execute("COMMIT")
    except sqlite3.OperationalError as error:
        raise StoreNotWritableError(path="the index", reason=str(error)) from error


@contextlib.contextmanager
def durable(db: sqlite3.Connection) -> Iterator[None]:
    """What is committed inside survives a power cut too: what files will be like must be known before they are so."""
    db.execute("PRAGMA synchronous=FULL")
    try:
        yield
    finally:
        db.execute("PRAGMA synchronous=NORMAL")


Version = tuple[int, int, int]


def version(db: sqlite3.Connection) -> Version:
    """Something else after every change of the database, by whomever, and this connection's own."""
    (others,) = db.execute("PRAGMA data_version").fetchone()
    (tables,) = db.execute("PRAGMA schema_version").fetchone()
    return others, tables, db.total_changes


class Memo(Generic[_T]):
    """What was last read by ``read``, as long as nobody has changed the database since: not even this connection."""

    def __init__(self, db: sqlite3.Connection, read: Callable[[], _T]) -> None:
        self._db = db
        self._read = read
        self._known: tuple[Version, _T] | None = None

    def __call__(self) -> _T:
        """The value."""
        now = version(self._db)
        if self._known is None or self._known[0] != now:
            self._known = (now, self._read())
        return self._known[1]


def columns(db: sqlite3.Connection, table: str, names: Sequence[str]) -> list[list[int]]:
    """Numbers of a whole table by column, sorted by the first one: a thousand rows one by one take twice as long."""
    wanted = ", ".join(f"json_group_array({name})" for name in names)
    found = db.execute(f"SELECT {wanted} FROM (SELECT * FROM {table} ORDER BY {names[0]})").fetchone()
    return [orjson.loads(column) for column in found]


@contextlib.contextmanager
def snapshot(db: sqlite3.Connection) -> Iterator[None]:
    """Everything that is read inside is of one moment."""
    db.execute("BEGIN")
    try:
        yield
    finally:
        db.execute("ROLLBACK")


def create(db: sqlite3.Connection, statements: str) -> None:
    """Makes what the statements say, in the caller's transaction (which ``executescript`` would end)."""
    for statement in statements.split(";"):
        if statement.strip():
            db.execute(statement)


def vacuum(db: sqlite3.Connection) -> None:
    """Writes the database anew, without the pages and parts of pages that hold what was deleted, and empties its log.

    Raises StoreNotWritableError: the disk is full, or a reader has been at it for longer than the connection waits.
    """
    try:
        db.execute("VACUUM")
        (busy, _, _) = db.execute("PRAGMA wal_checkpoint(TRUNCATE)").fetchone()
    except sqlite3.OperationalError as error:
        raise StoreNotWritableError(path="the index", reason=str(error)) from error
    if busy:
        raise StoreNotWritableError(path="the index", reason="somebody has been reading it all the time")


def drop_everything(db: sqlite3.Connection, but: Collection[str] = ()) -> None:
    """Drops every table but some, in the caller's transaction. Virtual ones first: they take their shadows along."""
    tables = "SELECT name FROM sqlite_master WHERE type = 'table' AND sql LIKE ?"
    for pattern in ("CREATE VIRTUAL%", "CREATE TABLE%"):
        for (name,) in db.execute(tables, (pattern,)).fetchall():
            if name not in but:
                db.execute(f'DROP TABLE "{name}"')
    db.execute("PRAGMA user_version = 0")


def is_whole(db: sqlite3.Connection) -> bool:
    """Whether the structure of the database is as SQLite left it."""
    try:
        (answer,) = db.execute("PRAGMA quick_check(1)").fetchone()
    except sqlite3.OperationalError:
        raise
    except sqlite3.DatabaseError:
        return False
    return bool(answer == "ok")


def remove_database(path: Path) -> None:
    """Removes a database and what SQLite keeps beside it. For one that cannot be used: others may have it open."""
    for suffix in ("", "-wal", "-shm"):
        with files.writing(path):
            path.with_name(path.name + suffix).unlink(missing_ok=True)
