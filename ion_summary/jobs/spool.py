"""How is something kept for later in microseconds, so that not even ``kill -9`` of this process loses it?

It is copied into a mapped file: from then on it is the kernel's, whatever becomes of the process. No system call and no
lock of another process is waited for. A thread in the background calls ``sync``, for the case of a power cut.

A segment is a file of zeros, in which items follow each other: length and CRC-32 (4 bytes each, little endian, written
last), then the item. Length 0 ends it. Each process writes segments of its own, on which it holds a lock; one that is
not locked belongs to a process that has died, and whoever finds it takes it over.
"""

from __future__ import annotations

import contextlib
import fcntl
import mmap
import os
import threading
from collections.abc import Callable, Iterator
from pathlib import Path
from struct import Struct
from zlib import crc32

DIRECTORY = "spool"
SEGMENT_BYTES = 4 << 20
_HEADER = Struct("<II")
_ERASED = 0


class Segment:
    """One file of items, locked and mapped."""

    def __init__(self, path: Path, descriptor: int) -> None:
        self.path = path
        self.descriptor = descriptor
        self.map = mmap.mmap(descriptor, 0)
        self.end = 0
        self.taken = 0
        self.dirty = False

    @classmethod
    def new(cls, directory: Path, size: int) -> Segment:
        """An empty one with room for ``size`` bytes. Raises OSError."""
        path = directory / f"{os.getpid()}-{os.urandom(6).hex()}"
        descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC | os.O_NOFOLLOW, 0o600)
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            # Room that is really there: a mapped write to a full disk would end the process.
            os.posix_fallocate(descriptor, 0, size)
            segment = cls(path, descriptor)
            # The first touch of a mapping takes longer than the thousand puts that follow.
            segment.map[: _HEADER.size] = bytes(_HEADER.size)
            return segment
        except BaseException:
            os.close(descriptor)
            path.unlink()
            raise

    @classmethod
    def abandoned(cls, path: Path) -> Segment | None:
        """The one at ``path``, if nobody has it."""
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CLOEXEC | os.O_NOFOLLOW)
        except FileNotFoundError:
            return None
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
            stat = os.fstat(descriptor)
            if stat.st_nlink and stat.st_size:
                segment = cls(path, descriptor)
                segment.end = segment.map.size()
                return segment
            if stat.st_nlink:
                path.unlink()  # its process died before there was room for anything
        except BlockingIOError:
            pass
        os.close(descriptor)
        return None

    def room(self, size: int) -> bool:
        """Whether an item of ``size`` bytes fits, and the end behind it."""
        return self.end + size + 2 * _HEADER.size <= len(self.map)

    def put(self, item: bytes) -> int:
        """Appends an item; where it stands."""
        start, body = self.end, self.end + _HEADER.size
        self.map[body : body + len(item)] = item
        # Last: before this, there is nothing.
        _HEADER.pack_into(self.map, start, len(item), crc32(item) or 1)
        self.end = body + len(item)
        self.dirty = True
        return start

    def item(self, start: int) -> bytes | None:
        """The item at ``start``; None if it has been erased, or is not what was written."""
        length, checksum = _HEADER.unpack_from(self.map, start)
        item = self.map[start + _HEADER.size : start + _HEADER.size + length]
        return item if checksum != _ERASED and (crc32(item) or 1) == checksum else None

    def items(self) -> Iterator[tuple[int, int, bytes | None]]:
        """Start, end and bytes (None as for ``item``) of each item that has not been taken."""
        start = self.taken
        while start + _HEADER.size <= min(self.end, len(self.map)):
            length, _ = _HEADER.unpack_from(self.map, start)
            if not length or start + _HEADER.size + length > len(self.map):
                return
            end = start + _HEADER.size + length
            yield start, end, self.item(start)
            start = end

    def is_empty(self) -> bool:
        """Whether nothing is left in it that has not been taken."""
        return self.taken == self.end or next(self.items(), None) is None

    def close(self, *, remove: bool) -> None:
        """Lets go of it; ``remove``: and takes it away."""
        self.map.close()
        if remove:
            with contextlib.suppress(FileNotFoundError):
                self.path.unlink()
        os.close(self.descriptor)


class Spool:
    """What this process keeps for later in the store at ``root``. Threads may share it."""

    def __init__(self, root: Path) -> None:
        self._directory = root / DIRECTORY
        self._lock = threading.Lock()
        self._segments: list[Segment] = []
        self._spare: Segment | None = None
        self._closed = False

    def put(self, item: bytes) -> tuple[Segment, int]:
        """Keeps an item; its place. Raises OSError if the disk has no room for it, and ValueError after ``close``."""
        with self._lock:
            if self._closed:  # a segment made now would be locked, and nobody's, until this process ends
                raise ValueError("the spool is closed")
            last = self._segments[-1] if self._segments else None
            if last is None or not last.room(len(item)):
                last = self._next(len(item))
            return last, last.put(item)

    def sync(self) -> None:
        """Has the disk take what was put: what happens within a tenth of a second is what a power cut may take.

        Also makes the next segment, before it is needed.
        """
        with self._lock:
            dirty = [segment for segment in self._segments if segment.dirty]
            for segment in dirty:
                segment.dirty = False
            last = self._segments[-1] if self._segments else None
            wanted = self._spare is None and (last is None or last.end > SEGMENT_BYTES // 2)
        for segment in dirty:
            os.fdatasync(segment.descriptor)
        if wanted:
            with contextlib.suppress(OSError):  # who needs it will be told
                spare = self._made(SEGMENT_BYTES)
                with self._lock:
                    self._spare = spare

    def take(self, most: int) -> list[tuple[Segment, int, bytes | None]]:
        """The oldest items that have not been taken, with the segment and the end of each; not yet taken off."""
        found: list[tuple[Segment, int, bytes | None]] = []
        with self._lock:
            segments = list(self._segments)
        for segment in segments:  # what stands there already does not change: whoever puts something need not wait
            for _, end, item in segment.items():
                if len(found) == most:
                    return found
                found.append((segment, end, item))
        return found

    def done(self, taken: list[tuple[Segment, int, bytes | None]]) -> None:
        """Takes off what ``take`` gave: it is kept elsewhere by now."""
        with self._lock:
            for segment, end, _ in taken:
                segment.taken = max(segment.taken, end)
            empty = [segment for segment in self._segments[:-1] if segment.is_empty()]
            for segment in empty:
                self._segments.remove(segment)
        for segment in empty:  # whoever puts something need not wait for that
            segment.close(remove=True)

    def read(self, place: tuple[Segment, int]) -> bytes | None:
        """The item at a place; None if it has been taken off or erased."""
        segment, start = place
        with self._lock:
            return segment.item(start) if segment in self._segments and start >= segment.taken else None

    def adopt(self) -> int:
        """Takes over the segments of processes that have died; how many."""
        if not self._directory.is_dir():
            return 0
        with self._lock:
            mine = {segment.path for segment in (*self._segments, self._spare) if segment}
            paths = sorted(path for path in self._directory.iterdir() if path not in mine)
            found = [segment for path in paths if (segment := Segment.abandoned(path))]
            self._segments[:0] = found
        return len(found)

    def close(self) -> None:
        """Lets go of everything; what has not been taken stays for the next process."""
        with self._lock:
            self._closed = True
            if self._spare is not None:
                self._spare.close(remove=True)
            for segment in self._segments:
                segment.close(remove=segment.is_empty())
            self._segments, self._spare = [], None

    def _next(self, size: int) -> Segment:
        spare, self._spare = self._spare, None
        if spare is not None and not spare.room(size):
            spare.close(remove=True)
            spare = None
        segment = spare or self._made(max(SEGMENT_BYTES, size + 3 * _HEADER.size))
        self._segments.append(segment)
        return segment

    def _made(self, size: int) -> Segment:
        self._directory.mkdir(mode=0o700, parents=True, exist_ok=True)
        return Segment.new(self._directory, size)


def left_behind(root: Path) -> Iterator[bytes]:
    """The items of processes that have died, until somebody adopts them; the newest of a process last."""
    directory = root / DIRECTORY
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        segment = Segment.abandoned(path)
        if segment is not None:
            try:
                yield from (item for _, _, item in segment.items() if item is not None)
            finally:
                segment.close(remove=False)


def erase(root: Path, is_wanted: Callable[[bytes], bool]) -> int:
    """Overwrites the items of all processes for which ``is_wanted`` says so; how many."""
    directory, erased = root / DIRECTORY, 0
    for path in sorted(directory.iterdir()) if directory.is_dir() else ():
        with path.open("r+b") as file:
            if not os.fstat(file.fileno()).st_size:
                continue
            with mmap.mmap(file.fileno(), 0) as data:
                erased += _erase(data, is_wanted)
                data.flush()
    return erased


def _erase(data: mmap.mmap, is_wanted: Callable[[bytes], bool]) -> int:
    start = erased = 0
    while start + _HEADER.size <= len(data):
        length, checksum = _HEADER.unpack_from(data, start)
        body = start + _HEADER.size
        if not length or body + length > len(data):
            break
        if checksum != _ERASED and is_wanted(data[body : body + length]):
            _HEADER.pack_into(data, start, length, _ERASED)
            data[body : body + length] = b"\0" * length
            erased += 1
        start = body + length
    return erased
