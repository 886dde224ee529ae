"""What are the lines of a file as bytes, with where each begins, however long or broken they are?"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import IO
from unicodedata import normalize

from ion_summary.transcripts.reader import Rejected

MAX_LINE = 64 << 20
"""Bytes. A longer line is passed over in pieces and never held in memory."""


def byte_lines(stream: IO[bytes], offset: int = 0, number: int = 0) -> Iterator[tuple[int, int, bytes | None]]:
    """``(number, offset, line)`` of every line from where ``stream`` stands: byte ``offset``, after ``number`` lines.

    Lines are split at ``\\n`` only (U+2028 and form feeds belong to the text) and keep it: only the last can be
    without. The line is None where it is longer than ``MAX_LINE``. Raises OSError.
    """
    readline = stream.readline
    while line := readline(MAX_LINE):
        number += 1
        length = len(line)
        if length == MAX_LINE and not line.endswith(b"\n"):
            rest = b""
            while rest := readline(MAX_LINE):
                length += len(rest)
                if rest.endswith(b"\n"):
                    break
            yield number, offset, None
        else:
            yield number, offset, line
        offset += length


TOO_LONG = f"the line is longer than {MAX_LINE >> 20} MiB"
TextLine = tuple[int, int, str]
"""Number, byte offset and text of a line, without its end."""


def decoded_lines(
    lines: Iterable[tuple[int, int, bytes | None]], codec: str, source: str
) -> Iterator[TextLine | Rejected]:
    """The ``lines`` of ``byte_lines`` as text in NFC; one of ``source`` that cannot be decoded is Rejected alone."""
    for number, offset, raw in lines:
        if raw is None:
            yield Rejected(source, number, TOO_LONG)
            continue
        try:
            yield number, offset, normalize("NFC", raw.decode(codec).rstrip("\r\n"))
        except UnicodeDecodeError as error:
            if raw.endswith(b"\n"):  # else the file is just being written: the next reading sees the whole line
                yield Rejected(source, number, f"broken {codec.upper()} at byte {error.start + 1} of the line")
