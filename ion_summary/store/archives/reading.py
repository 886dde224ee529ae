"""Is every byte of an archive what was written, and what are the files in it? It may come from anybody.

Nothing is taken on trust: the manifest says which members there are and how large, before one of them is unpacked;
whatever differs from that ends the reading. Where the bytes go is for the caller to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Generator, Iterable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ion_summary.errors import SnapshotCorruptError, UsageError
from ion_summary.store.archives import encryption
from ion_summary.store.archives import format as archive
from ion_summary.store.archives.ahead import in_order
from ion_summary.store.archives.format import BLOCK, MANIFEST, Manifest, Member, Piece
from ion_summary.store.archives.line_counting import LineCounter
from ion_summary.store.archives.members import has_lines
from ion_summary.store.archives.packing import CODECS, PIECE_BYTES, ZSTANDARD, Codec, UnpackingError, unpack, unpacked

_CHUNK = 1 << 20
_MOST_PADDING = 1 << 20  # tar fills its last record; more zeros than that are not filling


class ArchiveReader:
    """One pass over an archive, first to last byte, within a ``with``.

    Args:
        path: the archive; how it is packed is seen by its first bytes.
        identity: the file of the age identity that opens it, if it is encrypted.

    Raises (also while it is iterated over): SnapshotCorruptError; UsageError if there is no such file, or it is
    encrypted and there is no ``identity``.
    """

    manifest: Manifest

    def __init__(self, path: Path, identity: Path | None = None) -> None:
        self.path = path
        self._identity = identity
        self._held = contextlib.ExitStack()

    def __enter__(self) -> ArchiveReader:
        try:
            with self._as_corrupt():
                self._open()
                self.manifest = self._read_manifest()
            archive.check_sizes(self.manifest, self.packed_bytes, self.path)
        except BaseException:
            self._held.close()
            raise
        return self

    def __exit__(self, *_: object) -> None:
        self._held.close()

    def __iter__(self) -> Iterator[tuple[Member, Iterator[bytes]]]:
        """Each member with its bytes, which are checked when their iterator ends."""
        with self._as_corrupt():
            expected = {member.name: member for member in self.manifest.members}
            while (block := self._stream.take(BLOCK)) != bytes(BLOCK):
                name, size = archive.read_header(block, self.path)
                member = expected.pop(name, None)
                if member is None:
                    raise self._corrupt(f"it holds {name[:100]!r} without announcing it, or twice")
                if size != member.size:
                    raise self._corrupt(f"{name}: {size:,} bytes, but its manifest says {member.size:,}")
                content = self._content(member)
                yield member, content
                for _ in content:
                    pass
            if expected:
                raise self._corrupt(f"{next(iter(expected))} is missing")
            self._end()

    def check(self, advance: Callable[[int], None]) -> None:
        """Reads everything; ``advance`` is told of bytes. Raises SnapshotCorruptError."""
        for _, chunks in self:
            for chunk in chunks:
                advance(len(chunk))

    def _open(self) -> None:
        descriptor = _open_file(self.path)
        self._held.callback(os.close, descriptor)
        self.packed_bytes = os.fstat(descriptor).st_size
        is_encrypted = os.pread(descriptor, len(encryption.MAGIC), 0) == encryption.MAGIC
        if is_encrypted:
            if self._identity is None:
                raise UsageError(reason=f"{self.path} is encrypted", accepted="name the identity with --identity FILE")
            packed: Iterator[bytes] = self._held.enter_context(
                encryption.decrypted(descriptor, self._identity, self.path)
            )
        else:
            packed = _chunks(descriptor)
        start = next(packed, b"")
        codec = next((codec for codec in CODECS if start.startswith(codec.magic)), None)
        if codec is None:
            raise self._corrupt("neither a .tar.zst nor a .tar.gz")
        self._seal = _Seal(codec)
        pieces = None if is_encrypted or codec is not ZSTANDARD else archive.read_pieces(descriptor)
        if pieces:
            raw: Generator[bytes, None, None] = _in_pieces(descriptor, pieces, self.packed_bytes, self._seal)
        else:
            raw = unpacked(codec, self._seal.passed(_with(start, packed)))
        self._held.enter_context(contextlib.closing(raw))
        self._stream = _Stream(raw)

    def _read_manifest(self) -> Manifest:
        name, size = archive.read_header(self._stream.take(BLOCK), self.path)
        if name != MANIFEST:
            raise self._corrupt(f"it does not begin with {MANIFEST}")
        if size > archive.MOST_MANIFEST_BYTES:
            raise self._corrupt(f"its manifest claims {size:,} bytes")
        data = self._stream.take(size)
        self._stream.take(archive.padding(size))
        return Manifest.decode(data, self.path)

    def _content(self, member: Member) -> Iterator[bytes]:
        digest, lines = hashlib.sha256(), LineCounter(member.name)
        with self._as_corrupt():
            for chunk in self._stream.chunks(member.size):
                digest.update(chunk)
                lines.feed(chunk)
                yield chunk
            if any(self._stream.take(archive.padding(member.size))):
                raise self._corrupt(f"{member.name}: something is hidden behind it")
        if digest.hexdigest() != member.sha256:
            raise self._corrupt(f"{member.name}: its SHA-256 is not that of the manifest")
        if has_lines(member.name) and lines.count() != member.records:
            raise self._corrupt(f"{member.name}: {lines.count():,} lines, but its manifest says {member.records:,}")

    def _end(self) -> None:
        size = 0
        for chunk in self._stream.rest():
            size += len(chunk)
            if size > _MOST_PADDING or chunk.strip(b"\0"):
                raise self._corrupt("something follows its end")
        if self.manifest.piece_bytes and not self._seal.is_whole():
            raise self._corrupt("it is not what was written: its seal is broken or missing")

    def _corrupt(self, reason: str) -> SnapshotCorruptError:
        return SnapshotCorruptError(path=self.path, reason=reason)

    @contextlib.contextmanager
    def _as_corrupt(self) -> Iterator[None]:
        try:
            yield
        except UnpackingError as error:
            raise self._corrupt(f"damaged: {error}") from error
        except EOFError:
            raise self._corrupt("it is cut off") from None


class _Seal:
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


class _Stream:
    """Bytes in the portions that are wanted."""

    def __init__(self, chunks: Iterator[bytes]) -> None:
        self._chunks = chunks
        self._rest = memoryview(b"")

    def chunks(self, size: int) -> Iterator[bytes]:
        """The next ``size`` bytes. Raises EOFError."""
        while size:
            if not self._rest:
                self._rest = memoryview(next(self._chunks, b""))
                if not self._rest:
                    raise EOFError
            part, self._rest = self._rest[:size], self._rest[size:]
            size -= len(part)
            yield part.tobytes()

    def take(self, size: int) -> bytes:
        """The next ``size`` bytes, at once. Raises EOFError."""
        return b"".join(self.chunks(size))

    def rest(self) -> Iterator[bytes]:
        """All that is left."""
        yield self._rest.tobytes()
        yield from self._chunks


def _open_file(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(reason=f"{path} cannot be read: {error.strerror}", accepted="name an archive") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(reason=f"{path} is not a file", accepted="name an archive, such as ion-summary-….tar.zst")
    return descriptor


def _chunks(descriptor: int) -> Iterator[bytes]:
    offset = 0
    while chunk := os.pread(descriptor, _CHUNK, offset):
        yield chunk
        offset += len(chunk)


def _with(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest


def _in_pieces(descriptor: int, pieces: Sequence[Piece], size: int, seal: _Seal) -> Generator[bytes, None, None]:
    """The bytes of all pieces, unpacked ahead by threads; the seal sees the archive as it lies there."""

    def task(offset: int, length: int, most: int) -> tuple[bytes, bytes]:
        packed = os.pread(descriptor, length, offset)
        return packed, unpack(ZSTANDARD, packed, most)

    def tasks() -> Iterator[Callable[[], tuple[bytes, bytes]]]:
        offset = 0
        for number, piece in enumerate(pieces):
            most = PIECE_BYTES if number else archive.MOST_MANIFEST_BYTES + 2 * BLOCK
            yield partial(task, offset, piece.size, most)
            offset += piece.size

    with contextlib.closing(in_order(tasks())) as results:
        for packed, data in results:
            seal.see(packed)
            yield data
    at = sum(piece.size for piece in pieces)
    seal.see(os.pread(descriptor, size - at, at))
