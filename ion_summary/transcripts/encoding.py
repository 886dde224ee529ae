"""Which characters do the bytes of a file stand for, when nobody says?

JSON is UTF-8. Text may also be CP949 (of which EUC-KR is a part), as Korean Windows writes it, and anything may be
UTF-16 with a byte order mark, as PowerShell writes it.
"""

from __future__ import annotations

import codecs
import io
from typing import IO, Any

from ion_summary.transcripts import files

_UTF16 = {codecs.BOM_UTF16_LE: "utf-16-le", codecs.BOM_UTF16_BE: "utf-16-be"}


def decoded_head(head: bytes) -> bytes:
    """``head`` without its byte order mark, UTF-16 as UTF-8."""
    if name := _UTF16.get(head[:2]):
        return head[2:].decode(name, "replace").encode()
    return head.removeprefix(codecs.BOM_UTF8)


def as_utf8(stream: IO[bytes]) -> tuple[IO[bytes], int]:
    """``stream`` behind its byte order mark, and how many bytes that was; -1 if it was UTF-16, which is converted.

    Other bytes stay as they are.
    """
    start = stream.read(3)
    if name := _UTF16.get(start[:2]):
        stream.seek(2)
        return io.BufferedReader(_FromUtf16(stream, name), files.BUFFER), -1
    mark = len(codecs.BOM_UTF8) if start == codecs.BOM_UTF8 else 0
    stream.seek(mark)
    return stream, mark


def guess(head: bytes) -> str:
    """``utf-8`` or ``cp949``: what reads more of ``head``, which may end within a character."""
    if not _damage(head, "utf-8"):
        return "utf-8"
    return "cp949" if _damage(head, "cp949") < _damage(head, "utf-8") else "utf-8"


def _damage(head: bytes, encoding: str) -> int:
    return codecs.getincrementaldecoder(encoding)("replace").decode(head).count("\ufffd")


class _FromUtf16(io.RawIOBase):
    """A UTF-16 stream read as UTF-8; what is broken in it becomes U+FFFD."""

    def __init__(self, stream: IO[bytes], encoding: str) -> None:
        self._stream = stream
        self._decoder = codecs.getincrementaldecoder(encoding)("replace")
        self._ready = b""

    def readable(self) -> bool:
        return True

    def readinto(self, buffer: Any) -> int:
        while not self._ready:
            data = self._stream.read(files.BUFFER)
            self._ready = self._decoder.decode(data, final=not data).encode("utf-8", "replace")
            if not data:
                break
        part, self._ready = self._ready[: len(buffer)], self._ready[len(buffer) :]
        buffer[: len(part)] = part
        return len(part)

    def close(self) -> None:
        self._stream.close()
        super().close()
