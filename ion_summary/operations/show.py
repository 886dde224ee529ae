"""What is stored of one session?"""

from __future__ import annotations

from ion_summary.errors import SessionNotFoundError, StoreCorruptError, TranscriptNotFoundError
from ion_summary.model import Message, SessionSummary
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.storage import SessionSummaryStorage


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
