"""What can an application do with a store? Save, load, search, list, count and delete summaries."""

from __future__ import annotations

import contextlib
import os
import sqlite3
import time
from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import date, datetime, timedelta, tzinfo
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Any, TypeVar

from ion_summary.errors import StoreCorruptError, StoreNotFoundError, StoreNotReadableError, UsageError
from ion_summary.model import Message, SessionSummary, SummaryType
from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog, hash64
from ion_summary.store.database import remove_database, snapshot
from ion_summary.store.finding import Finder
from ion_summary.store.lines import MovedError
from ion_summary.store.lock import WriterLock
from ion_summary.store.partition import Finding
from ion_summary.store.query import Query
from ion_summary.store.reading import IndexReader
from ion_summary.store.segments import Segments
from ion_summary.text.clean import clean, one_line

if TYPE_CHECKING:
    from ion_summary.progress import Progress
    from ion_summary.store.writing import StoreWriter

# Whoever only reads, and that is most, does not wait for the import of what writes: that stands inside the methods.
_Answer = TypeVar("_Answer")
# Each meets a replaced partition only if one is replaced in the few milliseconds that it takes.
_TRIES = 20


class SessionSummaryStorage:
    """The summaries of one store.

    Args:
        path: the store's directory; made at the first write.
        lock_timeout: seconds to wait for another writer before ``StoreLockedError``.
        tz: the zone of naive times, as an adopted store has them; None is the local one.
        processes: how many may share the work where much is to be indexed, as after an update; None takes one for each
            processor. They import the main module anew: an application must allow for that.

    Reading never waits for a writer; threads that share a storage read one after the other. ``damage`` collects what
    was found damaged since the storage was opened.
    """

    def __init__(
        self,
        path: str | os.PathLike[str],
        *,
        lock_timeout: float = 10.0,
        tz: tzinfo | None = None,
        processes: int | None = 1,
    ) -> None:
        self.path = Path(path).absolute()
        self.tz = tz
        self.damage: list[Finding] = []
        self._lock_timeout = lock_timeout
        self._processes = processes
        self._reader = IndexReader(self.path, tz, self.damage.append, processes)
        self._finder = Finder(self.path, self.damage.append)
        self._one_at_a_time = RLock()
        # Kept from one save to the next, because opening it takes longer than saving. It is used under the lock alone.
        self._writer: StoreWriter | None = None
        self._lock = WriterLock(self.path, lock_timeout)

    @property
    def exists(self) -> bool:
        """Whether there is a store to read."""
        return self.path.is_dir()

    def require(self) -> None:
        """Raises StoreNotFoundError if there is no store."""
        if not self.exists:
            raise StoreNotFoundError(path=self.path)

    def close(self) -> None:
        """Ends the connections to the index; the next call opens them again."""
        self._reader.close()
        self._close_writer()

    def _close_writer(self) -> None:
        writer, self._writer = self._writer, None
        if writer is not None:
            writer.close()

    def __enter__(self) -> SessionSummaryStorage:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    # -- what an application calls ------------------------------------------------------------------------------------

    def save(
        self,
        session_id: str,
        user_id: str,
        summary: str,
        summary_type: SummaryType = "llm",
        message_count: int = 0,
        metadata: dict[str, Any] | None = None,
    ) -> bool:
        """Stores a summary as the session's newest; True when it would survive a power cut, False if the session or its
        user was forgotten: then it is not stored.

        Raises:
            UsageError: an id or the summary is not a text, or the type is unknown.
            StoreLockedError, StoreNotWritableError: it could not be stored.
        """
        if not (isinstance(session_id, str) and isinstance(user_id, str) and isinstance(summary, str) and session_id):
            raise UsageError(reason="session_id, user_id and summary are texts", accepted="pass them as str")
        if summary_type not in ("llm", "rule_based"):
            raise UsageError(reason=f"unknown summary type {summary_type!r}", accepted="llm or rule_based")
        now = time.time_ns() // 1_000_000
        text = clean(summary)
        record = SessionSummary(
            session_id=one_line(session_id),
            user_id=one_line(user_id),
            summary=text,
            summary_type=summary_type,
            created_at=layout.from_ms(now),
            message_count=message_count,
            summary_length=len(text),
            metadata=_inert(metadata or {}),
        )
        from ion_summary.store.writing import Entry

        entry = Entry(record, hash64(record.session_id), now, None)
        with self._in_hand() as (writer, undisturbed):
            if undisturbed:
                writer.catch_up_with_others()
            else:
                writer.catch_up()
            return writer.append([entry], writer.catalog.stored([entry.session])) == 1

    def load(self, session_id: str) -> SessionSummary | None:
        """The newest summary of a session, or None."""
        found = self._records(Query(session=one_line(session_id), limit=1))
        return found[0] if found else None

    def search(
        self,
        *,
        user_id: str | None = None,
        start_date: str | date | None = None,
        end_date: str | date | None = None,
        summary_type: SummaryType | None = None,
        limit: int = 100,
        query_text: str | None = None,
    ) -> list[SessionSummary]:
        """The newest summaries for which all that is given holds. Dates are inclusive; a bare one is a whole day."""
        query = Query(
            text=query_text,
            user=one_line(user_id) if user_id is not None else None,
            type=summary_type,
            since_ms=self._instant(start_date, timedelta()),
            until_ms=self._instant(end_date, timedelta(days=1, milliseconds=-1)),
            limit=limit,
            sort="newest",
        )
        return self._records(query)

    def list_recent(self, limit: int = 10) -> list[SessionSummary]:
        """The newest summaries."""
        return self._records(Query(limit=limit, sort="newest"))

    def get_stats(self) -> dict[str, Any]:
        """Counts, sizes and the time span of the store, by the names of CONTRACT's ``stats --json``."""
        from ion_summary.store import counting

        if not self.exists:
            return counting.empty(self.path)
        return self.reading(lambda catalog, _: counting.counts(self.path, catalog))

    def delete(self, session_id: str) -> bool:
        """Removes every line of a session, its text and its transcript; False if there was none.

        The bytes are gone from the partitions and the index when this returns. A later ingest of the same transcript
        stores the session again.
        """
        from ion_summary.store.erasing import days_with, erase_session, spellings
        from ion_summary.store.forgetting import of_session
        from ion_summary.store.writing import StoreWriter

        if not self.exists:
            return False
        wanted = one_line(session_id)
        with self.locked():
            self.close()
            # That the partitions are shorter than the index remembers is no damage here.
            with StoreWriter(self.path, self.tz, lambda _: None) as writer:
                days = of_session(self.path, writer.catalog, wanted).days | days_with(self.path, spellings(wanted))
                writer.expect_changes(days)
                found = erase_session(self.path, wanted, days)
                writer.catch_up()
                writer.fill_segments()
        return found

    # -- what the operations call -------------------------------------------------------------------------------------

    @contextlib.contextmanager
    def writing(self) -> Iterator[StoreWriter]:
        """The store for writing, made if there is none, while the writer's lock is held."""
        with self._in_hand() as (writer, _):
            writer.catch_up()
            yield writer

    def rebuild(self, progress: Progress, workers: int | None) -> None:
        """Makes the index anew, with so many processes (None: one for each processor), whatever there was before.

        Raises StoreLockedError, StoreNotWritableError.
        """
        with self._in_hand() as (writer, _):
            writer.rebuild(progress, workers)

    @contextlib.contextmanager
    def _in_hand(self) -> Iterator[tuple[StoreWriter, bool]]:
        """The store as it was left, and whether nobody has had the lock since this storage had it."""
        from ion_summary.store.files import make_directory
        from ion_summary.store.writing import StoreWriter

        make_directory(self.path)
        try:
            with self._lock:
                if self._writer is None or not self._writer.is_current:
                    self._close_writer()
                    self._writer = StoreWriter(self.path, self.tz, self.damage.append, self._processes)
                try:
                    yield self._writer, self._lock.undisturbed
                except BaseException:
                    self._close_writer()
                    raise
        finally:
            # What was opened before there was an index, or while it could only be read, knows nothing of this.
            self._reader.look_again()

    def reading(self, ask: Callable[[Catalog, Segments], _Answer]) -> _Answer:
        """The answer of the index at one moment; an index that cannot be read is derived again, once."""
        replaced = failed = 0
        while True:
            try:
                with self._one_at_a_time:
                    catalog, segments = self._reader.current()
                    with snapshot(catalog.db), segments.snapshot():
                        return ask(catalog, segments)
            except MovedError as error:
                # A partition was replaced between the look at the index and the look at the line.
                self._reader.look_closely()
                replaced += 1
                if replaced == _TRIES:
                    raise StoreCorruptError(path=self.path, reason="it changes faster than it can be read") from error
            except sqlite3.DatabaseError as error:
                self._reader.close()
                failed += 1
                if failed == 2:
                    raise StoreCorruptError(path=self.path / layout.INDEX, reason=str(error)) from error
                if not isinstance(error, sqlite3.OperationalError):
                    self._drop_index()
            except PermissionError as error:
                raise StoreNotReadableError(path=error.filename or self.path) from error
            except OSError as error:
                path = error.filename or self.path
                raise StoreCorruptError(path=path, reason=f"it cannot be read: {error.strerror or error}") from error

    def as_last_seen(self, ask: Callable[[Catalog, Segments], _Answer]) -> _Answer:
        """The answer of the index as it was left, before it catches up; next it does so with every partition."""
        self.close()
        answer = ask(*self._reader.opened())
        self._reader.look_closely()
        return answer

    def find(self, query: Query) -> tuple[int, list[tuple[SessionSummary, float]]]:
        """How many records match, and those of the wanted page with their scores (0 where there is none)."""
        if not self.exists:
            return 0, []

        return self.reading(lambda catalog, segments: self._finder.find(query, catalog, segments))

    def _records(self, query: Query) -> list[SessionSummary]:
        return [record for record, _ in self.find(query)[1]]

    def messages(self, session_id: str) -> list[Message] | None:
        """The messages of a session; None if the session or its transcript is not stored."""
        wanted = one_line(session_id)
        if not self.exists:
            return None
        stored = self.reading(lambda catalog, _: catalog.stored([hash64(wanted)]))
        if not stored:
            return None
        (state,) = stored.values()
        from ion_summary.store.transcripts import find_messages

        return find_messages(self.path, state.id >> DAY_SHIFT, wanted)

    def transcript_lines(self, sessions: Iterable[str]) -> dict[str, bytes]:
        """The lines of those of the sessions whose transcripts are stored: for many at once, each file read once."""
        numbers = {hash64(session): session for session in sessions}
        if not self.exists:
            return {}
        stored = self.reading(lambda catalog, _: catalog.stored(numbers))
        days: dict[int, list[str]] = {}
        for number, state in stored.items():
            days.setdefault(state.id >> DAY_SHIFT, []).append(numbers[number])
        from ion_summary.store.transcripts import find_lines

        found: dict[str, bytes] = {}
        for day, some in days.items():
            found |= find_lines(self.path, day, some)
        return found

    @contextlib.contextmanager
    def locked(self) -> Iterator[None]:
        """The writer's lock, for what must be done before anything can be written. Raises StoreLockedError."""
        with WriterLock(self.path, self._lock_timeout):
            yield

    def _drop_index(self) -> None:
        with self.locked():
            for name in (layout.CATALOG, layout.TEXT):
                remove_database(self.path / layout.INDEX / name)

    def _instant(self, when: str | date | None, rest_of_day: timedelta) -> int | None:
        if when is None:
            return None
        if isinstance(when, str):
            try:
                when = datetime.fromisoformat(when) if len(when) > 10 else date.fromisoformat(when)
            except ValueError:
                accepted = "2026-01-04 or 2026-01-04T15:10:00Z"
                raise UsageError(reason=f"not a date: {when!r}", accepted=accepted) from None
        if not isinstance(when, datetime):
            when = datetime(when.year, when.month, when.day) + rest_of_day  # noqa: DTZ001 - the zone comes next
        return layout.to_ms(when.isoformat(), self.tz)


def _inert(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata, with what is searched in it as texts are searched."""
    title, tags = metadata.get("title"), metadata.get("tags")
    inert = dict(metadata)
    if isinstance(title, str):
        inert["title"] = one_line(title)
    if isinstance(tags, list):
        inert["tags"] = [one_line(tag) for tag in tags if isinstance(tag, str)]
    return inert
