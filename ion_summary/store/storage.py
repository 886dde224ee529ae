"""What can an application do with a store? Save, load, search, list, count and delete summaries."""

from __future__ import annotations

import time
from collections.abc import Mapping
from datetime import date, datetime, timedelta
from typing import Any, get_args

from ion_summary.errors import UsageError
from ion_summary.model import SessionSummary, SummaryType
from ion_summary.store import layout
from ion_summary.store.hashing import hash64
from ion_summary.store.opened import OpenStore
from ion_summary.store.query import Query
from ion_summary.text.clean import clean, one_line


class SessionSummaryStorage(OpenStore):
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
        _check_type(summary_type)
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
        """The newest summaries for which all that is given holds. Dates are inclusive; a bare one is a whole day.

        Raises UsageError for an unknown type, a date that cannot be read, and a limit below 0.
        """
        if summary_type is not None:
            _check_type(summary_type)
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

    def _records(self, query: Query) -> list[SessionSummary]:
        return [record for record, _ in self.find(query)[1]]

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


def _check_type(summary_type: str) -> None:
    if summary_type not in get_args(SummaryType):
        raise UsageError(reason=f"unknown summary type {summary_type!r}", accepted="llm or rule_based")


def _inert(metadata: Mapping[str, Any]) -> dict[str, Any]:
    """The metadata, with what is searched in it as texts are searched."""
    title, tags = metadata.get("title"), metadata.get("tags")
    inert = dict(metadata)
    if isinstance(title, str):
        inert["title"] = one_line(title)
    if isinstance(tags, list):
        inert["tags"] = [one_line(tag) for tag in tags if isinstance(tag, str)]
    return inert
