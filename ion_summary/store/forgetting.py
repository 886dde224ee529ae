"""How are a person or some sessions erased from all that a store holds, so that a raw search of it finds nothing?

First tombstones, synced. Then transcripts, quarantine, what is noted of files, and the records last: for as long as a
record is there, whoever goes on after an interruption finds by it what else must go. At the end the index is written
anew, because its pages and its log hold what was.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, NamedTuple

import orjson

from ion_summary.store import erasing, files, layout, quarantine, tombstones
from ion_summary.store.catalog import DAY_SHIFT, OF_SESSIONS, Catalog
from ion_summary.store.hashing import hash64
from ion_summary.store.partition import DamagedLineError, decode
from ion_summary.store.tombstones import Mark, Scope, Tombstones, erased_fields, forget_fields, mark_of
from ion_summary.store.writing import StoreWriter, names_in
from ion_summary.text.clean import one_line


class Line(NamedTuple):
    """A line of a session that goes, the newest or an older one: the catalog's numbers, and where it stands."""

    id: int
    session: int
    offset: int
    length: int
    content: int | None


@dataclass(frozen=True, slots=True)
class Subject:
    """Who or what is to be forgotten: the names of persons and the ids of sessions as they stand in the store's lines.

    ``asked`` are the numbers (``hash64``) of sessions that were named, whether they are there or not.
    """

    names: tuple[str, ...]
    ids: tuple[str, ...]
    lines: tuple[Line, ...]
    asked: frozenset[int] = frozenset()

    @property
    def sessions(self) -> frozenset[int]:
        """The numbers of all sessions."""
        return self.asked | {line.session for line in self.lines}

    @property
    def days(self) -> set[int]:
        """The days whose partitions have one of the lines."""
        return {line.id >> DAY_SHIFT for line in self.lines}


def of_user(root: Path, catalog: Catalog, name: str) -> Subject:
    """All sessions of a user, or with the user as a participant; ``name`` in the form of ``one_line``."""
    # A store that was adopted may have it in other forms too.
    names = [there for (there,) in catalog.db.execute("SELECT name FROM name") if one_line(there) == name]
    return _subject(root, catalog, {name, *names}, _sessions_of(catalog, names))


def of_session(root: Path, catalog: Catalog, session_id: str) -> Subject:
    """A session."""
    number = hash64(session_id)
    found = _subject(root, catalog, (), {number})
    return Subject((), tuple({session_id, *found.ids}), found.lines, frozenset({number}))


def of_marks(root: Path, catalog: Catalog, marks: Collection[Mark]) -> Subject:
    """What tombstones name, as far as it is there."""
    wanted, salts = frozenset(marks), {mark.salt for mark in marks}

    def is_meant(scope: Scope, what: str | int) -> bool:
        return any(mark_of(scope, what, salt) in wanted for salt in salts)

    names = [name for (name,) in catalog.db.execute("SELECT name FROM name") if is_meant("user", name)]
    sessions = _sessions_of(catalog, names)
    if any(mark.scope != "user" for mark in marks):
        for table in ("record", "superseded"):
            for session, content, derived in catalog.db.execute(f"SELECT session, content, derived FROM {table}"):
                if is_meant("session", session) or (derived and content is not None and is_meant("content", content)):
                    sessions.add(session)
    return _subject(root, catalog, names, sessions)


def _sessions_of(catalog: Catalog, names: Sequence[str]) -> set[int]:
    chosen = "SELECT id FROM name WHERE name IN (SELECT value FROM json_each(?1))"
    spoke = f"SELECT record FROM participant WHERE name IN ({chosen})"
    theirs = {
        "record": f"id IN (SELECT record FROM by_user WHERE user IN ({chosen}))",
        "superseded": f"user IN ({chosen})",
    }
    found = set[int]()
    for table, is_theirs in theirs.items():
        query = f"SELECT session FROM {table} WHERE {is_theirs} OR id IN ({spoke})"
        found |= {session for (session,) in catalog.db.execute(query, (orjson.dumps(names).decode(),))}
    return found


def _subject(root: Path, catalog: Catalog, names: Iterable[str], sessions: set[int]) -> Subject:
    wanted = orjson.dumps(list(sessions)).decode()
    columns = "id, session, offset, length, CASE derived WHEN 1 THEN content END"
    conditions = {"record": OF_SESSIONS, "superseded": "session IN (SELECT value FROM json_each(?))"}
    queries = (f"SELECT {columns} FROM {table} WHERE {condition}" for table, condition in conditions.items())
    rows = (row for query in queries for row in catalog.db.execute(query, (wanted,)))
    lines = tuple(sorted((Line(*row) for row in rows), key=lambda line: line.id))
    return Subject(tuple(names), tuple(dict.fromkeys(_ids(root, lines))), lines)


def _ids(root: Path, lines: Iterable[Line]) -> Iterator[str]:
    """The ids of the sessions as they stand in their lines."""
    read_day, data = 0, b""
    for line in lines:
        if line.id >> DAY_SHIFT != read_day:
            read_day = line.id >> DAY_SHIFT
            data = files.read(layout.records_path(root, read_day))
        try:
            yield decode(data[line.offset : line.offset + line.length])["session_id"]
        except DamagedLineError:
            continue  # rotten since the index read it


def size(root: Path, subject: Subject) -> int:
    """How many bytes of the partitions are to go."""
    goes = _goes(subject)
    transcripts = layout.transcript_files(root)
    return sum(line.length + 1 for line in subject.lines) + sum(
        len(line)
        for day in subject.days
        for path in transcripts.get(day, ())
        for line in erasing.lines_of(path)
        if goes(line, erasing.fields_of(line))
    )


def bury(root: Path, subject: Subject) -> list[Mark]:
    """Leaves tombstones, synced: of the persons, and of each session, so that it is known without the person. Which."""
    known = Tombstones.read(root)
    salt = known.salt
    marks = [mark_of("user", name, salt) for name in subject.names]
    marks += [mark_of("session", number, salt) for number in sorted(subject.sessions)]
    marks += [mark_of("content", line.content, salt) for line in subject.lines if line.content is not None]
    tombstones.append(root, [forget_fields(mark) for mark in dict.fromkeys(marks) if not known.knows(mark)])
    return list(dict.fromkeys(marks))


def erase(root: Path, writer: StoreWriter, subject: Subject) -> None:
    """Erases it. For the holder of the writer's lock; interrupted, it can be done again."""
    goes, strays = _goes(subject), _needles(subject.names)
    if subject.asked:
        strays += _needles(subject.ids)
    erasing.remove_leftovers(root)
    # On a day without a record of theirs there is only what a kill may have left.
    days = subject.days | erasing.days_with(root, strays)
    writer.expect_changes(days)
    for day in sorted(days):
        for path in layout.transcript_files_of(root, day):
            erasing.erase(path, goes, None if day in subject.days else strays)
    needles = _needles((*subject.names, *subject.ids))
    _erase_quarantine(root, needles)
    original = root / layout.ORIGINAL_INDEX
    if original.is_file() and any(needle in files.read(original) for needle in needles):
        files.remove(original)  # derived, and by another program: it cannot be mended
    writer.forget_files((*subject.names, *subject.ids))
    for day in sorted(days):
        if (path := layout.records_path(root, day)).is_file():
            erasing.erase(path, goes, None if day in subject.days else strays)
    writer.catch_up()
    writer.wipe()


def settle(root: Path, marks: Iterable[Mark]) -> None:
    """Notes that what the marks name is no longer in the store."""
    tombstones.append(root, [erased_fields(mark) for mark in marks])


def _goes(subject: Subject) -> erasing.Goes:
    of_session = erasing.of_sessions(subject.sessions)
    names, needles = frozenset(subject.names), _needles((*subject.names, *subject.ids))

    def goes(line: bytes, fields: dict[str, Any] | None) -> bool:
        if fields is None:  # damaged: what can be read of it decides
            return any(needle in line for needle in needles)
        return of_session(line, fields) or not names.isdisjoint(names_in(fields))

    return goes


def _needles(texts: Iterable[str]) -> tuple[bytes, ...]:
    return tuple(spelling for text in texts for spelling in erasing.spellings(text))


def _erase_quarantine(root: Path, needles: Sequence[bytes]) -> None:
    """What nobody can read goes whoever it is of: who was pruned or deleted may still be in it."""
    files.remove_all(
        path
        for path, data, has_more in list(quarantine.kept(root))
        if has_more or any(needle in data for needle in needles)
    )
