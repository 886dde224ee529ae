"""How does an archive become a store, so that what stood in its place is whole until the new one is?

It is unpacked beside its place, into a directory that nobody else can read, and checked there byte by byte; then one
rename puts it in place. A kill leaves a directory that the next restore removes.
"""

from __future__ import annotations

import contextlib
import ctypes
import errno
import fcntl
import os
import shutil
import sqlite3
import tempfile
from collections.abc import Iterator
from functools import partial
from pathlib import Path, PurePosixPath

from ion_summary.errors import RestoreConflictError, SnapshotCorruptError, StoreNotWritableError
from ion_summary.progress import Progress
from ion_summary.store import files, layout
from ion_summary.store.archives.format import Manifest, Member
from ion_summary.store.archives.members import files_of
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.database import is_whole, open_database

_AT_FDCWD = -100
_EXCHANGE = 2  # RENAME_EXCHANGE of renameat2(2)
_BEGIN = 2  # SYNC_FILE_RANGE_WRITE of sync_file_range(2)
_CANNOT_EXCHANGE = (errno.ENOSYS, errno.EINVAL, errno.EOPNOTSUPP)


def is_empty(target: Path) -> bool:
    """Whether there is nothing at a place that a store could lose. Raises RestoreConflictError for a file."""
    try:
        names = {path.name for path in target.iterdir()}
    except FileNotFoundError:
        return True
    except NotADirectoryError:
        raise RestoreConflictError(path=target, reason="is not a directory") from None
    return names <= {layout.LOCK, layout.INDEX}


def strangers(target: Path) -> list[str]:
    """The files in a store that are not its own: to replace it would destroy them."""
    return files_of(target)[1] if target.is_dir() else []


@contextlib.contextmanager
def staged(target: Path) -> Iterator[Path]:
    """A new directory (0700) beside ``target``. Whatever is there at the end goes, also what others left before.

    Raises StoreNotWritableError.
    """
    beginning = f".{target.name}.restoring-"
    files.make_directory(target.parent)
    with files.writing(target.parent):
        _recover(target)
        for entry in list(os.scandir(target.parent)):
            if entry.name.startswith(beginning) and entry.is_dir(follow_symlinks=False):
                _remove_abandoned(Path(entry.path))
        path = Path(tempfile.mkdtemp(prefix=beginning, dir=target.parent))
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield path
    finally:
        shutil.rmtree(path, ignore_errors=True)
        os.close(descriptor)


def _remove_abandoned(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        shutil.rmtree(path)
    except BlockingIOError:
        pass  # another restore is at work
    finally:
        os.close(descriptor)


def unpack(reader: ArchiveReader, stage: Path, progress: Progress) -> None:
    """Writes all members into the new directory ``stage``, checked and synced when this returns.

    Raises SnapshotCorruptError, StoreNotWritableError.
    """
    size = reader.manifest.size
    room = os.statvfs(stage)
    if size > room.f_bavail * room.f_frsize:
        reason = f"{size:,} bytes do not fit: there are {room.f_bavail * room.f_frsize:,} free"
        raise StoreNotWritableError(path=stage.parent, reason=reason)
    _make_directories(stage, reader.manifest)
    progress.start("restore", size, "bytes")
    for member in reader.each(partial(_write, stage)):
        progress.advance(member.size)
    if (stage / layout.JOBS).exists():
        check_queue(stage / layout.JOBS, reader.path)
    with files.writing(stage):
        sync_tree(stage)
    progress.finish()


def _make_directories(stage: Path, manifest: Manifest) -> None:
    """Those of all members; they are synced with all the rest."""
    with files.writing(stage):
        for name in sorted({each for member in manifest.members for each in PurePosixPath(member.name).parents}):
            (stage / name).mkdir(mode=0o700, exist_ok=True)


def _write(stage: Path, member: Member, chunks: Iterator[bytes]) -> None:
    path = stage / member.name
    with files.writing(path):
        descriptor = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC, 0o600)
    try:
        for chunk in chunks:
            with files.writing(path):
                files.write_all(descriptor, chunk)
        _begin_sync(descriptor)
    finally:
        os.close(descriptor)


def _begin_sync(descriptor: int) -> None:
    """Has the disk begin with a file, so that there is less to wait for at the end. An error is found by then."""
    libc = _libc()
    if hasattr(libc, "sync_file_range"):
        libc.sync_file_range(descriptor, ctypes.c_int64(0), ctypes.c_int64(0), _BEGIN)


def check_queue(path: Path, archive: Path) -> None:
    """Raises SnapshotCorruptError for a queue that is no whole database, or one with something in it that acts."""
    try:
        with contextlib.closing(open_database(path, "rw")) as db:
            whole = is_whole(db)
            (acting,) = db.execute("SELECT count(*) FROM sqlite_master WHERE type IN ('trigger', 'view')").fetchone()
    except sqlite3.DatabaseError:
        whole, acting = False, 0
    if not whole or acting:
        raise SnapshotCorruptError(path=archive, reason=f"its {path.name} is not a queue")


def sync_tree(root: Path) -> None:
    """Has the disk take everything below a directory."""
    libc = _libc()
    descriptor = os.open(root, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        # One call for thousands of files; Linux reports its errors since 5.8.
        if hasattr(libc, "syncfs") and libc.syncfs(descriptor) == 0:
            return
    finally:
        os.close(descriptor)
    for path in (*root.rglob("*"), root):
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def put_in_place(stage: Path, target: Path) -> None:
    """Gives ``stage`` the name of ``target``; what had it is at ``stage`` afterwards, if there was anything.

    Raises RestoreConflictError if something has appeared there; StoreNotWritableError if the disk refuses, and then
    everything is where it was.
    """
    with files.writing(target):
        try:
            if not target.exists():
                stage.rename(target)
            else:
                _exchange(stage, target)
        except OSError as error:
            if error.errno in (errno.ENOTEMPTY, errno.EEXIST):
                raise RestoreConflictError(path=target, reason="is no longer empty") from error
            if error.errno in (errno.EBUSY, errno.EXDEV):
                reason = "it is a mount point, which cannot be exchanged: give --to a directory in it"
                raise StoreNotWritableError(path=target, reason=reason) from error
            raise
        files.sync_directory(target.parent)


def _exchange(stage: Path, target: Path) -> None:
    libc = _libc()
    if hasattr(libc, "renameat2"):
        done = libc.renameat2(_AT_FDCWD, os.fsencode(stage), _AT_FDCWD, os.fsencode(target), _EXCHANGE)
        if done == 0:
            return
        number = ctypes.get_errno()
        if number not in _CANNOT_EXCHANGE:
            raise OSError(number, os.strerror(number), os.fspath(target))
    aside = _aside(target)
    target.rename(aside)
    try:
        stage.rename(target)
    except BaseException:
        aside.rename(target)
        raise
    aside.rename(stage)


def _aside(target: Path) -> Path:
    """Where the old store is for the moment between two renames, where they cannot be one."""
    return target.with_name(f".{target.name}.before-restore")


def _recover(target: Path) -> None:
    """Ends what a kill between those two renames has left."""
    aside = _aside(target)
    if not aside.is_dir():
        return
    if target.exists():
        shutil.rmtree(aside)
    else:
        aside.rename(target)


def _libc() -> ctypes.CDLL:
    return ctypes.CDLL(None, use_errno=True)
