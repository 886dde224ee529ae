"""The segment of a month that was made elsewhere is one like any other."""

from __future__ import annotations

import contextlib
import sqlite3
from collections.abc import Iterator
from datetime import UTC
from pathlib import Path

import pytest

from ion_summary.operations.reindex import reindex
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store import months, text_table
from ion_summary.store.partition import encode
from ion_summary.store.storage import SessionSummaryStorage

WORDS = ["환불", "요청", "refund", "제목", "없다"]
Rows = list[tuple[int, bytes]]


@pytest.fixture
def db() -> Iterator[sqlite3.Connection]:
    with contextlib.closing(sqlite3.connect(":memory:", isolation_level=None)) as db:
        yield db


def line(session_id: str, month: int, day: int) -> bytes:
    summary = "- 환불 요청 refunded"
    fields = {
        "session_id": session_id,
        "user_id": "민수",
        "summary": summary,
        "summary_type": "llm",
        "created_at": f"2026-0{month}-0{day}T06:10:00.000Z",
        "message_count": 2,
        "summary_length": len(summary),
        "metadata": {"title": "제목", "tags": ["환불"], "saved_at": "2026-03-30T06:10:00.000Z"},
    }
    return encode(fields)


@pytest.fixture
def store(tmp_path: Path) -> Path:
    for month in (1, 2):
        for day in (5, 6):
            path = tmp_path / f"2026-0{month}" / f"session_summaries_20260{month}0{day}.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_bytes(b"".join(line(f"s-{month}-{day}-{number}", month, day) for number in range(20)))
    return tmp_path


def documents(first: int, last: int) -> Rows:
    return [(number, b"all %d %s" % (number, b"even" if number % 2 == 0 else b"odd")) for number in range(first, last)]


def numbers(db: sqlite3.Connection, word: str) -> list[int]:
    return [number for (number,) in db.execute("SELECT rowid FROM t WHERE t MATCH ? ORDER BY rowid", (word,))]


def test_a_pasted_table_is_that_which_was_made(db: sqlite3.Connection) -> None:
    text_table.create(db, "t")
    db.execute("BEGIN")
    text_table.paste(db, "t", text_table.make(documents(0, 3_000)))
    assert numbers(db, "even") == list(range(0, 3_000, 2))
    assert numbers(db, "2999") == [2_999]
    db.execute("COMMIT")
    db.execute("INSERT INTO t(t) VALUES('integrity-check')")


def test_what_its_connection_knew_of_the_empty_one_does_no_harm(db: sqlite3.Connection) -> None:
    """FTS5 does not look whether its own connection has changed the shadow tables."""
    text_table.create(db, "t")
    assert numbers(db, "all") == []
    text_table.paste(db, "t", text_table.make(documents(0, 1_000)))
    text_table.add(db, "t", documents(1_000, 2_000))
    assert numbers(db, "all") == list(range(2_000))
    db.execute("INSERT INTO t(t, rank) VALUES('merge', 500)")
    db.execute("INSERT INTO t(t) VALUES('optimize')")
    assert numbers(db, "all") == list(range(2_000))
    assert numbers(db, "odd") == list(range(1, 2_000, 2))
    db.execute("INSERT INTO t(t) VALUES('integrity-check')")


def test_nothing_can_be_pasted(db: sqlite3.Connection) -> None:
    text_table.create(db, "t")
    text_table.paste(db, "t", text_table.make([]))
    assert numbers(db, "all") == []


@pytest.mark.parametrize("limit", [0, months._MONTH_BYTES], ids=["too large to be made at once", "made at once"])
@pytest.mark.parametrize("can_paste", [False, True], ids=["shadow tables guarded", "not guarded"])
def test_however_it_was_made_it_answers_alike(
    store: Path, monkeypatch: pytest.MonkeyPatch, limit: int, can_paste: bool
) -> None:
    monkeypatch.setattr(months, "_MONTH_BYTES", limit)
    monkeypatch.setattr(text_table, "can_paste", lambda: can_paste)
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert reindex(storage, Silent(), workers=1).records == 80
        assert [len(storage.search(query_text=word, limit=200)) for word in WORDS] == [80, 80, 80, 80, 0]
        for number in range(310):  # more than the hot tail holds: some go into the segment of a month that was made
            storage.save(f"new-{number}", "새로", "- 환불 나중", metadata={"tags": ["나중"]})
        assert len(storage.search(query_text="나중", limit=1_000)) == 310
        assert len(storage.search(query_text="환불", limit=1_000)) == 390
        assert verify(storage, Silent()).findings == []


def test_a_damaged_line_of_a_month_hides_nothing(store: Path) -> None:
    path = store / "2026-01" / "session_summaries_20260105.jsonl"
    first, second, *others = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([first, second.replace(b"refunded", b"refxnded"), b"\n", *others]))
    with SessionSummaryStorage(store, tz=UTC) as storage:
        report = reindex(storage, Silent(), workers=1)
        assert [finding.line for finding in report.quarantined] == [2]
        assert len(storage.search(query_text="refund", limit=200)) == 79
        found = {one.session_id for one in storage.search(query_text="환불", limit=200)}
        assert "s-1-5-0" in found
        assert "s-1-5-1" not in found
        assert verify(storage, Silent()).records == 79


@pytest.mark.parametrize(("count", "processes", "at_once"), [(1, 1, 1), (1, 2, 0), (7, 2, 6), (8, 2, 8), (3, 4, 0)])
def test_nobody_is_idle_while_another_makes_the_last_month(count: int, processes: int, at_once: int) -> None:
    sizes = {f"2026-{month:02}": 1_000 for month in range(1, count + 1)}
    assert len(months.made_at_once(sizes, processes)) == at_once
    assert months.made_at_once(dict.fromkeys(sizes, months._MONTH_BYTES + 1), processes) == set()


@pytest.mark.parametrize("processes", [2, 3])
def test_several_processes_make_the_same_of_whole_months_and_others(store: Path, processes: int) -> None:
    with SessionSummaryStorage(store, tz=UTC) as storage:
        assert reindex(storage, Silent(), workers=processes).records == 80
        assert [len(storage.search(query_text=word, limit=200)) for word in WORDS] == [80, 80, 80, 80, 0]
        assert verify(storage, Silent()).findings == []
