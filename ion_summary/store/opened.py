"""How do those who read a store and those who write it share what is open of it?"""

from __future__ import annotations

import contextlib
import os
import sqlite3
from collections.abc import Callable, Iterable, Iterator
from datetime import tzinfo
from pathlib import Path
from threading import RLock
from typing import TYPE_CHECKING, Self, TypeVar

from ion_summary.errors import StoreCorruptError, StoreNotFoundError, StoreNotReadableError
from ion_summary.model import Message, SessionSummary
from ion_summary.store import layout
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.database import remove_database, snapshot
from ion_summary.store.finding import Finder
from ion_summary.store.hashing import hash64
from ion_summary.store.lines import MovedError
from ion_summary.store.lock import WriterLock
from ion_summary.store.partition import Finding
from ion_summary.store.query import Query
from ion_summary.store.reading import IndexReader
from ion_summary.store.segments import Segments
from ion_summary.text.clean import one_line

if TYPE_CHECKING:
    from ion_summary.progress import Progress
    from ion_summary.store.writing import StoreWriter

# Whoever only reads, and that is most, does not wait for the import of what writes: that stands inside the methods.
_Answer = TypeVar("_Answer")
# Each meets a replaced partition only if one is replaced in the few milliseconds that it takes.
_TRIES = 20


class OpenStore:
    """A store for those who read it and those who write it; the arguments are those of ``SessionSummaryStorage``."""

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
        return layout.is_store(self.path)

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

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

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
        try:
            answer = ask(*self._reader.opened())
        except PermissionError as error:
            raise StoreNotReadableError(path=error.filename or self.path) from error
        self._reader.look_closely()
        return answer

    def find(self, query: Query) -> tuple[int, list[tuple[SessionSummary, float]]]:
        """How many records match, and those of the wanted page with their scores (0 where there is none)."""
        if not self.exists:
            return 0, []

        return self.reading(lambda catalog, segments: self._finder.find(query, catalog, segments))

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
