"""Which values does a JSON document of any size hold one level down, without holding the document?

The end of an element is guessed first: where the next one begins with the same keys. If what lies before parses, the
guess was right, because no JSON object begins with another whole one. Else the brackets outside of strings are counted.
Why not a streaming parser: docs/decisions/0003-streaming-json.md.
"""

from __future__ import annotations

import re
from collections.abc import Generator, Iterator
from typing import IO, Any, NamedTuple

import orjson

from ion_summary.transcripts.json_value import JsonError, loads

MAX_ELEMENT = 64 << 20
"""Bytes. A larger value is passed over without being held in memory."""
MAX_DEPTH = 1000
_MAX_GUESS = 8 << 20
"""Bytes that are searched for the next element's beginning."""
CHUNK = 1 << 20

_STRINGS = rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"%s]*+)*+'
_DEEP, _FLAT = rb"\[\]{}", rb"\[\]{},:"


def _mark(marks: bytes) -> re.Pattern[bytes]:
    return re.compile(rb'[^"%s]*+' % marks + _STRINGS % marks + rb"([%s])" % marks, re.S)


_NEXT_BRACKET = _mark(_DEEP)
_NEXT_MARK = _mark(_FLAT)
_WHOLE_STRINGS = re.compile(rb'[^"]*+(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"[^"]*+)*+', re.S)
_INSIDE_STRING = re.compile(rb"[^\"\\]*+(?:\\.[^\"\\]*+)*+", re.S)
_BLANK = re.compile(rb"[ \t\r\n]*+")
_SPACE = b" \t\r\n"


_STRING_OR_NUMBER = rb'(?:"[^"\\]*+(?:\\.[^"\\]*+)*+"|[^"\[\]{},\s]++)'


class Element(NamedTuple):
    """One value, the line where it begins (1-based), and its ``key`` if the document is an object.

    If it cannot be read, ``problem`` says why and ``value`` is None.
    """

    key: str | None
    value: Any
    line: int
    problem: str | None = None


def elements(stream: IO[bytes], streamed: frozenset[str] = frozenset(), chunk: int = CHUNK) -> Iterator[Element]:
    """The elements of the array, or the members of the object, that ``stream`` holds, read ``chunk`` bytes at a time.

    A member of an object whose key is in ``streamed`` and whose value is an array is not one Element: its own are, each
    with that key. ``a.b`` in ``streamed`` looks into the object, or into every object of the array, ``a``: its
    members have the key ``a.`` and their own, and each object of an array is announced by an empty one with the key
    ``a``. What is cut off or damaged comes as an Element with a ``problem``. Raises OSError.
    """
    return _Scanner(stream, streamed, chunk).run()


class _Scanner:
    """``_at`` is how far was looked; ``_begin`` and ``_end`` enclose the element that is being looked at."""

    def __init__(self, stream: IO[bytes], streamed: frozenset[str], chunk: int) -> None:
        self._stream = stream
        self._streamed = streamed
        self._entered = {path[:at] for path in streamed for at, mark in enumerate(path) if mark == "."}
        self._chunk = chunk
        self._buffer = b""
        self._at = self._begin = self._end = 0
        self._line = 1  # of _begin
        self._too_large = False

    def run(self) -> Iterator[Element]:
        opening = self._next()
        if opening not in (b"[", b"{"):
            yield Element(None, None, 1, "neither a JSON array nor an object")
            return
        self._begin = self._at = self._at + 1
        if (yield from (self._array(None) if opening == b"[" else self._object(""))):
            yield from self._rest()

    def _array(self, key: str | None) -> Generator[Element, None, bool]:
        """The elements after an opening bracket; returns whether the array ends as it should."""
        next_start: re.Pattern[bytes] | None = None
        wrong = 0
        while True:
            while next_start and (guessed := self._guess(key, next_start)):
                yield guessed
                wrong = 0
            mark = self._to_mark(b",]")
            raw, line = self._taken()
            if mark in (b",", b"]"):
                if raw or mark == b",":
                    element = self._element(key, raw, line)
                    yield element
                    # Eight wrong guesses in a row: the elements are not alike, and each guess costs a parsing.
                    wrong += next_start is not None
                    next_start = _start_like(element.value) if wrong < 8 else None
                if mark == b"]":
                    return True
            else:
                yield Element(key, None, line, _why(mark))
                return False

    def _guess(self, key: str | None, next_start: re.Pattern[bytes]) -> Element | None:
        """The element that ends where another like it begins; None if it is not that easy."""
        while not (found := next_start.search(self._buffer, self._begin)):
            if len(self._buffer) - self._begin > min(_MAX_GUESS, MAX_ELEMENT) or not self._refill():
                return None
        try:
            value = loads(self._buffer[self._begin : found.start() + 1])
        except JsonError:
            return None
        self._at, self._end = found.end(), found.start() + 1
        _, line = self._taken()
        return Element(key, value, line)

    def _object(self, path: str) -> Generator[Element, None, bool]:
        """The members after an opening brace, ``path`` before their keys; returns whether it ends as it should."""
        while True:
            mark = self._to_mark(b":}")
            raw, line = self._taken()
            if mark == b"}" and not raw:
                return True
            name = self._element(None, raw, line).value
            if mark != b":" or not isinstance(name, str):
                yield Element(None, None, line, _why(mark))
                return False
            key = path + name
            entered = yield from self._inside(key)
            if entered is False:
                return False
            mark = self._to_mark(b",}")
            raw, line = self._taken()
            if mark not in (b",", b"}") or (entered and raw):
                yield Element(key, None, line, _why(mark))
                return False
            if not entered:
                yield self._element(key, raw, line)
            if mark == b"}":
                return True

    def _inside(self, key: str) -> Generator[Element, None, bool | None]:
        """What the value of the member ``key`` holds; returns whether it ends well, None if it is not looked into."""
        if key not in self._streamed and key not in self._entered:
            return None
        opening = self._next()
        if opening == b"[":
            self._begin = self._at = self._at + 1
            return (yield from (self._array(key) if key in self._streamed else self._objects(key)))
        if opening == b"{" and key in self._entered:
            self._begin = self._at = self._at + 1
            return (yield from self._object(f"{key}."))
        return None

    def _objects(self, key: str) -> Generator[Element, None, bool]:
        """The members of each object of an array after its opening bracket; other elements are passed over."""
        while True:
            if self._next() == b"{":
                yield Element(key, {}, self._line)
                self._begin = self._at = self._at + 1
                if not (yield from self._object(f"{key}.")):
                    return False
            mark = self._to_mark(b",]")
            _, line = self._taken()
            if mark not in (b",", b"]"):
                yield Element(key, None, line, _why(mark))
                return False
            if mark == b"]":
                return True

    def _to_mark(self, wanted: bytes) -> bytes:
        """Moves behind the next mark of ``wanted`` outside of deeper values, or behind the bracket that comes first."""
        depth = 0
        match = _NEXT_MARK.match
        while True:
            found = match(self._buffer, self._at)
            if found is None:
                if self._refill():
                    continue
                self._end = self._at = len(self._buffer)
                return b""
            self._at = found.end()
            mark = found[1]
            if mark in b"[{":
                depth += 1
                match = _NEXT_BRACKET.match
                if depth > MAX_DEPTH:
                    return b"deep"
            elif depth:
                depth -= 1
                if not depth:
                    match = _NEXT_MARK.match
            elif mark in wanted or mark in b"]}":
                self._end = self._at - 1
                return mark

    def _next(self) -> bytes:
        """The next byte that is no white space, which stays unread; empty at the end of the file."""
        while (at := _BLANK.match(self._buffer, self._at).end()) == len(self._buffer):  # type: ignore[union-attr]
            if not self._refill():
                return b""
        self._line += self._buffer.count(b"\n", self._begin, at)
        self._begin = self._at = at
        return self._buffer[at : at + 1]

    def _taken(self) -> tuple[bytes, int]:
        """What lies before the mark that was just found, and its line."""
        raw = self._buffer[self._begin : self._end]
        value = raw.lstrip(_SPACE)
        line = self._line + raw.count(b"\n", 0, len(raw) - len(value))
        self._line += self._buffer.count(b"\n", self._begin, self._at)
        self._begin = self._at
        return value, line

    def _element(self, key: str | None, raw: bytes, line: int) -> Element:
        if self._too_large or len(raw) > MAX_ELEMENT:
            self._too_large = False
            return Element(key, None, line, f"larger than {MAX_ELEMENT >> 20} MiB")
        try:
            return Element(key, loads(raw), line)
        except JsonError as error:
            return Element(key, None, line, str(error))

    def _refill(self) -> bool:
        """Reads on; what belongs to the current element is kept, unless it has become too large."""
        if len(self._buffer) - self._begin > MAX_ELEMENT:
            self._too_large = True
            self._skip_open_string()
            self._drop(self._at)
            if self._buffer:
                return True
        else:
            self._drop(self._begin)
        # As much as is held already, so that a long value is looked at twice at most.
        data = self._stream.read(max(self._chunk, len(self._buffer)))
        self._buffer += data
        return bool(data)

    def _drop(self, until: int) -> None:
        self._line += self._buffer.count(b"\n", self._begin, until)
        self._buffer = self._buffer[until:]
        self._at = max(0, self._at - until)
        self._begin = 0

    def _skip_open_string(self) -> None:
        """Gives up all that was looked at, to the end of a string that is still open if there is one."""
        self._at = _WHOLE_STRINGS.match(self._buffer, self._at).end()  # type: ignore[union-attr]
        if self._at == len(self._buffer):
            return
        self._at += 1
        while (inside := _INSIDE_STRING.match(self._buffer, self._at)) and self._buffer[inside.end() :][:1] != b'"':
            self._drop(inside.end())
            data = self._stream.read(self._chunk)
            if not data:
                self._at = len(self._buffer)
                return
            self._buffer += data
        self._at = inside.end() + 1 if inside else self._at

    def _rest(self) -> Iterator[Element]:
        if self._next():
            yield Element(None, None, self._line, "more text after the end of the JSON document: it was not read")


def _start_like(value: Any) -> re.Pattern[bytes] | None:
    """Where an object ends, a comma follows, and an object begins with the first two keys of ``value``."""
    if not isinstance(value, dict) or not value:
        return None
    first, second = (*(re.escape(orjson.dumps(key)) for key in list(value)[:2]), b"")[:2]
    start = rb"\{\s*+" + first + rb"\s*+:"
    if second and not isinstance(next(iter(value.values())), dict | list):
        start += rb"\s*+" + _STRING_OR_NUMBER + rb"\s*+,\s*+" + second + rb"\s*+:"
    return re.compile(rb"\}\s*+,(?=\s*+" + start + rb")", re.S)


def _why(mark: bytes) -> str:
    if mark == b"deep":
        return f"nested more than {MAX_DEPTH:,} levels deep: what follows was not read"
    if mark == b"":
        return "the file ends within it: cut off, or a quotation mark is missing"
    return f"not JSON: {mark.decode()!r} where it does not belong; what follows was not read"
