"""Which sessions have expired, and how do they leave the store with all that hangs on them?

Whole partitions are unlinked; where only some sessions of a day go (of one user, of one type), its partitions are
written anew without them. Before anything goes, tombstones say what: interrupted anywhere, the same call goes on.
"""

from __future__ import annotations

import errno
from collections.abc import Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import compress
from pathlib import Path
from typing import Any

import orjson

from ion_summary.errors import StoreNotWritableError
from ion_summary.model import SummaryType
from ion_summary.store import erasing, files, layout, tombstones
from ion_summary.store.catalog import DAY_SHIFT, Catalog
from ion_summary.store.database import remove_database
from ion_summary.store.tombstones import Counts, Tombstones, prune_fields


@dataclass(frozen=True, slots=True)
class Expiry:
    """What is to go: sessions of days (UTC) that were over at ``cutoff_ms``, a midnight; and of these only a user's, or
    of a type. ``user`` is matched as in a search: a participant of a room too.
    """

    cutoff_ms: int
    user: str | None = None
    summary_type: SummaryType | None = None

    @classmethod
    def of_instant(cls, instant_ms: int, user: str | None = None, summary_type: SummaryType | None = None) -> Expiry:
        """What goes if an instant is asked for: the days that were over by then."""
        return cls(instant_ms // layout.DAY_MS * layout.DAY_MS, user, summary_type)

    @property
    def is_selective(self) -> bool:
        """Whether only some sessions of a day go."""
        return self.user is not None or self.summary_type is not None


@dataclass(frozen=True, slots=True)
class Gone:
    """Sessions that go, in columns, because the rows of many are slow: the ``hash64`` of each one's id, whether an LLM
    wrote its summary, its messages, and the catalog's number of its content (None unless its id was derived from that).
    """

    sessions: Sequence[int]
    llm: Sequence[int]
    messages: Sequence[int]
    contents: Sequence[int | None]

    def __len__(self) -> int:
        return len(self.sessions)

    def without(self, others: Container[int]) -> Gone:
        """Those that are not among the others."""
        wanted = [session not in others for session in self.sessions]
        columns = (self.sessions, self.llm, self.messages)
        sessions, llm, messages = (list(compress(column, wanted)) for column in columns)
        return Gone(sessions, llm, messages, list(compress(self.contents, wanted)))

    @property
    def counts(self) -> Counts:
        """What ``stats`` counts of them."""
        return Counts(len(self), sum(self.llm), sum(self.messages))

    @property
    def numbers(self) -> set[int]:
        """What tells each from others that an ingest brings: its own number, and that of its content."""
        return {*self.sessions, *(content for content in self.contents if content is not None)}


@dataclass(frozen=True, slots=True)
class Expired:
    """What goes of one day (``whole``: all of it), and how many bytes that are in its partitions."""

    day: int
    whole: bool
    gone: Gone
    bytes: int


def expired(root: Path, catalog: Catalog, expiry: Expiry) -> list[Expired]:
    """What has expired by now, oldest first."""
    records, transcripts = layout.record_partitions(root), layout.transcript_files(root)
    known = catalog.partitions()
    found = []
    for day in sorted(records.keys() | transcripts.keys()):
        if day >= layout.day_of(expiry.cutoff_ms):
            break
        if day in records and day not in known:
            continue  # the index could not follow: nobody knows what is in it
        paths = [*transcripts.get(day, ()), *([layout.records_path(root, day)] if day in records else ())]
        if (one := _expired_of(catalog, expiry, day, paths)) is not None:
            found.append(one)
    return found


def _expired_of(catalog: Catalog, expiry: Expiry, day: int, paths: Sequence[Path]) -> Expired | None:
    gone, newest = _gone(catalog, expiry, day)
    stay = _count(catalog, day) - len(gone) if expiry.is_selective else 0
    # Days of an adopted store are those of its zone: their last hours may not have expired yet.
    if not stay and (gone or not expiry.is_selective) and newest < expiry.cutoff_ms:
        return Expired(day, True, gone, sum(path.stat().st_size for path in paths))
    if not expiry.is_selective or not gone:
        return None
    goes = erasing.of_sessions(set(gone.sessions))
    lines = (line for path in paths for line in erasing.lines_of(path))
    return Expired(day, False, gone, sum(len(line) for line in lines if goes(line, erasing.fields_of(line))))


def _count(catalog: Catalog, day: int) -> int:
    count: int = catalog.db.execute("SELECT count(*) FROM record WHERE id >= ? AND id < ?", _span(day)).fetchone()[0]
    return count


def _gone(catalog: Catalog, expiry: Expiry, day: int) -> tuple[Gone, int]:
    """What goes of a day, and when the newest of these ended."""
    where, values = "id >= ? AND id < ?", list[Any](_span(day))
    if expiry.is_selective:
        where, values = f"{where} AND created < ?", [*values, expiry.cutoff_ms]
    if expiry.summary_type is not None:
        where, values = f"{where} AND type = ?", [*values, int(expiry.summary_type == "llm")]
    if expiry.user is not None:
        name = "(SELECT id FROM name WHERE name = ?)"
        where += f" AND (user = {name} OR id IN (SELECT record FROM participant WHERE name = {name}))"
        values = [*values, expiry.user, expiry.user]
    columns = ("session", "type", "messages", "CASE derived WHEN 1 THEN content END")
    wanted = ", ".join(f"json_group_array({column})" for column in columns)
    query = f"SELECT coalesce(max(created), 0), {wanted} FROM record WHERE {where}"
    newest, *found = catalog.db.execute(query, values).fetchone()
    return Gone(*map(orjson.loads, found)), newest


def _span(day: int) -> tuple[int, int]:
    return day << DAY_SHIFT, (day + 1) << DAY_SHIFT


def bury(root: Path, found: Sequence[Expired], keep_counts: bool) -> None:
    """Leaves the tombstones, and removes the partitions that go as a whole. For the holder of the writer's lock.

    On a full disk room for the tombstones is made by what may go without: transcripts of the sessions that go, and the
    text index, which is derived again. Raises StoreNotWritableError; then all that is to be pruned is still there.
    """
    lines = list(_tombstones(root, found, keep_counts))
    for make_room in (_unlink_transcripts, _drop_text_index, None):
        try:
            tombstones.append(root, lines)
            break
        except StoreNotWritableError as error:
            cause = error.__cause__
            if make_room is None or not isinstance(cause, OSError) or cause.errno not in (errno.ENOSPC, errno.EDQUOT):
                raise
            make_room(root, found)
    # Transcripts first: without its record a transcript would never be found again.
    _unlink_transcripts(root, found)
    files.remove_all([layout.records_path(root, one.day) for one in found if one.whole])


def _unlink_transcripts(root: Path, found: Sequence[Expired]) -> None:
    files.remove_all([path for one in found if one.whole for path in layout.transcript_files_of(root, one.day)])


def _drop_text_index(root: Path, _: Sequence[Expired]) -> None:
    remove_database(root / layout.INDEX / layout.TEXT)


def _tombstones(root: Path, found: Sequence[Expired], keep_counts: bool) -> Iterator[dict[str, Any]]:
    """A line for each day, of what no line names yet: a prune that was interrupted counts nothing twice.

    Also for one of older lines alone, which no session goes with: it says that the partitions are not lost.
    """
    known = Tombstones.read(root)
    for one in found:
        fresh = one.gone
        if known.has_pruned(one.day):
            fresh = fresh.without({session for session in fresh.sessions if known.is_pruned((session,), one.day)})
        if fresh or not known.has_pruned(one.day):
            yield prune_fields(one.day, fresh.numbers, fresh.counts if keep_counts and fresh else None)


def elsewhere(catalog: Catalog, found: Sequence[Expired]) -> dict[int, set[int]]:
    """Per day that does not go the sessions that go and have older lines there: nobody must see those instead."""
    whole = {one.day for one in found if one.whole}
    lines: dict[int, set[int]] = {}
    # CROSS: by the records of the day, however many older lines there are in the store.
    query = (
        f"SELECT s.id >> {DAY_SHIFT}, s.session FROM record r CROSS JOIN superseded s ON s.session = r.session"
        " WHERE r.id >= ? AND r.id < ?"
    )
    for one in found:
        stay = (each for each in catalog.db.execute(query, _span(one.day)) if each[0] not in whole)
        older = [each for each in stay if each[0] != one.day]
        sessions = set(one.gone.sessions) if older else ()
        for day, session in older:
            if session in sessions:
                lines.setdefault(day, set()).add(session)
    return lines


def cut_out(root: Path, found: Sequence[Expired], others: Mapping[int, set[int]]) -> None:
    """Writes the partitions anew of days that keep other sessions; ``others`` is what ``elsewhere`` said."""
    own = {one.day: set(one.gone.sessions) for one in found if not one.whole}
    transcripts, records = layout.transcript_files(root), layout.record_partitions(root)
    # The newest line of a session last: until then it is still there, and is found again.
    for sessions_of in (others, own):
        for day, sessions in sessions_of.items():
            for path in (*transcripts.get(day, ()), *([layout.records_path(root, day)] if day in records else ())):
                erasing.cut_out(root, path, erasing.of_sessions(sessions))
