"""How do bytes reach the disk so that a kill, a power cut or a full disk at any point loses nothing acknowledged?

Measured: a kill tears even one small write, and a torn tail swallows the next record unless it is dealt with before;
after ENOSPC a buffered handle writes the failed bytes later, so that only raw descriptors are used here.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import IO

from ion_summary.errors import StoreNotWritableError

_CLOEXEC = os.O_CLOEXEC | os.O_NOFOLLOW
_TAIL_BLOCK = 1 << 16


@contextlib.contextmanager
def writing(path: Path) -> Iterator[None]:
    """Turns an operating system's refusal to write into an error that names the path and the way out."""
    try:
        yield
    except OSError as error:
        raise StoreNotWritableError(path=error.filename or path, reason=error.strerror or str(error)) from error


def make_directory(path: Path) -> None:
    """Makes a directory of the store and its parents, 0700, and syncs the one that holds it."""
    if path.is_dir():
        return
    with writing(path):
        if not path.parent.is_dir():
            make_directory(path.parent)
        path.mkdir(mode=0o700, exist_ok=True)
        sync_directory(path.parent)


def sync_directory(path: Path) -> None:
    """Makes the names in a directory survive a power cut."""
    descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def read(path: Path) -> bytes:
    """All bytes of a file of the store, which is no symbolic link. Raises OSError."""
    with open(path, "rb", opener=lambda name, flags: os.open(name, flags | os.O_NOFOLLOW)) as file:
        return file.read()


def append(path: Path, data: bytes) -> int:
    """Appends whole lines, synced when this returns; the offset at which they begin.

    The file must end with a newline (``end_of_lines``). On any error the file is cut back to what it was, so that no
    part of ``data`` can appear later.
    """
    make_directory(path.parent)
    with writing(path):
        new = not path.exists()
        descriptor = os.open(path, os.O_WRONLY | os.O_APPEND | os.O_CREAT | _CLOEXEC, 0o600)
        try:
            start = os.fstat(descriptor).st_size
            try:
                write_all(descriptor, data)
                os.fdatasync(descriptor)
            except BaseException:
                os.ftruncate(descriptor, start)
                raise
        finally:
            os.close(descriptor)
        if new:
            sync_directory(path.parent)
    return start


def write_all(descriptor: int, data: bytes) -> None:
    """Writes all of ``data``: the operating system may take less at a time without an error."""
    rest = memoryview(data)
    while rest:
        rest = rest[os.write(descriptor, rest) :]


def replace(path: Path, data: bytes) -> None:
    """Puts ``data`` in the place of a file (0600): beside it, synced, renamed, the directory synced."""
    make_directory(path.parent)
    beside = path.with_name(f".{path.name}.new")
    with writing(path):
        descriptor = os.open(beside, os.O_WRONLY | os.O_CREAT | os.O_TRUNC | _CLOEXEC, 0o600)
        try:
            write_all(descriptor, data)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
        beside.rename(path)
        sync_directory(path.parent)


@contextlib.contextmanager
def replacing(path: Path) -> Iterator[IO[bytes]]:
    """A file (0600) to write, which takes the place of the one that ``path`` leads to when all of it is written and
    synced. What is no file but a pipe or a device is written to as it is.
    """
    with writing(path):
        if path.is_file() or not path.exists():
            with _taking_the_place(Path(os.path.realpath(path))) as file:
                yield file
        else:
            with path.open("wb") as file:
                yield file


@contextlib.contextmanager
def _taking_the_place(path: Path) -> Iterator[IO[bytes]]:
    beside = path.with_name(f".{path.name}.new")
    with writing(path):
        try:
            with open(beside, "wb", opener=lambda name, flags: os.open(name, flags | _CLOEXEC, 0o600)) as file:
                yield file
                file.flush()
                os.fsync(file.fileno())
            beside.rename(path)
        except BaseException:
            beside.unlink(missing_ok=True)
            raise
        sync_directory(path.parent)


def remove(path: Path) -> None:
    """Removes a file for good: the directory is synced."""
    with writing(path):
        path.unlink()
        sync_directory(path.parent)


def remove_all(paths: Iterable[Path]) -> None:
    """Removes files for good, those that are there, and directories that become empty; each directory synced once."""
    directories: dict[Path, None] = {}
    for path in paths:
        with writing(path), contextlib.suppress(FileNotFoundError):
            path.unlink()
            directories[path.parent] = None
    for directory in directories:
        with writing(directory):
            sync_directory(directory)
            with contextlib.suppress(OSError):  # it is not empty
                directory.rmdir()
                sync_directory(directory.parent)


def end_of_lines(path: Path) -> tuple[int, bytes]:
    """The offset behind the last newline of a file, and the bytes after it (none: the file ends well)."""
    try:
        descriptor = os.open(path, os.O_RDONLY | _CLOEXEC)
    except FileNotFoundError:
        return 0, b""
    try:
        end = os.fstat(descriptor).st_size
        if end and os.pread(descriptor, 1, end - 1) == b"\n":
            return end, b""
        tail = b""
        start = end
        while start:
            start = max(0, start - _TAIL_BLOCK)
            block = os.pread(descriptor, end - start - len(tail), start)
            tail = block + tail
            cut = block.rfind(b"\n")
            if cut >= 0:
                return start + cut + 1, tail[cut + 1 :]
        return 0, tail
    finally:
        os.close(descriptor)


def cut(path: Path, size: int) -> None:
    """Cuts a file back to ``size`` bytes, synced."""
    with writing(path):
        descriptor = os.open(path, os.O_WRONLY | _CLOEXEC)
        try:
            os.ftruncate(descriptor, size)
            os.fsync(descriptor)
        finally:
            os.close(descriptor)
