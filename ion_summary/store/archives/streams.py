"""How do the bytes of an archive go by: those that lie on the disk, and those that come out of them?"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator

from ion_summary.store.archives import format as archive
from ion_summary.store.archives.packing import Codec

_CHUNK = 1 << 20


def chunks_of(descriptor: int) -> Iterator[bytes]:
    """The bytes of an open file."""
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        yield chunk
        offset += len(chunk)


class Seal:
    """Sees an archive go by, and says at its end whether it is what was written."""

    def __init__(self, codec: Codec) -> None:
        self._codec = codec
        self._digest = hashlib.sha256()
        self._kept = archive.digest_place(codec)[0]
        self._tail = b""

    def passed(self, chunks: Iterable[bytes]) -> Iterator[bytes]:
        """The same chunks."""
        for chunk in chunks:
            self.see(chunk)
            yield chunk

    def see(self, chunk: bytes) -> None:
        """The next bytes; the last ones, which may be the digest, are not part of it."""
        seen = self._tail + chunk
        cut = max(0, len(seen) - self._kept)
        self._digest.update(memoryview(seen)[:cut])
        self._tail = seen[cut:]

    def is_whole(self) -> bool:
        """Whether the digest at the end is of everything before it."""
        return self._tail == self._digest.digest() + archive.seal_end(self._codec)


class Stream:
    """Bytes in the portions that are wanted."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._chunk, self._start = b"", 0

    def chunks(self, size: int) -> Iterator[bytes]:
        """The next ``size`` bytes. Raises EOFError."""
        while size:
            if self._start == len(self._chunk):
                self._chunk, self._start = next(self._chunks, b""), 0
                if not self._chunk:
                    raise EOFError
            # All of a chunk is not a copy of it.
            part = self._chunk[self._start : self._start + size]
            self._start += len(part)
            size -= len(part)
            yield part

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, at once. Raises EOFError."""
        return b"".join(self.chunks(size))

    def rest(self) -> Iterator[bytes]:
        """All that is left."""
        yield self._chunk[self._start :]
        yield from self._chunks
