"""Is every byte of an archive what was written, and what are the files in it? It may come from anybody.

Nothing is taken on trust: the manifest says which members there are and how large, before one of them is unpacked;
whatever differs from that ends the reading. Where the bytes go is for the caller to say.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import stat
from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path

from ion_summary.errors import SnapshotCorruptError, UsageError
from ion_summary.store.archives import encryption
from ion_summary.store.archives import format as archive
from ion_summary.store.archives.ahead import in_order
from ion_summary.store.archives.format import BLOCK, MANIFEST, Manifest, Member, Place
from ion_summary.store.archives.line_counting import LineCounter
from ion_summary.store.archives.members import has_lines
from ion_summary.store.archives.packing import CODECS, ZSTANDARD, UnpackingError, unpacked
from ion_summary.store.archives.streams import Seal, Stream, chunks_of

_MOST_PADDING = 1 << 20  # tar fills its last record; more zeros than that are not filling
# Below this, starting threads takes longer than they save.
_FOR_THREADS_BYTES = 8 << 20


class _GivenUpError(Exception):
    """Nobody waits for this any more."""


#: Consumes the bytes of a member.
Take = Callable[[Member, Iterator[bytes]], None]


class ArchiveReader:
    """One pass over an archive, all of its bytes, within a ``with``.

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
        self._given_up = False

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
                content = self._content(self._stream, member)
                yield member, content
                _drain(member, content)
            if expected:
                raise self._corrupt(f"{next(iter(expected))} is missing")
            self._end(self._stream, self._seal)

    def each(self, take: Take) -> Iterator[Member]:
        """Has ``take`` consume each member; yields those that are done, in the order of the archive.

        The members of a large one in pieces are taken by threads, several at a time: whatever ``take`` does to one must
        not depend on another. Their bytes are whole when the member is yielded, and all are when this ends.
        """
        places = self._places()
        if not places:
            for member, content in self:
                take(member, content)
                yield member
            return
        *members, end = places
        tasks = (
            partial(self._taken, member, place, take)
            for member, place in zip(self.manifest.members, members, strict=True)
        )
        seal, packed = Seal(ZSTANDARD), chunks_of(self._descriptor)
        with contextlib.closing(in_order(tasks, self._give_up)) as done:
            for member in done:
                seal.see(next(packed, b""))  # while the threads are at work
                yield member
        for chunk in packed:
            seal.see(chunk)
        with self._as_corrupt():
            self._end(Stream(unpacked(ZSTANDARD, self._packed(end))), seal)

    def check(self, advance: Callable[[int], None]) -> None:
        """Reads everything; ``advance`` is told of bytes. Raises SnapshotCorruptError."""
        for member in self.each(_drain):
            advance(member.size)

    def _places(self) -> Sequence[Place]:
        """Where the members are, and the end, if it is worth while to read several at a time."""
        if self._is_encrypted or self._codec is not ZSTANDARD or self.manifest.size < _FOR_THREADS_BYTES:
            return ()
        return archive.places(self.manifest, archive.read_pieces(self._descriptor) or ())

    def _taken(self, member: Member, place: Place, take: Take) -> Member:
        stream = Stream(unpacked(ZSTANDARD, self._packed(place)))
        with self._as_corrupt():
            name, size = archive.read_header(stream.take(BLOCK), self.path)
            if (name, size) != (member.name, member.size):
                raise self._corrupt(f"it holds {name[:100]!r} of {size:,} bytes where {member.name} should be")
            content = self._content(stream, member)
            take(member, content)
            _drain(member, content)
            if any(map(len, stream.rest())):
                raise self._corrupt(f"{member.name}: something follows it")
        return member

    def _packed(self, place: Place) -> Iterator[bytes]:
        offset = place.offset
        for piece in place.pieces:
            yield os.pread(self._descriptor, piece.size, offset)
            offset += piece.size

    def _give_up(self) -> None:
        self._given_up = True

    def _open(self) -> None:
        descriptor = _open_file(self.path)
        self._held.callback(os.close, descriptor)
        self.packed_bytes = os.fstat(descriptor).st_size
        self._descriptor = descriptor
        self._is_encrypted = os.pread(descriptor, len(encryption.MAGIC), 0) == encryption.MAGIC
        if self._is_encrypted:
            if self._identity is None:
                raise UsageError(reason=f"{self.path} is encrypted", accepted="name the identity with --identity FILE")
            packed: Iterator[bytes] = self._held.enter_context(
                encryption.decrypted(descriptor, self._identity, self.path)
            )
        else:
            packed = chunks_of(descriptor)
        start = next(packed, b"")
        codec = next((codec for codec in CODECS if start.startswith(codec.magic)), None)
        if codec is None:
            raise self._corrupt("neither a .tar.zst nor a .tar.gz")
        self._codec, self._seal = codec, Seal(codec)
        raw = unpacked(codec, self._seal.passed(_with(start, packed)))
        self._held.enter_context(contextlib.closing(raw))
        self._stream = Stream(raw)

    def _read_manifest(self) -> Manifest:
        name, size = archive.read_header(self._stream.take(BLOCK), self.path)
        if name != MANIFEST:
            raise self._corrupt(f"it does not begin with {MANIFEST}")
        if size > archive.MOST_MANIFEST_BYTES:
            raise self._corrupt(f"its manifest claims {size:,} bytes")
        data = self._stream.take(size)
        self._stream.take(archive.padding(size))
        return Manifest.decode(data, self.path)

    def _content(self, stream: Stream, member: Member) -> Iterator[bytes]:
        digest, lines = hashlib.sha256(), LineCounter(member.name)
        with self._as_corrupt():
            for chunk in stream.chunks(member.size):
                if self._given_up:
                    raise _GivenUpError
                digest.update(chunk)
                lines.feed(chunk)
                yield chunk
            if any(stream.take(archive.padding(member.size))):
                raise self._corrupt(f"{member.name}: something is hidden behind it")
        if digest.hexdigest() != member.sha256:
            raise self._corrupt(f"{member.name}: its SHA-256 is not that of the manifest")
        if has_lines(member.name) and lines.count() != member.records:
            raise self._corrupt(f"{member.name}: {lines.count():,} lines, but its manifest says {member.records:,}")

    def _end(self, stream: Stream, seal: Seal) -> None:
        size = 0
        for chunk in stream.rest():
            size += len(chunk)
            if size > _MOST_PADDING or chunk.strip(b"\0"):
                raise self._corrupt("something follows its end")
        if self.manifest.piece_bytes and not seal.is_whole():
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


def _open_file(path: Path) -> int:
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NONBLOCK)
    except OSError as error:
        raise UsageError(reason=f"{path} cannot be read: {error.strerror}", accepted="name an archive") from error
    if not stat.S_ISREG(os.fstat(descriptor).st_mode):
        os.close(descriptor)
        raise UsageError(reason=f"{path} is not a file", accepted="name an archive, such as ion-summary-….tar.zst")
    return descriptor


def _drain(_: Member, chunks: Iterator[bytes]) -> None:
    for _chunk in chunks:
        pass


def _with(start: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield start
    yield from rest
