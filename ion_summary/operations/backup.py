"""How does a store get into an archive, and which archives stay?"""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime, tzinfo
from functools import partial
from pathlib import Path
from typing import Any, BinaryIO

from ion_summary.config import Settings
from ion_summary.errors import UsageError
from ion_summary.progress import Progress
from ion_summary.store import files
from ion_summary.store.archives import directory as archives
from ion_summary.store.archives import encryption
from ion_summary.store.archives.directory import Archive
from ion_summary.store.archives.members import is_records
from ion_summary.store.archives.packing import GZIP, ZSTANDARD, Codec
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.retention import Rules, reasons_to_keep
from ion_summary.store.archives.snapshot import LEFTOVER, Moment, moment
from ion_summary.store.archives.writing import Packed, pack
from ion_summary.store.storage import SessionSummaryStorage

NOTHING_GOES = Rules()
BESIDE = "backups"
_POLL_S = 0.02


@dataclass(frozen=True, slots=True)
class BackupRequest:
    """What is wanted.

    ``directory`` is where archives go (None: ``backups`` beside the store), ``gzip`` makes a .tar.gz, ``recipient``
    is whom the archive is encrypted to, ``tz`` the zone of the calendar that ``rules`` go by (None: local),
    ``lock_timeout`` seconds to wait for a writer of the store and for another backup.
    """

    directory: Path | None = None
    gzip: bool = False
    recipient: str | None = None
    rules: Rules = NOTHING_GOES
    tz: tzinfo | None = None
    lock_timeout: float = 10.0


@dataclass(frozen=True, slots=True)
class Retained:
    """What becomes of one archive: the rules that keep it (none: it goes), or that it is not ours to remove."""

    archive: Archive
    kept_by: Sequence[str]
    is_foreign: bool = False


@dataclass
class BackupReport:
    """What was written, or with ``archive`` None what would be: ``stored_bytes`` are those of the ``members`` that the
    archive holds, ``reused`` of them were copied from the last one; ``strange`` are files in the store that it left
    out, ``queue_problem`` says why it left out the queue; ``retained`` says what becomes of every archive there.
    """

    archive: Path | None
    sessions: int
    partitions: int
    stored_bytes: int
    members: int
    strange: list[str]
    bytes: int = 0
    sha256: str = ""
    reused: int = 0
    retained: list[Retained] = field(default_factory=list)
    elapsed_s: float = 0.0
    queue_problem: str = ""

    @property
    def removed(self) -> list[Retained]:
        """The archives that retention takes."""
        return [each for each in self.retained if not each.kept_by]


@dataclass(frozen=True, slots=True)
class ArchiveReport:
    """A whole archive: when it was made, its sessions (None: it does not say), members, records, bytes unpacked."""

    archive: Path
    created_at: str
    sessions: int | None
    members: int
    records: int
    bytes: int


def rules_of(settings: Settings) -> Rules:
    """The rules that the settings name."""
    return Rules(
        *(count or 0 for count in (settings.keep, settings.keep_daily, settings.keep_weekly, settings.keep_monthly))
    )


def destination(storage: SessionSummaryStorage, directory: Path | None) -> Path:
    """Where archives go. Raises UsageError for a place inside the store."""
    place = (directory if directory is not None else storage.path.parent / BESIDE).absolute()
    store = Path(os.path.realpath(storage.path))
    if Path(os.path.realpath(place)).is_relative_to(store):
        raise UsageError(
            reason=f"{place} is inside the store", accepted="name a directory outside, best on another disk"
        )
    return place


def backup(storage: SessionSummaryStorage, request: BackupRequest, progress: Progress) -> BackupReport:
    """Writes one archive of the store as it is at one moment, then removes the archives that no rule keeps.

    Raises:
        UsageError, StoreNotFoundError, StoreLockedError, ArchivesLockedError, StoreCorruptError (it cannot be read),
        StoreNotWritableError, SnapshotCorruptError (what was written could not be read back), MissingExtraError
    """
    storage.require()
    place = destination(storage, request.directory)
    recipient = None if request.recipient is None else encryption.read_recipient(request.recipient)
    codec: Codec = GZIP if request.gzip else ZSTANDARD
    begun = time.monotonic()
    with archives.locked(place, request.lock_timeout):
        _await_free_second(place)
        # What is encrypted there must not lie there in plain before.
        spool = place if recipient is None else storage.path
        with moment(storage, request.lock_timeout, spool) as now, files.writing(spool):
            report = _begun(now)
            earlier = [each for each in archives.archives_in(place) if each.path.name.endswith(ZSTANDARD.suffix)]
            body = _nameless(spool)
            try:
                packed = pack(now, codec, body, earlier[-1].path if earlier else None, progress)
                report.archive, report.sha256, report.bytes = publish(place, packed, recipient)
                report.reused = packed.reused
            finally:
                os.close(body)
        report.retained = retention(place, request, report.archive)
        for each in report.removed:
            archives.remove(each.archive)
    report.elapsed_s = round(time.monotonic() - begun, 3)
    return report


def plan(storage: SessionSummaryStorage, request: BackupRequest) -> BackupReport:
    """What ``backup`` would do now. Nothing is written. Raises as ``backup`` does."""
    storage.require()
    place = destination(storage, request.directory)
    with moment(storage, request.lock_timeout, storage.path.parent) as now:
        report = _begun(now)
    _await_free_second(place)
    report.retained = retention(place, request, place / _planned_name(request))
    return report


def _begun(now: Moment) -> BackupReport:
    return BackupReport(
        archive=None,
        sessions=now.sessions,
        partitions=now.partitions,
        stored_bytes=now.bytes,
        members=len(now.files),
        strange=now.strange,
        queue_problem=now.queue_problem,
    )


def verify_archive(path: Path, identity: Path | None, progress: Progress) -> ArchiveReport:
    """Reads all of an archive, and checks it against its manifest and its seal.

    Raises SnapshotCorruptError; UsageError if there is no such file, or it is encrypted and there is no ``identity``.
    """
    with ArchiveReader(path, identity) as reader:
        manifest = reader.manifest
        progress.start("verify", manifest.size, "bytes")
        reader.check(progress.advance)
        progress.finish()
    records = sum(member.records for member in manifest.members if is_records(member.name))
    return ArchiveReport(path, manifest.created_at, manifest.sessions, len(manifest.members), records, manifest.size)


def retention(place: Path, request: BackupRequest, newest: Path | None) -> list[Retained]:
    """What becomes of each archive in a directory, ``newest`` being the one that was, or would be, written now."""
    found = archives.archives_in(place)
    if newest is not None and all(each.path != newest for each in found):
        found.append(Archive(newest, datetime.now(UTC).replace(microsecond=0), 0))
    ours = {each.path for each in found if each.path == newest or not any(request.rules) or archives.is_ours(each)}
    judged = [each for each in found if each.path in ours]
    now = max([datetime.now(UTC), *(each.made for each in judged if each.path == newest)])
    reasons = reasons_to_keep([each.made for each in judged], request.rules, request.tz, now)
    by_path = {each.path: why for each, why in zip(judged, reasons, strict=True)}
    return [
        Retained(each, by_path[each.path] or (["newest"] if each.path == newest else []))
        if each.path in ours
        else Retained(each, ["not ours"], is_foreign=True)
        for each in found
    ]


def publish(place: Path, packed: Packed, recipient: Any, name: str | None = None) -> tuple[Path, str, int]:
    """Gives an archive its name (None: that of its moment), encrypted if there is a ``recipient``; the archive, its
    SHA-256 and its size. Raises StoreNotWritableError, SnapshotCorruptError.
    """
    note: dict[str, Any] | None = None
    write = partial(_write_plain, packed)
    if name is None:
        name = _name(datetime.fromisoformat(packed.created_at), packed.codec, encrypted=recipient is not None)
    if recipient is not None:
        note = {"created_at": packed.created_at, "sessions": packed.sessions}
        write = partial(_write_encrypted, packed, recipient)
    return place / name, *archives.publish(place, name, write, note)


def _write_plain(packed: Packed, out: BinaryIO) -> None:
    for chunk in packed.stream():
        out.write(chunk)


def _write_encrypted(packed: Packed, recipient: Any, out: BinaryIO) -> None:
    encryption.encrypt(packed.stream(), out, recipient)


def _await_free_second(place: Path) -> None:
    """Archives are named by the second: the next one waits until its name is free."""
    while any(each.made == datetime.now(UTC).replace(microsecond=0) for each in archives.archives_in(place)):
        time.sleep(_POLL_S)


def _planned_name(request: BackupRequest) -> str:
    codec = GZIP if request.gzip else ZSTANDARD
    return _name(datetime.now(UTC), codec, encrypted=request.recipient is not None)


def _name(made: datetime, codec: Codec, *, encrypted: bool) -> str:
    return f"ion-summary-{archives.stamp(made)}{codec.suffix}{encryption.SUFFIX if encrypted else ''}"


def _nameless(directory: Path) -> int:
    """A new file without a name: whatever ends the process takes it along."""
    import tempfile

    descriptor, name = tempfile.mkstemp(prefix=LEFTOVER, dir=directory)
    Path(name).unlink()
    return descriptor
