"""How is a store held at one moment, while others go on writing, pruning and forgetting?

Under the writer's lock every file is opened and its size noted; that takes milliseconds. A partition is appended to,
so that its first bytes stay what they are, or replaced, and then the opened file still is the old one. The queue is
held by a read transaction and copied by SQLite.
"""

from __future__ import annotations

import contextlib
import errno
import os
import sqlite3
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import NamedTuple

from ion_summary.errors import QueueCorruptError, StoreCorruptError, StoreNotWritableError
from ion_summary.store import layout, quarantine
from ion_summary.store.archives.members import files_of, has_lines, is_records, is_sealed
from ion_summary.store.database import open_database
from ion_summary.store.lock import WriterLock
from ion_summary.store.storage import SessionSummaryStorage

_SPARE_DESCRIPTORS = 64
_READ_ONLY = (errno.EROFS, errno.EACCES, errno.EPERM)
#: Begins the names of files that are in nobody's way once their process has ended.
LEFTOVER = ".ion-summary-"


class Held(NamedTuple):
    """One file as it was: its first ``size`` bytes. Without a descriptor it is opened when it is read."""

    path: Path
    name: str
    size: int
    inode: int
    mtime_ns: int
    descriptor: int | None

    def read_into(self, buffer: memoryview, start: int) -> None:
        """Fills the buffer with the bytes from ``start``. Raises StoreCorruptError if they are not there."""
        try:
            if self.descriptor is not None:
                filled = _read_into(buffer, self.descriptor, start)
            else:
                descriptor = os.open(self.path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
                try:
                    filled = _read_into(buffer, descriptor, start)
                finally:
                    os.close(descriptor)
        except OSError as error:
            raise StoreCorruptError(path=self.path, reason=f"it cannot be read: {error.strerror}") from error
        if filled != len(buffer):
            raise StoreCorruptError(path=self.path, reason="it became shorter while it was read")


@dataclass
class Moment:
    """A store at one moment: when that was, its files, its sessions, and what in its directory is not the store's.

    ``queue_problem`` is why the queue is not among the files: it is broken.
    """

    created_at: str
    files: list[Held] = field(default_factory=list)
    strange: list[str] = field(default_factory=list)
    sessions: int = 0
    queue_problem: str = ""

    @property
    def bytes(self) -> int:
        """The bytes of all files."""
        return sum(file.size for file in self.files)

    @property
    def partitions(self) -> int:
        """How many partitions of records there are."""
        return sum(is_records(file.name) for file in self.files)


@contextlib.contextmanager
def moment(storage: SessionSummaryStorage, lock_timeout: float, spool: Path) -> Iterator[Moment]:
    """The store as of now, for as long as the block lasts. The queue is copied to a nameless file in ``spool``.

    Raises:
        StoreNotFoundError, StoreLockedError, StoreCorruptError
    """
    storage.require()
    storage.get_stats()  # has the index catch up before anybody must wait for it
    with contextlib.ExitStack() as held, contextlib.ExitStack() as lock:
        _take(lock, WriterLock(storage.path, lock_timeout))
        found = _hold(storage, held)
        queue = _queue_of(found, storage.path, held)
        if all(file.descriptor is not None for file in found.files):
            lock.close()  # else those that could not be opened must not change until they are read
        if queue is not None:
            _add_queue(found, queue, storage.path, spool, held)
        yield found


def _queue_of(found: Moment, root: Path, held: contextlib.ExitStack) -> sqlite3.Connection | None:
    try:
        return _begin_reading(root / layout.JOBS, held)
    except QueueCorruptError as error:
        found.queue_problem = error.message
    return None


def _add_queue(found: Moment, queue: sqlite3.Connection, root: Path, spool: Path, held: contextlib.ExitStack) -> None:
    """The sessions are not left without a backup because the queue, which is no part of them, is broken."""
    try:
        found.files.append(_copy_of(queue, root / layout.JOBS, spool, held))
        found.files.sort(key=lambda file: file.name)
    except QueueCorruptError as error:
        found.queue_problem = error.message


def _take(lock: contextlib.ExitStack, writer_lock: WriterLock) -> None:
    """Takes the lock; not where the store is read-only: there nobody writes."""
    try:
        lock.enter_context(writer_lock)
    except StoreNotWritableError as error:
        if not isinstance(error.__cause__, OSError) or error.__cause__.errno not in _READ_ONLY:
            raise


def _hold(storage: SessionSummaryStorage, held: contextlib.ExitStack) -> Moment:
    found = Moment(layout.from_ms(time.time_ns() // 1_000_000))
    names, found.strange = files_of(storage.path)
    _allow_descriptors(len(names) + _SPARE_DESCRIPTORS)
    spare = [os.open(storage.path, os.O_RDONLY | os.O_CLOEXEC) for _ in range(_SPARE_DESCRIPTORS // 2)]
    try:
        for name in names:
            if name != layout.JOBS:
                found.files.append(_held(storage.path, name, held))
    finally:
        for descriptor in spare:
            os.close(descriptor)
    with SessionSummaryStorage(storage.path, tz=storage.tz) as mine:
        found.sessions = mine.get_stats()["total_sessions"]
    return found


def _held(root: Path, name: str, held: contextlib.ExitStack) -> Held:
    path = root / name
    descriptor: int | None = None
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        held.callback(os.close, descriptor)
        stat = os.fstat(descriptor)
        if (
            has_lines(name)
            and not is_sealed(name)
            and stat.st_size
            and os.pread(descriptor, 1, stat.st_size - 1) != b"\n"
        ):
            # A kill has left a line open. The next writer would cut it off while it is being read: so it is done here,
            # as by every holder of the lock, unless the store is read-only.
            with contextlib.suppress(StoreNotWritableError):
                quarantine.repair_tail(root, path)
            stat = os.fstat(descriptor)
    except OSError as error:
        if error.errno not in (errno.EMFILE, errno.ENFILE):
            raise StoreCorruptError(path=path, reason=f"it cannot be read: {error.strerror}") from error
        stat = path.stat(follow_symlinks=False)
    return Held(path, name, stat.st_size, stat.st_ino, stat.st_mtime_ns, descriptor)


def _allow_descriptors(count: int) -> None:
    """Lets this process open as many files as it needs, if the system lets it at all."""
    import resource

    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    wanted = count + 1024
    if soft != resource.RLIM_INFINITY and soft < wanted:
        most = wanted if hard == resource.RLIM_INFINITY else min(wanted, hard)
        with contextlib.suppress(OSError, ValueError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (max(soft, most), hard))


def _begin_reading(path: Path, held: contextlib.ExitStack) -> sqlite3.Connection | None:
    """A connection that sees the queue as it is now, whatever is committed later; None if there is no queue."""
    if not path.is_file() or path.is_symlink():
        return None
    try:
        db = open_database(path, "ro")
        held.callback(db.close)
        db.execute("BEGIN")
        db.execute("SELECT count(*) FROM sqlite_master").fetchone()
    except sqlite3.OperationalError as error:
        raise StoreCorruptError(path=path, reason=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise QueueCorruptError(path=path, reason=str(error)) from error
    return db


def _copy_of(queue: sqlite3.Connection, path: Path, spool: Path, held: contextlib.ExitStack) -> Held:
    """The queue as one file without a log, a free page or a name."""
    try:
        descriptor, name = tempfile.mkstemp(prefix=LEFTOVER, dir=spool)
    except OSError as error:
        raise StoreNotWritableError(path=spool, reason=error.strerror) from error
    held.callback(os.close, descriptor)
    copy = sqlite3.connect(name, isolation_level=None)
    try:
        queue.backup(copy)
        copy.execute("PRAGMA journal_mode=DELETE")
        copy.execute("VACUUM")
    except sqlite3.OperationalError as error:
        raise StoreNotWritableError(path=spool, reason=str(error)) from error
    except sqlite3.DatabaseError as error:
        raise QueueCorruptError(path=path, reason=str(error)) from error
    finally:
        copy.close()
        Path(name).unlink()
    return Held(path, layout.JOBS, os.fstat(descriptor).st_size, -1, time.time_ns(), descriptor)


def _read_into(buffer: memoryview, descriptor: int, start: int) -> int:
    filled = 0
    while filled < len(buffer) and (more := os.preadv(descriptor, [buffer[filled:]], start + filled)):
        filled += more
    return filled
