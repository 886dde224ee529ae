"""How does a store's moment become an archive, without compressing again what the last one holds already?

What is packed goes to a nameless file first, because the manifest comes first and is known last. Every piece is
unpacked again and compared as soon as it is made; a piece that is copied from the last archive was compared then, and
is copied only if its SHA-256 is still the one in that archive's seal.
"""

from __future__ import annotations

import hashlib
import os
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from itertools import pairwise
from pathlib import Path
from typing import NamedTuple

from ion_summary.errors import SnapshotCorruptError, StoreCorruptError
from ion_summary.progress import Progress
from ion_summary.store.archives import format as archive
from ion_summary.store.archives.ahead import in_order
from ion_summary.store.archives.format import END, MANIFEST, Manifest, Member, Piece, Place
from ion_summary.store.archives.line_counting import LineCounter
from ion_summary.store.archives.packing import PIECE_BYTES, ZSTANDARD, Codec, is_packed, unpack
from ion_summary.store.archives.snapshot import Held, Moment
from ion_summary.store.files import write_all

_BLOCK_BYTES = 1 << 20


class Known(NamedTuple):
    """A member as an earlier archive has it, and where it has it."""

    member: Member
    place: Place


@dataclass
class Packed:
    """All of an archive but its first piece, in the file ``spool``; ``reused`` counts members that were copied."""

    codec: Codec
    spool: int
    created_at: str
    sessions: int
    members: list[Member] = field(default_factory=list)
    pieces: list[Piece] = field(default_factory=list)
    reused: int = 0

    def stream(self) -> Iterator[bytes]:
        """The archive from its first byte to its last."""
        manifest = Manifest(self.created_at, self.members, self.sessions, PIECE_BYTES).encode()
        blocks = archive.header(MANIFEST, len(manifest), 0) + manifest + bytes(archive.padding(len(manifest)))
        first, last = self.codec.pack(blocks), self.codec.pack(END)
        digest = hashlib.sha256()
        pieces = [_piece(first), *self.pieces, _piece(last)]
        for chunk in (first, *self._spooled(), last, archive.seal_start(self.codec, pieces)):
            digest.update(chunk)
            yield chunk
        yield digest.digest()
        yield archive.seal_end(self.codec)

    def _spooled(self) -> Iterator[bytes]:
        offset = 0
        while chunk := os.pread(self.spool, _BLOCK_BYTES, offset):
            yield chunk
            offset += len(chunk)


class _Had(NamedTuple):
    """A piece, and the stretch of the tar stream that it was made of: from ``start`` to ``end`` it is the file's."""

    stretch: bytearray
    start: int
    end: int
    piece: bytes


class _Step(NamedTuple):
    """One piece on its way: of which file, how it is had, and the member if it is known already."""

    file: Held
    known: Member | None
    had: Callable[[], _Had]
    is_last: bool


def pack(moment: Moment, codec: Codec, spool: int, previous: Path | None, progress: Progress) -> Packed:
    """Packs all files of a moment into the open file ``spool``. ``previous`` is an earlier archive, if there is one.

    Raises StoreCorruptError if a file cannot be read; OSError if ``spool`` cannot be written.
    """
    packed = Packed(codec, spool, moment.created_at, moment.sessions)
    progress.start("backup", moment.bytes, "bytes")
    with Previous(previous if codec is ZSTANDARD else None) as earlier:
        steps = deque[_Step]()  # those under way, in the order of their results

        def tasks() -> Iterator[Callable[[], _Had]]:
            for file in moment.files:
                for step in _steps(file, codec, earlier):
                    steps.append(step)
                    yield step.had

        digest, counter = hashlib.sha256(), LineCounter("")
        is_first = True
        for stretch, start, end, piece in in_order(tasks()):
            step = steps.popleft()
            write_all(spool, piece)
            packed.pieces.append(_piece(piece))
            if step.known is None:
                if is_first:
                    digest, counter = hashlib.sha256(), LineCounter(step.file.name)
                digest.update(memoryview(stretch)[start:end])
                counter.feed(stretch, start, end)
                progress.advance(end - start)
            is_first = step.is_last
            if step.is_last:
                packed.members.append(step.known or _member(step.file, digest.hexdigest(), counter.count()))
                packed.reused += step.known is not None
                if step.known is not None:
                    progress.advance(step.file.size)
    progress.finish()
    return packed


def _member(file: Held, sha256: str, records: int) -> Member:
    return Member(file.name, file.size, sha256, records, file.inode, file.mtime_ns)


def _steps(file: Held, codec: Codec, earlier: Previous) -> Iterator[_Step]:
    known = earlier.find(file)
    if known is not None:
        offset, pieces = known.place
        for number, piece in enumerate(pieces, 1):
            copied = partial(earlier.copied, offset, piece.size)
            yield _Step(file, known.member, copied, number == len(pieces))
            offset += piece.size
        return
    head = archive.header(file.name, file.size, file.mtime_ns // 1_000_000_000)
    total = len(head) + file.size + archive.padding(file.size)
    for start, end in pairwise([*range(0, total, PIECE_BYTES), total]):
        yield _Step(file, None, partial(_packed, codec, file, head, start, end), end == total)


def _packed(codec: Codec, file: Held, head: bytes, start: int, end: int) -> _Had:
    """The stretch of a file's tar stream between two places, and the piece that it makes."""
    before = len(head)
    first, last = (min(max(place - before, 0), file.size) for place in (start, end))
    stretch = bytearray(end - start)  # read into, not joined: new memory is dear; what is behind the file stays zero
    begun = head[start:end]
    stretch[: len(begun)] = begun
    file.read_into(memoryview(stretch)[len(begun) : len(begun) + last - first], first)
    piece = codec.pack(stretch)
    if not is_packed(codec, stretch, piece):
        raise StoreCorruptError(path=file.path, reason="it cannot be packed such that it can be unpacked again")
    return _Had(stretch, len(begun), len(begun) + last - first, piece)


def _piece(data: bytes) -> Piece:
    return Piece(len(data), hashlib.sha256(data).digest())


class Previous:
    """The pieces of an earlier archive; none if ``path`` is None, or not a whole zstd archive with a seal."""

    def __init__(self, path: Path | None) -> None:
        self._descriptor = -1
        self._known: Mapping[tuple[str, int, int, int], Known] = {}
        if path is not None:
            self._open(path)

    def _open(self, path: Path) -> None:
        try:
            self._descriptor = os.open(path, os.O_RDONLY | os.O_CLOEXEC | os.O_NOFOLLOW)
            self._known = _known_pieces(self._descriptor, path)
        except (OSError, ValueError, SnapshotCorruptError):
            return  # whatever is wrong with it, it is not needed

    def __enter__(self) -> Previous:
        return self

    def __exit__(self, *_: object) -> None:
        if self._descriptor >= 0:
            os.close(self._descriptor)

    def find(self, file: Held) -> Known | None:
        """The file as the archive has it, if it is unchanged and every piece is what it was."""
        known = self._known.get((file.name, file.size, file.inode, file.mtime_ns))
        if known is None:
            return None
        offset, pieces = known.place
        for piece in pieces:
            if hashlib.sha256(os.pread(self._descriptor, piece.size, offset)).digest() != piece.sha256:
                return None
            offset += piece.size
        return known

    def copied(self, offset: int, size: int) -> _Had:
        """One piece, of which nobody needs to know what it was made of."""
        return _Had(bytearray(), 0, 0, os.pread(self._descriptor, size, offset))


def _known_pieces(descriptor: int, path: Path) -> dict[tuple[str, int, int, int], Known]:
    pieces = archive.read_pieces(descriptor)
    if not pieces:
        return {}
    blocks = unpack(ZSTANDARD, os.pread(descriptor, pieces[0].size, 0), archive.MOST_MANIFEST_BYTES + 4096)
    name, bytes_ = archive.read_header(blocks[: archive.BLOCK], path)
    manifest = Manifest.decode(blocks[archive.BLOCK : archive.BLOCK + bytes_], path)
    if name != MANIFEST:
        return {}
    return {
        (member.name, member.size, member.inode, member.mtime_ns): Known(member, place)
        for member, place in zip(manifest.members, archive.places(manifest, pieces), strict=False)
        if member.inode >= 0
    }
