"""What is stored of a session whose personal data must not be? The session, with marks in their place everywhere.

An id that the transcript itself gives to a session or its user stays: it is how they are found, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from ion_summary.model import Message, Session
from ion_summary.operations.drafts import Draft, Origin, draft
from ion_summary.operations.identity import prefix_numbers
from ion_summary.text.language import language
from ion_summary.text.personal_data import mark_pattern
from ion_summary.text.redaction import Redactor

_STATES = 16
"""Beginnings that a grown session is recognised by, the latest ones, where they may have been stored otherwise."""
_CHARACTERS = 1 << 20
"""Of all these beginnings together: of a long session the latest one alone."""


def redacted_draft(session: Session, origin: Origin) -> Draft:
    """What ``draft`` makes of the session without personal data: not in what was said, not in names, not in titles, nor
    in the names of room and file. Which room it is, is told by its own name: two friends may both be ``[PHONE 1]``.
    """
    may_have_grown = session.session_id is None and session.room is None
    redactor = Redactor(language(session.messages[0].content) if may_have_grown else None)
    messages = _redacted(session.messages, redactor)

    def marked(text: str) -> str:
        return redactor.redact([text])[0]

    metadata = {name: _marked(value, marked) for name, value in session.metadata.items()}
    one = draft(replace(session, messages=messages, metadata=metadata), origin)
    if may_have_grown:
        one.prefixes = [*_stored_before(session.messages, messages), *one.prefixes]
    one.origin = replace(origin, file=marked(origin.file))
    if session.user_id is None and origin.user is None:
        one.user_id = marked(one.user_id)
    return one


def _redacted(messages: Sequence[Message], redactor: Redactor) -> list[Message]:
    """Names and texts turn by turn, so that the marks of the first messages do not depend on those that follow."""
    said = redactor.redact(text for each in messages for text in (each.name or "", each.content))
    pairs = zip(messages, said[::2], said[1::2], strict=True)
    return [replace(each, content=content, name=name or None) for each, name, content in pairs]


def _stored_before(messages: Sequence[Message], redacted: Sequence[Message]) -> list[int]:
    """The catalog's numbers of what the beginnings of a session were stored as, before more was said.

    What is said late may show that a number before it is personal, which had been stored as it stands.
    """
    marked = [number for number, pair in enumerate(zip(messages, redacted, strict=True)) if pair[0] != pair[1]]
    if all(_speaks_for_itself(messages[number], redacted[number]) for number in marked):
        return []
    size = sum(len(each.content) for each in messages)
    numbers: dict[int, None] = {}
    for count in marked[-max(1, min(_STATES, _CHARACTERS // (size + 1))) :]:
        beginning = messages[:count]
        if beginning:
            marked_in = language(beginning[0].content)
            numbers |= dict.fromkeys(prefix_numbers(_redacted(beginning, Redactor(marked_in))))
    return list(numbers)


def _speaks_for_itself(message: Message, redacted: Message) -> bool:
    """Whether nothing in a message is marked only because of what is said elsewhere."""
    (alone,) = _redacted([message], Redactor())

    def marks(one: Message) -> int:
        return len(mark_pattern().findall(f"{one.name} {one.content}"))

    return marks(alone) == marks(redacted)


def _marked(value: Any, marked: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return marked(value)
    if isinstance(value, list):
        return [_marked(each, marked) for each in value]
    if isinstance(value, dict):
        return {name: _marked(each, marked) for name, each in value.items()}
    return value
