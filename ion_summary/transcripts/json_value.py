"""What does a piece of JSON from outside say, or why can it not be read? It must not cost more memory than it may."""

from __future__ import annotations

import re
from typing import Any

import orjson

MAX_VALUES = 1_000_000
"""Values in one piece: 45 MB of ``[]`` would take 1.3 GB of memory."""
_FEW_ENOUGH = MAX_VALUES  # a piece of fewer bytes cannot hold more values
_STRING = re.compile(rb'"[^"\\]*+(?:\\.[^"\\]*+)*+"', re.S)
# One escape at a time, so that an escaped backslash before "ud83d" is not taken for a surrogate.
_ESCAPE = re.compile(
    rb"\\(?:u[dD][89abAB][0-9a-fA-F]{2}\\u[dD][c-fC-F][0-9a-fA-F]{2}|(u[dD][89a-fA-F][0-9a-fA-F]{2})|.)", re.S
)
_NOT_A_NUMBER = re.compile(r".?-?(?:NaN|Infinity)\b", re.S)


class JsonError(ValueError):
    """The bytes are not JSON that can be read; the text says why."""


def loads(raw: bytes) -> Any:
    """The value of ``raw``. Half a surrogate pair (a cut emoji) is read as U+FFFD. Raises JsonError."""
    if len(raw) > _FEW_ENOUGH:
        _refuse_too_many(raw)
    try:
        return orjson.loads(raw)
    except orjson.JSONDecodeError as error:
        try:
            return orjson.loads(_ESCAPE.sub(lambda match: rb"\ufffd" if match[1] else match[0], raw))
        except orjson.JSONDecodeError:
            raise JsonError(_reason(raw, error)) from None


def _refuse_too_many(raw: bytes) -> None:
    """Counts what makes a value; strings are stepped over only if there is so much of it that they may matter."""
    if _marks(raw) <= MAX_VALUES:
        return
    values = at = 0
    for string in _STRING.finditer(raw):
        values += _marks(raw[at : string.start()])
        at = string.end()
        if values > MAX_VALUES:
            break
    if values + _marks(raw[at:]) > MAX_VALUES:
        raise JsonError(f"more than {MAX_VALUES:,} values in one piece")


def _marks(raw: bytes) -> int:
    return raw.count(b",") + raw.count(b"[") + raw.count(b"{")


def _reason(raw: bytes, error: orjson.JSONDecodeError) -> str:
    try:
        text = raw.decode()
    except UnicodeDecodeError as broken:
        return f"broken UTF-8 at byte {broken.start + 1} of it"
    if "depth" in error.msg:
        return "not readable JSON: nested more than 1,000 levels deep"
    if _NOT_A_NUMBER.match(text, max(0, error.pos - 1)):
        return "not JSON: NaN and Infinity are no numbers there"
    return f"not JSON: {error.msg.split(': line ')[0]} (character {error.pos + 1} of it)"


def an_object(value: Any) -> dict[str, Any]:
    """``value`` if it is an object, else an empty one."""
    return value if isinstance(value, dict) else {}


def a_list(value: Any) -> list[Any]:
    """``value`` if it is an array, else an empty one."""
    return value if isinstance(value, list) else []


def a_text(value: Any) -> str | None:
    """``value`` if it is a text that is not blank."""
    return value if isinstance(value, str) and value.strip() else None
