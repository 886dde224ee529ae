"""What is an archive made of?

A tar file whose first member is ``manifest.json``, packed in pieces (``packing``): the manifest is one piece, every
member's header, bytes and padding are one or more, the end of the tar is one. Last comes a seal, which decompressors
skip: the size and SHA-256 of every piece, and the SHA-256 of everything before it. So a flipped bit or a missing byte
anywhere is found, and the next archive copies the pieces of what has not changed.

An archive without a seal, as `tar` makes one of the same files, is read too; it is only as safe as its own checksums.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import accumulate, pairwise
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ion_summary.errors import SnapshotCorruptError
from ion_summary.store.archives.members import is_member
from ion_summary.store.archives.packing import GZIP, PIECE_BYTES, Codec

FORMAT = 1
MANIFEST = "manifest.json"
BLOCK = 512
END = bytes(2 * BLOCK)
# Twenty years of days are 15,000 members; each takes some 250 bytes of the manifest.
MOST_MEMBERS = 100_000
MOST_MANIFEST_BYTES = 32 << 20
# gzip cannot pack tighter than 1,032 : 1; what seems to be more than that, and more than this, is a bomb.
MOST_RATIO = 1_100
FREE_BYTES = 64 << 20
_SHA256 = re.compile(r"[0-9a-f]{64}", re.ASCII)
_DIGEST_BYTES = 32
_TAIL_BYTES = 1 << 16
_SKIPPED = b"\x5e\x2a\x4d\x18"  # a skippable frame of zstd (RFC 8878, 3.1.2)
_PIECE = 4 + _DIGEST_BYTES
# A gzip member of nothing with an extra field "IS" (RFC 1952, 2.3.1.1), and what follows the field.
_GZIP_START = b"\x1f\x8b\x08\x04" + bytes(5) + b"\xff" + b"\x24\x00" + b"IS" + b"\x20\x00"
_GZIP_END = b"\x03\x00" + bytes(8)


class Member(NamedTuple):
    """One file of the store, of ``size`` bytes. ``records`` counts its lines; ``inode`` and ``mtime_ns`` are the file's
    when it was read, -1 where that is not known: by them the next backup knows it again.
    """

    name: str
    size: int
    sha256: str
    records: int
    inode: int = -1
    mtime_ns: int = -1

    @property
    def stream_bytes(self) -> int:
        """Its bytes in the tar stream, header and padding included."""
        return BLOCK + self.size + padding(self.size)


@dataclass(frozen=True, slots=True)
class Manifest:
    """What is in an archive. ``sessions`` is None and ``piece_bytes`` 0 where another tool has made it."""

    created_at: str
    members: Sequence[Member]
    sessions: int | None = None
    piece_bytes: int = 0

    @property
    def size(self) -> int:
        """The bytes of all members."""
        return sum(member.size for member in self.members)

    def encode(self) -> bytes:
        """The manifest as JSON."""
        fields = {
            "format": FORMAT,
            "created_at": self.created_at,
            "sessions": self.sessions,
            "piece_bytes": self.piece_bytes,
            "members": [_fields(member) for member in self.members],
        }
        return orjson.dumps(fields)

    @staticmethod
    def decode(data: bytes, path: Path) -> Manifest:
        """The manifest that ``data`` is. Raises SnapshotCorruptError for anything that no store can have."""
        # Before it is parsed: a mebibyte of brackets takes thirty to hold.
        if data.count(b"[") > 1 or 16 * (data.count(b",") + data.count(b"{")) > len(data) + 1024:
            raise SnapshotCorruptError(path=path, reason="its manifest is not one")
        try:
            fields = orjson.loads(data)
            if fields["format"] != FORMAT:
                raise SnapshotCorruptError(path=path, reason=f"an archive of format {fields['format']!r}, not {FORMAT}")
            if len(fields["members"]) > MOST_MEMBERS:
                raise SnapshotCorruptError(path=path, reason=f"it claims {len(fields['members']):,} members")
            members = [_member(each, path) for each in fields["members"]]
            sessions = fields.get("sessions")
            piece_bytes = fields.get("piece_bytes", 0)
            created_at = fields["created_at"]
            if not (isinstance(created_at, str) and len(created_at) < 64 and sessions in (None, _count(sessions or 0))):
                raise ValueError
            if piece_bytes not in (0, PIECE_BYTES):
                raise ValueError
        except (orjson.JSONDecodeError, KeyError, TypeError, AttributeError, ValueError):
            raise SnapshotCorruptError(path=path, reason="its manifest is not one") from None
        if len({member.name for member in members}) != len(members):
            raise SnapshotCorruptError(path=path, reason="its manifest names a member twice")
        return Manifest(created_at, members, sessions, piece_bytes)


def _fields(member: Member) -> dict[str, Any]:
    fields = member._asdict()
    return {"name": member.name, "bytes": fields.pop("size"), **fields}


def _member(fields: dict[str, Any], path: Path) -> Member:
    name, sha256 = fields["name"], fields["sha256"]
    if not (isinstance(name, str) and is_member(name)):
        raise SnapshotCorruptError(path=path, reason=f"{str(name)[:100]!r} is not a file of a store")
    if not (isinstance(sha256, str) and _SHA256.fullmatch(sha256)):
        raise ValueError
    found = (fields.get(key, -1) for key in ("inode", "mtime_ns"))
    inode, mtime_ns = (value if isinstance(value, int) else -1 for value in found)
    return Member(name, _count(fields["bytes"]), sha256, _count(fields["records"]), inode, mtime_ns)


def _count(value: Any) -> int:
    if value is None:
        return 0
    if type(value) is not int or value < 0:
        raise ValueError(value)
    return value


def check_sizes(manifest: Manifest, packed_bytes: int, path: Path) -> None:
    """Raises SnapshotCorruptError for an archive of ``packed_bytes`` that cannot hold what it promises."""
    if manifest.size > FREE_BYTES + MOST_RATIO * packed_bytes:
        reason = f"it claims {manifest.size:,} bytes, which do not fit into {packed_bytes:,} compressed ones"
        raise SnapshotCorruptError(path=path, reason=reason)


def padding(size: int) -> int:
    """The bytes that fill the last block of a member."""
    return -size % BLOCK


def header(name: str, size: int, mtime: int) -> bytes:
    """The tar header of a member."""
    import tarfile

    info = tarfile.TarInfo(name)
    info.size, info.mtime, info.mode = size, max(0, mtime), 0o600
    return info.tobuf(tarfile.GNU_FORMAT)


def read_header(block: bytes, path: Path) -> tuple[str, int]:
    """Name and size of a member. Raises SnapshotCorruptError for anything but a regular file."""
    import tarfile

    try:
        info = tarfile.TarInfo.frombuf(block, "utf-8", "strict")
    except (tarfile.HeaderError, UnicodeDecodeError, ValueError):
        raise SnapshotCorruptError(path=path, reason="not a tar header where one should be") from None
    if info.type != tarfile.REGTYPE or info.size < 0:
        raise SnapshotCorruptError(path=path, reason=f"{info.name[:100]!r} is not a regular file")
    return info.name, info.size


class Piece(NamedTuple):
    """One piece as it is packed: its size in bytes and its SHA-256."""

    size: int
    sha256: bytes


def seal_start(codec: Codec, pieces: Sequence[Piece]) -> bytes:
    """The seal up to its digest. (A gzip member has no room for the table of pieces.)"""
    if codec is GZIP:
        return _GZIP_START
    table = b"".join(piece.size.to_bytes(4, "little") + piece.sha256 for piece in pieces)
    table += len(pieces).to_bytes(4, "little")
    return _SKIPPED + (len(table) + _DIGEST_BYTES).to_bytes(4, "little") + table


def seal_end(codec: Codec) -> bytes:
    """The seal after its digest, which is of everything before it."""
    return _GZIP_END if codec is GZIP else b""


def digest_place(codec: Codec) -> tuple[int, int]:
    """Where the digest stands: from so many bytes before the end to so many."""
    after = len(seal_end(codec))
    return _DIGEST_BYTES + after, after


def read_pieces(descriptor: int) -> list[Piece] | None:
    """The table of pieces in the seal of an open zstd archive; None if it has none that is credible."""
    size = os.fstat(descriptor).st_size
    tail = os.pread(descriptor, _TAIL_BYTES, max(0, size - _TAIL_BYTES))
    length = _seal_bytes(tail)
    if not 0 < length <= min(size, MOST_MANIFEST_BYTES):
        return None
    seal = tail[-length:] if length <= len(tail) else os.pread(descriptor, length, size - length)
    table = seal[8 : -_DIGEST_BYTES - 4]
    if seal[:4] != _SKIPPED or int.from_bytes(seal[4:8], "little") != length - 8:
        return None
    found = [
        Piece(int.from_bytes(table[at : at + 4], "little"), table[at + 4 : at + _PIECE])
        for at in range(0, len(table), _PIECE)
    ]
    if len(found) < 2 or sum(piece.size for piece in found) != size - length:
        return None
    largest = max(piece.size for piece in found[1:])  # the first is the manifest
    return found if largest <= 2 * PIECE_BYTES and found[0].size <= MOST_MANIFEST_BYTES else None


def _seal_bytes(tail: bytes) -> int:
    """How long the seal is that ends so, if it is one of a zstd archive."""
    if len(tail) < _DIGEST_BYTES + 4:
        return 0
    count = int.from_bytes(tail[-_DIGEST_BYTES - 4 : -_DIGEST_BYTES], "little")
    return 8 + count * _PIECE + 4 + _DIGEST_BYTES


class Place(NamedTuple):
    """Where something is in an archive: from ``offset`` on, in these pieces."""

    offset: int
    pieces: Sequence[Piece]


def places(manifest: Manifest, pieces: Sequence[Piece]) -> list[Place]:
    """Where each member is and, last, the end of the tar; nothing if there are not as many pieces as that takes."""
    if not manifest.piece_bytes:
        return []
    counts = [1, *(-(-member.stream_bytes // manifest.piece_bytes) for member in manifest.members), 1]
    ends = list(accumulate(counts))
    if ends[-1] != len(pieces):
        return []
    offsets = [0, *accumulate(piece.size for piece in pieces)]
    return [Place(offsets[start], pieces[start:end]) for start, end in pairwise(ends)]
