"""A repair loses nothing that can be read: the rest of a damaged store is whole, and takes new records."""

from __future__ import annotations

import base64
import os
import sqlite3
from collections.abc import Callable
from contextlib import closing
from datetime import UTC
from pathlib import Path

import orjson
import pytest
from pytest_mock import MockerFixture

from ion_summary.operations.forget import Forgotten, forget
from ion_summary.operations.ingest import IngestRequest, ingest
from ion_summary.operations.prune import prune
from ion_summary.operations.reindex import compact, reindex
from ion_summary.operations.verify import repair, verify
from ion_summary.progress import Silent
from ion_summary.store import erasing, layout, pruning
from ion_summary.store.query import Query
from ion_summary.store.storage import SessionSummaryStorage
from tests.conftest import lines, session
from tests.operations.test_prune import before_day
from tests.store import oracle

RECORDS = "2026-01/session_summaries_20260104.jsonl"
TRANSCRIPTS = "transcripts/2026-01/transcripts_20260104.jsonl"


@pytest.fixture
def filled(storage: SessionSummaryStorage, tmp_path: Path) -> SessionSummaryStorage:
    """Three sessions of one day, two of others."""
    path = tmp_path / "in.jsonl"
    path.write_bytes(lines(*[session(0, session_id=f"s-{number}") for number in range(3)], session(1), session(2)))
    ingest(storage, IngestRequest([path], workers=1), Silent())
    return storage


def ids(storage: SessionSummaryStorage) -> set[str]:
    return {one.session_id for one in storage.list_recent(1_000)}


def quarantined(root: Path) -> bytes:
    return b"".join(
        base64.b64decode(orjson.loads(path.read_bytes())["bytes_base64"])
        for path in sorted((root / "quarantine").glob("*"))
    )


def check_repaired(root: Path, wanted: set[str], ten_more: bool) -> None:
    with SessionSummaryStorage(root, tz=UTC) as storage:
        report = repair(storage, Silent(), workers=1)
        assert report.ok, report.findings
        assert ids(storage) >= wanted
        assert set(oracle.scan(root)) == ids(storage)
        if ten_more:
            for number in range(10):
                assert storage.save(f"more-{number}", "u", f"- 환불 {number}")
            assert ids(storage) >= wanted | {f"more-{number}" for number in range(10)}
            assert verify(storage, Silent()).findings == []


@pytest.mark.parametrize("name", [RECORDS, TRANSCRIPTS])
@pytest.mark.parametrize("step", [97, pytest.param(1, marks=pytest.mark.sweep)])
def test_the_last_line_cut_at_any_byte(
    filled: SessionSummaryStorage, name: str, step: int, figure: Callable[[str], None]
) -> None:
    path = filled.path / name
    whole = path.read_bytes()
    last = whole.rindex(b"\n", 0, len(whole) - 1) + 1
    others = {"s-0", "s-1"} if name == RECORDS else {"s-0", "s-1", "s-2"}
    places = range(last + 1, len(whole), step)
    for at in places:
        path.write_bytes(whole[:at])
        filled.close()
        check_repaired(filled.path, others, ten_more=at % 50 == 0 or step > 1)
        if at < len(whole) - 1:
            assert whole[last:at] in quarantined(filled.path)
        for each in (filled.path / "quarantine").glob("*"):
            each.unlink()
    if step == 1:
        figure(f"verify --repair: the last line of {path.name} cut at {len(places)} bytes, nothing else lost")


@pytest.mark.parametrize("name", [RECORDS, TRANSCRIPTS])
@pytest.mark.parametrize("step", [211, pytest.param(1, marks=pytest.mark.sweep)])
def test_any_byte_flipped(filled: SessionSummaryStorage, name: str, step: int, figure: Callable[[str], None]) -> None:
    path = filled.path / name
    whole = path.read_bytes()
    for at in range(0, len(whole), step):
        flipped = whole[:at] + bytes([whole[at] ^ 1]) + whole[at + 1 :]
        path.write_bytes(flipped)
        number = whole.count(b"\n", 0, at)
        hurt = {f"s-{number}"} if name == RECORDS else set()
        with SessionSummaryStorage(filled.path, tz=UTC) as storage:
            report = repair(storage, Silent(), workers=1)
            assert report.ok, (at, report.findings)
            where = [(each.file, each.line) for each in report.repaired]
            if not (whole[at] == 10 and number == 2):  # the last newline: a whole line that is not ended
                assert (name, number + 1) in where, (at, where)
            kept = {"s-0", "s-1", "s-2"} - (set() if whole[at] == 10 else hurt)
            assert ids(storage) >= kept, at
            assert verify(storage, Silent()).findings == []
        for each in (filled.path / "quarantine").glob("*"):
            each.unlink()
    if step == 1:
        figure(f"verify --repair: each of {len(whole)} bytes of {path.name} flipped and named, nothing else lost")


def test_findings_have_their_place_and_bytes_are_kept(filled: SessionSummaryStorage) -> None:
    path = filled.path / RECORDS
    data = path.read_bytes().split(b"\n")
    path.write_bytes(b"\n".join([b"rubbish", data[0], data[1][:40], *data[1:]]))
    bad_time = data[0].replace(b"2026-01-04T", b"2026-99-04T")
    report = repair(filled, Silent(), workers=1)
    assert [(each.file, each.line) for each in report.repaired] == [(RECORDS, 1), (RECORDS, 3)]
    assert report.ok
    assert path.read_bytes() == b"\n".join(data)
    assert data[1][:40] in quarantined(filled.path)
    assert b"rubbish" in quarantined(filled.path)
    assert bad_time not in path.read_bytes()
    assert repair(filled, Silent(), workers=1).repaired == []


def test_a_compressed_partition_is_saved_as_far_as_it_can_be_read(filled: SessionSummaryStorage) -> None:
    compact(filled)
    path = (filled.path / TRANSCRIPTS).with_suffix(".jsonl.zst")
    whole = path.read_bytes()
    for at in range(0, len(whole), 41):
        path.write_bytes(whole[:at] + bytes([whole[at] ^ 4]) + whole[at + 1 :])
        report = verify(filled, Silent())
        assert [each.file for each in report.findings] == [path.relative_to(filled.path).as_posix()], at
        assert repair(filled, Silent(), workers=1).ok
        assert path.parent.is_dir()
    for at in (0, 1, len(whole) // 2, len(whole) - 1):
        path.write_bytes(whole[:at])
        assert not verify(filled, Silent()).ok
    assert ids(filled) == {"s-0", "s-1", "s-2"}


@pytest.mark.parametrize(
    "change",
    [
        "DELETE FROM by_session WHERE record = (SELECT max(id) FROM record)",
        "DELETE FROM by_user WHERE record = (SELECT max(id) FROM record)",
        "UPDATE by_session SET record = record + 1 WHERE record = (SELECT max(id) FROM record)",
    ],
)
def test_a_record_that_is_in_no_search_tree_is_found(filled: SessionSummaryStorage, change: str) -> None:
    filled.close()
    with closing(sqlite3.connect(filled.path / "index" / "catalog.sqlite")) as db, db:
        db.execute(change)
    problems = {finding.problem for finding in verify(filled, Silent()).findings}
    assert "the index does not find the record of this line" in problems
    reindex(filled, Silent(), workers=1)
    assert verify(filled, Silent()).ok


def test_tombstones_and_the_queue_are_read_too(filled: SessionSummaryStorage) -> None:
    forget(filled, Forgotten(session="s-2"))
    prune(filled, before_day(1), force=True)
    path = filled.path / "tombstones.jsonl"
    data = path.read_bytes()
    path.write_bytes(data.replace(b'"numbers":"', b'"numbers":"A', 1))
    (filled.path / "jobs.sqlite").write_bytes(b"no database at all, but long enough to be looked at as one" * 20)
    report = verify(filled, Silent())
    assert [each.file for each in report.findings] == ["tombstones.jsonl", "jobs.sqlite"]
    assert report.findings[0].line
    (filled.path / "jobs.sqlite").unlink()
    assert repair(filled, Silent(), workers=1).ok


def test_a_prune_that_the_index_has_not_followed_is_no_damage(filled: SessionSummaryStorage) -> None:
    with filled.locked():
        found = filled.reading(lambda catalog, _: pruning.expired(filled.path, catalog, before_day(1)))
        pruning.bury(filled.path, found, keep_counts=True)
    assert verify(filled, Silent()).findings == []


@pytest.mark.parametrize("at", [1, 2, 3])
@pytest.mark.parametrize("write", ["append", "delete"])
def test_what_others_write_while_it_looks_is_no_damage(
    filled: SessionSummaryStorage, tmp_path: Path, mocker: MockerFixture, write: str, at: int
) -> None:
    more = tmp_path / "more.jsonl"
    more.write_bytes(lines(session(0, session_id="more"), session(9, session_id="more-9")))
    look, looks = layout.record_partitions, list[Path]()

    def look_and_then_others_write(root: Path) -> dict[int, os.stat_result]:
        found = look(root)
        looks.append(root)
        if len(looks) != at:
            return found
        with SessionSummaryStorage(root, tz=UTC) as other:
            if write == "append":
                ingest(other, IngestRequest([more], workers=1), Silent())
            else:
                assert other.delete("s-1")
        return found

    mocker.patch("ion_summary.store.layout.record_partitions", look_and_then_others_write)
    assert verify(filled, Silent()).findings == []
    assert len(looks) >= at


def test_a_line_cut_out_that_the_index_has_not_followed_is_no_damage(
    filled: SessionSummaryStorage, tmp_path: Path, mocker: MockerFixture
) -> None:
    (tmp_path / "kim.jsonl").write_bytes(lines(session(0, session_id="t", user_id="kim")))
    ingest(filled, IngestRequest([tmp_path / "kim.jsonl"], workers=1), Silent())

    def killed_after(erase: Callable[..., object]) -> Callable[..., None]:
        def erase_only(*given: object) -> None:
            erase(*given)
            raise KeyboardInterrupt

        return erase_only

    mocker.patch("ion_summary.store.erasing.erase_session", killed_after(erasing.erase_session))
    mocker.patch("ion_summary.store.pruning.cut_out", killed_after(pruning.cut_out))
    for erase in (lambda: filled.delete("s-1"), lambda: prune(filled, before_day(1, user="kim"), force=True)):
        with pytest.raises(KeyboardInterrupt):
            erase()
    assert set(oracle.scan(filled.path)) & {"s-0", "s-1", "t"} == {"s-0"}
    assert verify(filled, Silent()).findings == []


def test_a_damaged_record_has_a_digest_all_the_same(filled: SessionSummaryStorage) -> None:
    path = filled.path / RECORDS
    path.write_bytes(path.read_bytes().replace("환불".encode(), "환붗".encode(), 1))
    report = verify(filled, Silent())
    assert not report.ok
    assert (report.records, report.without_digest) == (4, 0)


def test_a_transcript_that_was_cut_in_the_middle_of_a_line_is_found(filled: SessionSummaryStorage) -> None:
    path = filled.path / TRANSCRIPTS
    whole = path.read_bytes()
    last = whole.rstrip(b"\n").rfind(b"\n") + 1
    for size in range(last + 1, len(whole), 7):
        path.write_bytes(whole[:size])
        (finding,) = verify(filled, Silent()).findings
        assert (finding.file, finding.line) == (TRANSCRIPTS, 3)
        assert f"{len(whole) - size:,} {LOST}" in finding.problem
    path.write_bytes(whole + b'{"session_id": "being written')
    assert verify(filled, Silent()).ok


def cut_at_the_second_line(path: Path) -> None:
    os.truncate(path, path.read_bytes().index(b"\n") + 1)


LOST = "bytes shorter than when it was last read or written"


@pytest.mark.parametrize("name", [RECORDS, TRANSCRIPTS])
@pytest.mark.parametrize("how", [cut_at_the_second_line, Path.unlink])
@pytest.mark.parametrize("between", ["nothing", "save", "search", "reindex"])
def test_whole_lines_that_are_gone_are_told_until_they_are_repaired(
    filled: SessionSummaryStorage, name: str, how: Callable[[Path], None], between: str
) -> None:
    how(filled.path / name)
    filled.close()
    with SessionSummaryStorage(filled.path, tz=UTC) as storage:
        if between == "save":
            storage.save("more", "u", "- 더")
        elif between == "search":
            storage.find(Query())
        elif between == "reindex":
            reindex(storage, Silent(), workers=1)
        for _ in range(2):
            findings = verify(storage, Silent()).findings
            assert [(each.file, each.line) for each in findings] == [
                (name, 2 if how is cut_at_the_second_line else None)
            ]
            assert LOST in findings[0].problem
        repaired = repair(storage, Silent(), workers=1)
        assert repaired.ok
        assert [each.file for each in repaired.lost] == [name]
        assert name not in [each.file for each in repaired.repaired]
        assert verify(storage, Silent()).findings == []


@pytest.mark.parametrize("name", [RECORDS, TRANSCRIPTS])
def test_a_new_index_knows_of_it_as_well(filled: SessionSummaryStorage, name: str) -> None:
    reindex(filled, Silent(), workers=1)
    filled.close()
    (filled.path / name).unlink()
    assert [each.file for each in verify(filled, Silent()).findings] == [name]


@pytest.mark.parametrize("by", ["append", "compact", "delete", "forget"])
def test_who_writes_to_an_old_day_does_not_hide_what_it_has_lost(
    storage: SessionSummaryStorage, tmp_path: Path, by: str
) -> None:
    source = tmp_path / "in.jsonl"
    old = [session(0, session_id=f"s-{number}", user_id=f"u-{number}") for number in range(3)]
    source.write_bytes(lines(*old, *[session(day) for day in range(1, 70)]))
    ingest(storage, IngestRequest([source], workers=1), Silent())
    cut_at_the_second_line(storage.path / TRANSCRIPTS)
    if by == "append":
        (tmp_path / "late.jsonl").write_bytes(lines(session(0, session_id="late")))
        ingest(storage, IngestRequest([tmp_path / "late.jsonl"], workers=1), Silent())
    elif by == "compact":
        compact(storage)
    elif by == "delete":
        storage.delete("s-0")
    else:
        forget(storage, Forgotten(user="u-0"))
    (finding,) = verify(storage, Silent()).findings
    assert (finding.file, finding.line) == (TRANSCRIPTS, 2)


def test_lost_records_come_back_from_the_files_that_they_came_from(
    filled: SessionSummaryStorage, tmp_path: Path
) -> None:
    cut_at_the_second_line(filled.path / RECORDS)
    filled.find(Query())
    assert ids(filled) == {"s-0", *(each.session_id for each in filled.list_recent() if each.session_id != "s-0")}
    ingest(filled, IngestRequest([tmp_path / "in.jsonl"], workers=1), Silent())
    assert ids(filled) >= {"s-0", "s-1", "s-2"}
    assert not verify(filled, Silent()).ok
    assert repair(filled, Silent(), workers=1).ok


def test_what_this_tool_makes_shorter_is_no_loss(filled: SessionSummaryStorage) -> None:
    for make_shorter in (
        lambda: filled.delete("s-0"),
        lambda: forget(filled, Forgotten(session="s-1")),
        lambda: compact(filled),
        lambda: reindex(filled, Silent(), workers=1),
        lambda: prune(filled, before_day(2), force=True),
    ):
        make_shorter()
        assert verify(filled, Silent()).findings == []
        assert list((filled.path / "quarantine").glob("*")) == []
