"""Which archives still hold what was forgotten, until when, and how does it leave them?"""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from pathlib import Path
from typing import Any

from ion_summary.errors import ArchivesLockedError, SnapshotCorruptError, UsageError
from ion_summary.jobs.forgotten import forget_if
from ion_summary.operations.backup import destination, publish
from ion_summary.progress import Progress
from ion_summary.store import erasing, files, layout, tombstones
from ion_summary.store.archives import directory as archives
from ion_summary.store.archives import encryption
from ion_summary.store.archives.directory import Archive
from ion_summary.store.archives.format import Member
from ion_summary.store.archives.members import files_of, is_records, is_sealed, is_transcripts
from ion_summary.store.archives.packing import CODECS, ZSTANDARD, UnpackingError, unpacked
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.restoring import unpack
from ion_summary.store.archives.retention import Rules, last_day
from ion_summary.store.archives.snapshot import LEFTOVER, Held, Moment
from ion_summary.store.archives.writing import pack
from ion_summary.store.forgotten import Forgotten, erase_forgotten
from ion_summary.store.hashing import hash64
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones
from ion_summary.text.clean import one_line

#: Says of what a line of a partition holds whether it is of somebody who was, or is to be, forgotten.
IsForgotten = Callable[[Mapping[str, Any]], bool]


@dataclass(frozen=True, slots=True)
class Holding:
    """An archive that holds somebody: so many ``lines``, or None if it cannot be read without its identity, or at all.

    ``removed_on`` is the day of the backup with which retention removes it, if one is made every day; None: never.
    """

    archive: Archive
    lines: int | None
    removed_on: date | None


@dataclass(frozen=True, slots=True)
class Rewritten:
    """What became of an archive: its ``sessions`` now, and its bytes; None where there was nothing to take out.
    ``problem`` says why it could not be looked at.
    """

    archive: Archive
    sessions: int | None = None
    bytes: int | None = None
    problem: str | None = None


def archives_holding(
    directory: Path,
    is_forgotten: IsForgotten,
    *,
    needles: Collection[bytes] = (),
    rules: Rules = Rules(),  # noqa: B008 - a tuple
    tz: tzinfo | None = None,
    identity: Path | None = None,
) -> list[Holding]:
    """The archives in a directory with a line of which ``is_forgotten`` holds, and those that cannot be looked into.

    ``needles`` are bytes one of which every such line must have (``erasing.spellings``): the others are not parsed.
    ``rules`` and ``tz`` are those of the backups that are made there.
    """
    found = archives.archives_in(directory)
    made = [each.made for each in found]
    now = datetime.now(UTC)
    holding = []
    for at, each in enumerate(found):
        try:
            lines: int | None = _count(each.path, is_forgotten, needles, identity)
        except (SnapshotCorruptError, OSError, UsageError):
            lines = None
        if lines != 0:
            holding.append(Holding(each, lines, last_day(made, at, rules, tz, now)))
    return holding


def holding(
    storage: SessionSummaryStorage,
    *,
    user: str | None = None,
    session: str | None = None,
    directory: Path | None = None,
    rules: Rules = Rules(),  # noqa: B008 - a tuple
    tz: tzinfo | None = None,
    lock_timeout: float = 10.0,
) -> list[Holding]:
    """The archives of a store (None: those beside it) that hold a user, also as a participant, or a session.

    A backup that is being written is waited for, ``lock_timeout`` seconds: it may hold them too.
    """
    named = one_line(session or user or "")

    def is_theirs(fields: Mapping[str, Any]) -> bool:
        if session is not None:
            return fields.get("session_id") == named
        metadata = fields.get("metadata")
        listed = metadata.get("participants") if isinstance(metadata, dict) else None
        return fields.get("user_id") == named or (isinstance(listed, list) and named in listed)

    place = destination(storage, directory)
    with contextlib.suppress(ArchivesLockedError):
        archives.wait_for_writer(place, lock_timeout)
    return archives_holding(place, is_theirs, needles=erasing.spellings(named), rules=rules, tz=tz)


def _count(path: Path, is_forgotten: IsForgotten, needles: Collection[bytes], identity: Path | None) -> int:
    count = 0
    with ArchiveReader(path, identity) as reader:
        for member, chunks in reader:
            if is_records(member.name) or is_transcripts(member.name):
                for line in _lines(member, chunks):
                    if not needles or any(needle in line for needle in needles):
                        fields = erasing.fields_of(line)
                        # A damaged line that has the name is one of those that hold it.
                        count += bool(needles) if fields is None else is_forgotten(fields)
    return count


def _lines(member: Member, chunks: Iterator[bytes]) -> Iterator[bytes]:
    rest = b""
    try:
        for chunk in unpacked(ZSTANDARD, chunks) if is_sealed(member.name) else chunks:
            *whole, rest = (rest + chunk).split(b"\n")
            yield from whole
    except UnpackingError:
        return  # it was damaged when it came into the archive
    if rest:
        yield rest


def rewrite(
    storage: SessionSummaryStorage,
    directory: Path | None,
    progress: Progress,
    *,
    identity: Path | None = None,
    lock_timeout: float = 10.0,
) -> list[Rewritten]:
    """Takes what the store's tombstones name out of every archive of ours in a directory, one after the other.

    Each is unpacked beside, packed again and put in the place of the old one at once; interrupted, the call can be
    repeated. One that is encrypted is opened with ``identity``, and encrypted to the same key again.

    Raises UsageError, StoreNotFoundError, ArchivesLockedError, StoreNotWritableError.
    """
    storage.require()
    place = destination(storage, directory)
    known = Tombstones.read(storage.path)
    found = archives.archives_in(place)
    if not found:
        return []
    with archives.locked(place, lock_timeout):
        return [_rewritten(each, storage, known, place, identity, progress) for each in found]


def _rewritten(
    each: Archive,
    storage: SessionSummaryStorage,
    known: Tombstones,
    place: Path,
    identity: Path | None,
    progress: Progress,
) -> Rewritten:
    if each.is_encrypted and identity is None:
        return Rewritten(each, problem="encrypted: give --identity")
    if not archives.is_ours(each):
        return Rewritten(each, problem="not written by this tool")
    # In plain it may lie where it lies in plain anyway.
    beside = storage.path.parent if each.is_encrypted else place
    try:
        with tempfile.TemporaryDirectory(prefix=LEFTOVER, dir=beside) as stage:
            return _rewrite(each, known, Path(stage), identity, progress)
    except (SnapshotCorruptError, UsageError) as error:
        return Rewritten(each, problem=str(error))


def _rewrite(each: Archive, known: Tombstones, stage: Path, identity: Path | None, progress: Progress) -> Rewritten:
    recipient = encryption.recipient_of(identity) if each.is_encrypted and identity else None
    with ArchiveReader(each.path, identity) as reader:
        unpack(reader, stage, progress)
        manifest = reader.manifest
    before = {name: _version(stage / name) for name in files_of(stage)[0]}
    forgotten = Forgotten(known, Tombstones.read(stage))
    erased = erase_forgotten(stage, forgotten) if forgotten else 0
    erased += forget_if(stage, lambda session, user: forgotten.names(session, (user,)))
    if not erased:
        return Rewritten(each)
    tombstones.merge(stage, known)
    tombstones.append(stage, [tombstones.erased_fields(mark) for mark in Tombstones.read(stage).pending()])
    known_members = {member.name: member for member in manifest.members}
    moment = Moment(manifest.created_at, [], [], _sessions(stage))
    for name in files_of(stage)[0]:
        path = stage / name
        is_same = before.get(name) == _version(path)
        inode, mtime_ns = known_members[name][-2:] if is_same else (-1, path.stat().st_mtime_ns)
        moment.files.append(Held(path, name, path.stat().st_size, inode, mtime_ns, None))
    codec = next(codec for codec in CODECS if each.path.name.removesuffix(encryption.SUFFIX).endswith(codec.suffix))
    with tempfile.TemporaryFile(dir=stage.parent) as spool, files.writing(each.path):
        packed = pack(moment, codec, spool.fileno(), None if each.is_encrypted else each.path, progress)
        _, _, size = publish(each.path.parent, packed, recipient, each.path.name)
    return Rewritten(each, moment.sessions, size)


def _version(path: Path) -> tuple[int, int, int]:
    stat = path.stat()
    return stat.st_ino, stat.st_size, stat.st_mtime_ns


def _sessions(root: Path) -> int:
    """How many sessions a store has that has no index."""
    found = set[int]()
    for day in layout.record_partitions(root):
        for line in erasing.split(files.read(layout.records_path(root, day))):
            fields = erasing.fields_of(line)
            if fields is not None and isinstance(fields.get("session_id"), str):
                found.add(hash64(fields["session_id"]))
    return len(found)
