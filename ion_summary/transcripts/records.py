"""Which JSON values does a source hold, be it JSON Lines, an array or a single object, and where can it be read on?"""

from __future__ import annotations

from collections.abc import Iterator
from typing import IO, Any, NamedTuple

from ion_summary.transcripts import encoding, files, json_stream, sniff
from ion_summary.transcripts.json_value import JsonError, loads
from ion_summary.transcripts.lines import MAX_LINE, TOO_LONG, byte_lines
from ion_summary.transcripts.reader import Rejected, Resume, Source

_LINE_SUFFIXES = (".jsonl", ".ndjson")


class Record(NamedTuple):
    """One value: ``place`` is its line in JSON Lines, its ordinal in an array; ``line`` is where it begins."""

    value: Any
    place: str
    line: int


def records(source: Source, start: Resume | None = None) -> Iterator[Record | Rejected | Resume]:
    """The values of ``source`` in order, streaming; at last a ``Resume`` if it is JSON Lines. Raises OSError.

    A last line without its newline is delivered if it can be parsed, and read again the next time, as it may go on; if
    it cannot be parsed, it is left for then.
    """
    with source.open() as raw:
        head = raw.read(sniff.HEAD)
        raw.seek(0)
        stream, mark = encoding.as_utf8(raw)
        with stream:
            if start or _is_lines(source, stream, head):
                yield from _lines(source, stream, mark, start)
            elif sniff.look(head).layout == "array":
                yield from _array(source, stream)
            else:
                yield from _single(source, stream)


def elements_of(source: Source, streamed: frozenset[str] = frozenset()) -> Iterator[json_stream.Element | Rejected]:
    """What ``json_stream.elements`` finds in one file; what cannot be read of it is Rejected, and the file if it fails.

    For sources of several files, one of which may be damaged.
    """
    try:
        with source.open() as raw:
            stream, _ = encoding.as_utf8(raw)
            for element in json_stream.elements(stream, streamed):
                yield Rejected(source.name, element.line, element.problem) if element.problem else element
    except OSError as error:
        yield Rejected(source.name, None, files.reason(error))


def _is_lines(source: Source, stream: IO[bytes], head: bytes) -> bool:
    look = sniff.look(head)
    if look.layout == "lines" or source.name.lower().endswith(_LINE_SUFFIXES):
        return True
    if look.layout == "array" or len(head) < sniff.HEAD or b"\n" in head:
        return False
    # The first line is longer than the head: only as a whole it shows whether it is an object of its own.
    at = stream.tell() if stream.seekable() else -1
    if at < 0:
        return False
    line = stream.readline(MAX_LINE)
    stream.seek(at)
    try:
        return isinstance(loads(line), dict)
    except JsonError:
        return False


def _lines(source: Source, stream: IO[bytes], mark: int, start: Resume | None) -> Iterator[Record | Rejected | Resume]:
    number, offset = 0, max(mark, 0)
    if start and start.offset > mark >= 0:
        number, offset = int(start.state.get("line", 0)), start.offset
        stream.seek(offset)
    for line_number, line_offset, line in byte_lines(stream, offset, number):
        if line is None:
            yield Rejected(source.name, line_number, TOO_LONG)
            continue
        ended = line.endswith(b"\n")
        try:
            if not line.isspace():
                yield Record(loads(line), str(line_number), line_number)
        except JsonError as error:
            if ended:
                yield Rejected(source.name, line_number, str(error))
        if ended:
            number, offset = line_number, line_offset + len(line)
    if mark >= 0:
        yield Resume(offset, {"line": number})


def _array(source: Source, stream: IO[bytes]) -> Iterator[Record | Rejected]:
    for ordinal, element in enumerate(json_stream.elements(stream), 1):
        if element.problem:
            yield Rejected(source.name, element.line, element.problem)
        else:
            yield Record(element.value, str(ordinal), element.line)


def _single(source: Source, stream: IO[bytes]) -> Iterator[Record | Rejected]:
    raw = stream.read(MAX_LINE + 1)
    if len(raw) > MAX_LINE:
        yield Rejected(source.name, 1, f"one JSON object larger than {MAX_LINE >> 20} MiB")
        return
    try:
        yield Record(loads(raw), "1", 1)
    except JsonError as error:
        yield Rejected(source.name, 1, str(error))
