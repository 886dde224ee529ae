from __future__ import annotations

import contextlib
import fcntl
import gzip
import os
import resource
import shutil
import sqlite3
import subprocess
import sys
import tarfile
from datetime import UTC, datetime, timedelta
from io import BytesIO
from pathlib import Path

import orjson
import pytest

from ion_summary.errors import (
    ArchivesLockedError,
    SnapshotCorruptError,
    StoreLockedError,
    StoreNotFoundError,
    UsageError,
)
from ion_summary.operations import backup as operation
from ion_summary.operations.backup import BackupReport, BackupRequest, backup, verify_archive
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.restore import RestoreRequest, restore
from ion_summary.progress import Silent
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.retention import Rules
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import files_of, lines, session


@pytest.fixture
def filled(storage: SessionSummaryStorage, tmp_path: Path) -> SessionSummaryStorage:
    """Six sessions of three days, a summary of today, something in quarantine, and a queue."""
    source = tmp_path / "in.jsonl"
    source.write_bytes(lines(*[session(number % 3, session_id=f"s-{number}") for number in range(6)]))
    ingest(storage, IngestRequest([source], workers=1), Silent())
    storage.save("app", "u", "- 환불")
    (storage.path / "quarantine").mkdir()
    (storage.path / "quarantine" / "session_summaries_20260104-00.json").write_bytes(b"{}\n")
    (storage.path / "spool").mkdir()
    (storage.path / "spool" / "123-0123456789ab").write_bytes(b"queued" + bytes(5_000))
    with sqlite3.connect(storage.path / "jobs.sqlite") as db:
        db.execute("CREATE TABLE job(id)")
        db.execute("INSERT INTO job VALUES('queued')")
    db.close()
    return storage


def make(storage: SessionSummaryStorage, where: Path, **more: object) -> BackupReport:
    return backup(storage, BackupRequest(where, tz=UTC, **more), Silent())  # type: ignore[arg-type]


def contents(archive: Path) -> dict[str, bytes]:
    with ArchiveReader(archive) as reader:
        return {member.name: b"".join(chunks) for member, chunks in reader}


def plain(archive: Path) -> bytes:
    """The tar stream, as the system's own tool unpacks it."""
    if archive.name.endswith(".gz"):
        return gzip.decompress(archive.read_bytes())
    if shutil.which("zstd") is None:
        pytest.skip("zstd is not installed")
    return subprocess.run(["zstd", "-dqc", archive], stdout=subprocess.PIPE, check=True).stdout


@pytest.mark.parametrize("packed", [".tar.zst", ".tar.gz"])
def test_an_archive_is_a_tar_file_that_begins_with_its_manifest(
    filled: SessionSummaryStorage, tmp_path: Path, packed: str
) -> None:
    before = files_of(filled.path)
    report = make(filled, tmp_path / "out", gzip=packed == ".tar.gz")
    assert report.archive is not None
    assert report.archive.name.endswith(packed)
    assert (report.sessions, report.members, report.strange) == (7, len(before), [])
    assert report.bytes == report.archive.stat().st_size
    with tarfile.open(fileobj=BytesIO(plain(report.archive))) as tar:
        names = tar.getnames()
        found = {name: tar.extractfile(name).read() for name in names}  # type: ignore[union-attr]
        assert {info.mode for info in tar} == {0o600}
    assert names[0] == "manifest.json"
    manifest = orjson.loads(found.pop("manifest.json"))
    assert manifest["format"] == 1
    assert manifest["created_at"].endswith("Z")
    assert [each["name"] for each in manifest["members"]] == names[1:]
    queue = found.pop("jobs.sqlite")
    before.pop("jobs.sqlite")
    assert found == before
    (tmp_path / "q.sqlite").write_bytes(queue)
    with contextlib.closing(sqlite3.connect(tmp_path / "q.sqlite")) as database:
        assert database.execute("SELECT id FROM job").fetchall() == [("queued",)]
    for each in manifest["members"]:
        if each["name"] != "jobs.sqlite":
            assert each["bytes"] == len(before[each["name"]])
            assert each["records"] == (before[each["name"]].count(b"\n") if each["name"].endswith(".jsonl") else 0)
    checked = verify_archive(report.archive, None, Silent())
    assert (checked.sessions, checked.records, checked.members) == (7, 7, len(before) + 1)


def test_only_the_owner_may_read_it(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    report = make(filled, tmp_path / "made" / "out")
    assert report.archive is not None
    assert report.archive.stat().st_mode & 0o777 == 0o600
    assert (tmp_path / "made" / "out").stat().st_mode & 0o777 == 0o700
    assert [path.name for path in (tmp_path / "made" / "out").iterdir()] == [report.archive.name]


def test_archives_go_beside_the_store_and_never_into_it(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    report = backup(filled, BackupRequest(), Silent())
    assert report.archive is not None
    assert report.archive.parent == filled.path.parent / "backups"
    (tmp_path / "link").symlink_to(filled.path)
    for inside in (filled.path, filled.path / "backups", tmp_path / "link" / "x", filled.path / "x" / ".." / "y"):
        with pytest.raises(UsageError, match="inside the store"):
            make(filled, inside)


def test_without_a_store_or_with_a_file_in_the_way_it_says_so(storage: SessionSummaryStorage, tmp_path: Path) -> None:
    with pytest.raises(StoreNotFoundError):
        make(storage, tmp_path / "out")
    storage.save("s", "u", "- x")
    (tmp_path / "file").write_bytes(b"")
    with pytest.raises(UsageError, match="not a directory"):
        make(storage, tmp_path / "file")


def test_what_is_not_the_stores_own_is_left_out_and_named(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    (filled.path / "notes.txt").write_bytes(b"mine")
    (filled.path / "2026-01" / "session_summaries_20260231.jsonl").write_bytes(b"no such day")
    (filled.path / "2026-01" / "session_summaries_20260109.jsonl").symlink_to("/etc/passwd")
    report = make(filled, tmp_path / "out")
    assert report.archive is not None
    assert report.strange == [
        "2026-01/session_summaries_20260109.jsonl (not a regular file)",
        "2026-01/session_summaries_20260231.jsonl",
        "notes.txt",
    ]
    assert not set(report.strange) & set(contents(report.archive))


def test_a_month_that_was_moved_away_and_linked_is_in_it(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    for number, month in enumerate([filled.path / "2026-01", filled.path / "transcripts" / "2026-01"]):
        moved = month.rename(tmp_path / f"moved-{number}")
        month.symlink_to(moved)
    (filled.path / "2026-01" / "2026-01").symlink_to(filled.path)  # a month in a month is none
    kept = {f"s-{number}" for number in range(6)} | {"app"}
    assert {one.session_id for one in filled.list_recent(100)} == kept
    report = make(filled, tmp_path / "backups")
    assert report.strange == ["2026-01/2026-01"]
    restored = tmp_path / "restored"
    with SessionSummaryStorage(restored, tz=UTC) as other:
        restore(other, RestoreRequest(report.archive, workers=1), Silent())
        assert {one.session_id for one in other.list_recent(100)} == kept
        assert other.messages("s-3")
    assert not any(path.is_symlink() for path in restored.rglob("*"))
    assert filled.delete("s-3")
    assert "s-3" not in b"".join(path.read_bytes() for path in tmp_path.glob("moved-*/*.jsonl")).decode()
    assert (filled.path / "2026-01").is_symlink()


def test_what_is_unchanged_is_copied_from_the_last_archive(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    first = make(filled, tmp_path / "out")
    assert first.reused == 0
    filled.save("later", "u", "- 나중")  # changes one partition
    second = make(filled, tmp_path / "out")
    assert first.archive is not None
    assert second.archive is not None
    assert second.reused == second.members - 2  # but that one and the queue
    there = files_of(filled.path)
    assert {name: data for name, data in contents(second.archive).items() if name != "jobs.sqlite"} == {
        name: data for name, data in there.items() if name != "jobs.sqlite"
    }
    # What has rotted in the last archive is not copied, but compressed again.
    data = bytearray(second.archive.read_bytes())
    for place in range(len(data) // 3, len(data) // 2):
        data[place] ^= 0xFF
    second.archive.write_bytes(data)
    third = make(filled, tmp_path / "out")
    assert third.archive is not None
    assert third.reused < second.reused
    assert verify_archive(third.archive, None, Silent()).sessions == 8


def test_a_file_that_was_replaced_is_not_taken_for_the_old_one(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    make(filled, tmp_path / "out")
    filled.delete("s-1")
    report = make(filled, tmp_path / "out")
    assert report.archive is not None
    assert b'"s-1"' not in b"".join(contents(report.archive).values())


def test_files_of_several_pieces_come_back(
    filled: SessionSummaryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    big = filled.path / "quarantine" / "big.json"
    for extra in (-513, -512, -1, 0, 1, 511, 512):
        big.write_bytes(os.urandom(1 << 16) * 128 + b"x" * (512 + extra))  # about two pieces
        report = make(filled, tmp_path / "out")
        assert report.archive is not None
        assert contents(report.archive)["quarantine/big.json"] == big.read_bytes()
        again = make(filled, tmp_path / "out")
        assert again.reused == again.members - 1


def test_with_few_file_descriptors_it_holds_the_lock_instead(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    for day in range(1, 29):
        for month in range(1, 13):
            path = filled.path / f"2024-{month:02}" / f"session_summaries_2024{month:02}{day:02}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"")
    before = resource.getrlimit(resource.RLIMIT_NOFILE)
    store, out = str(filled.path), str(tmp_path / "out")
    code = f"""
import resource
resource.setrlimit(resource.RLIMIT_NOFILE, (200, 200))
from pathlib import Path
from ion_summary.operations.backup import *
from ion_summary.progress import Silent
with SessionSummaryStorage({store!r}) as storage:
    print(backup(storage, BackupRequest(Path({out!r})), Silent()).members)
"""

    done = subprocess.run([sys.executable, "-W", "error", "-c", code], capture_output=True, text=True, check=False)
    assert (done.stderr, int(done.stdout)) == ("", len(files_of(filled.path)))
    assert resource.getrlimit(resource.RLIMIT_NOFILE) == before


def test_a_line_that_a_kill_left_open_does_not_stop_it(
    filled: SessionSummaryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    torn = filled.path / "2026-01" / "session_summaries_20260104.jsonl"
    other = filled.path / "transcripts" / "2026-01" / "transcripts_20260104.jsonl"
    for path in (torn, other):
        with path.open("ab") as file:
            file.write(b'{"session_id":"torn')
    real = operation.pack

    def pack_later(*words: object) -> object:
        filled.save("meanwhile", "u", "- x")  # which cuts off what is torn
        with filled.writing():
            pass
        return real(*words)  # type: ignore[arg-type]

    monkeypatch.setattr(operation, "pack", pack_later)
    report = make(filled, tmp_path / "out")
    assert report.archive is not None
    assert report.sessions == 7
    assert b"torn" not in contents(report.archive)["2026-01/session_summaries_20260104.jsonl"]


# -- who else is at work ----------------------------------------------------------------------------------------------


def test_writers_and_other_backups_are_waited_for(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    with (filled.path / ".lock").open("r+b") as file:
        fcntl.flock(file, fcntl.LOCK_EX)
        with pytest.raises(StoreLockedError):
            make(filled, tmp_path / "out", lock_timeout=0.1)
    descriptor = os.open(tmp_path / "out", os.O_RDONLY)
    fcntl.flock(descriptor, fcntl.LOCK_EX)
    try:
        with pytest.raises(ArchivesLockedError):
            make(filled, tmp_path / "out", lock_timeout=0.1)
    finally:
        os.close(descriptor)
    assert list((tmp_path / "out").iterdir()) == []
    make(filled, tmp_path / "out")


def test_where_directories_have_no_locks_leftovers_stay_for_they_may_be_in_use(
    filled: SessionSummaryStorage, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    real = fcntl.flock

    def flock(descriptor: int, how: int) -> None:
        if os.path.isdir(f"/proc/self/fd/{descriptor}"):
            raise OSError(9, "Bad file descriptor")
        real(descriptor, how)

    (tmp_path / "out").mkdir()
    (tmp_path / "out" / ".ion-summary-x").write_bytes(b"")
    monkeypatch.setattr(fcntl, "flock", flock)
    report = make(filled, tmp_path / "out")
    assert report.archive is not None
    assert sorted(path.name for path in (tmp_path / "out").iterdir()) == [".ion-summary-x", report.archive.name]


def test_leftovers_are_cleared_and_nothing_else(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    out.mkdir()
    (out / ".ion-summary-ion-summary-20260101T000000Z.tar.zst").write_bytes(b"half")
    (out / "ion-summary-20260101T000000Z.tar.zst.age.manifest").write_bytes(b"{}")
    (out / "mine.txt").write_bytes(b"")
    report = make(filled, out)
    assert report.archive is not None
    assert sorted(path.name for path in out.iterdir()) == [report.archive.name, "mine.txt"]


# -- retention --------------------------------------------------------------------------------------------------------


def aged(archive: Path, days: int) -> Path:
    """The same archive, made so many days earlier."""
    made = datetime.now(UTC).replace(microsecond=0) - timedelta(days=days)
    with ArchiveReader(archive) as reader:
        manifest = reader.manifest
    fields = orjson.loads(manifest.encode()) | {"created_at": made.isoformat(), "members": [], "piece_bytes": 0}
    info = tarfile.TarInfo("manifest.json")
    data = orjson.dumps(fields)
    info.size = len(data)
    path = archive.with_name(f"ion-summary-{made:%Y%m%dT%H%M%SZ}.tar.gz")
    with tarfile.open(path, "w:gz") as tar:
        tar.addfile(info, BytesIO(data))
    return path


def test_retention_removes_what_no_rule_keeps(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    newest = make(filled, out).archive
    assert newest is not None
    old = [aged(newest, days) for days in range(1, 6)]
    request = BackupRequest(out, rules=Rules(daily=3), tz=UTC)
    plan = operation.plan(filled, request)
    going = {newest, *old[2:]}  # of today the newest one stays
    assert {each.archive.path for each in plan.removed} == going
    assert all(path.exists() for path in (newest, *old))
    report = backup(filled, request, Silent())
    assert {each.archive.path for each in report.removed} == going
    assert set(out.iterdir()) == {*old[:2], report.archive}


def test_without_a_rule_nothing_is_ever_removed(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    newest = make(filled, tmp_path / "out").archive
    assert newest is not None
    old = aged(newest, 4_000)
    assert make(filled, tmp_path / "out").removed == []
    assert old.exists()


def test_what_it_did_not_write_is_never_removed(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    ours = make(filled, out).archive
    assert ours is not None
    old = aged(ours, 9)
    renamed = out / "ion-summary-20200101T000000Z.tar.gz"  # its manifest says another time
    shutil.copy(old, renamed)
    strangers = [
        out / "ion-summary-20200102T000000Z.tar.zst",  # the name alone
        out / "ion-summary-20200103T000000Z.tar.zst.age",
        out / "notes.tar.zst",
        out / "ion-summary-2020.tar.zst",
    ]
    for path in strangers:
        path.write_bytes(b"something else")
    (out / "ion-summary-20200104T000000Z.tar.zst").symlink_to(old)
    (out / "ion-summary-20200105T000000Z.tar.zst").mkdir()
    report = make(filled, out, rules=Rules(last=1))
    assert {each.archive.path for each in report.removed} == {ours, old}
    assert {each.archive.path for each in report.retained if each.is_foreign} == {renamed, *strangers[:2]}
    assert {path.name for path in out.iterdir()} == {
        renamed.name,
        *(path.name for path in strangers),
        "ion-summary-20200104T000000Z.tar.zst",
        "ion-summary-20200105T000000Z.tar.zst",
        report.archive.name,  # type: ignore[union-attr]
    }


# -- encryption -------------------------------------------------------------------------------------------------------


@pytest.fixture
def identity(tmp_path: Path) -> tuple[Path, str]:
    """The file of an age identity, and its recipient."""
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    (tmp_path / "key.txt").write_text(f"# created: today\n{key}\n")
    return tmp_path / "key.txt", str(key.to_public())


@pytest.mark.parametrize("packed", [False, True])
def test_an_encrypted_archive_opens_with_its_identity_alone(
    filled: SessionSummaryStorage, tmp_path: Path, identity: tuple[Path, str], packed: bool
) -> None:
    out = tmp_path / "out"
    report = make(filled, out, recipient=identity[1], gzip=packed)
    assert report.archive is not None
    assert report.archive.name.endswith(".age")
    assert report.archive.read_bytes().startswith(b"age-encryption.org/v1\n")
    for path in (*out.iterdir(), *filled.path.iterdir()):
        assert path.is_dir() or "환불".encode() not in path.read_bytes()
    with pytest.raises(UsageError, match="encrypted"):
        verify_archive(report.archive, None, Silent())
    assert verify_archive(report.archive, identity[0], Silent()).sessions == 7
    other = pytest.importorskip("pyrage").x25519.Identity.generate()
    (tmp_path / "other.txt").write_text(f"{other}\n")
    with pytest.raises(SnapshotCorruptError, match="another recipient"):
        verify_archive(report.archive, tmp_path / "other.txt", Silent())
    data = bytearray(report.archive.read_bytes())
    data[-5] ^= 1
    report.archive.write_bytes(data)
    with pytest.raises(SnapshotCorruptError):
        verify_archive(report.archive, identity[0], Silent())
    report.archive.write_bytes(data[:-100])
    with pytest.raises(SnapshotCorruptError):
        verify_archive(report.archive, identity[0], Silent())


def test_retention_knows_encrypted_archives_by_their_notes(
    filled: SessionSummaryStorage, tmp_path: Path, identity: tuple[Path, str]
) -> None:
    out = tmp_path / "out"
    first = make(filled, out, recipient=identity[1])
    second = make(filled, out, recipient=identity[1])
    assert first.archive is not None
    assert second.archive is not None
    second.archive.write_bytes(b"something else")
    third = make(filled, out, recipient=identity[1], rules=Rules(last=1))
    assert [each.archive.path for each in third.removed] == [first.archive]
    assert sorted(path.name for path in out.iterdir()) == sorted(
        f"{path.name}{note}"
        for path in (second.archive, third.archive)
        for note in ("", ".manifest")  # type: ignore[union-attr]
    )


@pytest.mark.parametrize("text", ["", "age1", "AGE-SECRET-KEY-1", "me@example.org", "age1" + "q" * 58])
def test_a_recipient_that_is_none_is_refused_before_anything_is_written(
    filled: SessionSummaryStorage, tmp_path: Path, text: str
) -> None:
    pytest.importorskip("pyrage")
    with pytest.raises(UsageError, match="recipient"):
        make(filled, tmp_path / "out", recipient=text)
    assert not (tmp_path / "out").exists()
