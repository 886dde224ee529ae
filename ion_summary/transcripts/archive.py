"""Which members of a zip archive may be read, and how, without unpacking it and without falling for a bomb?"""

from __future__ import annotations

import io
import os
import struct
import weakref
import zlib
from dataclasses import dataclass
from functools import lru_cache
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

from ion_summary.transcripts import files

if TYPE_CHECKING:
    from zipfile import ZipFile, ZipInfo

MAX_MEMBERS = 100_000
MAX_DIRECTORY = 64 << 20
"""Bytes of the table of contents, which is held in memory."""
MAX_RATIO = 200
"""Unpacked bytes for each packed one: transcripts reach 30, a bomb needs a thousand."""
MAX_UNPACKED = 256 << 30
FREE_UNPACKED = 64 << 20
"""An archive that unpacks to less than this is no bomb, whatever its ratio."""
_END = b"PK\x05\x06"
_END64 = b"PK\x06\x06"
_ENCRYPTED = 0x1
_UTF8_NAME = 0x800
_METHODS = (0, 8, 12, 14)  # stored, deflate, bzip2, LZMA: what zipfile can read


@dataclass(frozen=True, slots=True)
class Member:
    """One file of an archive: ``name`` opens it, ``shown`` is for people, ``problem`` says why it cannot be read."""

    name: str
    shown: str
    problem: str | None = None


def is_archive(file: IO[bytes]) -> bool:
    """Whether ``file`` begins like a zip archive with something in it."""
    file.seek(0)
    magic = file.read(4)
    file.seek(0)
    return magic == b"PK\x03\x04"


def members(file: IO[bytes]) -> list[Member]:
    """The files of the archive, sorted by name. Raises OSError if it is damaged, or made to harm."""
    _check_directory(file)
    size = file.seek(0, io.SEEK_END)
    # A name that occurs twice stands for its last entry, as unpacking would have it.
    infos = {info.filename: info for info in _opened(file).infolist() if info.filename[-1:] not in ("", "/")}
    found = [(Member(name, _shown(info), _problem(info)), info) for name, info in sorted(infos.items())]
    unpacked = sum(info.file_size for member, info in found if not member.problem)
    if unpacked > max(FREE_UNPACKED, min(MAX_RATIO * size, MAX_UNPACKED)):
        raise OSError(f"a zip bomb: {size:,} bytes would unpack to {unpacked:,}")
    return [member for member, _ in found]


def open_member(path: Path, name: str) -> IO[bytes]:
    """The bytes of one member of the archive ``path``, unpacked while they are read. Raises OSError."""
    status = path.stat()
    archive = _shared(path, status.st_ino, status.st_size, status.st_mtime_ns, os.getpid())
    return _unpacked(archive, name)


def open_spooled(file: IO[bytes], name: str) -> IO[bytes]:
    """``open_member`` for an archive that came through standard input."""
    return _unpacked(_opened(file), name)


@lru_cache(maxsize=1)
def _shared(path: Path, *_version: int) -> ZipFile:
    """The archive that was opened last: its table of contents is read once, not once for each member.

    A process that was forked gets its own, because the descriptor's position would be shared.
    """
    file = files.open_regular(path)
    _check_directory(file)
    return _opened(file)


def _opened(file: IO[bytes]) -> ZipFile:
    """The archive in ``file``, which is closed when nobody reads the archive any more."""
    from zipfile import ZipFile

    archive: ZipFile = _translated(lambda: ZipFile(file))
    weakref.finalize(archive, file.close)
    return archive


def _unpacked(archive: ZipFile, name: str) -> IO[bytes]:
    try:
        return io.BufferedReader(_Unpacked(_translated(lambda: archive.open(name))), files.BUFFER)
    except KeyError:
        raise OSError("no such member in the archive") from None


class _Unpacked(io.RawIOBase):
    """A member of an archive whose errors are all OSError."""

    def __init__(self, member: Any) -> None:
        self._member = member

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        data: bytes = _translated(lambda: self._member.read(len(buffer)))
        buffer[: len(data)] = data
        return len(data)

    def seek(self, offset: int, whence: int = io.SEEK_SET) -> int:
        return int(_translated(lambda: self._member.seek(offset, whence)))

    def close(self) -> None:
        if not self.closed:
            self._member.close()
        super().close()


def _translated(action: Any) -> Any:
    """The result of ``action``, with every way in which zipfile reports damage as an OSError."""
    from lzma import LZMAError
    from zipfile import BadZipFile

    try:
        return action()
    except (BadZipFile, EOFError, LZMAError, zlib.error, struct.error, IndexError, RuntimeError, ValueError) as error:
        raise OSError(f"damaged archive: {str(error) or 'it ends too early'}") from error


def _check_directory(file: IO[bytes]) -> None:
    """Refuses a table of contents that is too large to be held in memory, before zipfile loads it."""
    size = file.seek(0, io.SEEK_END)
    file.seek(max(0, size - (1 << 16) - 100))
    tail = file.read()
    end = tail.rfind(_END)
    if end < 0 or len(tail) - end < 22:
        raise OSError("damaged archive: it has no table of contents, or is cut off")
    count, length = _number(tail, end + 10, 2), _number(tail, end + 12, 4)
    end64 = tail.rfind(_END64, 0, end)
    if end64 >= 0 and end - end64 >= 56:
        count, length = max(count, _number(tail, end64 + 32, 8)), max(length % 0xFFFFFFFF, _number(tail, end64 + 40, 8))
    if count > MAX_MEMBERS or length > MAX_DIRECTORY:
        raise OSError(f"it lists {count:,} members in {length:,} bytes, more than {MAX_MEMBERS:,} or {MAX_DIRECTORY:,}")


def _number(data: bytes, at: int, width: int) -> int:
    return int.from_bytes(data[at : at + width], "little")


def _shown(info: ZipInfo) -> str:
    """The member's name as it was meant: Korean Windows writes CP949 where the format says CP437."""
    if info.flag_bits & _UTF8_NAME or info.filename.isascii():
        return info.filename
    for encoding in ("utf-8", "cp949"):
        try:
            return info.filename.encode("cp437").decode(encoding)
        except UnicodeError:
            continue
    return info.filename


def _problem(info: ZipInfo) -> str | None:
    if info.flag_bits & _ENCRYPTED:
        return "encrypted: unpack the archive with its password and name the files"
    if info.compress_type not in _METHODS:
        return f"packed by a method (number {info.compress_type}) that cannot be read here"
    if info.file_size > FREE_UNPACKED and info.file_size > MAX_RATIO * info.compress_size:
        return f"a zip bomb: {info.compress_size:,} bytes would unpack to {info.file_size:,}"
    return None
