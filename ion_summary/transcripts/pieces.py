"""What are the pieces of a file of any size that begin wherever a pattern matches?"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import IO

from ion_summary.transcripts import files


def pieces(stream: IO[bytes], start: re.Pattern[bytes], longest: int, most: int) -> Iterator[tuple[int, bytes | None]]:
    """``(line, piece)`` for what stands before the first match of ``start``, and from each match to the next one.

    ``line`` is where the piece begins (1-based). A match, with what it looks back at, has ``longest`` bytes at most. A
    piece of more than ``most`` bytes is None and is not held in memory. Raises OSError.
    """
    buffer, line, too_long = b"", 1, False
    # As much as is held already, so that a long piece is not copied again and again.
    while data := stream.read(max(files.BUFFER, len(buffer))):
        begin, searched = 0, max(1, len(buffer) - longest)
        buffer += data
        while found := start.search(buffer, searched):
            yield line, None if too_long or found.start() - begin > most else buffer[begin : found.start()]
            line += buffer.count(b"\n", begin, found.start())
            begin, searched, too_long = found.start(), found.start() + 1, False
        if len(buffer) - begin > most:
            too_long = True
            line += buffer.count(b"\n", begin, len(buffer) - longest)
            begin = len(buffer) - longest
        # What a match looks back at is not needed: a piece that has begun cannot begin again.
        buffer = buffer[begin:]
    if buffer:
        yield line, None if too_long else buffer
