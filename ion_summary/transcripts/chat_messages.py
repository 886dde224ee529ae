"""Which messages does a list of ``{"role": …, "content": …}`` hold, as chat APIs and the native format write them?"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from datetime import datetime, tzinfo
from operator import itemgetter
from typing import Any

import orjson

from ion_summary.model import Message, Turns
from ion_summary.transcripts.json_value import JsonError, loads
from ion_summary.transcripts.speakers import ROLES, name_of, role_of
from ion_summary.transcripts.stamps import FIRST_YEAR, LAST_YEAR, stamp

_TWO_COLUMNS = itemgetter("role", "content")
_THREE_COLUMNS = itemgetter("role", "content", "timestamp")
_FOUR_COLUMNS = itemgetter("role", "content", "timestamp", "name")
_ISO_LENGTH = len("2026-01-04T06:10:00")
_TEXT_KEYS = ("text", "refusal", "content")
_PLACEHOLDERS = {
    "image_url": "[image]",
    "image": "[image]",
    "input_image": "[image]",
    "input_audio": "[audio]",
    "audio": "[audio]",
    "file": "[file]",
    "input_file": "[file]",
}
_MAX_ARGUMENTS = 120
_MAX_NESTING = 5
_MAX_TIME = 40


def chat_messages(items: list[Any], tz: tzinfo) -> tuple[Sequence[Message], list[str]]:
    """The messages of ``items`` in order, and for each item that cannot be read why (``message 3: …``); those with a
    time that is none are read without it, and told once.

    Times without an offset are of ``tz``. A tool call becomes a message of the role ``tool`` that says what was done.
    """
    plain = _all_plain(items)
    if plain is not None:
        return plain, []
    messages: list[Message] = []
    problems: list[str] = []
    untimed: list[str] = []
    for number, item in enumerate(items, 1):
        try:
            said = list(_messages(item, tz))
        except ValueError as error:
            problems.append(f"message {number}: {error}")
            continue
        messages += said
        if said and said[0].timestamp is None and (time := _time_of(item)):
            untimed.append(f"message {number}: {_brief(time)[:_MAX_TIME]} is no time")
    if untimed:
        more = f", nor is that of {len(untimed) - 1:,} more" if len(untimed) > 1 else ""
        problems.append(f"{untimed[0]}{more}; what was said is kept")
    return messages, problems


def _all_plain(items: list[Any]) -> Turns | None:
    """All messages at once, if every item has just role and content, or an ISO time with its offset too, or that and
    a name.

    This is the bulk path: a message costs a fifth of what ``_messages`` takes, as no line of Python runs for it alone.
    """
    none = (None,) * len(items)
    speakers: Sequence[str | None] = none
    moments: Sequence[datetime | None] = none
    try:
        sizes = set(map(len, items))
        if sizes == {2}:
            roles, contents = zip(*map(_TWO_COLUMNS, items), strict=True)
        elif sizes == {3}:
            roles, contents, times = zip(*map(_THREE_COLUMNS, items), strict=True)
            moments = _iso_moments(times)
        elif sizes == {4}:
            roles, contents, times, names = zip(*map(_FOUR_COLUMNS, items), strict=True)
            if set(map(type, names)) != {str} or not all(map(str.strip, set(names))):
                return None
            moments, speakers = _iso_moments(times), names
        else:
            return None
        if ROLES.issuperset(roles) and set(map(type, contents)) == {str}:
            return Turns(roles, contents, moments, speakers, items)
    except (TypeError, ValueError, KeyError):
        pass
    return None


def _iso_moments(times: tuple[str, ...]) -> list[datetime]:
    """The times, if all are whole, aware and of a year that can be. Raises ValueError or TypeError if one is not."""
    moments = list(map(datetime.fromisoformat, times))
    # Comparing them also finds a naive one among aware ones.
    first, last = min(moments), max(moments)
    plausible = first.tzinfo and first.year > FIRST_YEAR and last.year < LAST_YEAR
    if plausible and min(map(len, times)) >= _ISO_LENGTH and "".join(times).isascii():  # T may be any character
        return moments
    raise ValueError("a time that must be looked at alone")


def _messages(item: Any, tz: tzinfo) -> Iterator[Message]:
    """The messages of one item: text, then its tool calls. Raises ValueError with the reason."""
    if not isinstance(item, dict):
        raise ValueError(f"not an object but {kind_of(item)}")
    role, name = _speaker(item)
    when = stamp(_time_of(item), tz)
    text = text_of(item.get("content") if "content" in item else item.get("text"))
    if text:
        yield Message(role, text, when, name)
    for called in _calls(item):
        yield Message("tool", called, when, None)


def _time_of(item: dict[str, Any]) -> Any:
    return item.get("timestamp") or item.get("created_at")


def _speaker(item: dict[str, Any]) -> tuple[str, str | None]:
    """Role and name. Without a role, the name decides; an unknown role is the name of somebody who uses the service."""
    role, name = item.get("role"), item.get("name") or item.get("speaker")
    name = name if isinstance(name, str) and name.strip() else None
    word = role if isinstance(role, str) and role.strip() else name
    if word is None:
        raise ValueError("neither `role` nor `name` says who speaks")
    return role_of(word) or "user", name or name_of(word)


def text_of(content: Any, nesting: int = 0) -> str:
    """The text of a message's content: a string, parts of which some are text, or nothing. Raises ValueError."""
    if isinstance(content, str):
        return content
    if content is None or nesting > _MAX_NESTING:
        return ""
    if isinstance(content, list):
        return "\n".join(filter(None, (_part(part, nesting + 1) for part in content)))
    if isinstance(content, dict):
        for key in (*_TEXT_KEYS, "parts"):
            if isinstance(content.get(key), str | list):
                return text_of(content[key], nesting + 1)
        raise ValueError("its content is an object without text")
    return orjson.dumps(content).decode()


def _part(part: Any, nesting: int) -> str:
    if isinstance(part, dict):
        kind = part.get("type")
        if isinstance(kind, str) and kind in _PLACEHOLDERS:
            return _PLACEHOLDERS[kind]
        if not any(isinstance(part.get(key), str | list) for key in _TEXT_KEYS):
            return ""
    return text_of(part, nesting)


def _calls(item: dict[str, Any]) -> Iterator[str]:
    calls = item.get("tool_calls")
    for call in [*(calls if isinstance(calls, list) else []), {"function": item.get("function_call")}]:
        function = call.get("function") if isinstance(call, dict) else None
        if isinstance(function, dict) and isinstance(function.get("name"), str):
            yield done(function["name"], function.get("arguments"))


def done(name: str, arguments: Any) -> str:
    """What a tool call did, in one short line: ``refund(order: 1234, reason: damaged)``."""
    if isinstance(arguments, str):
        try:
            arguments = loads(arguments.encode("utf-8", "replace"))
        except JsonError:
            arguments = {"": arguments}
    if not isinstance(arguments, dict):
        arguments = {} if arguments is None else {"": arguments}
    told = ", ".join(f"{key}: {_brief(value)}".removeprefix(": ") for key, value in arguments.items())
    told = " ".join(told[: 4 * _MAX_ARGUMENTS].split())
    return f"{name}({told if len(told) <= _MAX_ARGUMENTS else told[: _MAX_ARGUMENTS - 1] + '…'})"


def _brief(value: Any) -> str:
    return value[: 4 * _MAX_ARGUMENTS] if isinstance(value, str) else orjson.dumps(value).decode()


def kind_of(value: Any) -> str:
    """What kind of JSON value it is, for a report."""
    names = {
        str: "a text",
        bool: "true or false",
        int: "a number",
        float: "a number",
        list: "an array",
        dict: "an object",
    }
    return names.get(type(value), "null")
