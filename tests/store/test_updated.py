"""An index that another version has made: it is made anew, once, by as many processes as may help."""

from __future__ import annotations

import sqlite3
from collections import Counter
from datetime import UTC
from pathlib import Path
from typing import Any

import pytest

from ion_summary.operations.reindex import reindex
from ion_summary.operations.verify import verify
from ion_summary.progress import Silent
from ion_summary.store import index, months
from ion_summary.store.parsing import Parsed, parse
from ion_summary.store.partition import encode
from ion_summary.store.storage import SessionSummaryStorage
from ion_summary.workers import Workers

BOTH = ("catalog.sqlite", "text.sqlite")


def line(number: int, day: int, turn: int = 0) -> bytes:
    summary = f"- 환불 요청 {number} refunded"
    fields = {
        "session_id": f"s-{number}",
        "user_id": "민수",
        "summary": summary,
        "summary_type": "llm",
        "created_at": f"2026-01-{day:02}T06:10:00.000Z",
        "message_count": number,
        "summary_length": len(summary),
        "metadata": {"title": f"제목 {number}", "tags": ["환불"], "saved_at": f"2026-01-30T06:1{turn}:00.000Z"},
    }
    return encode(fields)


@pytest.fixture
def partitions(store: Path) -> Path:
    """Three days of forty sessions each, one of which was saved twice, with a damaged line in each."""
    for day in (4, 5, 6):
        path = store / "2026-01" / f"session_summaries_202601{day:02}.jsonl"
        path.parent.mkdir(parents=True, exist_ok=True)
        some = [line(100 * day + number, day) for number in range(40)]
        path.write_bytes(b"".join([*some[:9], b"{broken\n", *some[9:], line(100 * day, day, turn=1)]))
    return store


def make_old(store: Path, names: tuple[str, ...]) -> None:
    for name in names:
        db = sqlite3.connect(store / "index" / name)
        db.execute("PRAGMA user_version = 1")
        db.close()


def answers(storage: SessionSummaryStorage) -> list[Any]:
    texts = ("환불", "요청", "refund", "404", "제목")
    return [storage.get_stats()["total_sessions"], *(storage.search(query_text=text, limit=200) for text in texts)]


def test_reindex_reads_each_line_once(partitions: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    read = Counter[tuple[int, int]]()

    def counted(path: Path, day: int, start: int, end: int, *rest: Any) -> Parsed:
        read[day, start] += 1
        return parse(path, day, start, end, *rest)

    with SessionSummaryStorage(partitions, tz=UTC) as storage:
        before = answers(storage)
        reindex(storage, Silent(), workers=1)
    make_old(partitions, BOTH)
    monkeypatch.setattr(months, "parse", counted)
    monkeypatch.setattr(index, "_BULK_BYTES", 0)
    with SessionSummaryStorage(partitions, tz=UTC) as storage:
        report = reindex(storage, Silent(), workers=1)
        assert len(read) == read.total() == 3
        assert report.records == 120
        assert len(report.quarantined) == 3
        assert answers(storage) == before


@pytest.mark.parametrize("old", [BOTH, BOTH[:1], BOTH[1:]], ids=["both", "catalog", "text"])
def test_whoever_opens_it_has_several_processes_do_it(
    partitions: Path, monkeypatch: pytest.MonkeyPatch, old: tuple[str, ...]
) -> None:
    with SessionSummaryStorage(partitions, tz=UTC) as storage:
        before = answers(storage)
        reindex(storage, Silent(), workers=1)
    make_old(partitions, old)
    counts = []

    def watched(count: int | None) -> Workers:
        counts.append(count)
        return Workers(count)

    monkeypatch.setattr(index, "Workers", watched)
    monkeypatch.setattr(index, "_BULK_BYTES", 0)
    monkeypatch.setattr(index, "_FOR_SEVERAL_BYTES", 0)
    with SessionSummaryStorage(partitions, tz=UTC, processes=2) as storage:
        assert answers(storage) == before
        assert 2 in counts
        findings = verify(storage, Silent()).findings
        assert {finding.line for finding in findings} == {10}
        assert len(findings) == 3
