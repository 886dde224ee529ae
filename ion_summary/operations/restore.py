"""How does an archive become a store again, or a part of one?"""

from __future__ import annotations

import contextlib
import os
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from ion_summary.errors import RefusedError, RestoreConflictError
from ion_summary.jobs.forgotten import forget_if
from ion_summary.progress import Progress
from ion_summary.store import files, layout, tombstones
from ion_summary.store.archives.format import Manifest
from ion_summary.store.archives.members import is_records
from ion_summary.store.archives.merging import Merged, merge
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.restoring import is_empty, put_in_place, staged, strangers, unpack
from ion_summary.store.database import remove_database
from ion_summary.store.forgotten import Forgotten, erase_forgotten
from ion_summary.store.lock import WriterLock
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.store.tombstones import Tombstones
from ion_summary.store.writing import StoreWriter

Mode = Literal["new", "replace", "merge"]
# Below this, starting processes takes longer than the index.
_FOR_SEVERAL_BYTES = 32 << 20


@dataclass(frozen=True, slots=True)
class RestoreRequest:
    """What is wanted: ``mode`` says what may be at the place already; ``identity`` opens an encrypted archive;
    ``workers`` is how many processes build the index (None: one for each processor).
    """

    archive: Path
    mode: Mode = "new"
    identity: Path | None = None
    workers: int | None = None


@dataclass
class Restoration:
    """What a restore does, or has done: the ``sessions``, ``partitions`` and ``bytes`` of the archive, which is of the
    moment ``created_at``; how many ``sessions_there`` are at the place now; why it ``objection``ably looks wrong; and
    afterwards what became of the sessions in a merge.
    """

    target: Path
    mode: Mode
    sessions: int
    partitions: int
    bytes: int
    created_at: str
    sessions_there: int
    objection: str | None = None
    merged: Merged | None = None
    elapsed_s: float = 0.0


def plan(storage: SessionSummaryStorage, request: RestoreRequest, progress: Progress) -> Restoration:
    """What ``restore`` would do, after all of the archive has been read and checked. Nothing is written.

    Raises SnapshotCorruptError, RestoreConflictError, UsageError.
    """
    target = _target(storage)
    _check(target, request.mode)
    with ArchiveReader(request.archive, request.identity) as reader:
        progress.start("verify", reader.manifest.size, "bytes")
        reader.check(progress.advance)
        progress.finish()
        return _planned(storage, target, request.mode, reader.manifest)


def restore(
    storage: SessionSummaryStorage, request: RestoreRequest, progress: Progress, *, force: bool = False
) -> Restoration:
    """Restores an archive into the place of ``storage``; the old store is whole until the new one has its place.

    Nothing at the place is touched before every byte of the archive has been unpacked beside it and checked. What the
    tombstones of either say was forgotten does not come back. Interrupted anywhere, it can be run again.

    Raises:
        SnapshotCorruptError, RestoreConflictError, RefusedError (without ``force``), StoreLockedError,
        StoreNotWritableError, UsageError
    """
    begun = time.monotonic()
    target = _target(storage)
    _check(target, request.mode)
    with ArchiveReader(request.archive, request.identity) as reader:
        done = _planned(storage, target, request.mode, reader.manifest)
        if done.objection and not force:
            raise RefusedError(reason=done.objection)
        with staged(target) as stage:
            unpack(reader, stage, progress)
            storage.close()
            if request.mode == "merge":
                done.merged = _merge(storage, target, stage, request, progress)
            else:
                _replace(storage, target, stage, request, progress)
            storage.close()
    if reader.manifest.sessions is None and request.mode != "merge":
        done.sessions = storage.get_stats()["total_sessions"]
    done.elapsed_s = round(time.monotonic() - begun, 3)
    return done


def _target(storage: SessionSummaryStorage) -> Path:
    """The directory itself: a link to it stays."""
    return Path(os.path.realpath(storage.path))


def _check(target: Path, mode: Mode) -> None:
    if mode == "new" and not is_empty(target):
        raise RestoreConflictError(path=target, reason="is not empty")
    if mode == "replace" and not is_empty(target) and (found := strangers(target)):
        raise RestoreConflictError(path=target, reason=f"holds what is not a store's and would be lost: {found[0]!r}")
    if mode == "merge" and target.exists() and not target.is_dir():
        raise RestoreConflictError(path=target, reason="is not a directory")


def _planned(storage: SessionSummaryStorage, target: Path, mode: Mode, manifest: Manifest) -> Restoration:
    there = 0 if is_empty(target) else storage.get_stats()["total_sessions"]
    records = [member for member in manifest.members if is_records(member.name)]
    sessions = manifest.sessions if manifest.sessions is not None else sum(member.records for member in records)
    planned = Restoration(target, mode, sessions, len(records), manifest.size, manifest.created_at, there)
    if mode == "replace" and 2 * sessions < there:
        planned.objection = f"the archive has {sessions:,} sessions, less than half of the {there:,} in {target}"
    return planned


def _replace(
    storage: SessionSummaryStorage, target: Path, stage: Path, request: RestoreRequest, progress: Progress
) -> None:
    _forget(stage, Forgotten(Tombstones.read(stage), Tombstones.read(target)))
    tombstones.merge(stage, Tombstones.read(target))
    _index(storage, stage, request, progress)
    with storage.locked() if target.is_dir() else contextlib.nullcontext():
        # Somebody may have been forgotten, or something stored, since.
        _check(target, request.mode)
        if tombstones.merge(stage, Tombstones.read(target)):
            _forget(stage, Forgotten(Tombstones.read(stage)))
            _index(storage, stage, request, progress)
        _note_erased(stage)
        put_in_place(stage, target)


def _merge(
    storage: SessionSummaryStorage, target: Path, stage: Path, request: RestoreRequest, progress: Progress
) -> Merged:
    files.make_directory(target)
    with storage.locked():
        if tombstones.merge(target, Tombstones.read(stage)):
            _forget(target, Forgotten(Tombstones.read(target)))
            _note_erased(target)
    with storage.writing() as writer:
        _forget(stage, Forgotten(Tombstones.read(target)))
        _index(storage, stage, request, progress)
        with SessionSummaryStorage(stage, tz=storage.tz) as other:
            merged = other.reading(lambda source, _: merge(writer, target, source, stage, progress))
        writer.fill_segments()
    return merged


def _forget(root: Path, forgotten: Forgotten) -> None:
    if forgotten:
        # It would keep names on pages that are free, and miss the lines that go.
        for name in (layout.CATALOG, layout.TEXT):
            remove_database(root / layout.INDEX / name)
        erase_forgotten(root, forgotten)
        forget_if(root, lambda session, user: forgotten.names(session, (user,)))


def _note_erased(root: Path) -> None:
    """For whoever writes next: what was forgotten is no longer here."""
    tombstones.append(root, [tombstones.erased_fields(mark) for mark in Tombstones.read(root).pending()])


def _index(storage: SessionSummaryStorage, stage: Path, request: RestoreRequest, progress: Progress) -> None:
    size = sum(path.stat().st_size for path in stage.glob("????-??/*.jsonl"))
    workers = request.workers if size > _FOR_SEVERAL_BYTES else 1
    with WriterLock(stage, 0), StoreWriter(stage, storage.tz, storage.damage.append) as writer:
        writer.rebuild(progress, workers)
        writer.catch_up()
