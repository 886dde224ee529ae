"""What is stored of a session whose personal data must not be? The session, with marks in their place everywhere.

An id that the transcript itself gives to a session or its user stays: it is how they are found, and forgotten.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any

from ion_summary.model import Session
from ion_summary.operations.drafts import Draft, Origin, draft
from ion_summary.text.redaction import Redactor


def redacted_draft(session: Session, origin: Origin) -> Draft:
    """What ``draft`` makes of the session without personal data: not in what was said, not in names, not in titles, nor
    in the names of room and file. Which room it is, is told by its own name: two friends may both be ``[PHONE 1]``.
    """
    redactor = Redactor()
    messages = session.messages
    said = redactor.redact([*(each.content for each in messages), *(each.name or "" for each in messages)])
    contents, names = said[: len(messages)], said[len(messages) :]

    def marked(text: str) -> str:
        return redactor.redact([text])[0]

    one = draft(
        replace(
            session,
            messages=[
                replace(each, content=content, name=name or None)
                for each, content, name in zip(messages, contents, names, strict=True)
            ],
            metadata={name: _marked(value, marked) for name, value in session.metadata.items()},
        ),
        origin,
    )
    one.origin = replace(origin, file=marked(origin.file))
    if session.user_id is None and origin.user is None:
        one.user_id = marked(one.user_id)
    return one


def _marked(value: Any, marked: Callable[[str], str]) -> Any:
    if isinstance(value, str):
        return marked(value)
    if isinstance(value, list):
        return [_marked(each, marked) for each in value]
    if isinstance(value, dict):
        return {name: _marked(each, marked) for name, each in value.items()}
    return value
