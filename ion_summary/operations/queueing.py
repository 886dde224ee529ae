"""What may a live application queue, and in which form is it kept until it is stored?

Whatever is taken can be stored: what nobody could store would be in the way of all that is queued after it.
"""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from ion_summary.errors import UsageError
from ion_summary.model import Message
from ion_summary.text.clean import one_line

_LONGEST_ID = 1024  # characters, as in transcripts
_MOST = 2**31 - 1
_SPEAKERS = ("role", "name", "speaker")
_SAID = ("content", "text", "tool_calls")


def queued(
    session_id: str,
    user_id: str,
    messages: Sequence[Message | Mapping[str, Any]],
    max_bullets: int,
    max_chars: int,
    temperature: float,
    priority: int,
) -> tuple[str, bytes] | None:
    """The id under which a session is stored, and the session as JSON; None if nothing was said.

    Raises UsageError.
    """
    session = one_line(session_id) if isinstance(session_id, str) else ""
    if not (session and isinstance(user_id, str)):
        raise UsageError(reason="session_id and user_id are texts", accepted="pass them as str")
    if max(len(session), len(user_id)) > _LONGEST_ID:
        raise UsageError(reason="session_id or user_id is too long", accepted=f"at most {_LONGEST_ID:,} characters")
    for name, number, least in (
        ("max_bullets", max_bullets, 1),
        ("max_chars", max_chars, 1),
        ("priority", priority, -_MOST),
    ):
        if type(number) is not int or not least <= number <= _MOST:
            raise UsageError(reason=f"{name} is {number!r}", accepted=f"a whole number from {least:,} to {_MOST:,}")
    if not isinstance(temperature, int | float) or not (math.isfinite(temperature) and 0 <= temperature <= 2):
        raise UsageError(reason=f"temperature is {temperature!r}", accepted="a number from 0 to 2")
    said = [_fields(message) for message in messages]
    if not any(map(_says_something, said)):
        return None
    fields = {
        "session_id": session,
        "user_id": user_id or "unknown",
        "messages": said,
        "queued_ms": time.time_ns() // 1_000_000,
        "max_bullets": max_bullets,
        "max_chars": max_chars,
        "temperature": temperature,
        "priority": priority,
    }
    try:
        return session, orjson.dumps(fields, default=str, option=orjson.OPT_UTC_Z)
    except (TypeError, ValueError) as error:
        raise UsageError(reason=f"messages: {error}", accepted="texts that are Unicode") from None


def _fields(message: Message | Mapping[str, Any]) -> Mapping[str, Any]:
    if isinstance(message, Message):
        return {
            "role": message.role,
            "content": message.content,
            "timestamp": message.timestamp,
            "name": message.name,
        }
    if not isinstance(message, Mapping):
        raise UsageError(reason=f"a message is no {type(message).__name__}", accepted="a Message or a mapping")
    if not any(isinstance(message.get(key), str) for key in _SPEAKERS):
        raise UsageError(reason="a message says not who speaks", accepted="a role or a name, as str")
    return message


def _says_something(message: Mapping[str, Any]) -> bool:
    found = next((message[key] for key in _SAID if message.get(key)), None)
    return bool(found.strip() if isinstance(found, str) else found)
