"""Which archives are in a directory, which of them are ours to remove, and how does a new one get there?

Ours is what has our name and, inside, our manifest, made at the time that the name says. An encrypted archive says
nothing of itself: a note beside it (``.manifest``) says what was written, and it is ours if it is still that.
"""

from __future__ import annotations

import contextlib
import fcntl
import hashlib
import os
import re
import shutil
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import orjson

from ion_summary.errors import ArchivesLockedError, IonSummaryError, SnapshotCorruptError, UsageError
from ion_summary.polling import attempts
from ion_summary.store import files
from ion_summary.store.archives import encryption
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.snapshot import LEFTOVER

NOTE = ".manifest"
_NAME = re.compile(r"ion-summary-(\d{8}T\d{6}Z)\.tar\.(?:zst|gz)(?:\.age)?", re.ASCII)
_STAMP = "%Y%m%dT%H%M%SZ"
_CHUNK = 1 << 20


class Archive(NamedTuple):
    """An archive by its name: when it was made, and how large it is."""

    path: Path
    made: datetime
    bytes: int

    @property
    def is_encrypted(self) -> bool:
        """Whether it is encrypted, by its name."""
        return self.path.name.endswith(encryption.SUFFIX)


def stamp(made: datetime) -> str:
    """The time in an archive's name."""
    return made.astimezone(UTC).strftime(_STAMP)


def archives_in(directory: Path) -> list[Archive]:
    """The files of a directory that are called as archives are, oldest first."""
    found = []
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        for entry in os.scandir(directory):
            made = _made(entry.name)
            if made is not None and entry.is_file(follow_symlinks=False):
                found.append(Archive(Path(entry.path), made, entry.stat(follow_symlinks=False).st_size))
    return sorted(found, key=lambda archive: (archive.made, archive.path.name))


def _made(name: str) -> datetime | None:
    found = _NAME.fullmatch(name)
    try:
        return datetime.strptime(found[1], _STAMP).replace(tzinfo=UTC) if found else None
    except ValueError:
        return None


def is_ours(archive: Archive) -> bool:
    """Whether this tool has written it: by its name and its manifest."""
    try:
        if archive.is_encrypted:
            return _fits_its_note(archive.path)
        with ArchiveReader(archive.path) as reader:
            created_at = reader.manifest.created_at
        return datetime.fromisoformat(created_at).replace(microsecond=0) == archive.made
    except (IonSummaryError, OSError, ValueError, TypeError):
        return False


def _fits_its_note(path: Path) -> bool:
    note = orjson.loads(path.with_name(path.name + NOTE).read_bytes())
    return bool(note["format"] == 1 and note["sha256"] == sha256_of(path)[0])


def write_note(path: Path, fields: dict[str, Any]) -> None:
    """Puts the note of an encrypted archive beside it."""
    files.replace(path.with_name(path.name + NOTE), orjson.dumps(fields) + b"\n")


def remove(archive: Archive) -> None:
    """Removes an archive and its note."""
    note = archive.path.with_name(archive.path.name + NOTE)
    files.remove(archive.path)
    if note.exists():
        files.remove(note)


@contextlib.contextmanager
def locked(directory: Path, timeout: float) -> Iterator[None]:
    """The directory for one writer of archives, made if there is none (0700); what a killed one has left is removed.

    Raises ArchivesLockedError, StoreNotWritableError; UsageError if ``directory`` is something else.
    """
    if directory.exists() and not directory.is_dir():
        raise UsageError(reason=f"{directory} is not a directory", accepted="name the directory that archives go to")
    files.make_directory(directory)
    descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        if _lock(descriptor, directory, timeout):
            with files.writing(directory):
                _remove_leftovers(directory)
        yield
    finally:
        os.close(descriptor)


def wait_for_writer(directory: Path, timeout: float) -> None:
    """Returns when no backup writes into a directory. Raises ArchivesLockedError if one still does."""
    with contextlib.suppress(FileNotFoundError, NotADirectoryError):
        descriptor = os.open(directory, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
        try:
            _lock(descriptor, directory, timeout)
        finally:
            os.close(descriptor)


def _lock(descriptor: int, directory: Path, timeout: float) -> bool:
    """Takes the lock; False where a directory cannot have one, as on many network shares."""
    for _ in attempts(timeout):
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            continue
        except OSError:
            return False
        return True
    raise ArchivesLockedError(path=directory, seconds=timeout)


def _remove_leftovers(directory: Path) -> None:
    """What was not finished; and notes whose archive never got its name, or lost it."""
    for entry in list(os.scandir(directory)):
        name = entry.name.removesuffix(NOTE)
        is_orphan = name != entry.name and _made(name) is not None and not (directory / name).exists()
        is_leftover = entry.name.startswith(LEFTOVER)
        if entry.is_dir(follow_symlinks=False) and is_leftover:
            shutil.rmtree(entry.path)
        elif entry.is_file(follow_symlinks=False) and (is_leftover or is_orphan):
            Path(entry.path).unlink()


def publish(
    directory: Path, name: str, write: Callable[[BinaryIO], None], note: dict[str, Any] | None
) -> tuple[str, int]:
    """Writes ``name`` beside, synced, renamed, and reads it back; its SHA-256 and its size. An archive of that name is
    replaced. ``note`` is what its note is to say besides these, if it is to have one.

    Raises StoreNotWritableError; SnapshotCorruptError if the disk gives back something else.
    """
    beside, path = directory / f"{LEFTOVER}{name}", directory / name
    with files.writing(path):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            with os.fdopen(descriptor, "wb", buffering=0) as file:
                out = _Hashed(file)
                write(out)  # type: ignore[arg-type]
                os.fsync(descriptor)
            if path.exists() and sha256_of(beside) != (out.digest.hexdigest(), out.bytes):
                raise SnapshotCorruptError(path=path, reason="what was to replace it is not what was written")
            if note is not None:
                write_note(path, {"format": 1, **note, "bytes": out.bytes, "sha256": out.digest.hexdigest()})
            beside.rename(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        files.sync_directory(directory)
        read_back = sha256_of(path)
    if read_back != (out.digest.hexdigest(), out.bytes):
        files.remove(path)
        raise SnapshotCorruptError(path=path, reason="what was read back is not what was written; it was removed")
    return read_back


class _Hashed:
    """A file that is written to, all of it each time, and what was written."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self.digest = hashlib.sha256()
        self.bytes = 0

    def write(self, data: bytes) -> int:
        files.write_all(self._file.fileno(), data)
        self.digest.update(data)
        self.bytes += len(data)
        return len(data)

    def flush(self) -> None:
        """There is no buffer."""


def sha256_of(path: Path) -> tuple[str, int]:
    """The SHA-256 of a file, read from the disk as far as the system can be told to, and its size."""
    digest, size = hashlib.sha256(), 0
    descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
    try:
        if hasattr(os, "posix_fadvise"):
            os.posix_fadvise(descriptor, 0, 0, os.POSIX_FADV_DONTNEED)
        while chunk := os.read(descriptor, _CHUNK):
            digest.update(chunk)
            size += len(chunk)
    finally:
        os.close(descriptor)
    return digest.hexdigest(), size
