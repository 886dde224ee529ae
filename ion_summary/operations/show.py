"""What is stored of one session?"""

from __future__ import annotations

from collections.abc import Sequence

from ion_summary.errors import SessionNotFoundError, StoreCorruptError, TranscriptNotFoundError
from ion_summary.model import Message, SessionSummary
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.text.terms import Term, first_match


def show(storage: SessionSummaryStorage, session_id: str) -> SessionSummary:
    """The record of a session. Raises StoreNotFoundError, SessionNotFoundError."""
    storage.require()
    record = storage.load(session_id)
    if record is None:
        raise SessionNotFoundError(session_id=session_id, path=storage.path)
    return record


def messages(storage: SessionSummaryStorage, session_id: str) -> list[Message]:
    """The session itself. Raises StoreNotFoundError, SessionNotFoundError, TranscriptNotFoundError."""
    show(storage, session_id)
    try:
        found = storage.messages(session_id)
    except DamagedLineError as error:
        raise StoreCorruptError(path=storage.path, reason=f"the transcript of {session_id!r}: {error}") from error
    if found is None:
        raise TranscriptNotFoundError(session_id=session_id, path=storage.path)
    return found


def opened_at(said: Sequence[Message], terms: Sequence[Term]) -> list[Message]:
    """The messages from the one before the first with one of the terms; all of them if none has any."""
    first = next((number for number, message in enumerate(said) if first_match(message.content, terms)), 0)
    return list(said[max(0, first - 1) :])
