"""How is a user or a session forgotten: erased everywhere, and kept from coming back?"""

from __future__ import annotations

from dataclasses import dataclass

from ion_summary.errors import UsageError
from ion_summary.jobs import checking
from ion_summary.jobs import erasing as queue
from ion_summary.jobs.database import path_of
from ion_summary.store import forgetting, quarantine
from ion_summary.store.catalog import Catalog
from ion_summary.store.forgetting import Subject
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones
from ion_summary.store.writing import StoreWriter
from ion_summary.text.clean import one_line


@dataclass(frozen=True, slots=True)
class Forgotten:
    """Who is to be forgotten: a user (and participant of rooms), or a session; one of the two."""

    user: str | None = None
    session: str | None = None


@dataclass(frozen=True, slots=True)
class ForgetPlan:
    """What goes: sessions, days that have lines of them, and the bytes of those in the partitions.

    ``whole_queue``: the queue is broken, so that nobody can tell what it holds of them.
    """

    sessions: int
    partitions: int
    bytes: int
    whole_queue: bool = False


def plan(storage: SessionSummaryStorage, who: Forgotten) -> ForgetPlan:
    """What ``forget`` would erase now. Raises UsageError, StoreNotFoundError."""
    storage.require()
    return storage.reading(lambda catalog, _: _planned(storage, _subject(storage, catalog, who)))


def forget(storage: SessionSummaryStorage, who: Forgotten) -> ForgetPlan:
    """Erases a user's sessions, or one, from partitions, transcripts, index, queue and quarantine; what that was.

    Tombstones are left first, also where nothing is found: no ingest and no restore brings them back. Interrupted
    anywhere, it is completed by the next ``forget``, or by whoever calls ``finish``.

    Raises:
        UsageError: neither a user nor a session was named, or both.
        StoreNotFoundError, StoreLockedError, StoreNotWritableError
    """
    storage.require()
    with storage.writing() as writer:
        subject = _subject(storage, writer.catalog, who)
        planned = _planned(storage, subject)
        marks = forgetting.bury(storage.path, subject)
        _erase(storage, writer, subject)
        forgetting.settle(storage.path, marks)
    finish(storage)
    return planned


def finish(storage: SessionSummaryStorage) -> int:
    """Completes what was interrupted, and erases what the tombstones of a restored archive name; how many sessions.

    Raises StoreLockedError, StoreNotWritableError.
    """
    if not Tombstones.read(storage.path).pending():
        return 0
    with storage.writing() as writer:
        marks = writer.tombstones().pending()
        subject = forgetting.of_marks(storage.path, writer.catalog, marks)
        _erase(storage, writer, subject)
        forgetting.settle(storage.path, marks)
    return len(subject.sessions)


def _subject(storage: SessionSummaryStorage, catalog: Catalog, who: Forgotten) -> Subject:
    user, session = (None if name is None else one_line(name) for name in (who.user, who.session))
    if user and session is None:
        return forgetting.of_user(storage.path, catalog, user)
    if session and user is None:
        return forgetting.of_session(storage.path, catalog, session)
    raise UsageError(reason="who is to be forgotten?", accepted="give --user ID or --session ID, one of them")


def _planned(storage: SessionSummaryStorage, subject: Subject) -> ForgetPlan:
    sessions = len({line.session for line in subject.lines})
    is_broken = checking.is_broken(storage.path)
    return ForgetPlan(sessions, len(subject.days), forgetting.size(storage.path, subject), is_broken)


def _erase(storage: SessionSummaryStorage, writer: StoreWriter, subject: Subject) -> None:
    # The queue first: as long as the records are there, an interrupted erasure knows which sessions they are.
    if checking.is_broken(storage.path):
        quarantine.move_database(storage.path, path_of(storage.path))  # from where it goes with all that is unreadable
    queue.forget(storage.path, subject.ids, subject.names)
    forgetting.erase(storage.path, writer, subject)
