"""What can be seen in the first bytes of a source, before any format is assumed?"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from functools import lru_cache
from itertools import islice
from typing import Any, Literal
from unicodedata import normalize

from ion_summary.transcripts import encoding
from ion_summary.transcripts.json_value import JsonError, loads

HEAD = 64 << 10
"""Bytes that are looked at."""
LONG_HEAD = 4 << 20
"""Bytes of JSON that are looked at where the first ``HEAD`` do not tell: before what does, a member may be long."""
_FIRST_LINES = 20
TOP_LINES = 20
"""So many lines that are not blank may stand before a chat begins."""
_TOKEN = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"|"|[\[\]{},]', re.S)
_MAX_DEPTH = 200
_MAGIC = {
    b"PK\x03\x04": "a zip archive (name it .zip to have it opened)",
    b"SQLite format 3\x00": "a SQLite database",
    b"%PDF": "a PDF document",
    b"\x1f\x8b": "a gzip archive: unpack it first",
    b"\x28\xb5\x2f\xfd": "a zstd archive: unpack it first",
    b"\x89PNG": "an image",
    b"\xff\xd8\xff": "an image",
}


@dataclass(frozen=True, slots=True)
class Look:
    """``values`` are those of JSON, as far as the head holds them, and ``layout`` is how they lie in it: one a line, in
    one array, or one object. ``lines`` are those of text. ``what`` says for people what it is if it is neither.
    """

    kind: Literal["json", "text", "binary", "empty"]
    what: str = ""
    layout: Literal["", "lines", "array", "object"] = ""
    values: list[Any] = field(default_factory=list)
    lines: list[str] = field(default_factory=list)

    @property
    def top(self) -> list[str]:
        """The first lines of a text that are not blank: an export is one from there on, further down it is quoted."""
        return list(islice(filter(str.strip, self.lines), TOP_LINES))

    @property
    def objects(self) -> list[dict[str, Any]]:
        """Those of the values that are objects."""
        return [value for value in self.values if isinstance(value, dict)]


@lru_cache(maxsize=2)
def look(head: bytes) -> Look:
    """What ``head``, the first ``HEAD`` bytes of a source, shows. Cached, because every reader asks."""
    for magic, what in _MAGIC.items():
        if head.startswith(magic):
            return Look("binary", what)
    head = encoding.decoded_head(head)
    if not head.strip():
        return Look("empty", "empty")
    if b"\x00" in head:
        return Look("binary", "binary data")
    return _json(head) or Look("text", lines=_text(head))


def _text(head: bytes) -> list[str]:
    lines = normalize("NFC", head.decode(encoding.guess(head), "replace")).split("\n")
    return [line.rstrip("\r") for line in lines]


def _json(head: bytes) -> Look | None:
    start = head.lstrip()[:1]
    if start not in (b"[", b"{"):
        return None
    if start == b"{":
        lines = [line for line in head.split(b"\n")[: _FIRST_LINES + 1] if line.strip()]
        # The last may be cut off by the head's end; one line alone may be the whole document.
        values = [value for value in map(_parsed, lines) if isinstance(value, dict)]
        if values and 2 * len(values) >= len(lines) - 1:
            return Look("json", layout="lines", values=values)
        value = completed(head)
        return Look("json", layout="object", values=[value]) if isinstance(value, dict) else None
    value = completed(head)
    # "[123] [오전 1:01] …" is a line of a chat, whose speaker happens to be called by a number.
    if not isinstance(value, list) or not any(isinstance(each, dict | list) for each in value):
        return None
    return Look("json", layout="array", values=value)


def _parsed(raw: bytes) -> Any:
    try:
        return loads(raw)
    except JsonError:
        return None


def completed(head: bytes) -> Any:
    """The value of JSON that is cut off: all up to the last whole member, then closed; None if it is no JSON."""
    stack: list[bytes] = []
    safe, first = 0, 0
    for token in _TOKEN.finditer(head):
        mark = token[0]
        if mark in (b"[", b"{"):
            if len(stack) == _MAX_DEPTH:
                break
            stack.append(b"]" if mark == b"[" else b"}")
        elif mark in (b"]", b"}"):
            if not stack or stack.pop() != mark:
                break
        elif mark == b'"':
            break
        elif mark != b",":
            continue
        safe = token.start() if mark == b"," else token.end()
        if not stack:
            break
        if len(stack) == 1 and mark in (b"]", b"}") and not first:
            first = safe
    whole = _parsed(head[:safe] + b"".join(reversed(stack)))
    # Damage further on must not hide what the beginning shows.
    return whole if whole is not None or not first else _parsed(head[:first] + stack[:1][0] if stack else head[:first])
