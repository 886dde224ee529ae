"""How does a group of sessions enter the store? Transcripts first, then records: from then on they count.

The order makes a kill harmless: a transcript without its record is a line nobody asks for, and the next ingest
writes it again.
"""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import tzinfo
from pathlib import Path
from typing import Any

from ion_summary.model import SessionSummary
from ion_summary.progress import Progress
from ion_summary.store import files, layout, losses, quarantine
from ion_summary.store.catalog import Catalog, Stored
from ion_summary.store.database import durable, transaction
from ion_summary.store.hashing import content_number
from ion_summary.store.index import Appended, IndexWriter
from ion_summary.store.lines import LineReader, MovedError
from ion_summary.store.partition import Finding, encode
from ion_summary.store.settled import NEWEST, are_as_noted, is_settled, unsettle
from ion_summary.store.tombstones import Tombstones
from ion_summary.workers import Workers

_FORGET_TRANSCRIPTS = "DELETE FROM transcript WHERE day = ?"
# To look whether another program has changed anything takes longer than the rest of saving a session.
_LOOK_AGAIN_S = 0.2


@dataclass(frozen=True, slots=True)
class Entry:
    """What is to be stored of one session: its record, and its line in the transcripts (None: not kept).

    ``session`` is the ``hash64`` of its id.
    """

    record: SessionSummary
    session: int
    created_ms: int
    transcript: bytes | None


class StoreWriter:
    """The store in the hands of the lock's holder. The arguments are those of ``IndexWriter``."""

    def __init__(
        self, root: Path, naive: tzinfo | None, on_damage: Callable[[Finding], None], processes: int | None = 1
    ) -> None:
        self._root = root
        self._on_damage = on_damage
        self._index = IndexWriter(root, naive, on_damage, processes)
        self._tombstones: tuple[tuple[int, int] | None, Tombstones] = (None, Tombstones())
        self._looked = -_LOOK_AGAIN_S

    @property
    def is_current(self) -> bool:
        """Whether the index is still the one that was opened: another process may have had to remove it."""
        return self._index.is_current

    def catch_up(self) -> None:
        """Takes in what others have written, and ends what a kill has left open: whenever the lock is taken."""
        self._looked = time.monotonic()
        settled = is_settled(self.catalog.db, self._root)
        if not (settled and self._has_noted_transcripts()):
            self._repair_transcripts()  # first: the index notes that all is as it should be
        if not settled:
            self._index.catch_up()

    def catch_up_with_others(self) -> None:
        """The same, if nobody has had the lock since this writer had it: other programs may have written in between,
        for which it suffices to look a few times a second, as readers do.
        """
        if time.monotonic() - self._looked >= _LOOK_AGAIN_S:
            self.catch_up()

    @property
    def catalog(self) -> Catalog:
        """What is stored, as of now."""
        return self._index.catalog

    def close(self) -> None:
        """Ends the connections to the index."""
        self._index.close()

    def __enter__(self) -> StoreWriter:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def append(self, entries: Sequence[Entry], known: Mapping[int, Stored]) -> int:
        """Stores a group: when this returns it survives a power cut, and searches find it. How many that were: what was
        forgotten, perhaps a moment ago, is left out.

        ``known`` is what ``catalog.stored`` says of its sessions now.
        """
        stored: Mapping[int, Stored] | None = known
        forgotten = self.tombstones()
        if forgotten:
            entries = [entry for entry in entries if not _is_forgotten(entry.record, forgotten)]
        transcripts, records = defaultdict[int, list[bytes]](list), defaultdict[int, list[bytes]](list)
        appended = defaultdict[int, list[Appended]](list)
        now = time.time_ns() // 1_000_000
        now_text = layout.from_ms(now)
        for entry in entries:
            day = layout.day_of(entry.created_ms)
            if entry.transcript is not None:
                transcripts[day].append(entry.transcript)
            before = known.get(entry.session)
            # The newest line wins, also on a machine whose clock was set back since the last one was written.
            saved = now if before is None else max(now, before.saved + 1)
            saved_at = now_text if saved == now else layout.from_ms(saved)
            fields = entry.record.to_dict()
            fields["metadata"] = {**entry.record.metadata, "saved_at": saved_at}
            line = encode(fields)
            records[day].append(line)
            appended[day].append(Appended(fields, entry.session, entry.created_ms, saved, len(line) - 1))
        if not are_as_noted(self.catalog.db, self._root, records):
            self._index.catch_up()
            stored = None  # there may be more of them now
        unsettle(self.catalog.db, self._root, records)
        self._append_transcripts(transcripts)
        starts = {
            day: files.append(layout.records_path(self._root, day), b"".join(some))
            for day, some in sorted(records.items())
        }
        self._index.extend(starts, appended, stored)
        return len(entries)

    def append_lines(self, day: int, transcripts: Sequence[bytes], records: Sequence[bytes]) -> None:
        """Stores lines of another store as they are: the digest and the time of saving stay those that they had."""
        if not are_as_noted(self.catalog.db, self._root, [day]):
            self._index.catch_up()
        if transcripts:
            self._append_transcripts({day: transcripts})
        if records:
            unsettle(self.catalog.db, self._root, [day])
            files.append(layout.records_path(self._root, day), b"".join(records))
            self._index.catch_up()

    def tombstones(self) -> Tombstones:
        """The tombstones as of now."""
        try:
            stat = (self._root / layout.TOMBSTONES).stat(follow_symlinks=False)
        except FileNotFoundError:
            return Tombstones()
        version = (stat.st_ino, stat.st_size)
        if self._tombstones[0] != version:
            self._tombstones = (version, Tombstones.read(self._root))
        return self._tombstones[1]

    def records(self, sessions: Iterable[int]) -> dict[int, SessionSummary]:
        """The newest records of those of the sessions (``hash64`` of their ids) that are there and undamaged."""
        wanted = list(sessions)
        try:
            return self._records(wanted)
        except MovedError:  # another program wrote into an old partition
            self._index.catch_up()
            return self._records(wanted)

    def _records(self, sessions: Sequence[int]) -> dict[int, SessionSummary]:
        found = {}
        with LineReader(self._root, self.catalog, self._on_damage) as lines:
            for place in self.catalog.places(sessions):
                fields = lines.record(place)
                if fields is not None:
                    found[place.session] = SessionSummary.from_dict(fields)
        return found

    def fill_segments(self) -> None:
        """Puts the hot tail into the segments: the end of a large ingest is a good moment."""
        self._index.fill_segments()

    def expect_changes(self, days: Collection[int]) -> None:
        """Notes that partitions are about to be written anew: that they are shorter then is no damage.

        What they have lost before is noted first: afterwards nobody could know.
        """
        self._note_lost_transcripts(days)
        self._index.note_losses(days)
        months = {layout.month_of(day) for day in days}
        with durable(self.catalog.db), transaction(self.catalog.db):
            self.catalog.db.executemany(_FORGET_TRANSCRIPTS, [(day,) for day in days])
            self.catalog.db.executemany(
                "UPDATE partition SET inode = 0, size = 0 WHERE day = ?", [(day,) for day in days]
            )
            self.catalog.db.executemany("DELETE FROM month WHERE name = ?", [(month,) for month in months])

    def expect_changed_transcripts(self, days: Collection[int]) -> None:
        """The same of the transcripts alone."""
        self._note_lost_transcripts(days)
        with durable(self.catalog.db), transaction(self.catalog.db):
            self.catalog.db.executemany(_FORGET_TRANSCRIPTS, [(day,) for day in days])

    def forget_files(self, texts: Iterable[str]) -> None:
        """Forgets what is noted of transcript files in which one of the texts occurs: they are read again."""
        with transaction(self.catalog.db):
            self.catalog.db.executemany("DELETE FROM file WHERE instr(state, ?)", [(text,) for text in texts if text])

    def wipe(self) -> None:
        """Leaves nothing in the index of what it has deleted. Raises StoreNotWritableError."""
        self._index.fill_segments()
        self._index.wipe()

    def drop_empty_months(self) -> None:
        """Removes the segments of months that have no partition left: after a prune."""
        self._index.drop_empty_months()

    def remember_files(self, states: Iterable[tuple[str, int, int, int, str]]) -> None:
        """Notes ``(path, size, mtime in ns, inode, state)`` of transcript files whose sessions are stored."""
        with transaction(self.catalog.db):
            self.catalog.db.executemany("INSERT OR REPLACE INTO file VALUES(?, ?, ?, ?, ?)", states)

    def rebuild(self, progress: Progress, workers: int | None) -> None:
        """Reads every partition anew. What was noted of transcript files goes with the rest: they are read again."""
        self._repair_transcripts()
        with Workers(workers) as some:
            self._index.rebuild(progress, some)
        self._repair_transcripts()  # again: what was known of their sizes went with the index

    def _append_transcripts(self, lines: Mapping[int, Sequence[bytes]]) -> None:
        sizes = []
        for day, some in sorted(lines.items()):
            data = b"".join(some)
            self._repair_transcript(day)
            start = files.append(layout.transcripts_path(self._root, day), data)
            sizes.append((day, start + len(data)))
        self._note_transcripts(sizes)

    def _note_transcripts(self, sizes: list[tuple[int, int]]) -> None:
        if sizes:
            with transaction(self.catalog.db):
                self.catalog.db.executemany("INSERT OR REPLACE INTO transcript(day, size) VALUES(?, ?)", sizes)

    def _has_noted_transcripts(self) -> bool:
        """Whether those of the newest days are as long as they were left."""
        query = "SELECT day, size FROM transcript ORDER BY day DESC LIMIT ?"
        return all(self._size_of_transcript(day) == size for day, size in self.catalog.db.execute(query, (NEWEST,)))

    def _size_of_transcript(self, day: int) -> int | None:
        try:
            return layout.transcripts_path(self._root, day).stat().st_size
        except FileNotFoundError:
            return None

    def _repair_transcript(self, day: int) -> None:
        noted = self.catalog.db.execute("SELECT size FROM transcript WHERE day = ?", (day,)).fetchone() or (0,)
        if self._size_of_transcript(day) != noted[0]:
            self._note_lost_transcripts([day])
            quarantine.repair_tail(self._root, layout.transcripts_path(self._root, day))

    def _note_lost_transcripts(self, days: Collection[int]) -> None:
        losses.note(self._root, losses.of_transcripts(self.catalog.db, self._root, days), self._on_damage)

    def _repair_transcripts(self) -> None:
        known = dict(self.catalog.db.execute("SELECT day, size FROM transcript"))
        there = layout.transcript_partitions(self._root)
        sizes = []
        gone = known.keys() - there.keys()
        others = [day for day, stat in there.items() if known.get(day) != stat.st_size]
        self._note_lost_transcripts([*gone, *others])
        for day in others:
            path = layout.transcripts_path(self._root, day)
            quarantine.repair_tail(self._root, path)
            sizes.append((day, path.stat().st_size))
        if gone:
            self.expect_changed_transcripts(gone)
        self._note_transcripts(sizes)


def _is_forgotten(record: SessionSummary, tombstones: Tombstones) -> bool:
    content = content_number(record.metadata.get("content_hash")) if record.metadata.get("id_derived") else None
    names = names_in({"user_id": record.user_id, "metadata": record.metadata})
    return tombstones.is_forgotten(record.session_id, names, () if content is None else (content,))


def names_in(fields: Mapping[str, Any]) -> list[str]:
    """Whose session a line is of: the user's, and in a room that of everybody who took part."""
    metadata = fields.get("metadata")
    participants = metadata.get("participants") if isinstance(metadata, dict) else None
    named = [fields.get("user_id"), *(participants if isinstance(participants, list) else ())]
    return [name for name in named if isinstance(name, str)]
