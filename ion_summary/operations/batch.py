"""Which sessions of a batch are new, which have grown, and which are stored already?"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path

from ion_summary.operations.drafts import Draft
from ion_summary.operations.identity import content_hash, goes_on
from ion_summary.store.catalog import DAY_SHIFT, Catalog, Place, Stored
from ion_summary.store.layout import day_of
from ion_summary.store.lines import LineReader
from ion_summary.store.partition import DamagedLineError
from ion_summary.store.tombstones import Tombstones
from ion_summary.store.transcripts import find_messages

FileState = tuple[str, int, int, int, str]


class Batch:
    """Sessions on their way into the store, and the files that were read to their end with them."""

    def __init__(self) -> None:
        self.drafts: list[Draft] = []
        self.files: list[FileState] = []
        self.bytes = 0
        self._ids: set[str] = set()
        self._contents: set[int] = set()

    def add(self, one: Draft) -> None:
        """Takes one session more."""
        self.drafts.append(one)
        self.bytes += len(one.messages_json)
        self._ids.add(one.session_id)
        if one.prefixes:
            self._contents.add(one.prefixes[-1])

    def read_to_end(self, state: FileState | None) -> None:
        """Notes that all sessions of a file have been added, here or to a batch before."""
        if state is not None:
            self.files.append(state)

    def needs(self, one: Draft) -> bool:
        """Whether what becomes of a session depends on one that is in the batch."""
        return one.session_id in self._ids or not self._contents.isdisjoint(one.prefixes)


@dataclass(slots=True)
class Sorted:
    """What is to be done with the sessions of a batch, and the stored states on which that rests."""

    to_store: list[Draft] = field(default_factory=list)
    before: dict[int, Stored | None] = field(default_factory=dict)
    new: int = 0
    updated: int = 0
    unchanged: int = 0
    forgotten: int = 0

    def sort_again(self, stored: Mapping[int, Stored]) -> list[bool]:
        """For each session to store, by what is stored now, whether nobody has stored as much of it since. Where
        somebody has, the counts follow: what two programs ingest at once is new to one of them.
        """
        return [self._is_wanted(one, stored.get(one.number)) for one in self.to_store]

    def _is_wanted(self, one: Draft, now: Stored | None) -> bool:
        before = self.before[one.number]
        if now is None or now == before:
            return True
        wanted = _has_more(one, now)
        self.new -= before is None
        self.updated += wanted - (before is not None)
        self.unchanged += not wanted
        return wanted


def sort_batch(drafts: Sequence[Draft], catalog: Catalog, root: Path) -> Sorted:
    """Compares the sessions of a batch with those that are stored."""
    found = Sorted()
    drafts = _recognised(drafts, catalog, root)
    drafts = _settled(drafts, catalog, root)
    stored = catalog.stored({one.number for one in drafts})
    tombstones = Tombstones.read(root)
    for one in drafts:
        before = stored.get(one.number)
        if tombstones and _is_kept_out(one, before, tombstones):
            found.forgotten += 1
            continue
        if before is None:
            found.new += 1
        elif _has_more(one, before):
            found.updated += 1
        else:
            found.unchanged += 1
            continue
        found.before[one.number] = before
        found.to_store.append(one)
    return found


def _is_kept_out(one: Draft, stored: Stored | None, tombstones: Tombstones) -> bool:
    """Whether a session was forgotten; or pruned, and not stored again since by a restore."""
    if tombstones.is_forgotten(one.session_id, one.names(), one.prefixes):
        return True
    numbers = (one.number, one.content) if one.prefixes else (one.number,)
    return stored is None and tombstones.is_pruned(numbers, day_of(one.created_ms))


def _has_more(one: Draft, stored: Stored) -> bool:
    """Whether a session says more than the stored one of the same id: a shorter one is an older export of it."""
    if one.content == stored.content:
        return False
    if stored.content is None:  # saved by an application or another system: only the number of messages is known
        return one.message_count > stored.messages
    return one.message_count >= stored.messages


def _recognised(drafts: Sequence[Draft], catalog: Catalog, root: Path) -> list[Draft]:
    """Gives sessions without an id of their own the id of the stored one, of the same user, that they begin with.

    Of several that go on from the same one, the first is that one grown; the others have parted from it.
    """
    wanted = {number for one in drafts for number in one.prefixes}
    known = {(content, user): place for content, user, place in catalog.derived_with(wanted)} if wanted else {}
    with LineReader(root, catalog, lambda _: None) as lines:
        return [_begun_as(one, known, lines) for one in drafts]


def _begun_as(one: Draft, known: dict[tuple[int, str], Place], lines: LineReader) -> Draft:
    for number in reversed(one.prefixes):
        place = known.pop((number, one.user_id), None)
        if place is None:
            continue
        if place.session == one.number:
            return one
        record = lines.record(place)
        if record is not None:
            return replace(one, session_id=record["session_id"])
    return one


def _settled(drafts: Sequence[Draft], catalog: Catalog, root: Path) -> list[Draft]:
    """Has sessions meet the stored ones of the same id: parts of a room's day are united, and two different sessions
    for which the same id was derived (files of one name in two directories) part.
    """
    stored = catalog.stored({one.number for one in drafts if one.room or one.prefixes})
    return [_met(one, stored.get(one.number), root) for one in drafts]


def _met(one: Draft, before: Stored | None, root: Path) -> Draft:
    if before is None or before.content is None or before.content in (one.content, *one.prefixes):
        return one
    try:
        messages = find_messages(root, before.id >> DAY_SHIFT, one.session_id)
    except DamagedLineError:
        messages = None
    if one.room:
        return one if messages is None else one.united_with(messages)
    is_same = messages is not None and (
        content_hash(messages[: one.message_count]) == one.content_hash or goes_on(messages, one.messages())
    )
    return one if is_same else replace(one, session_id=f"{one.session_id}-{one.content_hash[:8]}")
