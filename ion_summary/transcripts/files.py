"""How is a file opened that somebody else put there: without waiting, without following, without trusting its name?"""

from __future__ import annotations

import io
import os
import shutil
import stat
import weakref
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryFile
from typing import IO, Any

BUFFER = 1 << 18
_KINDS = {
    stat.S_IFIFO: "a FIFO",
    stat.S_IFSOCK: "a socket",
    stat.S_IFCHR: "a device",
    stat.S_IFBLK: "a device",
    stat.S_IFDIR: "a directory",
    stat.S_IFLNK: "a symbolic link",
}


def open_regular(path: Path) -> IO[bytes]:
    """``path`` opened for reading, if it is a regular file. Raises OSError with a reason for people."""
    # Non-blocking, because between a look and the opening the file may have become a FIFO.
    descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_NOFOLLOW | os.O_CLOEXEC)
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise OSError(f"{kind(mode)}, not a regular file")
        return os.fdopen(descriptor, "rb", buffering=BUFFER)
    except BaseException:
        os.close(descriptor)
        raise


class Spool:
    """What came through a pipe, on disk under no name, so that it can be read again; gone with the object."""

    def __init__(self, stream: IO[bytes]) -> None:
        self._file = TemporaryFile()  # noqa: SIM115
        weakref.finalize(self, self._file.close)
        shutil.copyfileobj(stream, self._file, BUFFER)
        self._file.flush()

    def open(self) -> IO[bytes]:
        """The bytes from the start; one reader at a time, because they share a position."""
        file = os.fdopen(os.dup(self._file.fileno()), "rb", buffering=BUFFER)
        file.seek(0)
        return file


def chained(openers: Sequence[Callable[[], IO[bytes]]]) -> IO[bytes]:
    """What several files hold, one after the other, each ended by a newline; one of them is open at a time."""
    return io.BufferedReader(_Chain(openers), BUFFER)


class _Chain(io.RawIOBase):
    def __init__(self, openers: Sequence[Callable[[], IO[bytes]]]) -> None:
        self._openers = openers
        self._next = self._position = 0
        self._file: IO[bytes] | None = None
        self._last = b"\n"

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data = b""
        while not data:
            if self._file is None:
                if self._next == len(self._openers):
                    return 0
                self._file = self._openers[self._next]()
                self._next += 1
            data = self._file.read(len(buffer))
            if not data:
                self._shut()
                data = b"\n" if self._last != b"\n" and self._next < len(self._openers) else b""
        buffer[: len(data)] = data
        self._last = data[-1:]
        self._position += len(data)
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        """Reads on to ``offset``, from the start if that lies behind. Only from the start of the stream."""
        if whence != io.SEEK_SET:
            raise io.UnsupportedOperation("several files have no known end")
        if offset < self._position:
            self._shut()
            self._next = self._position = 0
            self._last = b"\n"
        buffer = bytearray(BUFFER)
        while self._position < offset and self.readinto(memoryview(buffer)[: offset - self._position]):
            pass
        return self._position

    def tell(self) -> int:
        return self._position

    def close(self) -> None:
        self._shut()
        super().close()

    def _shut(self) -> None:
        if self._file is not None:
            self._file.close()
            self._file = None


def kind(mode: int) -> str:
    """What a mode of ``os.stat`` stands for, in words."""
    return _KINDS.get(stat.S_IFMT(mode), "something unknown")


def reason(error: OSError) -> str:
    """What went wrong, without the path: the report names it already."""
    return (error.strerror or str(error) or type(error).__name__).lower() if error.errno else str(error)
