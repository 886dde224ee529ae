from __future__ import annotations

import contextlib
import errno
import fcntl
import os
import shutil
import sqlite3
from collections.abc import Iterator
from contextlib import ExitStack
from datetime import UTC
from pathlib import Path

import pytest

from ion_summary.errors import (
    RefusedError,
    RestoreConflictError,
    SnapshotCorruptError,
    StoreLockedError,
    StoreNotWritableError,
)
from ion_summary.operations.backup import BackupRequest, backup
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.prune import prune
from ion_summary.operations.restore import Mode, RestoreRequest, plan, restore
from ion_summary.operations.show import messages
from ion_summary.operations.verify import repair, verify
from ion_summary.progress import Silent
from ion_summary.store import layout, tombstones
from ion_summary.store.archives import restoring
from ion_summary.store.forgotten import Forgotten, erase_forgotten
from ion_summary.store.hashing import hash64
from ion_summary.store.lock import WriterLock
from ion_summary.store.pruning import Expiry
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import files_of, lines, session
from tests.store import oracle


@pytest.fixture
def filled(storage: SessionSummaryStorage, tmp_path: Path) -> SessionSummaryStorage:
    """Six sessions of three days of two users, in both languages, and a summary of today."""
    source = tmp_path / "in.jsonl"
    some = [session(number % 3, session_id=f"s-{number}", user_id=f"사용자-{number % 2}") for number in range(6)]
    source.write_bytes(lines(*some))
    ingest(storage, IngestRequest([source], workers=1), Silent())
    storage.save("app", "u", "- 환불")
    return storage


@pytest.fixture
def archive(filled: SessionSummaryStorage, tmp_path: Path) -> Path:
    made = backup(filled, BackupRequest(tmp_path / "out"), Silent()).archive
    assert made is not None
    return made


OPEN = ExitStack()
"""The stores that a test has opened."""


@pytest.fixture(autouse=True)
def closed() -> Iterator[None]:
    with OPEN:
        yield


def put(archive: Path, target: Path, mode: Mode = "new", *, force: bool = False) -> SessionSummaryStorage:
    storage = OPEN.enter_context(SessionSummaryStorage(target, tz=UTC, lock_timeout=1))
    restore(storage, RestoreRequest(archive, mode, workers=1), Silent(), force=force)
    return storage


def check(storage: SessionSummaryStorage) -> set[str]:
    """The sessions of a store, which is whole, and alone in its directory."""
    assert verify(storage, Silent()).findings == []
    there = {one.session_id for one in storage.list_recent(1_000)}
    assert there == set(oracle.scan(storage.path))
    assert storage.path.stat().st_mode & 0o777 == 0o700
    assert not [path.name for path in storage.path.parent.iterdir() if "restor" in path.name]
    for path in storage.path.rglob("*"):
        assert path.stat().st_mode & 0o777 == (0o700 if path.is_dir() else 0o600), path
    return there


@pytest.mark.parametrize("gzip", [False, True])
def test_a_restored_store_is_the_one_that_was_backed_up(
    filled: SessionSummaryStorage, tmp_path: Path, gzip: bool
) -> None:
    made = backup(filled, BackupRequest(tmp_path / "out", gzip=gzip), Silent()).archive
    assert made is not None
    before = files_of(filled.path)
    restored = put(made, tmp_path / "again" / "store")
    assert files_of(restored.path) == before
    assert check(restored) == {"app", *(f"s-{number}" for number in range(6))}
    assert [one.session_id for one in restored.search(query_text="환불")] == [
        one.session_id for one in filled.search(query_text="환불")
    ]
    assert len(messages(restored, "s-3")) == 2
    restored.save("more", "u", "- 나중")
    assert "more" in check(restored)


@pytest.mark.parametrize("what", ["missing", "bare", "used"])
def test_an_empty_place_is_one(archive: Path, tmp_path: Path, what: str) -> None:
    target = tmp_path / "empty"
    if what != "missing":
        target.mkdir()
    if what == "used":
        (target / ".lock").touch()
        (target / "index").mkdir()
    assert len(check(put(archive, target))) == 7


def test_a_place_that_is_not_empty_is_a_conflict(archive: Path, filled: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "file").write_bytes(b"mine")
    (tmp_path / "other").mkdir()
    (tmp_path / "other" / "thesis.txt").write_bytes(b"mine")
    before = files_of(tmp_path)
    for target, modes in (
        (filled.path, ["new"]),
        (tmp_path / "file", ["new", "replace", "merge"]),
        (tmp_path / "other", ["new", "replace"]),
    ):
        for mode in modes:
            with pytest.raises(RestoreConflictError) as caught:
                put(archive, target, mode)  # type: ignore[arg-type]
            assert caught.value.exit_code == 31
            with pytest.raises(RestoreConflictError):
                plan(OPEN.enter_context(SessionSummaryStorage(target)), RestoreRequest(archive, mode), Silent())  # type: ignore[arg-type]
    assert files_of(tmp_path) == before


def test_a_plan_reads_everything_and_writes_nothing(
    archive: Path, filled: SessionSummaryStorage, tmp_path: Path
) -> None:
    before = files_of(tmp_path)
    planned = plan(filled, RestoreRequest(archive, "replace"), Silent())
    assert (planned.sessions, planned.partitions, planned.sessions_there) == (7, 4, 7)
    assert planned.created_at.endswith("Z")
    assert planned.objection is None
    data = bytearray(archive.read_bytes())
    data[-700] ^= 1
    (tmp_path / "flipped").write_bytes(data)
    with pytest.raises(SnapshotCorruptError):
        plan(filled, RestoreRequest(tmp_path / "flipped", "replace"), Silent())
    (tmp_path / "flipped").unlink()
    assert files_of(tmp_path) == before


# -- replacing --------------------------------------------------------------------------------------------------------


def test_replace_puts_the_archive_in_the_place_of_the_store(archive: Path, filled: SessionSummaryStorage) -> None:
    before = files_of(filled.path)
    filled.save("later", "u", "- 나중")
    filled.delete("s-1")
    reader = OPEN.enter_context(SessionSummaryStorage(filled.path, tz=UTC))
    assert reader.load("later") is not None
    put(archive, filled.path, "replace")
    assert files_of(filled.path) == before
    assert len(check(filled)) == 7
    reader.list_recent(1)
    import time

    time.sleep(0.3)  # so long a reader relies on what it saw last
    assert (reader.load("later"), reader.load("s-1") is None) == (None, False)
    reader.save("after", "u", "- 그 뒤")
    assert "after" in check(filled)


def test_a_link_to_the_store_stays_one(archive: Path, filled: SessionSummaryStorage, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(filled.path)
    filled.save("later", "u", "- 나중")
    restored = put(archive, tmp_path / "link", "replace")
    assert (tmp_path / "link").is_symlink()
    assert restored.load("later") is None


def test_replace_is_refused_if_most_would_be_lost(archive: Path, filled: SessionSummaryStorage) -> None:
    for number in range(8):
        filled.save(f"later-{number}", "u", "- 나중")
    before = files_of(filled.path)
    with pytest.raises(RefusedError, match="less than half"):
        put(archive, filled.path, "replace")
    assert files_of(filled.path) == before
    assert len(check(put(archive, filled.path, "replace", force=True))) == 7


def test_a_writer_is_waited_for(archive: Path, filled: SessionSummaryStorage, tmp_path: Path) -> None:
    before = files_of(tmp_path)
    with (filled.path / ".lock").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        for mode in ("replace", "merge"):
            with pytest.raises(StoreLockedError):
                put(archive, filled.path, mode)  # type: ignore[arg-type]
    assert files_of(tmp_path) == before


def test_who_waited_for_the_old_lock_writes_into_the_new_store(archive: Path, filled: SessionSummaryStorage) -> None:
    from ion_summary.store.lock import WriterLock

    lock = WriterLock(filled.path, 0)
    descriptor = os.open(filled.path / ".lock", os.O_RDWR)
    put(archive, filled.path, "replace")
    assert not lock._is_current(descriptor)
    os.close(descriptor)
    assert lock.try_acquire()
    assert os.fstat(lock._descriptor).st_ino == (filled.path / ".lock").stat().st_ino  # type: ignore[arg-type]
    lock.release()


@pytest.fixture
def without_exchange(monkeypatch: pytest.MonkeyPatch) -> None:
    """A file system that cannot exchange two names."""

    class Libc:
        pass

    monkeypatch.setattr(restoring, "_libc", Libc)


@pytest.mark.usefixtures("without_exchange")
def test_where_names_cannot_be_exchanged_two_renames_do(archive: Path, filled: SessionSummaryStorage) -> None:
    before = files_of(filled.path)
    filled.save("later", "u", "- 나중")
    put(archive, filled.path, "replace")
    assert files_of(filled.path) == before
    check(filled)


@pytest.mark.usefixtures("without_exchange")
@pytest.mark.parametrize("done", [1, 2, 3])
def test_between_two_renames_it_can_be_repeated(
    archive: Path, filled: SessionSummaryStorage, monkeypatch: pytest.MonkeyPatch, done: int
) -> None:
    rename, made = Path.rename, [0]

    class KilledError(BaseException):
        pass

    def killed(self: Path, target: Path) -> Path:
        if "restor" in self.name or "restor" in target.name:
            if made[0] == done:
                raise KilledError
            made[0] += 1
        return rename(self, target)

    filled.save("later", "u", "- 나중")
    parent = filled.path.parent
    with monkeypatch.context() as patch:
        patch.setattr(Path, "rename", killed)
        # A kill tidies nothing up.
        patch.setattr(shutil, "rmtree", lambda *_, **__: None)
        with contextlib.suppress(KilledError):
            put(archive, filled.path, "replace")
    assert filled.path.exists() or (parent / ".store.before-restore").exists()
    put(archive, filled.path, "replace")
    assert len(check(filled)) == 7


def test_a_mount_point_is_said_to_be_one(
    archive: Path, filled: SessionSummaryStorage, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    def busy(stage: Path, target: Path) -> None:
        raise OSError(errno.EBUSY, "busy", str(target))

    before = files_of(tmp_path)
    monkeypatch.setattr(restoring, "_exchange", busy)
    with pytest.raises(StoreNotWritableError, match="mount point"):
        put(archive, filled.path, "replace")
    assert files_of(tmp_path) == before


def test_what_does_not_fit_is_said_before_it_is_unpacked(
    archive: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(os, "statvfs", lambda _: os.statvfs_result((4096, 4096, 1, 0, 0, 1, 1, 1, 0, 255)))
    with pytest.raises(StoreNotWritableError, match="do not fit"):
        put(archive, tmp_path / "new")
    assert not (tmp_path / "new").exists()


# -- merging ----------------------------------------------------------------------------------------------------------


def merged(archive: Path, target: SessionSummaryStorage) -> tuple[int, int, int]:
    done = restore(target, RestoreRequest(archive, "merge", workers=1), Silent())
    assert done.merged is not None
    return done.merged.new, done.merged.updated, done.merged.unchanged


def test_merge_adds_what_is_missing_or_older_and_nothing_twice(
    archive: Path, filled: SessionSummaryStorage, tmp_path: Path
) -> None:
    other = OPEN.enter_context(SessionSummaryStorage(tmp_path / "other", tz=UTC))
    some = [session(number % 3, session_id=f"s-{number}") for number in (0, 1, 8, 9)]
    (tmp_path / "other.jsonl").write_bytes(lines(*some))
    ingest(other, IngestRequest([tmp_path / "other.jsonl"], workers=1), Silent())  # newer than the archive's
    assert merged(archive, other) == (5, 0, 2)
    after = files_of(other.path)
    assert check(other) == {"app", *(f"s-{number}" for number in (*range(6), 8, 9))}
    assert other.load("s-0").user_id == "u-1"  # type: ignore[union-attr]
    assert len(messages(other, "s-3")) == 2
    assert merged(archive, other) == (0, 0, 7)
    assert files_of(other.path) == after
    # And the other way round: what is newer there replaces what is older here.
    newer = backup(other, BackupRequest(tmp_path / "out2"), Silent()).archive
    assert newer is not None
    assert merged(newer, filled) == (2, 2, 5)
    assert check(filled) == check(other)
    assert filled.load("s-0").user_id == "u-1"  # type: ignore[union-attr]


def test_merge_brings_back_what_was_lost_and_nothing_twice(archive: Path, filled: SessionSummaryStorage) -> None:
    held = {path: path.read_bytes() for path in (filled.path / "transcripts").rglob("*.jsonl")}
    first, second = sorted(held)[:2]
    first.unlink()
    os.truncate(second, held[second].index(b"\n") + 1)
    filled.close()
    assert merged(archive, filled) == (0, 0, 7)
    assert {path: sorted(path.read_bytes().splitlines()) for path in held} == {
        path: sorted(data.splitlines()) for path, data in held.items()
    }
    assert repair(filled, Silent(), workers=1).ok


def test_merge_into_nothing_is_a_restore(archive: Path, filled: SessionSummaryStorage, tmp_path: Path) -> None:
    restored = OPEN.enter_context(SessionSummaryStorage(tmp_path / "new", tz=UTC))
    assert merged(archive, restored) == (7, 0, 0)
    assert check(restored) == check(filled)


def test_merge_keeps_the_queue_that_is_there(archive: Path, filled: SessionSummaryStorage, tmp_path: Path) -> None:
    def queue(path: Path, name: str) -> None:
        with sqlite3.connect(path / "jobs.sqlite") as db:
            db.execute("CREATE TABLE note(name)")
            db.execute("INSERT INTO note VALUES(?)", (name,))
        db.close()
        (path / "jobs.sqlite").chmod(0o600)

    def queued(path: Path) -> str:
        db = sqlite3.connect(path / "jobs.sqlite")
        (name,) = db.execute("SELECT name FROM note").fetchone()
        db.close()
        return str(name)

    queue(filled.path, "theirs")
    (filled.path / "quarantine").mkdir(mode=0o700)
    (filled.path / "quarantine" / "x.json").write_bytes(b"{}")
    made = backup(filled, BackupRequest(tmp_path / "out"), Silent()).archive
    assert made is not None
    bare, busy = (OPEN.enter_context(SessionSummaryStorage(tmp_path / name, tz=UTC)) for name in ("bare", "busy"))
    busy.save("s", "u", "- x")
    queue(busy.path, "ours")
    merged(made, bare)
    merged(made, busy)
    assert (queued(bare.path), queued(busy.path)) == ("theirs", "ours")
    assert (bare.path / "quarantine" / "x.json").read_bytes() == b"{}"


# -- what was forgotten -----------------------------------------------------------------------------------------------


def forget(root: Path, scope: tombstones.Scope, what: str | int) -> None:
    known = tombstones.Tombstones.read(root)
    mark = tombstones.mark_of(scope, what, known.salt)
    tombstones.append(root, [tombstones.forget_fields(mark), tombstones.erased_fields(mark)])


@pytest.mark.parametrize(
    ("scope", "what", "left"),
    [
        ("user", "사용자-1", {"app", "s-0", "s-2", "s-4"}),
        ("session", hash64("s-2"), {"app", "s-0", "s-1", "s-3", "s-4", "s-5"}),
    ],
)
@pytest.mark.parametrize("mode", ["replace", "merge"])
@pytest.mark.parametrize("where", ["archive", "target"])
def test_what_was_forgotten_does_not_come_back(
    filled: SessionSummaryStorage,
    tmp_path: Path,
    scope: tombstones.Scope,
    what: str | int,
    left: set[str],
    mode: Mode,
    where: str,
) -> None:
    older = tmp_path / "older"
    shutil.copytree(filled.path, older)
    if where == "archive":  # a store that has forgotten is merged with one that has not
        forget(filled.path, scope, what)
    archive = backup(filled, BackupRequest(tmp_path / "out"), Silent()).archive
    assert archive is not None
    if where == "target":
        forget(older, scope, what)
        erase_forgotten(older, Forgotten(tombstones.Tombstones.read(older)))
        shutil.rmtree(older / "index")
    restored = put(archive, older, mode)
    assert check(restored) == left
    gone = [b'"s-2"'] if scope == "session" else ["사용자-1".encode(), b'"s-3"']
    for path in restored.path.rglob("*"):
        if path.is_file() and path.name != "tombstones.jsonl":
            assert not any(bytes_ in path.read_bytes() for bytes_ in gone), path
    assert tombstones.Tombstones.read(restored.path).pending() == []


def test_what_was_pruned_comes_back(filled: SessionSummaryStorage, archive: Path) -> None:
    prune(filled, Expiry(layout.to_ms("2026-01-06T00:00:00Z", None)), force=True)
    assert filled.load("s-1") is None
    assert len(check(put(archive, filled.path, "merge"))) == 7
    prune(filled, Expiry(layout.to_ms("2026-01-06T00:00:00Z", None)), force=True)
    assert len(check(put(archive, filled.path, "replace"))) == 7


# -- what others have left --------------------------------------------------------------------------------------------


def test_leftovers_of_a_kill_go_and_those_of_the_living_stay(archive: Path, tmp_path: Path) -> None:
    dead, alive = tmp_path / ".new.restoring-dead", tmp_path / ".new.restoring-alive"
    for path in (dead, alive):
        path.mkdir()
        (path / "x").write_bytes(b"")
    descriptor = os.open(alive, os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    put(archive, tmp_path / "new")
    os.close(descriptor)
    assert (dead.exists(), alive.exists()) == (False, True)


@pytest.mark.parametrize(
    "schema", ["CREATE TRIGGER t AFTER INSERT ON job BEGIN SELECT 1; END", "CREATE VIEW v AS SELECT 1"]
)
def test_a_queue_with_something_in_it_that_acts_is_refused(
    filled: SessionSummaryStorage, tmp_path: Path, schema: str
) -> None:
    with sqlite3.connect(filled.path / "jobs.sqlite") as db:
        db.execute("CREATE TABLE job(id)")
        db.execute(schema)
    db.close()
    made = backup(filled, BackupRequest(tmp_path / "out"), Silent()).archive
    assert made is not None
    with pytest.raises(SnapshotCorruptError, match="queue"):
        put(made, tmp_path / "new")
    assert not (tmp_path / "new").exists()


def test_each_error_names_the_way_out(archive: Path, filled: SessionSummaryStorage) -> None:
    with pytest.raises(RestoreConflictError) as caught:
        put(archive, filled.path)
    assert "--replace" in caught.value.hint


def test_two_restores_at_once_leave_each_other_alone(tmp_path: Path) -> None:
    with restoring.staged(tmp_path / "store") as one:
        (one / "a").touch()
        with restoring.staged(tmp_path / "store") as other:
            assert one != other
        assert (one / "a").exists()
    assert list(tmp_path.iterdir()) == []


def test_the_lock_of_a_store_that_has_just_been_exchanged_is_none(
    filled: SessionSummaryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between opening the file of the lock and having it, the directory gets another name."""
    real, root = fcntl.flock, filled.path

    def exchanged(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", real)
        shutil.copytree(root, tmp_path / "new")
        restoring.put_in_place(tmp_path / "new", root)
        real(descriptor, how)

    lock = WriterLock(root, 0)
    monkeypatch.setattr(fcntl, "flock", exchanged)
    assert not lock.try_acquire()
    assert lock.try_acquire()
    lock.release()
