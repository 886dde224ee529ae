from __future__ import annotations

import base64
import shutil
from collections.abc import Callable
from datetime import UTC, date, datetime, timedelta
from pathlib import Path
from typing import Any

import orjson
import pytest

from ion_summary.operations.archived import archives_holding, rewrite
from ion_summary.operations.backup import BackupRequest, backup, verify_archive
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.restore import RestoreRequest, restore
from ion_summary.progress import Silent
from ion_summary.store import erasing, sealing, tombstones
from ion_summary.store.archives.reading import ArchiveReader
from ion_summary.store.archives.retention import Rules, last_day, reasons_to_keep
from ion_summary.store.forgotten import Forgotten, erase_forgotten
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session


@pytest.fixture
def filled(storage: SessionSummaryStorage, tmp_path: Path) -> SessionSummaryStorage:
    """Six sessions of three days of 민수 and 지우, one day's transcripts compressed, and a damaged line of 민수."""
    source = tmp_path / "in.jsonl"
    some = [session(number % 3, session_id=f"s-{number}", user_id=("민수", "지우")[number % 2]) for number in range(6)]
    source.write_bytes(lines(*some))
    ingest(storage, IngestRequest([source], workers=1), Silent())
    path = storage.path / "transcripts" / "2026-01" / "transcripts_20260104.jsonl"
    sealing.replace(path.with_name(path.name + ".zst"), path.read_bytes())
    path.unlink()
    shutil.rmtree(storage.path / "index")  # it would miss what is compressed here by hand
    kept = storage.path / "quarantine"
    kept.mkdir(mode=0o700)
    line = '{"session_id":"s-9","user_id":"민수","summary":'.encode()
    entry = {"file": "x", "offset": 0, "reason": "torn", "bytes_base64": base64.b64encode(line).decode()}
    (kept / "session_summaries_20260104-1.json").write_bytes(orjson.dumps(entry))
    storage.save("app", "지우", "- 환불")
    return storage


def make(storage: SessionSummaryStorage, where: Path, **more: Any) -> Path:
    made = backup(storage, BackupRequest(where, tz=UTC, **more), Silent()).archive
    assert made is not None
    return made


def forget(storage: SessionSummaryStorage, user: str) -> None:
    """As far as an archive is concerned."""
    known = tombstones.Tombstones.read(storage.path)
    mark = tombstones.mark_of("user", user, known.salt)
    tombstones.append(storage.path, [tombstones.forget_fields(mark), tombstones.erased_fields(mark)])
    erase_forgotten(storage.path, Forgotten(tombstones.Tombstones.read(storage.path)))


def of(user: str) -> Callable[[Any], bool]:
    return lambda fields: fields.get("user_id") == user


def unpacked(archive: Path, identity: Path | None = None) -> bytes:
    with ArchiveReader(archive, identity) as reader:
        everything = {member.name: b"".join(chunks) for member, chunks in reader}
    zstd = pytest.importorskip("backports.zstd")
    return b"".join(zstd.decompress(data) if name.endswith(".zst") else data for name, data in everything.items())


def test_archives_that_hold_somebody_are_listed_with_the_day_they_go(
    filled: SessionSummaryStorage, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    with_him = make(filled, out)
    forget(filled, "민수")
    without = make(filled, out)
    (out / "ion-summary-20200101T000000Z.tar.zst").write_bytes(b"nobody can say")
    for needles in ((), erasing.spellings("민수")):
        found = archives_holding(out, of("민수"), needles=needles, rules=Rules(last=3), tz=UTC)
        assert [(each.archive.path, each.lines) for each in found][1:] == [(with_him, 6)]
        assert found[0].lines is None
    assert found[1].removed_on == (datetime.now(UTC) + timedelta(days=1)).date()
    assert [each.archive.path for each in archives_holding(out, of("지우"))][1:] == [with_him, without]
    assert archives_holding(out, of("지우"))[1].removed_on is None
    assert archives_holding(tmp_path / "none", of("민수")) == []


def test_rewriting_takes_them_out_and_leaves_the_rest(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    out = tmp_path / "out"
    archives = [make(filled, out), make(filled, out, gzip=True)]
    assert rewrite(filled, out, Silent())[0].sessions is None  # nobody was forgotten
    forget(filled, "민수")
    untouched = make(filled, out)
    bytes_of_it = untouched.read_bytes()
    stranger = out / "ion-summary-20200101T000000Z.tar.zst"
    stranger.write_bytes(b"x")
    done = {each.archive.path: each for each in rewrite(filled, out, Silent())}
    assert done[stranger].problem
    assert done[untouched].sessions is None
    assert untouched.read_bytes() == bytes_of_it
    for path in archives:
        assert (done[path].sessions, done[path].problem) == (4, None)
        whole = unpacked(path)
        assert "민수".encode() not in whole
        assert base64.b64encode('"s-9","user_id":"민'.encode())[4:-4] not in whole
        report = verify_archive(path, None, Silent())
        assert (report.sessions, report.records) == (4, 4)
        assert path.stat().st_mode & 0o777 == 0o600
    assert sorted(each.name for each in out.iterdir()) == sorted(path.name for path in done)
    assert {each.sessions for each in rewrite(filled, out, Silent())} == {None}
    restored = SessionSummaryStorage(tmp_path / "again", tz=UTC)
    restore(restored, RestoreRequest(archives[0], workers=1), Silent())
    assert {one.session_id for one in restored.list_recent(100)} == {"s-1", "s-3", "s-5", "app"}
    # The tombstone is in it: a store made of it takes nobody back either.
    (tmp_path / "in2.jsonl").write_bytes(lines(session(0, session_id="s-0", user_id="민수")))
    assert ingest(restored, IngestRequest([tmp_path / "in2.jsonl"], workers=1), Silent()).forgotten == 1
    restored.close()


def test_what_did_not_change_is_not_compressed_again_after_a_rewrite(
    filled: SessionSummaryStorage, tmp_path: Path
) -> None:
    out = tmp_path / "out"
    make(filled, out)
    forget(filled, "민수")
    rewrite(filled, out, Silent())
    report = backup(filled, BackupRequest(out, tz=UTC), Silent())
    assert report.reused == 1  # today's records: everything else had a line of his


def test_an_encrypted_archive_is_rewritten_with_its_identity(filled: SessionSummaryStorage, tmp_path: Path) -> None:
    pyrage = pytest.importorskip("pyrage")
    key = pyrage.x25519.Identity.generate()
    identity = tmp_path / "key"
    identity.write_text(str(key))
    path = make(filled, tmp_path / "out", recipient=str(key.to_public()))
    forget(filled, "민수")
    (found,) = rewrite(filled, tmp_path / "out", Silent())
    assert "identity" in str(found.problem)
    assert archives_holding(tmp_path / "out", of("민수"))[0].lines is None
    assert archives_holding(tmp_path / "out", of("민수"), identity=identity)[0].lines == 6
    (found,) = rewrite(filled, tmp_path / "out", Silent(), identity=identity)
    assert (found.sessions, found.problem) == (4, None)
    assert "민수".encode() not in unpacked(path, identity)
    report = backup(
        filled, BackupRequest(tmp_path / "out", recipient=str(key.to_public()), rules=Rules(last=1)), Silent()
    )
    assert [each.archive.path for each in report.removed] == [path]


@pytest.mark.parametrize("rules", [Rules(last=3), Rules(daily=5), Rules(weekly=3), Rules(last=2, monthly=4), Rules()])
def test_the_day_an_archive_goes_is_that_of_backups_made_every_day(rules: Rules) -> None:
    now = datetime(2026, 1, 20, 3, tzinfo=UTC)
    made = [now - timedelta(days=day, hours=1) for day in (40, 12, 3, 1)]
    said = [last_day(made, at, rules, UTC, now) for at in range(len(made))]
    there, gone = list(made), dict[datetime, date]()
    for day in range(200):
        present = now + timedelta(days=day)
        there.append(present)
        reasons = reasons_to_keep(there, rules, UTC, present)
        gone |= {each: present.date() for each, why in zip(there, reasons, strict=True) if not why}
        there = [each for each, why in zip(there, reasons, strict=True) if why]
    assert said == [gone.get(each) for each in made]
